import { setImmediate as nextTurn } from 'node:timers/promises';
import type { StoreSnapshot } from '@mezzo/sdk/points/store-driver';
import { decodeEntry, encodeEntry, type LogEntry, type LogReader, type StoreLog } from '@mezzo/sdk/store';

/** What several masters share, as a database would keep it: each change is one transaction. */
export class SharedPlace {
  snapshot: StoreSnapshot | undefined;
  /** Texts of what follows the snapshot. */
  entries: string[] = [];
  epoch = 0;

  get last(): number {
    return (this.snapshot?.sequence ?? 0) + this.entries.length;
  }
}

/** One master's way to it. */
export class SharedLog implements StoreLog {
  /** Of the last entry that this one has written or read. */
  private epoch = 0;

  constructor(private readonly place: SharedPlace) {}

  async load(reader: LogReader): Promise<void> {
    await nextTurn();
    const { snapshot, entries, epoch } = this.place;
    if (snapshot) reader.snapshot(snapshot);
    const first = (snapshot?.sequence ?? 0) + 1;
    entries.forEach((text, at) => reader.entry(first + at, decodeEntry(text)));
    this.epoch = epoch;
  }

  async append(first: number, entries: readonly LogEntry[]): Promise<boolean> {
    await nextTurn();
    const { place } = this;
    if (first !== place.last + 1) return false;
    place.entries.push(...entries.map(encodeEntry));
    this.epoch = place.epoch = Math.max(place.epoch, ...entries.map(({ epoch }) => epoch));
    await nextTurn();
    return true;
  }

  async replace(snapshot: StoreSnapshot): Promise<boolean> {
    await nextTurn();
    const { place } = this;
    if (place.epoch !== this.epoch) return false;
    const kept = Math.max(0, place.last - snapshot.sequence);
    place.entries = kept === 0 ? [] : place.entries.slice(-kept);
    place.snapshot = snapshot;
    this.epoch = place.epoch = Math.max(place.epoch, snapshot.epoch);
    return true;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
