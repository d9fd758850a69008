import { afterEach, expect, test } from 'vitest';
import { FakeCluster, MemoryPluginStore } from '../testing/index.js';
import type { ConnectionState } from './framework.js';
import { Framework, type FrameworkOptions, type TaskEvent, type Want } from './index.js';

const open: Framework[] = [];
afterEach(async () => {
  for (const framework of open.splice(0)) await framework.close();
});

/** A cluster with one agent, and a framework on it. */
async function world(some: Partial<FrameworkOptions> = {}) {
  const cluster = new FakeCluster();
  const store = new MemoryPluginStore();
  const events: TaskEvent[] = [];
  const states: ConnectionState[] = [];
  const start = async () => {
    const framework = await Framework.start({
      name: 'test',
      scheduler: cluster,
      store,
      clock: cluster.time,
      onTask: (event) => events.push(event),
      onState: (state) => states.push(state),
      ...some,
    });
    open.push(framework);
    await cluster.time.settle();
    return framework;
  };
  cluster.addAgent();
  return { cluster, store, events, states, start, time: cluster.time, framework: await start() };
}

const want = (key: string, more: Partial<Want> = {}): Want => ({
  key,
  task: { command: 'sleep 1', resources: { cpus: 1, mem: 100 } },
  ...more,
});
const idOf = (cluster: FakeCluster): string => [...cluster.tasks.keys()][0] ?? '';

test('a map over inputs with retries: thirty lines for a user', async () => {
  const { cluster, framework, time } = await world();
  cluster.onLaunch = ({ id, info }) => {
    const flaky = id.startsWith('square-3.') && id.endsWith('.1');
    time.after(1000, () =>
      flaky
        ? cluster.fail(id)
        : cluster.finish(id, { message: String(Number(info.command?.value?.split(' ')[1]) ** 2) }),
    );
  };

  async function map(inputs: readonly number[]): Promise<number[]> {
    const handles = inputs.map((input) =>
      framework.run({
        key: `square-${input}`,
        task: { command: `square ${input}`, resources: { cpus: 0.5, mem: 64 } },
        retry: { times: 3, backoffMs: 500 },
      }),
    );
    const outcomes = await Promise.all(handles.map(({ finished }) => finished));
    const failed = outcomes.filter(({ succeeded }) => !succeeded);
    if (failed.length > 0) throw new Error(`failed: ${failed.map(({ key }) => key).join()}`);
    return outcomes.map(({ message }) => Number(message));
  }

  const squares = map([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  await time.advance(10_000);
  expect(await squares).toEqual([1, 4, 9, 16, 25, 36, 49, 64, 81, 100, 121, 144]);
  expect(cluster.launched).toHaveLength(13);
  expect(await map([1, 2, 3])).toEqual([1, 4, 9]);
  expect(cluster.launched).toHaveLength(13);
});

test('what is wanted runs, is told of, ends, and nothing is offered any more', async () => {
  const { cluster, framework, events, time } = await world();
  expect(cluster.callsOf('REVIVE')).toHaveLength(0);
  const { finished } = framework.run(want('a'));
  await time.settle();
  cluster.finish(idOf(cluster), { message: 'done' });
  expect(await finished).toMatchObject({ key: 'a', succeeded: true, attempt: 1, message: 'done', hostname: 'node1' });
  expect(events.map(({ state }) => state)).toEqual(['TASK_STAGING', 'TASK_RUNNING', 'TASK_FINISHED']);
  await time.advance(3_600_000);
  expect(cluster.callsOf('REVIVE')).toHaveLength(1);
  expect(cluster.callsOf('SUPPRESS')).toHaveLength(1);
  expect(cluster.callsOf('ACKNOWLEDGE')).toHaveLength(2);
});
