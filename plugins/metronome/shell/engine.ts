import type { StoreWrite } from '@mezzo/sdk/contract';
import { EffectQueue, type Clock } from '@mezzo/sdk/framework';
import type { Command } from '../core/commands.js';
import type { Answer, Effect, MetronomeEvent } from '../core/effects.js';
import type { MetronomeState } from '../core/state.js';
import { step } from '../core/step.js';

export interface Writer {
  write(writes: readonly StoreWrite[], landed: () => void): void;
  readonly pending: number;
}

export type Outward = Extract<Effect, { type: 'want' | 'drop' | 'warn' }>;
type Queued = Exclude<Effect, { type: 'wake' }>;
type Waiting = Exclude<Queued, { type: 'persist' }>;

const MAX_UNWRITTEN = 1000;
/** A clock that was set is noticed this late. */
const LONGEST_SLEEP_MS = 10_000;
const OVERLOADED: Answer = {
  status: 503,
  body: { message: 'The store does not keep up. Try again in a moment.' },
};

/** Runs the machine: one event at a time, its effects in order, and nothing that follows a write before the write has landed. */
export class Engine {
  private readonly queue: EffectQueue<Queued>;
  private readonly events: MetronomeEvent[] = [];
  private busy = false;
  private readonly replies = new Map<number, (answer: Answer) => void>();
  private cancelWake = (): void => {};
  private nextRequest = 1;
  private lastMs = 0;
  private stopped = false;

  /** `clock.now` should be that of the wall: it is what schedules mean. */
  constructor(
    readonly state: MetronomeState,
    private readonly writer: Writer,
    private readonly carryOut: (effect: Outward) => void,
    private readonly clock: Clock,
  ) {
    this.queue = new EffectQueue(
      (writes, landed) => writer.write(writes, landed),
      (effect) => this.run(effect),
    );
  }

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
    const effects = step(this.state, event, this.lastMs);
    for (const effect of effects) if (effect.type === 'wake') this.wakeAt(effect.atMs);
    this.queue.push(effects.filter((effect): effect is Queued => effect.type !== 'wake'));
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
    this.queue.stop();
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

  private run(effect: Waiting): void {
    if (effect.type !== 'reply') return this.carryOut(effect);
    this.replies.get(effect.requestId)?.(effect.answer);
    this.replies.delete(effect.requestId);
  }
}
