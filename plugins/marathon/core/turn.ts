import type { SchedulerCall } from '@mezzo/sdk/api';
import type { StoreWrite } from '@mezzo/sdk/contract';
import type { Answer, Effect } from './effects.js';
import { isoTime } from './ids.js';
import type { MarathonState } from './state.js';

/** One step in the making: collects what is to be stored, said and done. Writes come first and go out as one batch. */
export class Turn {
  private readonly writes = new Map<string, StoreWrite>();
  private readonly effects: Effect[] = [];
  /** Apps to look at before the step ends: something of theirs has changed. */
  readonly touched = new Set<string>();
  /** Something is wanted that an offer refused earlier could serve. */
  needsChanged = false;

  constructor(
    readonly state: MarathonState,
    readonly atMs: number,
  ) {}

  get now(): string {
    return isoTime(this.atMs);
  }

  put(key: string, value: unknown): void {
    this.writes.set(key, { op: 'put', key, value: JSON.stringify(value) });
  }

  remove(key: string): void {
    this.writes.set(key, { op: 'delete', key });
  }

  call(call: SchedulerCall): void {
    this.effects.push({ type: 'call', call });
  }

  reply(requestId: number, answer: Answer): void {
    this.effects.push({ type: 'reply', requestId, answer });
  }

  publish(eventType: string, fields: Record<string, unknown>): void {
    this.effects.push({ type: 'publish', event: { ...fields, eventType, timestamp: this.now } });
  }

  timer(key: string, afterMs: number): void {
    this.effects.push({ type: 'setTimer', key, afterMs: Math.max(0, afterMs) });
  }

  clearTimer(key: string): void {
    this.effects.push({ type: 'clearTimer', key });
  }

  add(effect: Effect): void {
    this.effects.push(effect);
  }

  finish(): Effect[] {
    if (this.writes.size === 0) return this.effects;
    return [{ type: 'persist', writes: [...this.writes.values()] }, ...this.effects];
  }
}
