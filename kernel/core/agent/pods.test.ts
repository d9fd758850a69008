import type { ExecutorInfo, TaskInfo } from '@mezzo/sdk/api';
import { beforeEach, describe, expect, test } from 'vitest';
import { AgentWorld, aware, config, task, types } from '../../../tests/support/agent-world.js';
import type { AgentEffect } from './effects.js';

const executor: ExecutorInfo = {
  type: 'DEFAULT',
  executorId: { value: 'e' },
  resources: [
    { name: 'cpus', type: 'SCALAR', scalar: { value: 0.1 } },
    { name: 'mem', type: 'SCALAR', scalar: { value: 32 } },
  ],
};
const member = (id: string, more: Partial<TaskInfo> = {}): TaskInfo =>
  task(id, {
    resources: [
      { name: 'cpus', type: 'SCALAR', scalar: { value: 0.2 }, allocationInfo: { role: 'web' } },
      { name: 'mem', type: 'SCALAR', scalar: { value: 64 }, allocationInfo: { role: 'web' } },
    ],
    ...more,
  });
const killed = (effects: readonly AgentEffect[]): string[] =>
  effects.flatMap((effect) => (effect.type === 'killContainer' ? [effect.containerId] : []));

let world: AgentWorld;
let root: string;
beforeEach(() => {
  world = new AgentWorld();
  world.start();
  world.register();
});

function launch(...tasks: TaskInfo[]): AgentEffect[] {
  return world.master({ type: 'runTaskGroup', framework: aware, executor, tasks });
}

/** The pod with the tasks, each in its container. */
function running(...tasks: TaskInfo[]): string[] {
  launch(...tasks);
  root = world.containerId;
  world.launched();
  for (const id of world.inner) world.innerLaunched(id);
  return world.inner;
}

describe('a pod', () => {
  test('comes up as a whole: its container, then one in it for each task, then all of them run', () => {
    const prepare = launch(member('a'), member('b'));
    root = world.containerId;
    expect(prepare.at(-1)).toMatchObject({ type: 'prepareSandbox', containerId: root, uris: [] });
    const up = world.launched();
    expect(world.sent.filter((call) => call.type === 'statusUpdate')).toHaveLength(2);
    const [a = '', b = ''] = world.inner;
    expect(up.filter(({ type }) => type === 'prepareSandbox')).toMatchObject([
      { directory: `${world.state.runs.get(root)!.directory}/containers/${a}`, link: 'tasks/a' },
      { link: 'tasks/b', within: world.state.runs.get(root)!.directory },
    ]);
    world.innerLaunched(a);
    expect(world.told('a')).toEqual(['TASK_STARTING']);
    world.innerLaunched(b);
    world.acknowledgeAll();
    expect([world.told('a'), world.told('b')]).toEqual([
      ['TASK_STARTING', 'TASK_RUNNING'],
      ['TASK_STARTING', 'TASK_RUNNING'],
    ]);
    expect(world.updates()[0]!.containerStatus).toEqual({ containerId: { value: a, parent: { value: root } } });
    expect(world.updates().at(-1)).toMatchObject({
      executorId: { value: 'e' },
      containerStatus: { executorPid: 8, networkInfos: [{ ipAddresses: [{ ipAddress: '10.0.0.1' }] }] },
    });
  });

  test('bounds all that runs in it together, and has the variables of the field', () => {
    launch(member('a'));
    world.dispatch({ type: 'sandboxPrepared', containerId: world.containerId });
    expect(world.effects[0]).toMatchObject({ spec: { resources: { cpusMilli: 300, memMib: 96 } } });
    root = world.containerId;
    world.launched();
    const checkpoint = { containerId: root, version: 1, data: {} };
    world.dispatch({ type: 'containerLaunched', containerId: root, launched: { checkpoint } });
    world.dispatch({ type: 'sandboxPrepared', containerId: world.inner[0]! });
    const env = { MESOS_CONTAINER_IP: '10.0.0.1', MESOS_ALLOCATION_ROLE: 'web', MESOS_EXECUTOR_ID: 'e' };
    expect(world.effects[0]).toMatchObject({
      type: 'launchContainer',
      spec: { parent: root, command: { argv: ['sleep 1'], env } },
    });
  });

  test('has the secrets of each task asked for with the container of that task', () => {
    world = new AgentWorld({ ...config, secretResolver: 'vault' });
    world.start();
    world.register();
    const variables = [{ name: 'A', type: 'SECRET', secret: { type: 'REFERENCE', reference: { name: 'a' } } } as const];
    const prepare = launch(member('a', { command: { value: 'env', environment: { variables } } }), member('b'));
    expect(prepare.at(-1)).not.toHaveProperty('secrets');
    const asked = world.launched().filter(({ type }) => type === 'prepareSandbox');
    expect(asked.map((effect) => 'secrets' in effect && effect.secrets)).toEqual([
      [{ variable: 'A', reference: { name: 'a' } }],
      false,
    ]);
  });

  test('ends with its last task, which is no failure of the executor', () => {
    const [a = '', b = ''] = running(member('a'), member('b'));
    expect(killed(world.ended(a))).toEqual([]);
    expect(killed(world.ended(b))).toEqual([root]);
    world.ended(root, { signal: 'SIGKILL' });
    world.acknowledgeAll();
    expect(world.told('b').at(-1)).toBe('TASK_FINISHED');
    const parent = { value: root };
    expect(world.updates().at(-1)!.containerStatus).toEqual({ containerId: { value: expect.any(String), parent } });
    expect(world.sent.find(({ type }) => type === 'executorExited')).toMatchObject({ executorId: 'e', status: 0 });
    expect(world.state.containers.size + world.state.runs.size).toBe(0);
    expect([...world.disk.keys()]).toEqual(['agent']);
  });

  test.each([
    ['fails', { code: 3 }, 'TASK_FAILED', 'Command exited with status 3'],
    ['is killed from outside', { signal: 'SIGKILL' }, 'TASK_FAILED', 'Command terminated with signal Killed'],
  ])('ends the rest of a group when one %s', (_, exit, state, message) => {
    const [a = '', b = '', c = ''] = running(member('a'), member('b'), member('c'));
    world.ended(c);
    expect(killed(world.ended(a, exit))).toEqual([b]);
    expect(killed(world.ended(b, { signal: 'SIGTERM' }))).toEqual([root]);
    world.acknowledgeAll();
    expect(world.told('a').at(-1)).toBe(state);
    expect(world.updates().find((u) => u.state === state)).toMatchObject({ message });
    expect(world.told('b').slice(-2)).toEqual(['TASK_KILLING', 'TASK_KILLED']);
    expect(world.told('c').at(-1)).toBe('TASK_FINISHED');
  });

  test('is killed as a group when one of its tasks is, each within its own grace', () => {
    const grace = { killPolicy: { gracePeriod: { nanoseconds: 9e9 } } };
    const [a = '', b = ''] = running(member('a'), member('b', grace));
    const kill = world.master({ type: 'killTask', frameworkId: 'F', taskId: 'a' });
    expect(kill.filter(({ type }) => type === 'killContainer')).toMatchObject([{ containerId: a, graceMs: 3000 }]);
    const after = world.ended(a, { signal: 'SIGTERM' });
    expect(after.filter(({ type }) => type === 'killContainer')).toMatchObject([{ containerId: b, graceMs: 9000 }]);
  });

  test('holds several groups, which live and die apart', () => {
    const [a = ''] = running(member('a'));
    const more = launch(member('b'));
    expect(more.find(({ type }) => type === 'updateContainer')).toMatchObject({
      containerId: root,
      resources: { memMib: 160 },
    });
    const b = world.inner.at(-1)!;
    world.innerLaunched(b);
    const end = world.ended(a, { code: 1 });
    expect(killed(end)).toEqual([]);
    expect(end.find(({ type }) => type === 'updateContainer')).toMatchObject({ resources: { memMib: 96 } });
    expect(killed(world.ended(b, { code: 1 }))).toEqual([root]);
    launch(member('c'));
    expect(world.updates().at(-1)).toMatchObject({ state: 'TASK_DROPPED', reason: 'REASON_EXECUTOR_TERMINATED' });
  });

  test('whose own container ends takes its tasks along', () => {
    const [a = ''] = running(member('a'));
    world.ended(root, { limitation: 'oom', message: 'Memory limit exceeded: 96 MiB' });
    world.ended(a, { signal: 'SIGKILL' });
    world.acknowledgeAll();
    expect(world.updates().at(-1)).toMatchObject({
      state: 'TASK_FAILED',
      reason: 'REASON_CONTAINER_LIMITATION_MEMORY',
    });
    expect(world.state.containers.size).toBe(0);
  });

  test('is launched once, however often the master says so', () => {
    running(member('a'), member('b'));
    expect(types(launch(member('a'), member('b')))).toEqual(['setTimer']);
  });

  test('runs none of a group of which one cannot run', () => {
    launch(member('a'), member('../b'));
    expect(world.updates().map((u) => [u.state, u.reason])).toEqual([
      ['TASK_ERROR', 'REASON_TASK_GROUP_INVALID'],
      ['TASK_ERROR', 'REASON_TASK_GROUP_INVALID'],
    ]);
    expect(world.sent.at(-1)).toMatchObject({ type: 'executorExited', executorId: 'e' });
  });
});

describe('a group on its way up', () => {
  test('that is killed before the pod is there never runs', () => {
    launch(member('a'), member('b'));
    world.master({ type: 'killTask', frameworkId: 'F', taskId: 'b' });
    expect([world.told('a'), world.told('b')]).toEqual([['TASK_KILLED'], ['TASK_KILLED']]);
    world.acknowledgeAll();
    expect(world.state.runs.size).toBe(0);
  });

  test('ends whole when the files of one cannot be fetched', () => {
    launch(member('a'), member('b'));
    root = world.containerId;
    world.launched();
    const [a = '', b = ''] = world.inner;
    world.innerLaunched(a);
    const end = world.dispatch({ type: 'sandboxFailed', containerId: b, stage: 'fetch', message: 'no such file' });
    expect(killed(end)).toEqual([a]);
    expect(killed(world.ended(a, { signal: 'SIGTERM' }))).toEqual([root]);
    world.acknowledgeAll();
    expect(world.told('a')).toEqual(['TASK_STARTING', 'TASK_KILLING', 'TASK_KILLED']);
    expect(world.updates().find((u) => u.state === 'TASK_FAILED')).toMatchObject({
      reason: 'REASON_CONTAINER_LAUNCH_FAILED',
      message: 'Failed to launch container: no such file',
    });
  });

  test('one that ends before the others are up has run', () => {
    launch(member('a'), member('b'));
    root = world.containerId;
    world.launched();
    const [a = '', b = ''] = world.inner;
    world.innerLaunched(a);
    world.ended(a);
    world.innerLaunched(b);
    world.acknowledgeAll();
    expect(world.told('a')).toEqual(['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED']);
    expect(world.told('b')).toEqual(['TASK_STARTING', 'TASK_RUNNING']);
  });

  test('a launch that hangs does not hold up a kill', () => {
    launch(member('a'));
    root = world.containerId;
    world.launched();
    const [a = ''] = world.inner;
    world.dispatch({ type: 'sandboxPrepared', containerId: a });
    world.master({ type: 'killTask', frameworkId: 'F', taskId: 'a' });
    expect(killed(world.fire(`discard/${a}`))).toEqual([root]);
    world.acknowledgeAll();
    expect(world.told('a').at(-1)).toBe('TASK_KILLED');
    const checkpoint = { containerId: a, version: 1, data: {} };
    expect(killed(world.dispatch({ type: 'containerLaunched', containerId: a, launched: { checkpoint } }))).toEqual([
      a,
    ]);
    expect(types(world.ended(a, { signal: 'SIGKILL' }))).toEqual(['removeContainer']);
  });
});

test('health checks look into the container of their task and end its group', () => {
  const healthCheck = {
    type: 'COMMAND',
    command: { value: 'true' },
    delaySeconds: 0,
    gracePeriodSeconds: 0,
    consecutiveFailures: 1,
  } as const;
  const [a = '', b = ''] = running(member('a', { healthCheck }), member('b'));
  const probe = world.fire(`health/${root}/a`);
  expect(probe[0]).toMatchObject({
    type: 'probe',
    containerId: a,
    probe: { command: { env: { MESOS_EXECUTOR_ID: 'e' } } },
  });
  const key = `health/${root}/a`;
  const outcome = { kind: 'exit', code: 1 } as const;
  world.atMs += 1000;
  expect(killed(world.dispatch({ type: 'probeDone', key, outcome }))).toEqual([a]);
  expect(killed(world.ended(a, { signal: 'SIGTERM' }))).toEqual([b]);
});

describe('after a restart of the agent', () => {
  test('a pod runs on, and is told to the master as it was', () => {
    const [a = '', b = ''] = running(member('a'), member('b'));
    world.start([root, a, b]);
    expect(world.effects.find(({ type }) => type === 'connectMaster')).toMatchObject({
      subscribe: {
        executors: [{ info: { executorId: { value: 'e' } } }],
        tasks: [{ executorId: 'e' }, { executorId: 'e' }],
      },
    });
    world.register();
    expect(killed(world.ended(b, { code: 1 }))).toEqual([a]);
    expect(killed(world.ended(a, { signal: 'SIGTERM' }))).toEqual([root]);
  });

  test('a task whose container is gone ends its group', () => {
    const [a = '', b = ''] = running(member('a'), member('b'));
    world.start([root, b]);
    expect(killed(world.effects)).toEqual([b]);
    world.register();
    world.ended(b, { signal: 'SIGTERM' });
    world.acknowledgeAll();
    expect(world.told('a').at(-1)).toBe('TASK_GONE');
    expect(world.told('b').at(-1)).toBe('TASK_KILLED');
    expect(world.state.containers.has(a)).toBe(false);
  });

  test('a group that was told to start is gone, not dropped: it may have run; a pod without tasks ends', () => {
    launch(member('a'), member('b'));
    root = world.containerId;
    world.launched();
    const [a = ''] = world.inner;
    world.start([root]);
    expect(killed(world.effects)).toEqual([root]);
    world.register();
    world.acknowledgeAll();
    expect([world.told('a').at(-1), world.told('b').at(-1)]).toEqual(['TASK_GONE', 'TASK_GONE']);
    expect(world.state.containers.has(a)).toBe(false);
  });

  test('a group whose pod was not up is dropped', () => {
    launch(member('a'), member('b'));
    world.start([]);
    world.register();
    world.acknowledgeAll();
    expect([world.told('a'), world.told('b')]).toEqual([['TASK_DROPPED'], ['TASK_DROPPED']]);
  });

  test('a container whose task is in no checkpoint any more ends, and the rest of the pod with it', () => {
    const [a = '', b = ''] = running(member('a'), member('b'));
    world.disk.delete(`tasks/${root}/a`);
    world.start([root, a, b]);
    expect(new Set(killed(world.effects))).toEqual(new Set([a, b]));
    world.register();
    for (const inner of [a, b]) world.ended(inner, { signal: 'SIGTERM' });
    world.acknowledgeAll();
    expect(world.told('b').at(-1)).toBe('TASK_KILLED');
    world.ended(root, { signal: 'SIGKILL' });
    expect([...world.disk.keys()]).toEqual(['agent']);
  });

  test('a pod whose container is gone is lost with all that was in it', () => {
    const [a = '', b = ''] = running(member('a'), member('b'));
    world.start([a]);
    world.register();
    world.ended(a, { signal: 'SIGKILL' });
    world.acknowledgeAll();
    expect([world.told('a').at(-1), world.told('b').at(-1)]).toEqual(['TASK_GONE', 'TASK_GONE']);
    expect([world.state.runs.size, world.state.containers.has(b)]).toEqual([0, false]);
    expect([...world.disk.keys()]).toEqual(['agent']);
  });

  test('a kill goes on', () => {
    const [a = '', b = ''] = running(member('a'), member('b'));
    world.master({ type: 'killTask', frameworkId: 'F', taskId: 'a' });
    world.start([root, a, b]);
    expect(killed(world.effects)).toEqual([a]);
  });
});

describe('a pod is ended', () => {
  test('by a shutdown of its executor: asked, then forced', () => {
    const [a = ''] = running(member('a'));
    expect(killed(world.master({ type: 'shutdownExecutor', frameworkId: 'F', executorId: 'e' }))).toEqual([a]);
    expect(killed(world.fire(`shutdown/${root}`))).toEqual([root]);
  });

  test('with its framework, of which nothing is told any more', () => {
    const [a = '', b = ''] = running(member('a'), member('b'));
    world.acknowledgeAll();
    const before = world.updates().length;
    expect(killed(world.master({ type: 'shutdownFramework', frameworkId: 'F' }))).toEqual([a, b]);
    world.ended(a, { signal: 'SIGTERM' });
    expect(killed(world.ended(b, { signal: 'SIGTERM' }))).toEqual([root]);
    world.ended(root, { signal: 'SIGKILL' });
    expect(world.updates()).toHaveLength(before);
    expect([...world.disk.keys()]).toEqual(['agent']);
  });

  test('by a drain, which is why its tasks are killed', () => {
    const [a = '', b = ''] = running(member('a'), member('b'));
    expect(killed(world.master({ type: 'drain', config: {}, sinceMs: 1 }))).toEqual([a, b]);
    world.ended(a, { signal: 'SIGTERM' });
    world.acknowledgeAll();
    expect(world.updates().at(-1)).toMatchObject({ reason: 'REASON_AGENT_DRAINING' });
  });
});

test('a group of a custom executor is handed over whole, and killed whole before that', () => {
  const custom: ExecutorInfo = { type: 'CUSTOM', executorId: { value: 'c' }, command: { value: './c' } };
  const call = { frameworkId: { value: 'F' }, executorId: { value: 'c' }, type: 'SUBSCRIBE', subscribe: {} } as const;
  const group = (...tasks: TaskInfo[]) =>
    world.master({ type: 'runTaskGroup', framework: aware, executor: custom, tasks });
  group(member('a'), member('b'));
  world.launched();
  world.dispatch({ type: 'executorSubscribed', connection: 'c1', call });
  expect(world.effects.filter(({ type }) => type === 'sendExecutor')).toMatchObject([
    { event: { type: 'SUBSCRIBED' } },
    { event: { type: 'LAUNCH_GROUP', launchGroup: { taskGroup: { tasks: [{ name: 'a' }, { name: 'b' }] } } } },
  ]);
  world.dispatch({ type: 'executorDisconnected', connection: 'c1' });
  group(member('c'), member('d'));
  world.master({ type: 'killTask', frameworkId: 'F', taskId: 'd' });
  expect([world.told('c'), world.told('d')]).toEqual([['TASK_KILLED'], ['TASK_KILLED']]);
});
