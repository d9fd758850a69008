import { lookup } from 'node:dns/promises';
import { setImmediate as breathe } from 'node:timers/promises';
import type { MasterEvent } from '@mezzo/sdk/api';
import type { Disposable, Logger } from '@mezzo/sdk/contract';
import type { ClusterZone } from '../core/cluster.js';
import type { Responder } from '../core/responder.js';

export interface FeedRules {
  /** What a returned agent has not named after this long is gone. */
  readonly sweepAfterMs: number;
}

const RESOLVE_RETRY_MS = 30_000;

/** Brings events to the zone: big snapshots in slices, host names resolved on the side, stale tasks swept. */
export class Feed implements Disposable {
  private disposed = false;
  private readonly timers = new Set<NodeJS.Timeout>();
  private seenChanges = 0;

  constructor(
    private readonly cluster: ClusterZone,
    private readonly responder: Responder,
    private readonly log: Logger,
    private readonly rules: FeedRules = { sweepAfterMs: 5000 },
    private readonly resolveHost: (host: string) => Promise<string[]> = addressesOf,
  ) {}

  /** One event after the other: the next one waits for the promise. */
  async take(event: MasterEvent): Promise<void> {
    if (event.subscribed) {
      for (const _ of this.cluster.snapshot(event.subscribed.getState ?? {})) await breathe();
      this.responder.ready = true;
    } else this.cluster.apply(event);
    this.changed();
    const back = event.agentAdded?.agent.agentInfo.id?.value;
    if (back !== undefined && this.cluster.awaits(back)) this.after(this.rules.sweepAfterMs, () => this.sweep(back));
  }

  /** To be called after any change of the zone that did not come as an event. */
  changed(): void {
    if (this.cluster.changes !== this.seenChanges) this.responder.serial = Math.floor(Date.now() / 1000);
    this.seenChanges = this.cluster.changes;
    for (const host of this.cluster.takeUnresolved()) this.resolve(host);
  }

  dispose(): void {
    this.disposed = true;
    for (const timer of this.timers) clearTimeout(timer);
  }

  private sweep(agentId: string): void {
    this.cluster.sweep(agentId);
    this.changed();
  }

  private resolve(host: string): void {
    this.resolveHost(host).then(
      (ips) => {
        this.cluster.hostResolved(host, ips);
        this.changed();
      },
      (error: unknown) => {
        if (this.disposed) return;
        this.log.warn('a host name does not resolve: names that need its address are left out', {
          host,
          error: String(error),
        });
        this.after(RESOLVE_RETRY_MS, () => this.resolve(host));
      },
    );
  }

  private after(delayMs: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      run();
    }, delayMs);
    this.timers.add(timer);
  }
}

const addressesOf = async (host: string): Promise<string[]> =>
  (await lookup(host, { all: true })).map((entry) => entry.address);
