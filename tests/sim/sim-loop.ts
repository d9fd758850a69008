import type { Machine } from '../../kernel/core/machine.js';

/** The shell's loop without promises: writes start at once, whatever follows a write waits until it and all before it have landed. */
export class SimLoop<State, Event, Effect> {
  private readonly waiting: { readonly effect: Effect; readonly after: number }[] = [];
  private started = 0;
  private landed = 0;
  private stopped = false;

  constructor(
    private readonly machine: Machine<State, Event, Effect>,
    readonly state: State,
    private readonly nowMs: () => number,
    /** Starts a write and calls `done` when it has landed, in the order of the calls; answers false when it is no write. */
    private readonly write: (effect: Effect, done: () => void) => boolean,
    private readonly execute: (effect: Effect) => void,
  ) {}

  dispatch(event: Event): void {
    if (this.stopped) return;
    for (const effect of this.machine.step(this.state, event, this.nowMs())) {
      if (this.stopped) return;
      if (this.write(effect, () => this.writeLanded())) this.started++;
      else if (this.landed === this.started) this.execute(effect);
      else this.waiting.push({ effect, after: this.started });
    }
  }

  stop(): void {
    this.stopped = true;
    this.waiting.length = 0;
  }

  private writeLanded(): void {
    if (this.stopped) return;
    this.landed++;
    for (let head = this.waiting[0]; head !== undefined && head.after <= this.landed; head = this.waiting[0]) {
      this.waiting.shift();
      this.execute(head.effect);
    }
  }
}
