import { spawn } from 'node:child_process';
import { closeSync, constants, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Listener, Logger } from '@mezzo/sdk/contract';
import { messageOf } from '@mezzo/sdk/contract';
import { withoutStrays } from '@mezzo/sdk/runtime';
import { openLog } from './log-file.js';
import { openSockets, type Place } from './open-sockets.js';
import { isAlive, killGroup, processOf, type ProcessId } from './process.js';
import { readJsonFile, removeFile, writeWhole } from './whole-file.js';

/** What is to be run, with nothing but this environment. */
export interface Command {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/**
 * Starts `./start` at each line that comes through the pipe, in a session of its own and with all sockets that this shell has been started with. The
 * directory comes as an argument for those who look for it in command lines.
 */
const KEEP = `
cd "$1"
rm -f pipe && mkfifo -m 600 pipe && exec <> pipe || exit 1
while read -r _; do
  setsid /bin/sh ./start < /dev/null &
  echo $! > pid.new && mv pid.new pid
done`;
const STEP_MS = 2;
const PATIENCE_MS = 5_000;

export interface KeeperFiles {
  /** Of its own. */
  readonly dir: string;
  /** Among the records of processes that whoever ends a cluster goes through. */
  readonly record: string;
}

/** `run/plugins/<id>.keeper.json` */
interface KeeperRecord extends ProcessId {
  readonly places: Readonly<Record<string, Place>>;
  readonly listeners: Readonly<Record<string, Listener>>;
}

/**
 * A shell that holds the listening sockets of one plugin and starts its processes with them, so that the sockets stay open from one process to the
 * next, whatever becomes of host and plugin. Known by its files: a later host goes on with it.
 */
export class Keeper {
  private constructor(
    private readonly dir: string,
    private readonly record: KeeperRecord,
  ) {}

  get listeners(): Readonly<Record<string, Listener>> {
    return this.record.listeners;
  }

  /** The one that lives, if it holds these places. */
  static find({ record: file, dir }: KeeperFiles, places: Readonly<Record<string, Place>>): Keeper | undefined {
    const record = readJsonFile(file) as KeeperRecord | undefined;
    if (record === undefined || !isAlive(record)) return undefined;
    return JSON.stringify(record.places) === JSON.stringify(places) ? new Keeper(dir, record) : undefined;
  }

  /** Ends one of other places. Undefined, with a word in the log, when the places are taken. */
  static async open(
    files: KeeperFiles,
    places: Readonly<Record<string, Place>>,
    log: Logger,
  ): Promise<Keeper | undefined> {
    const found = Keeper.find(files, places);
    if (found !== undefined) return found;
    await Keeper.end(files);
    mkdirSync(files.dir, { recursive: true, mode: 0o700 });
    try {
      const { listeners, close } = await openSockets(places);
      try {
        return new Keeper(files.dir, keep(files, places, listeners));
      } finally {
        close();
      }
    } catch (error) {
      log.info('its sockets are not kept for it', { reason: messageOf(error) });
      return undefined;
    }
  }

  /** Its sockets are closed, as far as no process of the plugin has them. */
  static async end({ record: file }: KeeperFiles): Promise<void> {
    const record = readJsonFile(file) as KeeperRecord | undefined;
    if (record !== undefined) await killGroup(record, PATIENCE_MS);
    removeFile(file);
  }

  /** One at a time. Rejects when the shell does not start it. */
  async run(command: Command, logFile: string): Promise<ProcessId> {
    closeSync(openLog(logFile));
    writeWhole(join(this.dir, 'start'), scriptOf(command, logFile));
    removeFile(join(this.dir, 'pid'));
    const deadline = performance.now() + PATIENCE_MS;
    while (!tell(join(this.dir, 'pipe'))) await this.pause(deadline);
    for (;;) {
      const pid = readJsonFile(join(this.dir, 'pid'));
      if (typeof pid === 'number') return processOf(pid) ?? { pid, startTime: 'gone' };
      await this.pause(deadline);
    }
  }

  private async pause(deadline: number): Promise<void> {
    if (performance.now() > deadline || !isAlive(this.record))
      throw new Error('the keeper of its sockets does not answer');
    await sleep(STEP_MS);
  }
}

/** What `openSockets` answered are numbers here; there they are 3 and what follows. */
function keep(
  { dir, record: file }: KeeperFiles,
  places: KeeperRecord['places'],
  open: KeeperRecord['listeners'],
): KeeperRecord {
  const held: number[] = [];
  const there = (fd: number | undefined): number | undefined => (fd === undefined ? undefined : 2 + held.push(fd));
  const listeners = Object.fromEntries(
    Object.entries(open).map(([name, { ip, port, tcp, udp }]) => {
      const [asTcp, asUdp] = [there(tcp), there(udp)];
      return [
        name,
        { ip, port, ...(asTcp !== undefined && { tcp: asTcp }), ...(asUdp !== undefined && { udp: asUdp }) },
      ];
    }),
  );
  const child = withoutStrays(['ignore', 'ignore', 'ignore', ...held], (stdio) =>
    spawn('/bin/sh', ['-c', KEEP, 'mezzo-sockets', dir], {
      detached: true,
      stdio,
      cwd: '/',
      env: { PATH: process.env.PATH },
    }),
  );
  child.on('error', () => {}).unref();
  const id = child.pid === undefined ? undefined : processOf(child.pid);
  if (id === undefined) throw new Error('no shell can be started');
  const record = { ...id, places, listeners };
  try {
    writeWhole(file, JSON.stringify(record));
    return record;
  } catch (error) {
    // Nobody would find it.
    child.kill('SIGKILL');
    throw error;
  }
}

/** False while nobody reads there. */
function tell(pipe: string): boolean {
  try {
    const fd = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
    writeSync(fd, '\n');
    closeSync(fd);
    return true;
  } catch {
    return false;
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

function scriptOf({ argv, env, cwd }: Command, logFile: string): string {
  const variables = Object.entries(env).map(([name, value]) => quoted(`${name}=${value}`));
  return `cd ${quoted(cwd)} && exec env -i ${[...variables, ...argv.map(quoted)].join(' ')} >> ${quoted(logFile)} 2>&1\n`;
}
