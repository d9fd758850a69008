import type { Publication } from '../core/effects.js';

const MAX_EVENTS = 5000;
const MAX_BYTES = 8 * 1024 * 1024;

export interface NumberedEvent {
  readonly id: number;
  readonly type: string;
  /** One line of JSON. */
  readonly data: string;
}

type Listener = (event: NumberedEvent) => void;

/** The latest events, for streams that come back. Numbers grow over restarts too: they start from the time. */
export class EventRing {
  private readonly events: NumberedEvent[] = [];
  private readonly listeners = new Set<Listener>();
  private bytes = 0;
  private nextId: number;

  constructor(startMs: number) {
    this.nextId = startMs * 1000;
  }

  add(publication: Publication): void {
    const event = { id: this.nextId++, type: publication.eventType, data: JSON.stringify(publication) };
    this.events.push(event);
    this.bytes += event.data.length;
    while (this.events.length > MAX_EVENTS || this.bytes > MAX_BYTES)
      this.bytes -= this.events.shift()?.data.length ?? 0;
    for (const listener of this.listeners) listener(event);
  }

  /** What came after `id`. `complete` is false when some of it is no longer known. */
  since(id: number): { events: readonly NumberedEvent[]; complete: boolean } {
    const first = this.events[0]?.id ?? this.nextId;
    return { events: this.events.filter((event) => event.id > id), complete: id >= first - 1 };
  }

  subscribe(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
