import type { StoreWrite } from '@mezzo/sdk/contract';
import type { Answer, Effect } from './effects.js';
import type { MetronomeState } from './state.js';

/** One step in the making: collects what is to be stored and done. Writes come first and go out as one batch. */
export class Turn {
  /** By key; undefined deletes. Written out when the step is over: a record may change several times until then. */
  private readonly writes = new Map<string, unknown>();
  private readonly effects: Effect[] = [];
  /** About how much it writes. */
  chars = 0;

  constructor(
    readonly state: MetronomeState,
    readonly atMs: number,
  ) {}

  put(key: string, value: unknown): void {
    this.writes.set(key, value);
  }

  remove(key: string): void {
    this.writes.set(key, undefined);
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
    return [{ type: 'persist', writes: [...this.writes].map(writeOf) }, ...this.effects];
  }
}

const writeOf = ([key, value]: [string, unknown]): StoreWrite =>
  value === undefined ? { op: 'delete', key } : { op: 'put', key, value: JSON.stringify(value) };
