import type { ContainerExit } from '@mezzo/sdk/points/containerizer';
import type { Facts } from '../core/checkpoint.js';
import { signal, signalGroup } from './processes.js';

/** How long a killed container may take to vanish before its shim is killed, too. */
const STUCK_MS = 2_000;

/** Timers of more than 25 days would go off at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** One container that is running, or has ended and was not yet removed. */
export class Container {
  readonly ended: Promise<ContainerExit>;
  exit: ContainerExit | undefined;
  /** True once SIGKILL was sent: what ended it is known even if its shim cannot tell. */
  forced = false;
  private resolve!: (exit: ContainerExit) => void;
  private killTimer: NodeJS.Timeout | undefined;
  private killAtMs = Infinity;

  constructor(
    readonly id: string,
    readonly facts: Facts,
  ) {
    this.ended = new Promise((resolve) => (this.resolve = resolve));
  }

  get key(): string {
    return `${this.facts.owner}/${this.id}`;
  }

  finish(exit: ContainerExit): void {
    clearTimeout(this.killTimer);
    this.exit ??= exit;
    this.resolve(this.exit);
  }

  /** A later call may bring SIGKILL forward, never put it off. */
  kill(graceMs: number): void {
    if (this.exit !== undefined) return;
    if (this.killAtMs === Infinity) this.terminate();
    const atMs = Date.now() + graceMs;
    if (atMs >= this.killAtMs) return;
    this.killAtMs = atMs;
    clearTimeout(this.killTimer);
    this.killTimer = setTimeout(() => this.force(), Math.min(graceMs, MAX_TIMER_MS));
  }

  /** SIGKILL to everything in it, now. */
  force(): void {
    if (this.exit !== undefined) return;
    this.forced = true;
    killTask(this.facts);
    clearTimeout(this.killTimer);
    this.killTimer = setTimeout(() => killShim(this.facts), STUCK_MS);
  }

  /** Leaves the container as it is and stops looking after it. */
  abandon(): void {
    clearTimeout(this.killTimer);
  }

  private terminate(): void {
    const { group, main } = this.facts;
    // Process 1 inside is in the group, too, and lets the signal pass. A task may not yet have become its own group.
    if (!signalGroup(group, main, 'SIGTERM')) signal(main, 'SIGTERM');
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
