import { setImmediate as breathe } from 'node:timers/promises';
import type { MasterEvent } from '@mezzo/sdk/api';
import type { Disposable } from '@mezzo/sdk/contract';
import type { RouteTable } from '../core/table.js';

const SWEEP_AFTER_MS = 5000;

/** Brings events to the table: big snapshots in slices, and what a returned agent does not name is swept. */
export class Feed implements Disposable {
  private readonly timers = new Set<NodeJS.Timeout>();

  constructor(
    private readonly table: RouteTable,
    private readonly changed: () => void,
    private readonly sweepAfterMs = SWEEP_AFTER_MS,
  ) {}

  /** One event after the other: the next one waits for the promise. */
  async take(event: MasterEvent): Promise<void> {
    if (event.subscribed) {
      for (const _ of this.table.snapshot(event.subscribed.getState ?? {}, Date.now())) await breathe();
    } else this.table.apply(event, Date.now());
    this.changed();
    const back = event.agentAdded?.agent.agentInfo.id?.value;
    if (back !== undefined && this.table.awaits(back)) this.sweepLater(back);
  }

  dispose(): void {
    for (const timer of this.timers) clearTimeout(timer);
  }

  private sweepLater(agentId: string): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      this.table.sweep(agentId, Date.now());
      this.changed();
    }, this.sweepAfterMs);
    this.timers.add(timer);
  }
}
