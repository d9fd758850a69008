import { afterEach, expect, test } from 'vitest';
import { MezzoError } from '../contract/errors.js';
import { FakeCluster, MemoryPluginStore } from '../testing/index.js';
import type { ConnectionState } from './framework-options.js';
import { Framework, type FrameworkOptions, type SchedulerClientFactory, type TaskEvent, type Want } from './index.js';

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

const minutes = 60_000;
const codeOf = async (promise: Promise<Error | undefined>) => (await promise) as { code?: string } | undefined;

test('a failure is retried as its policy says, with growing waits, and then it is final', async () => {
  const { cluster, framework, events, time } = await world();
  const launchedAt: number[] = [];
  cluster.onLaunch = ({ id }) => {
    launchedAt.push(time.now());
    cluster.fail(id);
  };
  const { finished } = framework.run(want('a', { retry: { times: 3, backoffMs: 1000, maxBackoffMs: 3000 } }));
  await time.advance(minutes);
  expect(await finished).toMatchObject({
    succeeded: false,
    state: 'TASK_FAILED',
    attempt: 4,
    message: 'exited with 1',
  });
  expect(launchedAt.slice(1).map((at, index) => at - (launchedAt[index] ?? 0))).toEqual([1000, 2000, 3000]);
  expect(events.filter(({ retryAtMs }) => retryAtMs !== undefined)).toHaveLength(3);
});

test('an ending that its policy does not name is final', async () => {
  const { cluster, framework, time } = await world();
  const { finished } = framework.run(want('a', { retry: { times: 3, on: ['TASK_LOST'] } }));
  await time.settle();
  cluster.fail(idOf(cluster));
  expect(await finished).toMatchObject({ succeeded: false, state: 'TASK_FAILED', attempt: 1 });
});

test('a launch whose offer is gone is repeated and counts as no failure', async () => {
  const { cluster, framework, time } = await world();
  cluster.fails = ({ type }) => {
    // Another master leads before the call arrives: it knows nothing of the offer.
    if (type === 'ACCEPT' && cluster.callsOf('ACCEPT').length === 0) cluster.failOver();
    return false;
  };
  const { record } = framework.run(want('a'));
  await time.advance(10_000);
  expect(framework.get('a')?.record).toMatchObject({ attempt: 2, failures: 0, launch: { state: 'TASK_RUNNING' } });
  expect(record.attempt).toBe(0);
});

test('an ACCEPT that did not arrive gives its offer back, and its tasks are launched with another', async () => {
  const { cluster, framework, time } = await world();
  let broken = 1;
  cluster.fails = ({ type }) => type === 'ACCEPT' && broken-- > 0 && { arrives: false };
  framework.run(want('a'));
  await time.advance(10_000);
  expect(cluster.callsOf('DECLINE')).toHaveLength(1);
  expect(framework.get('a')?.record).toMatchObject({ attempt: 2, failures: 0, launch: { state: 'TASK_RUNNING' } });
});

test('tasks are packed into one ACCEPT, with ports of their own, and what is reserved for the role goes first', async () => {
  const { cluster, framework, time } = await world({ roles: ['batch', 'web'] });
  cluster.addAgent({ role: 'web', cpus: 8, ports: [8000, 8005] });
  const web = { command: 'serve', env: { A: 'b' }, labels: { c: 'd' }, resources: { cpus: 1, mem: 10, ports: 2 } };
  for (const key of ['w1', 'w2', 'w3']) framework.run({ key, role: 'web', task: web, placement: ON_WEB });
  framework.run(want('b'));
  await time.settle();
  expect(cluster.callsOf('ACCEPT')).toHaveLength(2);
  const [first] = cluster.launched.filter(({ id }) => id.startsWith('w1.'));
  expect(first?.info.resources?.[0]).toMatchObject({
    allocationInfo: { role: 'web' },
    reservations: [{ role: 'web' }],
  });
  const variables = first?.info.command?.environment?.variables;
  expect(variables?.map(({ name, value }) => `${name}=${value}`)).toEqual([
    'A=b',
    'PORT0=8000',
    'PORT1=8001',
    'PORT=8000',
  ]);
  const ports = framework.tasks.flatMap(({ launch }) => launch?.ports ?? []);
  expect(ports).toEqual([8000, 8001, 8002, 8003, 8004, 8005]);
});
const ON_WEB = { constraints: [['hostname', 'IS', 'node2']] } as const;

test('constraints and the function of the framework decide where a task may go', async () => {
  const { cluster, framework, time } = await world({ accepts: ({ hostname }) => hostname !== 'node1' });
  cluster.addAgent({ attributes: { rack: 'r2' } });
  cluster.addAgent({ attributes: { rack: 'r3' } });
  const unique = { group: 'u', constraints: [['rack', 'UNIQUE']] } as const;
  for (const key of ['a', 'b', 'c']) framework.run(want(key, { placement: unique }));
  framework.run(want('d', { placement: { constraints: [['rack', 'LIKE', 'r[3-9]']] } }));
  await time.settle();
  const places = framework.tasks.map(({ launch }) => launch?.facts.hostname);
  expect(places).toEqual(['node2', 'node3', undefined, 'node3']);
  cluster.finish(framework.get('a')?.record.launch?.taskId ?? '');
  await time.settle();
  expect(framework.get('c')?.record.launch?.facts.hostname).toBe('node2');
});

test('what does not fit is declined, and offered again only when something new is wanted', async () => {
  const { cluster, framework, time } = await world({ refuseSeconds: 3600 });
  framework.run({ key: 'big', task: { command: 'x', resources: { cpus: 99, mem: 1 } } });
  await time.advance(minutes);
  expect(cluster.callsOf('DECLINE')).toHaveLength(1);
  framework.run(want('a'));
  await time.settle();
  expect(framework.get('a')?.record.launch?.state).toBe('TASK_RUNNING');
  expect(cluster.callsOf('REVIVE')).toHaveLength(2);
});

test('many tasks alike wait without reviving for each that comes or ends', async () => {
  const { cluster, framework, time } = await world();
  cluster.onLaunch = ({ id }) => void time.after(1000, () => cluster.finish(id));
  const handles = Array.from({ length: 30 }, (_, index) => framework.run(want(`t${index}`)));
  await time.advance(20_000);
  await Promise.all(handles.map(({ finished }) => finished));
  expect(cluster.callsOf('REVIVE')).toHaveLength(1);
});

test('a task is stopped, its kill repeated until it has ended, and its key is free again', async () => {
  const { cluster, framework, time } = await world();
  const { finished } = framework.run(want('a'));
  await time.settle();
  cluster.onKill = () => {};
  const stopped = framework.stop('a');
  expect(() => framework.run(want('a'))).toThrow(expect.objectContaining({ code: 'KEY_TAKEN' }) as Error);
  await time.advance(65_000);
  expect(cluster.callsOf('KILL')).toHaveLength(3);
  cluster.setState(idOf(cluster), 'TASK_KILLED');
  await stopped;
  expect(await finished).toMatchObject({ stopped: true, succeeded: false, state: 'TASK_KILLED' });
  expect(framework.get('a')).toBeUndefined();
  await time.advance(5 * minutes);
  expect(cluster.callsOf('KILL')).toHaveLength(3);
  framework.run(want('a'));
  await time.settle();
  expect(new Set(cluster.launched.map(({ id }) => id)).size).toBe(2);
});

test('a task that cannot be reached is waited for, then replaced, and killed when it is back', async () => {
  const { cluster, framework, time } = await world();
  const { id: other } = cluster.addAgent();
  framework.run(want('a', { retry: { times: 1, unreachableMs: 5 * minutes } }));
  await time.settle();
  const first = idOf(cluster);
  cluster.loseAgent('S1');
  await time.advance(4 * minutes);
  expect(cluster.launched).toHaveLength(1);
  await time.advance(2 * minutes);
  expect(cluster.launched.map(({ agent }) => agent.id)).toEqual(['S1', other]);
  cluster.returnAgent('S1');
  await time.advance(1000);
  expect([...cluster.tasks.keys()]).not.toContain(first);
  expect(framework.get('a')?.record).toMatchObject({ attempt: 2, failures: 1, launch: { state: 'TASK_RUNNING' } });
});

test('the time for which it cannot be reached goes on over a restart', async () => {
  const { cluster, framework, start, time } = await world();
  framework.run(want('a'));
  await time.settle();
  cluster.loseAgent('S1');
  await time.advance(4 * minutes);
  await framework.close();
  const { finished } = (await start()).get('a') ?? {};
  await time.advance(1.1 * minutes);
  expect(await finished).toMatchObject({ state: 'TASK_LOST', succeeded: false });
});

test('one that is stopped while it cannot be reached is forgotten at once', async () => {
  const { cluster, framework, time } = await world();
  framework.run(want('a'));
  await time.settle();
  cluster.loseAgent('S1');
  await time.settle();
  await framework.stop('a');
  cluster.returnAgent('S1');
  await time.advance(1000);
  expect([...cluster.tasks.keys()]).toEqual([]);
});

test('after a subscription every task is asked about, more and more seldom, until there is an answer', async () => {
  const { cluster, framework, start, time } = await world();
  framework.run(want('a'));
  await time.settle();
  await framework.close();
  cluster.copies = () => 0;
  cluster.calls.length = 0;
  const startMs = time.now();
  const askedAfterMs: number[] = [];
  cluster.fails = ({ reconcile }) => {
    if (reconcile?.tasks) askedAfterMs.push(time.now() - startMs);
    return false;
  };
  await start();
  await time.advance(16_000);
  expect(askedAfterMs).toEqual([0, 1000, 3000, 7000, 15_000]);
  expect(cluster.callsOf('RECONCILE').filter(({ reconcile }) => !reconcile?.tasks)).toHaveLength(1);
  cluster.copies = () => 1;
  await time.advance(5 * minutes);
  expect(askedAfterMs).toHaveLength(6);
});

test('a launch of which there is no word is asked about, and so is everything after a call has failed', async () => {
  const { cluster, framework, time } = await world();
  cluster.onLaunch = () => {};
  framework.run(want('a'));
  await time.advance(29_000);
  expect(cluster.callsOf('RECONCILE')).toHaveLength(1);
  await time.advance(2000);
  expect(cluster.callsOf('RECONCILE')).toHaveLength(2);
  expect(framework.get('a')?.record.launch?.state).toBe('TASK_STAGING');
  let broken = 1;
  cluster.fails = ({ type }) => type === 'KILL' && broken-- > 0 && { arrives: false };
  void framework.stop('a');
  await time.advance(2000);
  expect(cluster.callsOf('RECONCILE')).toHaveLength(3);
  expect(framework.tasks).toEqual([]);
});

test('a task of a crashed process is found again, not launched twice', async () => {
  const { cluster, framework, start, time } = await world();
  framework.run(want('a'));
  await time.settle();
  await framework.close();
  cluster.finish(idOf(cluster));
  const again = await start();
  await time.settle();
  const { finished } = again.run(want('a'));
  expect(await finished).toMatchObject({ succeeded: true, attempt: 1 });
  expect(again.frameworkId).toBe(framework.frameworkId);
  expect(() => again.run(want('a', { role: '*', retry: { times: 9 } }))).toThrow(
    expect.objectContaining({ code: 'KEY_TAKEN' }) as Error,
  );
});

test('a framework that was removed says so and ends', async () => {
  const { cluster, framework, states, time } = await world();
  cluster.removeFramework();
  await time.settle();
  expect(await codeOf(framework.ended)).toMatchObject({ code: 'FRAMEWORK_REMOVED', blame: 'operator' });
  expect(states.at(-1)).toMatchObject({ phase: 'ended', error: { code: 'FRAMEWORK_REMOVED' } });
  expect(() => framework.run(want('a'))).toThrow(expect.objectContaining({ code: 'FRAMEWORK_ENDED' }) as Error);
});

test('or begins anew with what is wanted, where that is configured', async () => {
  const { cluster, framework, states, time } = await world({ whenRemoved: 'startAnew' });
  const before = framework.frameworkId;
  framework.run(want('a'));
  await time.settle();
  cluster.removeFramework();
  await time.advance(2000);
  expect(framework.frameworkId).not.toBe(before);
  expect(framework.get('a')?.record).toMatchObject({ attempt: 2, failures: 0, launch: { state: 'TASK_RUNNING' } });
  expect(states.map(({ phase, error }) => error ?? phase)).toEqual([
    'connected',
    expect.objectContaining({ code: 'FRAMEWORK_REMOVED' }),
    'connected',
  ]);
});

test('one whose place another process has taken ends', async () => {
  const { framework, start } = await world();
  await start();
  expect(await codeOf(framework.ended)).toMatchObject({ code: 'FRAMEWORK_REJECTED' });
});

test('while the store is away nothing is launched or acknowledged; when it is back, all goes on', async () => {
  const { cluster, framework, store, time } = await world();
  store.outage = 'before';
  framework.run(want('a'));
  await time.advance(10_000);
  expect(cluster.calls.filter(({ type }) => type === 'ACCEPT' || type === 'REVIVE')).toEqual([]);
  store.outage = 'none';
  await time.advance(10_000);
  expect(framework.get('a')?.record.launch?.state).toBe('TASK_RUNNING');
});

test('who waits for a stop hears that the framework ended first', async () => {
  const { cluster, framework, time } = await world();
  cluster.onKill = () => {};
  framework.run(want('a'));
  await time.settle();
  const stopped = framework.stop('a');
  await time.settle();
  await framework.close();
  await expect(stopped).rejects.toMatchObject({ code: 'FRAMEWORK_ENDED' });
});

test('a store that takes nothing for good ends the framework', async () => {
  const { framework, store } = await world();
  store.commit = () => Promise.reject(new Error('no space left'));
  framework.run(want('a'));
  expect(await codeOf(framework.ended)).toMatchObject({ code: 'STORE_FAILED', blame: 'environment' });
});

test('a bug in the function that looks at offers ends the framework, before anything is launched', async () => {
  const { cluster, framework } = await world({
    accepts: () => {
      throw new TypeError('a bug');
    },
  });
  framework.run(want('a'));
  expect(await framework.ended).toBeInstanceOf(TypeError);
  expect(cluster.launched).toEqual([]);
});

test('a subscription that is refused is told of and tried again', async () => {
  const cluster = new FakeCluster();
  let refusals = 2;
  const refusing = async function* (): AsyncGenerator<never> {
    throw new MezzoError('SUBSCRIBE_REFUSED', '401', { blame: 'user' });
  };
  const scheduler: SchedulerClientFactory = {
    connect: (options) => {
      const client = cluster.connect(options);
      if (refusals-- > 0) client[Symbol.asyncIterator] = refusing;
      return client;
    },
  };
  const { framework, states, time } = await world({ scheduler, clock: cluster.time });
  await cluster.time.advance(11_000);
  await time.settle();
  expect(states.map(({ error, phase }) => error?.message ?? phase)).toEqual(['401', '401', 'connected']);
  expect(framework.frameworkId).toBeDefined();
});

test('a machine is given back when no task is there', async () => {
  const { cluster, framework, time } = await world();
  cluster.addAgent();
  framework.run(want('a', { placement: { constraints: [['hostname', 'IS', 'node1']] } }));
  await time.settle();
  cluster.askBack('S1', 'S2');
  await time.settle();
  expect(cluster.callsOf('DECLINE_INVERSE_OFFERS')).toHaveLength(1);
  expect(cluster.callsOf('ACCEPT_INVERSE_OFFERS')).toHaveLength(1);
});

test('a teardown ends all tasks and leaves nothing behind', async () => {
  const { cluster, framework, store, time } = await world();
  framework.run(want('a'));
  await time.settle();
  await framework.teardown();
  expect([...cluster.tasks.keys()]).toEqual([]);
  expect(store.entries.size).toBe(0);
  expect(await framework.ended).toBeUndefined();
});

test('messages go to the executor of a task', async () => {
  const { cluster, framework, time } = await world();
  framework.run({ key: 'a', task: { executor: { command: { value: './x' } }, resources: { cpus: 1, mem: 1 } } });
  framework.run(want('b'));
  await time.settle();
  await framework.message('a', 'aGk=');
  const executorId = { value: 'a.1.1' };
  expect(cluster.callsOf('MESSAGE')[0]?.message).toMatchObject({ agentId: { value: 'S1' }, executorId, data: 'aGk=' });
  expect(cluster.launched[0]?.info.executor).toMatchObject({ executorId, command: { value: './x' } });
  await expect(framework.message('b', '')).rejects.toMatchObject({ code: 'TASK_NOT_RUNNING' });
});

test('a want that cannot be is refused, with the reason', async () => {
  const { framework } = await world({ maxTasks: 1 });
  const task = { command: 'x', resources: { cpus: 1, mem: 1 } };
  const wrong: [Want, string][] = [
    [{ key: 'a b', task }, 'key'],
    [{ key: 'a', task: { resources: { cpus: 1, mem: 1 } } }, 'command or an executor'],
    [{ key: 'a', task: { command: 'x', resources: { cpus: 0, mem: 0 } } }, 'no resources'],
    [{ key: 'a', task: { command: 'x', resources: { cpus: -1, mem: 3 } } }, 'negative'],
    [{ key: 'a', task, role: 'other' }, 'role'],
    [{ key: 'a', task, retry: { on: ['TASK_FINISHED'] } }, 'without success'],
    [{ key: 'a', task, placement: { constraints: [['rack', 'NEAR']] } }, 'Operator'],
  ];
  for (const [each, why] of wrong) expect(() => framework.run(each)).toThrow(why);
  framework.run(want('a'));
  expect(() => framework.run(want('b'))).toThrow(expect.objectContaining({ code: 'TOO_MANY_TASKS' }) as Error);
});
