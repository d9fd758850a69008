import type { Machine } from '../core/machine.js';
import type { Clock } from '../ports/clock.js';

/** How the shell carries out one effect. A promise marks a durable write: later effects wait until it has landed. */
export type Execute<Effect> = (effect: Effect) => void | Promise<void>;

/**
 * Runs a machine: one event at a time, its effects in order. Writes start at once, so that the store can group them; whatever
 * follows a write waits for it and for all earlier ones. A failed write is fatal: what the machine believes is no longer what is stored.
 */
export class MachineLoop<State, Event, Effect> {
  private readonly waiting: { effect: Effect; after: number }[] = [];
  /** Of `waiting`, what was carried out already: taking one off the front of a long list costs as much as the list is long. */
  private gone = 0;
  private started = 0;
  private landed = 0;
  private readonly done = new Set<number>();
  private lastMs = 0;
  private stopped = false;

  constructor(
    private readonly machine: Machine<State, Event, Effect>,
    readonly state: State,
    private readonly clock: Clock,
    private readonly isWrite: (effect: Effect) => boolean,
    private readonly execute: Execute<Effect>,
    private readonly onFatal: (error: unknown) => void,
  ) {}

  dispatch(event: Event): void {
    if (this.stopped) return;
    this.lastMs = Math.max(this.lastMs, this.clock.nowMs());
    for (const effect of this.machine.step(this.state, event, this.lastMs)) {
      if (this.isWrite(effect)) this.startWrite(effect);
      else if (this.landed === this.started) void this.execute(effect);
      else this.waiting.push({ effect, after: this.started });
    }
  }

  /** Nothing is carried out from now on. */
  stop(): void {
    this.stopped = true;
    this.waiting.length = 0;
    this.gone = 0;
  }

  private startWrite(effect: Effect): void {
    const number = ++this.started;
    Promise.resolve(this.execute(effect)).then(
      () => this.writeLanded(number),
      (error: unknown) => {
        if (this.stopped) return;
        this.stop();
        this.onFatal(error);
      },
    );
  }

  private writeLanded(number: number): void {
    this.done.add(number);
    while (this.done.delete(this.landed + 1)) this.landed++;
    for (let head = this.waiting[this.gone]; head !== undefined && head.after <= this.landed;) {
      this.gone++;
      void this.execute(head.effect);
      head = this.waiting[this.gone];
    }
    if (this.gone * 2 < this.waiting.length) return;
    this.waiting.splice(0, this.gone);
    this.gone = 0;
  }
}
