import type { ContainerExit } from '@mezzo/sdk/points/containerizer';
import type { ContainerLimitation } from '@mezzo/sdk/points/isolator';
import type { Facts } from '../core/checkpoint.js';
import { signal, signalGroup } from './processes.js';
import type { PipeStreams } from './streams.js';

/** How long a killed container may take to vanish before its shim is killed, too. */
const STUCK_MS = 2_000;

const SIGKILL = 9;
const SIGTERM = 15;

/** Timers of more than 25 days would go off at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** One container that is running, or has ended and was not yet removed. */
export class Container {
  readonly ended: Promise<ContainerExit>;
  exit: ContainerExit | undefined;
  /** True once SIGKILL was sent: what ended it is known even if its shim cannot tell. */
  forced = false;
  private outgrown: ContainerLimitation | undefined;
  private resolve!: (exit: ContainerExit) => void;
  private killTimer: NodeJS.Timeout | undefined;
  private killAtMs = Infinity;

  constructor(
    readonly id: string,
    readonly facts: Facts,
    readonly streams?: PipeStreams,
  ) {
    this.ended = new Promise((resolve) => (this.resolve = resolve));
  }

  get key(): string {
    return `${this.facts.owner}/${this.id}`;
  }

  finish(exit: ContainerExit): void {
    clearTimeout(this.killTimer);
    this.streams?.finish();
    this.exit ??= { ...exit, ...this.outgrown };
    this.resolve(this.exit);
  }

  /** A later call may bring SIGKILL forward, never put it off. */
  kill(graceMs: number): void {
    if (this.exit !== undefined) return;
    if (this.killAtMs === Infinity) this.signal(SIGTERM);
    const atMs = Date.now() + graceMs;
    if (atMs >= this.killAtMs) return;
    this.killAtMs = atMs;
    clearTimeout(this.killTimer);
    this.killTimer = setTimeout(() => this.force(), Math.min(graceMs, MAX_TIMER_MS));
  }

  /** Ends it for a bound that it has outgrown. */
  limit({ limitation, message }: ContainerLimitation): void {
    this.outgrown ??= { limitation, message };
    this.force();
  }

  /** SIGKILL to everything in it, now. */
  force(): void {
    if (this.exit !== undefined) return;
    this.forced = true;
    killTask(this.facts);
    clearTimeout(this.killTimer);
    this.killTimer = setTimeout(() => killShim(this.facts), STUCK_MS);
  }

  /** SIGKILL is to all of it, others are to its first process and that one's group. */
  signal(number: number): void {
    if (number === SIGKILL) return this.force();
    const { group, main } = this.facts;
    // Process 1 inside is in the group, too, and lets the signal pass. A task may not yet have become its own group.
    if (this.exit === undefined && !signalGroup(group, main, number)) signal(main, number);
  }

  /** Leaves the container as it is and stops looking after it. */
  abandon(): void {
    clearTimeout(this.killTimer);
    this.streams?.close();
  }
}

/** Inside namespaces the first process' end is the end of all of them; without, the group has to be ended. */
export function killTask({ mode, main, group }: Pick<Facts, 'mode' | 'main' | 'group'>): void {
  if (mode === 'group' && signalGroup(group, main, 'SIGKILL')) return;
  signal(main, 'SIGKILL');
}

/** Process 1 of the namespaces takes everything inside with it. */
export function killShim({ shim }: Pick<Facts, 'shim'>): void {
  signal(shim, 'SIGKILL');
}
