import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { SharedLog, SharedPlace } from '../../tests/support/shared-log.js';
import type { StoreSnapshot } from '../points/store-driver.js';
import { LoggedStore, encodeEntry, type LogEntry } from '../store/index.js';
import { storeDriverSuite } from './store-driver-suite.js';

type MakeLog = (place: SharedPlace) => SharedLog;

/** Titles of the laws that such a log breaks. */
async function broken(make: MakeLog, snapshotEvery = 4): Promise<string[]> {
  const laws = storeDriverSuite({
    create: () => {
      const place = new SharedPlace();
      const open = () => LoggedStore.open(make(place), { snapshotEvery });
      return Promise.resolve({ open, crashed: open, destroy: () => Promise.resolve() });
    },
    shared: true,
  });
  const failed: string[] = [];
  for (const { title, skip, run } of laws) if (skip === undefined) await run().catch(() => failed.push(title));
  return failed;
}

/** Whoever comes writes: numbers are not looked at where the log lies. */
class Careless extends SharedLog {
  constructor(private readonly at: SharedPlace) {
    super(at);
  }
  override async append(_first: number, entries: readonly LogEntry[]): Promise<boolean> {
    return super.append(this.at.last + 1, entries);
  }
}

/** Answers first, and writes then. */
class Hasty extends SharedLog {
  private written: Promise<unknown> = Promise.resolve();
  override append(first: number, entries: readonly LogEntry[]): Promise<boolean> {
    this.written = this.written.then(() => nextTurn()).then(() => super.append(first, entries));
    return Promise.resolve(true);
  }
}

/** Throws away what was there before the snapshot is. */
class Torn extends SharedLog {
  constructor(private readonly at: SharedPlace) {
    super(at);
  }
  override async replace(snapshot: StoreSnapshot): Promise<boolean> {
    const { sequence, epoch } = snapshot;
    this.at.entries = [];
    this.at.snapshot = { sequence, epoch, entries: [] };
    await nextTurn();
    return super.replace(snapshot);
  }
}

/** Each write of a batch by itself. */
class Piecemeal extends SharedLog {
  constructor(private readonly at: SharedPlace) {
    super(at);
  }
  override async append(first: number, entries: readonly LogEntry[]): Promise<boolean> {
    if (first !== this.at.last + 1) return false;
    for (const { epoch, writes } of entries) {
      this.at.entries.push(encodeEntry({ epoch, writes: writes.slice(0, 1) }));
      await nextTurn();
      this.at.entries.splice(-1, 1, encodeEntry({ epoch, writes }));
      this.at.epoch = Math.max(this.at.epoch, epoch);
    }
    return true;
  }
}

test.each<[string, MakeLog, string]>([
  [
    'lets everybody append',
    (place) => new Careless(place),
    'whoever starts an epoch has all that others have committed',
  ],
  ['acknowledges what is not there yet', (place) => new Hasty(place), 'leaves what it has acknowledged'],
  ['replaces a snapshot in two steps', (place) => new Torn(place), 'a process that dies amid a restore'],
  ['writes batches in pieces', (place) => new Piecemeal(place), 'whole batches'],
])('a log that %s breaks a law', { timeout: 60_000 }, async (_, make, law) => {
  expect((await broken(make)).join('; ')).toContain(law);
});

test('one that does as it should breaks none', { timeout: 60_000 }, async () => {
  expect(await broken((place) => new SharedLog(place))).toEqual([]);
});
