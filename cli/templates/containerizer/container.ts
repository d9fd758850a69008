import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerCommand, ContainerExit, ContainerSpec } from '@mezzo/sdk/points/containerizer';
import { isAlive, signalGroup, startTimeOf, type Group } from './processes.js';

/**
 * Stands beside one container for its whole life, also while no agent runs: leaves its exit code in a file, then ends all that the
 * container has left behind in its process group, and so itself.
 */
const SHIM = `trap : HUP INT QUIT TERM USR1 USR2 ALRM PIPE
exit=$0
exec 3>&2 2>/dev/null
"$@" 2>&3 3>&-
echo $? >"$exit.new"
mv "$exit.new" "$exit"
kill -s KILL 0`;

const POLL_MS = 50;

/** What is remembered of a container, in its directory. */
interface Memory extends Group {
  readonly owner: string;
  readonly sandbox: string;
}

/** One container: a process group, and a directory that remembers it. */
export class Container {
  private forgotten = false;
  private exit: Promise<ContainerExit> | undefined;

  private constructor(
    private readonly dir: string,
    private readonly memory: Memory,
  ) {}

  /** Throws when the process cannot be started; nothing is left then. */
  static async start(dir: string, { owner, sandbox, command }: ContainerSpec): Promise<Container> {
    mkdirSync(dir);
    const files: number[] = [];
    try {
      for (const name of ['stdout', 'stderr']) files.push(openSync(join(sandbox, name), 'a'));
      const child = spawn('/bin/sh', ['-c', SHIM, join(dir, 'exit'), ...argvOf(command)], {
        cwd: sandbox,
        env: { ...command.env, MESOS_SANDBOX: sandbox },
        detached: true,
        stdio: ['ignore', ...files],
      });
      await new Promise<void>((resolve, reject) => child.once('error', reject).once('spawn', resolve));
      child.unref();
      const pid = child.pid!;
      const memory = { pid, startTime: startTimeOf(pid) ?? 'ended', owner, sandbox };
      writeFileSync(join(dir, 'container.json'), JSON.stringify(memory));
      return new Container(dir, memory);
    } catch (error) {
      rmSync(dir, { recursive: true, force: true });
      throw error;
    } finally {
      for (const file of files) closeSync(file);
    }
  }

  /** One of an earlier life; undefined when nothing is remembered. */
  static recall(dir: string): Container | undefined {
    try {
      return new Container(dir, JSON.parse(readFileSync(join(dir, 'container.json'), 'utf8')) as Memory);
    } catch {
      return undefined;
    }
  }

  get owner(): string {
    return this.memory.owner;
  }

  get sandbox(): string {
    return this.memory.sandbox;
  }

  get pid(): number {
    return this.memory.pid;
  }

  get running(): boolean {
    return isAlive(this.memory);
  }

  ended(): Promise<ContainerExit> {
    return (this.exit ??= this.watch());
  }

  signal(signal: NodeJS.Signals | number): void {
    // The shim goes with the rest, so it cannot tell.
    if ((signal === 'SIGKILL' || signal === 9) && this.running) writeFileSync(join(this.dir, 'killed'), '');
    signalGroup(this.memory, signal);
  }

  /** Stops watching; the container runs on. */
  forget(): void {
    this.forgotten = true;
  }

  async destroy(): Promise<void> {
    this.signal('SIGKILL');
    while (this.running) await sleep(POLL_MS);
    this.forget();
    rmSync(this.dir, { recursive: true, force: true });
  }

  private async watch(): Promise<ContainerExit> {
    while (this.running && !this.forgotten) await sleep(POLL_MS);
    if (this.forgotten) return new Promise(() => {});
    const file = join(this.dir, 'exit');
    if (existsSync(file)) return exitOf(Number(readFileSync(file, 'utf8')));
    if (existsSync(join(this.dir, 'killed'))) return exitOf(128 + constants.signals.SIGKILL);
    return { limitation: 'unknown', message: 'It ended while nobody could watch' };
  }
}

export const argvOf = ({ shell, argv }: ContainerCommand): readonly string[] =>
  shell ? ['/bin/sh', '-c', argv[0] ?? ''] : argv;

/** As shells tell it: above 128 it was a signal. */
function exitOf(status: number): ContainerExit {
  const signal = Object.entries(constants.signals).find(([, number]) => number === status - 128)?.[0];
  if (signal !== undefined) return { signal, message: `Command terminated with signal ${signal}` };
  return { code: status, message: `Command exited with status ${status}` };
}
