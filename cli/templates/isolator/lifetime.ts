import type { ContainerSpec } from '@mezzo/sdk/points/containerizer';
import type { ContainerLimitation, Isolation, IsolatedContainer, Isolator } from '@mezzo/sdk/points/isolator';

/** The label of a task that says less than the configuration. */
const LABEL = 'max-seconds';
/** Timers of more than 25 days would go off at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What is checkpointed with a container, so that its time goes on when the agent starts again. */
interface Bound {
  readonly seconds: number;
  readonly endsAtMs: number;
}

/** Ends containers that have run for long enough. */
export class Lifetime implements Isolator {
  private readonly bounds = new Map<string, Bound>();
  private readonly timers = new Map<string, NodeJS.Timeout>();

  constructor(
    readonly name: string,
    private readonly maxSeconds: number,
  ) {}

  recover(_owner: string, containers: readonly IsolatedContainer[]): void {
    for (const { containerId, data } of containers) this.bounds.set(containerId, data as unknown as Bound);
  }

  prepare({ containerId, labels }: ContainerSpec): Isolation {
    const seconds = Math.min(this.maxSeconds, secondsOf(labels?.[LABEL]));
    const bound: Bound = { seconds, endsAtMs: Date.now() + seconds * 1000 };
    this.bounds.set(containerId, bound);
    return { env: { MAX_SECONDS: String(seconds) }, data: { ...bound } };
  }

  watch(containerId: string): Promise<ContainerLimitation> {
    return new Promise((resolve) => {
      const bound = this.bounds.get(containerId);
      if (bound === undefined) return;
      const message = `it has run for ${bound.seconds} s, which is all that it may`;
      const leftMs = Math.min(Math.max(0, bound.endsAtMs - Date.now()), MAX_TIMER_MS);
      this.timers.set(
        containerId,
        setTimeout(() => resolve({ limitation: 'other', message }), leftMs),
      );
    });
  }

  cleanup(containerId: string): void {
    clearTimeout(this.timers.get(containerId));
    this.timers.delete(containerId);
    this.bounds.delete(containerId);
  }

  /** Containers run on: the next life watches them. */
  close(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
  }
}

function secondsOf(label: string | undefined): number {
  const seconds = label === undefined ? Infinity : Number(label);
  if (seconds > 0) return seconds;
  throw new Error(`the label ${LABEL} is "${label}", which is no positive number`);
}
