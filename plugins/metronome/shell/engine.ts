import type { StoreWrite } from '@mezzo/sdk/contract';
import type { Clock } from '@mezzo/sdk/framework';
import type { Command } from '../core/commands.js';
import type { Answer, Effect, MetronomeEvent } from '../core/effects.js';
import type { MetronomeState } from '../core/state.js';
import { step } from '../core/step.js';

export interface Writer {
  write(writes: readonly StoreWrite[], landed: () => void): void;
  readonly pending: number;
}

export type Outward = Extract<Effect, { type: 'want' | 'drop' | 'warn' }>;
type Waiting = Outward | Extract<Effect, { type: 'reply' }>;

const MAX_UNWRITTEN = 1000;
/** A clock that was set is noticed this late. */
const LONGEST_SLEEP_MS = 10_000;
const OVERLOADED: Answer = {
  status: 503,
  body: { message: 'The store does not keep up. Try again in a moment.' },
};

/** Runs the machine: one event at a time, its effects in order, and nothing that follows a write before the write has landed. */
export class Engine {
  private readonly waiting: { effect: Waiting; after: number }[] = [];
  private readonly events: MetronomeEvent[] = [];
  private busy = false;
  private readonly replies = new Map<number, (answer: Answer) => void>();
  private cancelWake = (): void => {};
  private started = 0;
  private landed = 0;
  private nextRequest = 1;
  private lastMs = 0;
  private stopped = false;

  /** `clock.now` should be that of the wall: it is what schedules mean. */
  constructor(
    readonly state: MetronomeState,
    private readonly writer: Writer,
    private readonly carryOut: (effect: Outward) => void,
    private readonly clock: Clock,
  ) {}

  /** An event that comes of an effect waits until the step before has been carried out. */
  dispatch(event: MetronomeEvent): void {
    this.events.push(event);
    if (this.busy) return;
    this.busy = true;
    for (let next = this.events.shift(); next !== undefined; next = this.events.shift()) this.handle(next);
    this.busy = false;
  }

  private handle(event: MetronomeEvent): void {
    if (this.stopped) return;
    this.lastMs = this.now();
    for (const effect of step(this.state, event, this.lastMs)) {
      if (effect.type === 'persist') this.persist(effect.writes);
      else if (effect.type === 'wake') this.wakeAt(effect.atMs);
      else if (this.landed === this.started) this.run(effect);
      else this.waiting.push({ effect, after: this.started });
    }
  }

  /** Resolves when what it changed is durable. */
  ask(command: Command): Promise<Answer> {
    if (this.stopped || this.writer.pending > MAX_UNWRITTEN) return Promise.resolve(OVERLOADED);
    const requestId = this.nextRequest++;
    return new Promise((resolve) => {
      this.replies.set(requestId, resolve);
      this.dispatch({ type: 'commandReceived', requestId, command });
    });
  }

  /** Never goes back, whatever the clock does. */
  now(): number {
    return Math.max(this.lastMs, this.clock.now());
  }

  dispose(): void {
    this.stopped = true;
    this.cancelWake();
    this.waiting.length = 0;
    for (const reply of this.replies.values()) reply({ status: 503, body: { message: 'Metronome is stopping' } });
    this.replies.clear();
  }

  private wakeAt(atMs: number | undefined): void {
    this.cancelWake();
    if (atMs === undefined) return;
    const sleepMs = Math.min(Math.max(0, atMs - this.clock.now()), LONGEST_SLEEP_MS);
    this.cancelWake = this.clock.after(sleepMs, () => {
      if (this.now() >= atMs) this.dispatch({ type: 'woke' });
      else this.wakeAt(atMs);
    });
  }

  private persist(writes: readonly StoreWrite[]): void {
    const number = ++this.started;
    this.writer.write(writes, () => {
      this.landed = number;
      while (!this.stopped && (this.waiting[0]?.after ?? Infinity) <= number) {
        const next = this.waiting.shift();
        if (next) this.run(next.effect);
      }
    });
  }

  private run(effect: Waiting): void {
    if (effect.type !== 'reply') return this.carryOut(effect);
    this.replies.get(effect.requestId)?.(effect.answer);
    this.replies.delete(effect.requestId);
  }
}
