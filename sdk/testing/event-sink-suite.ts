import assert from 'node:assert/strict';
import type { MasterEvent } from '../api/messages.js';
import type { EventBatch, EventSink } from '../points/event-sink.js';
import type { Law } from './containerizer-suite.js';
import { lawsAbout } from './sink-law.js';

export interface EventSinkSuiteOptions {
  /** A sink of its own for each law, which has kept nothing yet. */
  create(): Promise<EventSinkUnderTest>;
  /** Why it cannot be made to fail, if that is so: the law about failures is skipped. */
  readonly unbreakable?: string;
}

export interface EventSinkUnderTest {
  readonly sink: EventSink;
  /** What it has kept, oldest first, as whoever reads there finds it. */
  kept(): Promise<readonly MasterEvent[]>;
  /** Makes it fail, as when its disk is full or its server away; the answer ends that. */
  breakIt?(): Promise<() => Promise<void>>;
  /** As when its plugin is started again: another sink on what this one has kept. */
  reopen(): Promise<EventSink>;
  close(): Promise<void>;
}

type Check = (under: EventSinkUnderTest, sink: (batch: EventBatch) => Promise<void>) => Promise<void>;

/** How soon a call must end whose signal is aborted. */
const GIVES_UP_WITHIN_MS = 5_000;

/** What every event sink promises. The caller hands each law to its test runner. */
export function eventSinkSuite({ create, unbreakable }: EventSinkSuiteOptions): Law[] {
  const about = lawsAbout(create);
  const law = (title: string, check: Check, skip?: string): Law =>
    about(title, (under) => check(under, async (batch) => under.sink.write(batch, new AbortController().signal)), skip);
  return [
    law('what it has resolved is kept, in order, and nothing else', async (under, write) => {
      await write({ events: [snapshot()], missed: true, why: 'start' });
      for (let i = 0; i < 20; i++) await write(batchOf(i * 3, i * 3 + 3));
      assert.deepEqual(namesOf(await under.kept()), ['SUBSCRIBED', ...names(0, 60)]);
    }),
    law('a gap leaves what came before it alone', async (under, write) => {
      await write(batchOf(0, 2));
      await write({ events: [snapshot(), ...batchOf(2, 4).events], missed: true, why: 'overflow' });
      assert.deepEqual(namesOf(await under.kept()), [...names(0, 2), 'SUBSCRIBED', ...names(2, 4)]);
    }),
    law('a batch that comes twice loses nothing and changes no order', async (under, write) => {
      await write(batchOf(0, 3));
      await write(batchOf(3, 5));
      await write(batchOf(3, 5));
      await write(batchOf(5, 6));
      assert.deepEqual([...new Set(namesOf(await under.kept()))], names(0, 6));
    }),
    law(
      'while it cannot keep anything it rejects, and goes on when it can again',
      async (under, write) => {
        assert.ok(under.breakIt, 'it cannot be made to fail, and nothing says why');
        await write(batchOf(0, 1));
        const mend = await under.breakIt();
        await assert.rejects(write(batchOf(1, 3)), 'it resolved what it cannot have kept');
        await mend();
        await write(batchOf(1, 3));
        assert.deepEqual([...new Set(namesOf(await under.kept()))], names(0, 3));
      },
      unbreakable,
    ),
    law('what was kept outlives it, and the next one goes on there', async (under, write) => {
      await write(batchOf(0, 2));
      const next = await under.reopen();
      await next.write(batchOf(2, 4), new AbortController().signal);
      assert.deepEqual(namesOf(await under.kept()), names(0, 4));
    }),
    law('names of all kinds, and long ones, are kept as they are', async (under, write) => {
      const odd = ['', ' ', '\n', '\r\n', '\u0000', '"', '\\', '{', '𝔘𝔫𝔦', '\u2028', 'x'.repeat(200_000)];
      await write({ events: odd.map(eventOf), missed: false });
      assert.deepEqual(namesOf(await under.kept()), odd);
    }),
    law('a large batch is one like any other', async (under, write) => {
      await write(batchOf(0, 5000));
      assert.deepEqual(namesOf(await under.kept()), names(0, 5000));
    }),
    law('a call that is aborted ends soon', async ({ sink }) => {
      const abort = new AbortController();
      const call = Promise.resolve(sink.write(batchOf(0, 1), abort.signal)).catch(() => undefined);
      abort.abort();
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise((resolve) => (timer = setTimeout(() => resolve('late'), GIVES_UP_WITHIN_MS)));
      assert.notEqual(await Promise.race([call, late]), 'late');
      clearTimeout(timer);
    }),
  ];
}

const snapshot = (): MasterEvent => ({ type: 'SUBSCRIBED', subscribed: { getState: {} } });

const eventOf = (name: string): MasterEvent => ({
  type: 'TASK_ADDED',
  taskAdded: {
    task: {
      ...{ name, taskId: { value: 't' }, frameworkId: { value: 'F1' }, agentId: { value: 'S1' } },
      ...{ state: 'TASK_STAGING', resources: [] },
    },
  },
});

const names = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `t${from + i}`);
const batchOf = (from: number, to: number): EventBatch => ({ events: names(from, to).map(eventOf), missed: false });
const namesOf = (events: readonly MasterEvent[]): string[] =>
  events.map(({ type, taskAdded }) => taskAdded?.task.name ?? type ?? '');
