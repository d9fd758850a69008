import { expect, test } from 'vitest';
import { FakeOperatorEvents } from '../../testing/fake-operator-events.js';
import { FakeEventSink } from '../../testing/fake-sinks.js';
import { VirtualTime } from '../../testing/virtual-time.js';
import { EventDriver } from './event-driver.js';

function world() {
  const time = new VirtualTime();
  const events = new FakeOperatorEvents();
  const sink = new FakeEventSink();
  const stop = new AbortController();
  const troubles = new Map<string, string>();
  const trouble = (about: string, reason: string | undefined): void =>
    void (reason === undefined ? troubles.delete(about) : troubles.set(about, reason));
  const driver = new EventDriver(sink, events, { clock: time, signal: stop.signal, trouble });
  const ended = driver.run();
  return { time, events, sink, stop, troubles, ended, trouble: () => [...troubles.values()].join() };
}

const idOf = ({ taskAdded, type }: FakeEventSink['events'][number]): string => taskAdded?.task.taskId.value ?? type!;
const task = (events: FakeOperatorEvents, from: number, to: number): void => {
  for (let i = from; i < to; i++) events.addTask(`t${i}`);
};
const ids = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `t${from + i}`);

/** A promise that is kept when the test says so. */
function gate(): { readonly shut: Promise<void>; open(): void } {
  let open = (): void => {};
  const shut = new Promise<void>((resolve) => (open = resolve));
  return { shut, open: () => open() };
}

test('events come in order, one call at a time, after a snapshot', async () => {
  const { time, events, sink, stop, ended, trouble } = world();
  await time.settle();
  const wait = gate();
  sink.gate = wait.shut;
  task(events, 0, 1200);
  await time.settle();
  wait.open();
  await time.advance(1000);
  expect(sink.events.map(idOf)).toEqual(['SUBSCRIBED', ...ids(0, 1200)]);
  expect(sink.batches[0]).toMatchObject({ missed: true, why: 'start' });
  expect(sink.batches.slice(1).every(({ missed, events: { length } }) => !missed && length <= 500)).toBe(true);
  expect(sink.most).toBe(1);
  expect(trouble()).toBe('');
  stop.abort();
  await ended;
  expect(events.open).toBe(0);
});

test('a batch that is refused comes again, with growing pauses, and nothing passes it', async () => {
  const { time, events, sink, trouble } = world();
  await time.settle();
  sink.failure = new Error('disk full');
  task(events, 0, 3);
  await time.advance(60_000);
  expect(sink.batches).toHaveLength(1);
  expect(sink.calls).toBeGreaterThan(5);
  expect(sink.calls).toBeLessThan(12);
  expect(trouble()).toBe('event-sink.v1: it fails: disk full');
  sink.failure = undefined;
  await time.advance(30_000);
  expect(sink.events.map(idOf)).toEqual(['SUBSCRIBED', ...ids(0, 3)]);
  expect(trouble()).toBe('');
});

test('a sink that throws at once, and throws nothing, is like one that rejects', async () => {
  const { time, sink, troubles } = world();
  let calls = 0;
  sink.write = () => {
    calls++;
    throw undefined;
  };
  await time.advance(3000);
  expect(calls).toBe(3);
  expect([...troubles.keys()]).toEqual(['event-sink.v1']);
});

test('a lost connection is a gap: a snapshot follows, and what came before it is kept', async () => {
  const { time, events, sink } = world();
  await time.settle();
  task(events, 0, 2);
  await time.settle();
  events.cut();
  task(events, 2, 4);
  await time.advance(1000);
  expect(sink.events.map(idOf)).toEqual(['SUBSCRIBED', 't0', 't1', 'SUBSCRIBED', 't2', 't3']);
  const again = sink.batches.filter(({ missed }) => missed);
  expect(again.map(({ why, events: [first] }) => [why, first?.type])).toEqual([
    ['start', 'SUBSCRIBED'],
    ['connection', 'SUBSCRIBED'],
  ]);
});

test('a sink that hangs is told of, never called twice, and costs no more than the bound', async () => {
  const { time, events, sink, trouble } = world();
  await time.settle();
  const wait = gate();
  sink.gate = wait.shut;
  task(events, 0, 1);
  await time.settle();
  for (let i = 0; i < 30; i++) {
    task(events, 1 + i * 1000, 1001 + i * 1000);
    await time.advance(60_000);
  }
  expect(sink.running).toBe(1);
  expect(trouble()).toBe('event-sink.v1: a call has not ended within 30 s');
  // It gave up its subscription instead of filling the memory, and subscribes again when there is room.
  expect([events.open, events.subscriptions]).toEqual([0, 1]);
  wait.open();
  await time.advance(5000);
  expect(trouble()).toBe('');
  const seen = sink.events.map(idOf);
  expect(seen.slice(0, 10_002)).toEqual(['SUBSCRIBED', ...ids(0, 10_001)]);
  expect(seen.slice(10_002)).toEqual(['SUBSCRIBED']);
  expect(sink.batches.at(-1)).toMatchObject({ missed: true, why: 'overflow' });
  task(events, 0, 1);
  await time.advance(1000);
  expect(sink.events.at(-1)?.type).toBe('TASK_ADDED');
});

test('large events fill the queue sooner', async () => {
  const { time, events, sink } = world();
  await time.settle();
  const wait = gate();
  sink.gate = wait.shut;
  const name = 'x'.repeat(1024 * 1024);
  for (let i = 0; i < 40; i++) events.addTask(`t${i}`, { name });
  await time.advance(1000);
  expect(events.open).toBe(0);
  wait.open();
  await time.advance(5000);
  expect(sink.events.filter(({ type }) => type === 'TASK_ADDED').length).toBeLessThan(20);
  expect(sink.batches.at(-1)).toMatchObject({ why: 'overflow' });
});

test('while the sink hangs, a connection that flaps leaves one snapshot to wait', async () => {
  const { time, events, sink } = world();
  await time.settle();
  const wait = gate();
  sink.gate = wait.shut;
  task(events, 0, 1);
  await time.settle();
  for (let i = 1; i < 50; i++) {
    task(events, i, i + 1);
    await time.settle();
    events.cut();
    await time.settle();
  }
  wait.open();
  await time.advance(1000);
  expect(sink.events.map(idOf)).toEqual(['SUBSCRIBED', 't0', 't1', 'SUBSCRIBED']);
});

test('a refusal of the master is told and asked again', async () => {
  const { time, events, sink, trouble } = world();
  events.refusal = new Error('403 Forbidden');
  await time.advance(1000);
  expect([sink.calls, trouble()]).toEqual([0, "event-sink.v1: the master's events cannot be had: 403 Forbidden"]);
  await time.advance(2000);
  expect([sink.calls, trouble()]).toEqual([1, '']);
});

test('a plugin that stops does not wait for its sink', async () => {
  const { time, sink, stop, ended } = world();
  sink.gate = new Promise(() => {});
  await time.advance(1000);
  stop.abort();
  await ended;
});
