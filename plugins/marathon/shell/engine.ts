import { steadyNow, type StoreWrite } from '@mezzo/sdk/contract';
import { EffectQueue, type Outward as Stored } from '@mezzo/sdk/framework';
import type { Command } from '../core/commands/command.js';
import type { Answer, Effect, MarathonEvent } from '../core/effects.js';
import type { MarathonState } from '../core/state.js';
import { step } from '../core/step.js';

export interface Writer {
  write(writes: readonly StoreWrite[], landed: () => void): void;
  readonly pending: number;
}

export type Outward = Exclude<Effect, { type: 'persist' } | { type: 'reply' }>;

const MAX_UNWRITTEN = 1000;
const OVERLOADED: Answer = {
  status: 503,
  body: { message: 'The store does not keep up. Try again in a moment.' },
};

/** Runs the machine: one event at a time, its effects in order, and nothing that follows a write before the write has landed. */
export class Engine {
  private readonly queue: EffectQueue<Effect>;
  private readonly replies = new Map<number, (answer: Answer) => void>();
  private nextRequest = 1;
  private lastMs = 0;
  private stopped = false;

  constructor(
    readonly state: MarathonState,
    private readonly writer: Writer,
    private readonly carryOut: (effect: Outward) => void,
    private readonly nowMs: () => number = steadyNow,
  ) {
    this.queue = new EffectQueue(
      (writes, landed) => writer.write(writes, landed),
      (effect) => this.run(effect),
    );
  }

  dispatch(event: MarathonEvent): void {
    if (this.stopped) return;
    this.lastMs = this.now();
    this.queue.push(step(this.state, event, this.lastMs));
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
    return Math.max(this.lastMs, this.nowMs());
  }

  dispose(): void {
    this.stopped = true;
    this.queue.stop();
    for (const reply of this.replies.values()) reply({ status: 503, body: { message: 'Marathon is stopping' } });
    this.replies.clear();
  }

  private run(effect: Stored<Effect>): void {
    if (effect.type !== 'reply') return this.carryOut(effect);
    this.replies.get(effect.requestId)?.(effect.answer);
    this.replies.delete(effect.requestId);
  }
}
