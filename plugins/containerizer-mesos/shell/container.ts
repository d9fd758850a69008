import type { ContainerExit } from '@mezzo/sdk/points/containerizer';
import type { Facts } from '../core/checkpoint.js';
import { isAlive, signal } from './processes.js';

/** How long a killed container may take to vanish before its shim is killed, too. */
const STUCK_MS = 2_000;

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
    this.killTimer = setTimeout(() => this.force(), graceMs);
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
    const { mode, shim, main } = this.facts;
    if (!isAlive(main)) return;
    // The shim leads the task's group and lets SIGTERM pass, process 1 inside cannot be hurt by it.
    const reached = signal(mode === 'group' ? main : shim, 'SIGTERM', true);
    // A task that is still becoming its own group.
    if (!reached) signal(main, 'SIGTERM');
  }
}

/** Inside namespaces the first process' end is the end of all of them. */
export function killTask({ mode, main }: Pick<Facts, 'mode' | 'main'>): void {
  if (mode === 'group' && signal(main, 'SIGKILL', true)) return;
  signal(main, 'SIGKILL');
}

/** Takes process 1 of the namespaces with it, and so everything inside. */
export function killShim({ shim }: Pick<Facts, 'shim'>): void {
  if (!signal(shim, 'SIGKILL', true)) signal(shim, 'SIGKILL');
}
