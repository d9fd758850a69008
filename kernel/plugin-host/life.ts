import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunStatus } from '@mezzo/sdk/runtime';
import { ControlClient } from './control-client.js';
import { isAlive, isOf, killGroup, processOf, whenGone, type ProcessId } from './process.js';

const CONNECT_EVERY_MS = 30;
const CONNECT_TIMEOUT_MS = 5_000;
/** A process that lives but does not answer on its control socket for so long is ended. */
const UNREACHABLE_AFTER_MS = 20_000;

export interface LifeEnd {
  /** Known only of processes that we started ourselves. */
  readonly code?: number;
  readonly signal?: string;
  /** What it said last. */
  readonly status?: RunStatus;
  readonly lastedMs: number;
}

/** One process of a plugin, started by us or adopted, from when we know it until its end. */
export class Life {
  readonly ended: Promise<LifeEnd>;
  private readonly sinceMs = performance.now();
  private control: ControlClient | undefined;
  private asked: 'stop' | 'drain' | undefined;
  private detached = false;

  private constructor(
    readonly process: ProcessId,
    private readonly controlSocket: string,
    private readonly onStatus: (status: RunStatus) => void,
    child: ChildProcess | undefined,
  ) {
    const exit = child && exitOf(child);
    this.ended = Promise.race([this.watch(), ...(exit ? [exit] : [])]).then(async () => ({
      ...(await Promise.race([exit, sleep(500)])),
      ...(this.control && { status: this.control.status }),
      lastedMs: performance.now() - this.sinceMs,
    }));
  }

  /** Throws when it has not even come to be. */
  static started(of: ChildProcess | ProcessId, socket: string, onStatus: (status: RunStatus) => void): Life {
    if ('startTime' in of) return Life.adopted(of, socket, onStatus);
    of.on('error', () => {});
    if (of.pid === undefined) throw new Error('there is no process');
    return new Life(processOf(of.pid) ?? { pid: of.pid, startTime: 'gone' }, socket, onStatus, of);
  }

  static adopted(id: ProcessId, socket: string, onStatus: (status: RunStatus) => void): Life {
    return new Life(id, socket, onStatus, undefined);
  }

  get status(): RunStatus | undefined {
    return this.control?.status;
  }

  metrics(): Promise<string> {
    return this.control?.metrics() ?? Promise.resolve('');
  }

  /** Asks it to stop, or to do that once what it has begun has ended; and ends it by force after the grace. */
  async stop(graceMs: number, how: 'stop' | 'drain' = 'stop'): Promise<void> {
    this.asked = how;
    this.control?.ask(how);
    if (!(await whenGone(this.process, graceMs))) await killGroup(this.process, 5_000);
  }

  /** Leaves it alone: it runs on without us. */
  detach(): void {
    this.detached = true;
    this.control?.close();
  }

  /** Follows the control socket until the process is dead. A lost connection is the first that we hear of a death. */
  private async watch(): Promise<void> {
    for (let lostAt = performance.now(); !this.detached && isAlive(this.process); await sleep(CONNECT_EVERY_MS)) {
      const client = await ControlClient.open(this.controlSocket, CONNECT_TIMEOUT_MS);
      if (client?.status.pid === this.process.pid) {
        await this.follow(client);
        lostAt = performance.now();
      } else client?.close();
      if (performance.now() - lostAt > UNREACHABLE_AFTER_MS) await killGroup(this.process, 5_000);
    }
    if (this.detached) await new Promise<never>(() => {});
  }

  private async follow(client: ControlClient): Promise<void> {
    if (this.detached) return client.close();
    this.control = client;
    client.onStatus(this.onStatus);
    if (this.asked !== undefined) client.ask(this.asked);
    await client.closed;
  }
}

/** Who says at a control socket that it is a process of this plugin. `mark` is in its command line: a plugin is not to name the process of another. */
export async function whoIsAt(
  controlSocket: string,
  mark: string,
): Promise<{ readonly process: ProcessId; readonly status: RunStatus } | undefined> {
  const client = await ControlClient.open(controlSocket, 2_000);
  client?.close();
  const process = client && processOf(client.status.pid);
  return client && process && isOf(process, mark) ? { process, status: client.status } : undefined;
}

/** Ends whoever has that control socket. */
export async function evict(controlSocket: string, mark: string, graceMs: number): Promise<void> {
  const found = await whoIsAt(controlSocket, mark);
  if (found !== undefined) await Life.adopted(found.process, controlSocket, () => {}).stop(graceMs);
}

function exitOf(child: ChildProcess): Promise<{ code?: number; signal?: string }> {
  return new Promise((resolve) =>
    child.once('exit', (code, signal) =>
      resolve({ ...(code !== null && { code }), ...(signal !== null && { signal }) }),
    ),
  );
}
