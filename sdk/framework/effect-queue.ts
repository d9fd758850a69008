import type { StoreWrite } from '../contract/services.js';

type Persist = { readonly type: 'persist'; readonly writes: readonly StoreWrite[] };

/** What is left of the effects of a machine when its writes have been taken out. */
export type Outward<Effect> = Exclude<Effect, { readonly type: 'persist' }>;

/** Carries the effects of a machine out in order, and nothing that follows a write before the write has landed. */
export class EffectQueue<Effect extends { readonly type: string }> {
  private readonly waiting: { readonly effect: Outward<Effect>; readonly after: number }[] = [];
  private started = 0;
  private landed = 0;
  private draining = false;
  private stopped = false;

  constructor(
    private readonly write: (writes: readonly StoreWrite[], landed: () => void) => void,
    private readonly carryOut: (effect: Outward<Effect>) => void,
  ) {}

  get length(): number {
    return this.waiting.length;
  }

  push(effects: readonly (Effect | Persist)[]): void {
    for (const effect of effects) {
      if (isPersist(effect)) this.persist(effect.writes);
      else this.waiting.push({ effect: effect as Outward<Effect>, after: this.started });
    }
    this.drain();
  }

  /** Nothing is carried out any more. */
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

const isPersist = (effect: { readonly type: string }): effect is Persist => effect.type === 'persist';
