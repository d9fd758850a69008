import type { MasterEvent } from '../../api/messages.js';
import type { OperatorEventsFactory } from '../../framework/operator-events.js';
import { EVENT_SINK, type EventBatch, type EventSink } from '../../points/event-sink.js';
import { followEvents } from './follow-events.js';
import { Signal } from './signal.js';
import { SinkCaller, type SinkParts } from './sink-caller.js';

const MAX_BATCH = 500;
/** What waits for a slow sink, besides a snapshot. */
const MAX_QUEUED = 10_000;
const MAX_QUEUED_CHARS = 16 * 1024 * 1024;

interface Queued {
  readonly event: MasterEvent;
  /** Of it as JSON; a snapshot, of which one can wait, is not counted. */
  readonly chars: number;
  readonly why?: EventBatch['why'];
}

/**
 * Brings the events of the master to one sink. When the sink does not keep up, the subscription is given up; once what waited has been taken, a new one
 * begins with a snapshot.
 */
export class EventDriver {
  private queue: Queued[] = [];
  private queuedChars = 0;
  private why: EventBatch['why'] = 'start';
  private readonly filled = new Signal();
  private readonly emptied = new Signal();
  private readonly caller: SinkCaller;

  constructor(
    private readonly sink: EventSink,
    private readonly factory: OperatorEventsFactory,
    private readonly parts: SinkParts,
  ) {
    this.caller = new SinkCaller(EVENT_SINK.id, parts);
    parts.signal.addEventListener('abort', () => (this.filled.fire(), this.emptied.fire()));
  }

  /** Until the plugin stops. */
  async run(): Promise<void> {
    const reading = followEvents(
      EVENT_SINK.id,
      this.factory,
      this.parts,
      (event) => this.take(event),
      () => this.room(),
    );
    await Promise.all([reading, this.write()]);
  }

  /** False: there is no room for it. */
  private take(event: MasterEvent): boolean {
    if (event.subscribed) {
      const waiting = this.queue.findIndex(({ why }) => why !== undefined);
      const why = this.queue[waiting]?.why ?? this.why;
      this.why = 'connection';
      this.dropFrom(waiting);
      this.queue.push({ event, chars: 0, why });
    } else {
      const chars = JSON.stringify(event).length;
      const isFull = this.queue.length >= MAX_QUEUED || this.queuedChars + chars > MAX_QUEUED_CHARS;
      if (isFull && this.queue.length > 0) {
        this.why = 'overflow';
        return false;
      }
      this.queue.push({ event, chars });
      this.queuedChars += chars;
    }
    this.filled.fire();
    return true;
  }

  /** A snapshot takes the place of one that waits, and of all that came after that. */
  private dropFrom(at: number): void {
    if (at < 0) return;
    for (const { chars } of this.queue.splice(at)) this.queuedChars -= chars;
  }

  private async room(): Promise<void> {
    while (this.why === 'overflow' && this.queue.length > 0 && !this.parts.signal.aborted) await this.emptied.wait();
  }

  private async write(): Promise<void> {
    while (!this.parts.signal.aborted) {
      if (this.queue.length === 0) {
        this.emptied.fire();
        await this.filled.wait();
        continue;
      }
      const batch = this.nextBatch();
      await this.caller.deliver((signal) => this.sink.write(batch, signal));
    }
  }

  /** A snapshot comes first in its batch. */
  private nextBatch(): EventBatch {
    const next = this.queue.findIndex(({ why }, i) => i > 0 && why !== undefined);
    const taken = this.queue.splice(0, Math.min(next < 0 ? MAX_BATCH : next, MAX_BATCH));
    for (const { chars } of taken) this.queuedChars -= chars;
    const why = taken[0]?.why;
    return { events: taken.map(({ event }) => event), missed: why !== undefined, ...(why && { why }) };
  }
}
