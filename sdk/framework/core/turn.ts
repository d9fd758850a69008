import type { SchedulerCall, TaskStatus } from '../../api/messages.js';
import type { StoreWrite } from '../../contract/services.js';
import type { FrameworkEffect } from './events.js';
import { ID_KEY, entryKey, resize } from './records.js';
import type { Entry, FrameworkState, Launch } from './state.js';

/** One step in the making. Writes come first and go out as one batch. */
export class Turn {
  private readonly writes = new Map<string, StoreWrite>();
  private readonly effects: FrameworkEffect[] = [];
  /** Something is wanted that an offer refused earlier could serve. */
  needsChanged = false;

  constructor(
    readonly state: FrameworkState,
    readonly atMs: number,
  ) {}

  add(effect: FrameworkEffect): void {
    this.effects.push(effect);
  }

  call(call: SchedulerCall): void {
    this.add({ type: 'call', call });
  }

  timer(key: string, afterMs: number): void {
    this.add({ type: 'setTimer', key, afterMs: Math.max(0, afterMs) });
  }

  clearTimer(key: string): void {
    this.add({ type: 'clearTimer', key });
  }

  save(entry: Entry): void {
    const key = entryKey(entry.want.key);
    resize(this.state, key, this.put(key, entry));
  }

  drop(entry: Entry): void {
    const key = entryKey(entry.want.key);
    this.writes.set(key, { op: 'delete', key });
    resize(this.state, key, 0);
  }

  saveFramework(): void {
    const { frameworkId, nextSerial } = this.state;
    this.put(ID_KEY, { frameworkId, nextSerial });
  }

  tell(entry: Entry, launch: Launch, status: Pick<TaskStatus, 'state'> & Partial<TaskStatus>): void {
    const { state, reason, message, healthy, data } = status;
    const { taskId, agentId, ports, facts } = launch;
    const more = {
      ...(reason !== undefined && { reason }),
      ...(message !== undefined && { message }),
      ...(healthy !== undefined && { healthy }),
      ...(data !== undefined && { data }),
      ...(entry.launch === undefined && entry.retryAtMs !== undefined && { retryAtMs: entry.retryAtMs }),
    };
    const { key } = entry.want;
    const { hostname } = facts;
    this.add({
      type: 'tell',
      event: { key, attempt: entry.attempt, taskId, agentId, hostname, ports, state, ...more },
    });
  }

  finish(): FrameworkEffect[] {
    if (this.writes.size === 0) return this.effects;
    return [{ type: 'persist', writes: [...this.writes.values()] }, ...this.effects];
  }

  /** Answers its size. */
  private put(key: string, record: unknown): number {
    const value = JSON.stringify(record);
    this.writes.set(key, { op: 'put', key, value });
    return value.length;
  }
}
