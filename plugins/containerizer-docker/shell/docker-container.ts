import type { ContainerExit } from '@mezzo/sdk/points/containerizer';
import type { Facts } from '../core/checkpoint.js';
import { ignoring, type Engine } from './engine.js';
import type { LogPump } from './log-pump.js';

/** Gone, or not running any more. */
const ENDED = [404, 409];

/** Timers of more than 25 days would go off at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** One container that is running, or has ended and was not yet removed. */
export class DockerContainer {
  readonly ended: Promise<ContainerExit>;
  exit: ContainerExit | undefined;
  /** True once it was asked to end. */
  terminated = false;
  /** How often it was asked whether it has ended, while somebody finds out. */
  looks = 0;
  private resolve!: (exit: ContainerExit) => void;
  private killTimer: NodeJS.Timeout | undefined;
  private killAtMs = Infinity;

  constructor(
    readonly id: string,
    readonly facts: Facts,
    readonly pump: LogPump,
    private readonly engine: Engine,
  ) {
    this.ended = new Promise((resolve) => (this.resolve = resolve));
  }

  finish(exit: ContainerExit): void {
    clearTimeout(this.killTimer);
    this.exit ??= exit;
    this.resolve(this.exit);
  }

  /** A later call may bring SIGKILL forward, never put it off. */
  async kill(graceMs: number): Promise<void> {
    if (this.exit !== undefined) return;
    const first = !this.terminated;
    this.terminated = true;
    if (first) await this.signal(this.facts.stopSignal);
    const atMs = Date.now() + graceMs;
    if (atMs >= this.killAtMs || this.exit !== undefined) return;
    this.killAtMs = atMs;
    clearTimeout(this.killTimer);
    // The engine may be away: an agent that sees the container still running kills again.
    const force = () => void this.signal('SIGKILL').catch(() => (this.killAtMs = Infinity));
    this.killTimer = setTimeout(force, Math.min(graceMs, MAX_TIMER_MS));
  }

  /** Leaves the container as it is and stops looking after it. */
  async abandon(): Promise<void> {
    clearTimeout(this.killTimer);
    await this.pump.close();
  }

  signal(signal: string): Promise<void> {
    return ignoring(ENDED, this.engine.calls.getContainer(this.facts.dockerId).kill({ signal }));
  }
}
