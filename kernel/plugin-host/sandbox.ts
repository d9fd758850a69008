import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, closeSync, lstatSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { promisify } from 'node:util';
import { messageOf, type Logger } from '@mezzo/sdk/contract';
import { withoutStrays, type SdkPackage } from '@mezzo/sdk/runtime';
import type { PluginCgroups } from './cgroups.js';
import type { Command } from './keeper.js';
import { openLog } from './log-file.js';
import { readJsonFile, writeWhole } from './whole-file.js';

/** Directories of one plugin. */
export interface PluginDirs {
  /** Its package, unpacked. Read only. */
  readonly package: string;
  /** Its own. */
  readonly state: string;
  /** What the host writes for it. Read only. */
  readonly run: string;
  /** Where it listens for its host. Its own. */
  readonly socket: string;
  /** Where the host listens for plugins. Read only. */
  readonly api: string;
}

export interface PluginLimits {
  /** Of all that it needs, its children included. */
  readonly memoryMib: number;
  /** Cores. Undefined: no bound. */
  readonly cpus?: number | undefined;
}

/** So many processes and threads: Node has a dozen. */
export const MAX_PIDS = 512;
/** Of its memory, what Node's heap may take: the rest is for buffers and code. */
const HEAP_SHARE = 0.75;
const MAX_HEAP_MIB = 32_768;

/**
 * As root: in a mount namespace of its own in which /mnt holds what the plugin may see of ours and the work directory is closed, as a user of
 * its own that can become no other, with the one capability that listening on port 53 or 80 takes.
 *   $1 uid  $2 cgroup.procs files, one a line  $3 work directory  $4 installation  $5 SDK in it  $6 node  $7.. package state run socket api
 * and what to run after `--`.
 */
const ENTER = `
set -e
uid=$1 cgroups=$2 work=$3 install=$4 sdk=$5 node=$6
echo "$cgroups" | while read -r procs; do [ -z "$procs" ] || echo $$ > "$procs"; done
mount -t tmpfs -o mode=0755,size=64k,nr_inodes=64 mezzo-plugin /mnt
mkdir -p /mnt/mezzo /mnt/package /mnt/state /mnt/run /mnt/socket /mnt/api /mnt/node_modules/@mezzo
: > /mnt/node
mount --bind -o ro "$install" /mnt/mezzo
mount --bind -o ro "$node" /mnt/node
mount --bind -o ro "$7" /mnt/package
mount --bind "$8" /mnt/state
mount --bind -o ro "$9" /mnt/run
mount --bind "\${10}" /mnt/socket
mount --bind -o ro "\${11}" /mnt/api
ln -s "/mnt/mezzo/$sdk" /mnt/node_modules/@mezzo/sdk
mount -o remount,ro /mnt
mount -t tmpfs -o mode=0000,size=4k mezzo-closed "$work"
cd /mnt/state
shift 11
exec setpriv --reuid "$uid" --regid "$uid" --clear-groups --no-new-privs --inh-caps=-all,+net_bind_service \\
  --ambient-caps=-all,+net_bind_service --bounding-set=-all,+net_bind_service -- "$@"`;

const INSIDE: PluginDirs = {
  package: '/mnt/package',
  state: '/mnt/state',
  run: '/mnt/run',
  socket: '/mnt/socket',
  api: '/mnt/api',
};

/** What a plugin inherits of our environment: nothing that could hold a secret of the kernel's. */
const INHERITED = /^(PATH|HOME|USER|LOGNAME|LANG|LC_.*|TZ|TMPDIR|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR))$/;

/** Users of plugins: outside of those that systems give out, some hundreds for each work directory. */
const FIRST_UID = 80_000;
const UIDS_PER_HOST = 256;
const HOSTS = 64;

export interface SandboxOptions {
  readonly workDir: string;
  readonly sdk: SdkPackage;
  readonly cgroups: PluginCgroups | undefined;
  readonly log: Logger;
}

/** Runs plugins in processes that can reach nothing of ours but what they are given. */
export class Sandbox {
  private constructor(
    private readonly options: SandboxOptions,
    /** Why plugins are not kept apart from us and from each other; undefined: they are. */
    readonly lack: string | undefined,
  ) {}

  /** Tries whether this machine lets us. */
  static async open(options: SandboxOptions): Promise<Sandbox> {
    const lack =
      process.getuid?.() === 0 ? await new Sandbox(options, undefined).tryOut() : 'the daemon does not run as root';
    if (lack !== undefined) options.log.info('plugins are not isolated from each other', { reason: lack });
    return new Sandbox(options, lack);
  }

  /** The directories as the plugin sees them. */
  inside(dirs: PluginDirs): PluginDirs {
    return this.lack === undefined ? INSIDE : dirs;
  }

  /** Makes the plugin's directories, with the owners that they are to have. */
  prepare(id: string, { state, run, socket, api }: PluginDirs): void {
    for (const dir of [state, run, socket]) mkdirSync(dir, { recursive: true, mode: 0o700 });
    if (this.lack !== undefined) return;
    const uid = this.uidOf(id);
    // What was there before plugins had users of their own is theirs.
    if (lstatSync(state).uid !== uid) spawnSync('chown', ['-hR', `${uid}:${uid}`, state], { stdio: 'ignore' });
    chownSync(socket, uid, uid);
    chownSync(run, 0, uid);
    chmodSync(run, 0o750);
    chmodSync(api, 0o711);
  }

  /** A file in `run`, for the plugin's eyes; nothing that it could lay there is followed, since it can lay nothing there. */
  write(id: string, file: string, text: string): void {
    writeFileSync(file, text, { mode: 0o600 });
    chmodSync(file, this.lack === undefined ? 0o640 : 0o600);
    if (this.lack === undefined) chownSync(file, 0, this.uidOf(id));
  }

  /** What runs the plugin: `node SCRIPT FILES...`. */
  command(id: string, dirs: PluginDirs, limits: PluginLimits, caFile: string | undefined): Command {
    const { sdk, cgroups } = this.options;
    const procs = cgroups?.create(id, limits) ?? [];
    const heap = `--max-old-space-size=${Math.floor(Math.min(limits.memoryMib * HEAP_SHARE, MAX_HEAP_MIB))}`;
    const seen = this.inside(dirs);
    const script =
      this.lack === undefined ? join('/mnt/mezzo', this.sdkPath, relative(sdk.dir, sdk.runner)) : sdk.runner;
    const node = this.lack === undefined ? '/mnt/node' : process.execPath;
    // The last one is for people who look at their processes, and for us.
    const run = [node, heap, script, join(seen.run, 'spec'), dirs.run];
    const argv = this.lack === undefined ? this.enter(this.uidOf(id), procs, dirs, run) : joining(procs, run);
    const inherited = Object.entries(process.env).filter(
      ([name, value]) => INHERITED.test(name) && value !== undefined,
    );
    const env = Object.fromEntries(inherited) as Record<string, string>;
    if (caFile !== undefined) env.NODE_EXTRA_CA_CERTS = caFile;
    if (this.lack === undefined) env.HOME = seen.state;
    return { argv, env, cwd: this.lack === undefined ? '/' : dirs.state };
  }

  private enter(uid: number, procs: readonly string[], dirs: PluginDirs, run: readonly string[]): string[] {
    const { workDir } = this.options;
    const own = [dirs.package, dirs.state, dirs.run, dirs.socket, dirs.api];
    const given = [String(uid), procs.join('\n'), workDir, this.installation, this.sdkPath, process.execPath, ...own];
    return [
      'unshare',
      '--mount',
      '--propagation',
      'private',
      '--',
      '/bin/sh',
      '-c',
      ENTER,
      'mezzo-plugin',
      ...given,
      ...run,
    ];
  }

  /** Where the SDK and the packages that it needs are. */
  private get installation(): string {
    const { dir } = this.options.sdk;
    const needed = createRequire(join(dir, 'package.json')).resolve('tsyringe');
    return dirname(needed.slice(0, needed.lastIndexOf(`${sep}node_modules${sep}`) + `${sep}node_modules`.length));
  }

  private get sdkPath(): string {
    return relative(this.installation, this.options.sdk.dir);
  }

  private async tryOut(): Promise<string | undefined> {
    const { workDir } = this.options;
    const dir = join(workDir, 'run');
    const dirs = { package: dir, state: dir, run: dir, socket: dir, api: dir };
    const test = ['test', '-r', `/mnt/node_modules/@mezzo/sdk/package.json`, '-a', '-x', '/mnt/node'];
    const [command, ...args] = this.enter(FIRST_UID, [], dirs, test);
    try {
      await promisify(execFile)(command!, args, { timeout: 10_000 });
      return undefined;
    } catch (error) {
      const said = String((error as { stderr?: unknown }).stderr ?? '')
        .trim()
        .split('\n')[0];
      return said === ''
        ? `its files (${this.installation}) cannot be read by other users`
        : (said ?? messageOf(error));
    }
  }

  /** The same at each start: files of the plugin belong to it. */
  private uidOf(id: string): number {
    const file = join(this.options.workDir, 'plugins', '.users.json');
    const known = Object(readJsonFile(file)) as Record<string, number>;
    const base = FIRST_UID + (hashOf(this.options.workDir) % HOSTS) * UIDS_PER_HOST;
    const uid = known[id] ?? base + 1 + (Object.keys(known).length % (UIDS_PER_HOST - 1));
    if (known[id] === undefined) writeWhole(file, JSON.stringify({ ...known, [id]: uid }));
    return uid;
  }
}

/** Without a sandbox there may be cgroups all the same. */
const joining = (procs: readonly string[], run: readonly string[]): string[] =>
  procs.length === 0
    ? [...run]
    : [
        '/bin/sh',
        '-c',
        'echo "$1" | while read -r procs; do echo $$ > "$procs"; done; shift; exec "$@"',
        'mezzo-plugin',
        procs.join('\n'),
        ...run,
      ];

/** In a session of its own, so that it outlives us and shares nothing with us but its log. Spawning costs the event loop time in proportion to our memory. */
export function spawnAlone({ argv: [command, ...args], env, cwd }: Command, logFile: string): ChildProcess {
  const log = openLog(logFile);
  const child = withoutStrays(['ignore', log, log], (stdio) =>
    spawn(command!, args, { detached: true, stdio, env, cwd }),
  );
  closeSync(log);
  child.unref();
  return child;
}

const hashOf = (text: string): number => [...text].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) >>> 0, 7);
