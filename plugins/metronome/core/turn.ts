import type { StoreWrite } from '@mezzo/sdk/contract';
import type { Answer, Effect } from './effects.js';
import type { MetronomeState } from './state.js';

/** One step in the making: collects what is to be stored and done. Writes come first and go out as one batch. */
export class Turn {
  private readonly writes = new Map<string, StoreWrite>();
  private readonly effects: Effect[] = [];

  constructor(
    readonly state: MetronomeState,
    readonly atMs: number,
  ) {}

  put(key: string, value: unknown): void {
    this.writes.set(key, { op: 'put', key, value: JSON.stringify(value) });
  }

  remove(key: string): void {
    this.writes.set(key, { op: 'delete', key });
  }

  reply(requestId: number, answer: Answer): void {
    this.effects.push({ type: 'reply', requestId, answer });
  }

  add(effect: Effect): void {
    this.effects.push(effect);
  }

  warn(message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.effects.push({ type: 'warn', message, fields });
  }

  finish(): Effect[] {
    const { state } = this;
    const nextMs = state.agenda.nextMs;
    if (nextMs !== state.wakeAtMs) {
      state.wakeAtMs = nextMs;
      this.effects.push({ type: 'wake', atMs: nextMs });
    }
    if (this.writes.size === 0) return this.effects;
    return [{ type: 'persist', writes: [...this.writes.values()] }, ...this.effects];
  }
}
