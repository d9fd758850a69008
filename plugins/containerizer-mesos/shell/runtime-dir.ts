import { readFileSync, rmSync, unlink, writeFile as writeFileCallback } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '@mezzo/sdk/contract';
import type { Facts } from '../core/checkpoint.js';
import { parseExitLine, type ExitLine } from '../core/exit.js';
import { FORK_SERVER, SHIM } from '../core/scripts.js';
import { launchFailed } from '../core/spec-check.js';
import { bootId } from './processes.js';

/** Half the work of their namesakes in fs/promises, and on the way of every launch. */
const write = promisify(writeFileCallback);
const remove = promisify(unlink);

const SCRIPTS = ['run', 'enter'];
const SUFFIX = /\.(run|log|enter|gate|stdin|stdout|stderr|exec-\d+(\.out)?)$/;

/** Files longer than this are not of the shim's making. */
const MAX_EXIT_BYTES = 4096;

/**
 * What outlives the agent, in a private directory that no task can write to (unless it runs as the agent's own user):
 * `containers/OWNER/ID.{run,enter,log,gate,stdin,stdout,stderr}` and `exits/OWNER/ID`. A container's key is OWNER/ID.
 */
export class RuntimeDir {
  constructor(readonly root: string) {}

  get forkServer(): string {
    return join(this.root, 'fork-server.sh');
  }

  /** The scripts are replaced, never overwritten: shells that run read on in the old file. */
  async prepare(): Promise<void> {
    await mkdir(this.root, { recursive: true, mode: 0o700 });
    await this.forgetEarlierBoots();
    await this.replace('fork-server.sh', FORK_SERVER);
    await this.replace('shim.sh', SHIM);
  }

  /** Answers the directory in which exits of the owner's containers appear. */
  async prepareOwner(owner: string): Promise<string> {
    const containers = join(this.root, 'containers', owner);
    await mkdir(containers, { recursive: true, mode: 0o700 });
    // Nobody waits for commands that an earlier agent ran beside tasks.
    for (const name of await readdir(containers))
      if (/\.exec-/.test(name)) await rm(join(containers, name), { force: true });
    const exits = join(this.root, 'exits', owner);
    await mkdir(exits, { recursive: true, mode: 0o700 });
    return exits;
  }

  async create(key: string, script: string): Promise<void> {
    try {
      await write(this.path(key, 'run'), script, { mode: 0o600, flag: 'wx' });
    } catch (error) {
      const next = { cause: error, next: "look at the agent's work directory" };
      throw launchFailed(`cannot create ${this.path(key, 'run')}: ${messageOf(error)}`, 'operator', next);
    }
  }

  /** Beside the script that `create` made: how the shim gets into another container, or what goes on in mounts of its own. */
  async createEnter(key: string, script: string): Promise<void> {
    await write(this.path(key, 'enter'), script, { mode: 0o600 });
  }

  get shim(): string {
    return join(this.root, 'shim.sh');
  }

  path(key: string, suffix: string): string {
    return join(this.root, 'containers', `${key}.${suffix}`);
  }

  async ids(owner: string): Promise<string[]> {
    const read = (name: string) => readdir(join(this.root, name, owner)).catch((): string[] => []);
    const [containers, exits] = await Promise.all([read('containers'), read('exits')]);
    return [...new Set([...containers.map((name) => name.replace(SUFFIX, '')), ...exits])];
  }

  /** Undefined while it runs. Read at once, without yielding: it is one line. */
  exit(key: string): ExitLine | undefined {
    try {
      return parseExitLine(readFileSync(join(this.root, 'exits', key), 'utf8').slice(0, MAX_EXIT_BYTES));
    } catch {
      return undefined;
    }
  }

  async processes(key: string): Promise<Processes | undefined> {
    const pids = /^pids (.*)\n/.exec(await this.log(key))?.[1];
    return pids === undefined ? undefined : parseProcesses(pids.split(' '));
  }

  /** What the shells complained about, for error messages. */
  async complaint(key: string): Promise<string> {
    return (await this.log(key))
      .replace(/^pids .*\n/, '')
      .slice(0, 500)
      .trim();
  }

  /** They hold the environment, secrets and all, and are open or done with once the first process has become the command. */
  removeScripts(key: string): Promise<void> {
    return this.unlink(SCRIPTS.map((suffix) => this.path(key, suffix)));
  }

  async remove(key: string): Promise<void> {
    const suffixes = [...SCRIPTS, 'log', 'gate', 'stdin', 'stdout', 'stderr'];
    await this.unlink([...suffixes.map((suffix) => this.path(key, suffix)), join(this.root, 'exits', key)]);
  }

  private async unlink(paths: readonly string[]): Promise<void> {
    await Promise.all(paths.map((path) => remove(path).catch(() => {})));
  }

  private log(key: string): Promise<string> {
    return readFile(this.path(key, 'log'), 'utf8').catch(() => '');
  }

  /** Process numbers begin anew with each boot: those of earlier ones mean nothing, or somebody else. */
  private async forgetEarlierBoots(): Promise<void> {
    const known = await readFile(join(this.root, 'boot'), 'latin1').catch(() => '');
    if (known === bootId()) return;
    // A torn one says nothing, and what runs would be lost for it.
    if (known.length === bootId().length) rmSync(join(this.root, 'containers'), { recursive: true, force: true });
    await this.replace('boot', bootId());
  }

  private async replace(name: string, text: string): Promise<void> {
    const path = join(this.root, name);
    await writeFile(`${path}.new`, text, { mode: 0o600 });
    await rename(`${path}.new`, path);
  }
}

export type Processes = Pick<Facts, 'shim' | 'main' | 'group'>;

export function parseProcesses(words: readonly string[]): Processes | undefined {
  const [shim, shimStart, main, mainStart, group] = words.map(Number);
  if (!shim || !main || !group || shimStart === undefined || mainStart === undefined) return undefined;
  return { shim: { pid: shim, start: shimStart }, main: { pid: main, start: mainStart }, group };
}
