import { expect, test } from 'vitest';
import { FakeOperatorEvents } from '../../testing/fake-operator-events.js';
import { FakeDiscoverySink } from '../../testing/fake-sinks.js';
import { VirtualTime } from '../../testing/virtual-time.js';
import { DiscoveryDriver } from './discovery-driver.js';

async function world(prepare: (events: FakeOperatorEvents) => void = () => {}) {
  const time = new VirtualTime();
  const events = new FakeOperatorEvents();
  const sink = new FakeDiscoverySink();
  const stop = new AbortController();
  const troubles = new Map<string, string>();
  const trouble = (about: string, reason: string | undefined): void =>
    void (reason === undefined ? troubles.delete(about) : troubles.set(about, reason));
  events.addAgent('S1', '10.0.0.1');
  prepare(events);
  const ended = new DiscoveryDriver(sink, events, { clock: time, signal: stop.signal, trouble }).run();
  await time.advance(1000);
  const shown = (): string[] => [...sink.shown.values()].map(({ id }) => id).sort();
  return { time, events, sink, stop, ended, shown, trouble: () => [...troubles.values()].join() };
}

test('what runs is told whole, then as it changes', async () => {
  const { time, events, sink, shown, stop, ended } = await world((events) => events.addTask('a'));
  expect([shown(), sink.replaced]).toEqual([['a'], 1]);
  events.addTask('b', { state: 'TASK_STAGING' });
  await time.advance(1000);
  expect(shown()).toEqual(['a']);
  events.updateTask('b', 'TASK_RUNNING');
  events.updateTask('a', 'TASK_FINISHED');
  await time.advance(1000);
  expect([shown(), sink.replaced]).toEqual([['b'], 1]);
  events.removeAgent('S1');
  await time.advance(1000);
  expect(shown()).toEqual([]);
  stop.abort();
  await ended;
  expect(events.open).toBe(0);
});

test('a record says where the task is reached, and as what', async () => {
  const { sink } = await world((events) => {
    events.addTask('web', {
      name: 'The web',
      labels: { labels: [{ key: 'team', value: 'a' }, { key: 'bare' }] },
      resources: [{ name: 'ports', type: 'RANGES', ranges: { range: [{ begin: 31000, end: 31001 }] } }],
    });
    events.addTask('own', {
      container: { type: 'MESOS', networkInfos: [{ name: 'overlay' }] },
      discovery: {
        visibility: 'CLUSTER',
        name: 'own',
        ports: { ports: [{ number: 80, name: 'http', protocol: 'TCP' }] },
      },
      statuses: [
        {
          ...{ taskId: { value: 'own' }, state: 'TASK_RUNNING', healthy: true },
          containerStatus: { networkInfos: [{ ipAddresses: [{ ipAddress: '172.16.0.2' }] }] },
        },
      ],
    });
  });
  expect(sink.shown.get('F1/web')).toEqual({
    ...{ key: 'F1/web', id: 'web', name: 'The web', framework: { id: 'F1', name: 'marathon' } },
    ...{ agent: { id: 'S1', host: '10.0.0.1' }, addresses: ['10.0.0.1'] },
    ports: [{ number: 31000 }, { number: 31001 }],
    labels: { team: 'a', bare: '' },
  });
  expect(sink.shown.get('F1/own')).toMatchObject({
    addresses: ['172.16.0.2'],
    ports: [{ number: 80, name: 'http', protocol: 'tcp' }],
    discovery: { name: 'own' },
    healthy: true,
  });
});

test('what comes while the sink is busy is one change; what came and went is none', async () => {
  const { time, events, sink, shown } = await world((events) => events.addTask('stays'));
  let open = (): void => {};
  sink.gate = new Promise((resolve) => (open = resolve));
  events.addTask('first');
  await time.advance(1000);
  const calls = sink.calls;
  for (let i = 0; i < 3000; i++) {
    events.addTask('brief');
    events.updateTask('brief', 'TASK_KILLED');
  }
  events.updateTask('stays', 'TASK_RUNNING', { healthy: false });
  await time.advance(10_000);
  expect([sink.calls, sink.running]).toEqual([calls, 1]);
  open();
  await time.advance(1000);
  expect([sink.calls, sink.most]).toEqual([calls + 1, 1]);
  expect(shown()).toEqual(['first', 'stays']);
  expect(sink.shown.get('F1/stays')?.healthy).toBe(false);
});

test('an update that changes nothing is not told', async () => {
  const { time, events, sink } = await world((events) => events.addTask('a'));
  const { calls } = sink;
  events.updateTask('a', 'TASK_RUNNING');
  await time.advance(1000);
  expect(sink.calls).toBe(calls);
});

test('after a call that failed the sink is told all', async () => {
  const { time, events, sink, shown, trouble } = await world((events) => events.addTask('a'));
  sink.failure = new Error('no space');
  events.addTask('b');
  await time.advance(3000);
  expect(trouble()).toBe('discovery-sink.v1: it fails: no space');
  events.updateTask('a', 'TASK_LOST');
  sink.failure = undefined;
  sink.shown.set('F1/half', sink.shown.get('F1/a')!);
  await time.advance(30_000);
  expect([shown(), sink.replaced, trouble()]).toEqual([['b'], 2, '']);
});

test('a lost connection loses nothing', async () => {
  const { time, events, sink, shown } = await world((events) => events.addTask('a'));
  events.addTask('b');
  events.updateTask('a', 'TASK_KILLED');
  events.cut();
  await time.advance(1000);
  expect([shown(), sink.replaced]).toEqual([['b'], 2]);
  let open = (): void => {};
  sink.gate = new Promise((resolve) => (open = resolve));
  events.addTask('c');
  await time.advance(1000);
  events.cut();
  events.updateTask('c', 'TASK_FAILED');
  await time.advance(1000);
  open();
  await time.advance(1000);
  expect([shown(), sink.replaced]).toEqual([['b'], 3]);
});

test('a new leader that has not heard of the agents takes no task away', async () => {
  const { time, events, shown } = await world((events) => {
    events.addAgent('S2', '10.0.0.2');
    for (const [id, agent] of [
      ['a', 'S1'],
      ['b', 'S1'],
      ['c', 'S2'],
    ] as const)
      events.addTask(id, { agentId: { value: agent } });
  });
  events.failOver();
  await time.advance(60_000);
  expect(shown()).toEqual(['a', 'b', 'c']);
  events.addAgent('S1', '10.0.0.1');
  events.addTask('a');
  await time.advance(1000);
  expect(shown()).toEqual(['a', 'b', 'c']);
  await time.advance(10_000);
  expect(shown()).toEqual(['a', 'c']);
  events.removeAgent('S2');
  await time.advance(1000);
  expect(shown()).toEqual(['a']);
});

test('a plugin that stops does not wait for its sink', async () => {
  const { time, events, sink, stop, ended } = await world();
  sink.gate = new Promise(() => {});
  events.addTask('a');
  await time.advance(1000);
  stop.abort();
  await ended;
});
