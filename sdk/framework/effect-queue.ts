import type { StoreWrite } from '../contract/services.js';
import type { FrameworkEffect } from './core/events.js';

export type Outward = Exclude<FrameworkEffect, { type: 'persist' }>;

/** Carries effects out in order, and nothing that follows a write before the write has landed. */
export class EffectQueue {
  private readonly waiting: { readonly effect: Outward; readonly after: number }[] = [];
  private started = 0;
  private landed = 0;
  private draining = false;
  private stopped = false;

  constructor(
    private readonly write: (writes: readonly StoreWrite[], landed: () => void) => void,
    private readonly carryOut: (effect: Outward) => void,
  ) {}

  get length(): number {
    return this.waiting.length;
  }

  push(effects: readonly FrameworkEffect[]): void {
    for (const effect of effects) {
      if (effect.type === 'persist') this.persist(effect.writes);
      else this.waiting.push({ effect, after: this.started });
    }
    this.drain();
  }

  stop(): void {
    this.stopped = true;
  }

  private persist(writes: readonly StoreWrite[]): void {
    const number = ++this.started;
    this.write(writes, () => {
      this.landed = number;
      this.drain();
    });
  }

  /** An effect may lead to others: they queue up behind. */
  private drain(): void {
    if (this.draining) return;
    this.draining = true;
    while (!this.stopped && (this.waiting[0]?.after ?? Infinity) <= this.landed) {
      const next = this.waiting.shift();
      if (next) this.carryOut(next.effect);
    }
    this.draining = false;
  }
}
