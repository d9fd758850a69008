import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutorInfo, TaskInfo } from '@mezzo/sdk/api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AgentCluster, scalar, type TestScheduler } from '../support/agent-cluster.js';
import { until } from '../support/poll.js';

let cluster: AgentCluster;
let scheduler: TestScheduler;

beforeEach(async () => {
  cluster = await AgentCluster.start();
  scheduler = cluster.scheduler();
});
afterEach(() => cluster.destroy());

const executor: ExecutorInfo = {
  type: 'DEFAULT',
  executorId: { value: 'pod' },
  resources: [scalar('cpus', 0.1), scalar('mem', 32), scalar('disk', 8)],
};
const member = (id: string, command: string, more: Partial<TaskInfo> = {}) => ({
  taskId: { value: id },
  command: { value: command },
  resources: [scalar('cpus', 0.1), scalar('mem', 32)],
  ...more,
});
const pod = () => [...cluster.agent!.state.runs.values()].find(({ kind }) => kind === 'default')!;
const output = (id: string): string => readFileSync(join(pod().directory, 'tasks', id, 'stdout'), 'utf8');

test('a pod comes up whole, its tasks share what is around them, and it ends with the last', async () => {
  const say = 'readlink /proc/self/ns/ipc; hostname; echo $MESOS_CONTAINER_IP $MESOS_ALLOCATION_ROLE';
  await scheduler.launchGroup(executor, [
    member('a', `${say}; ls "$MESOS_SANDBOX"/../..; while [ ! -e end ]; do sleep 0.05; done`),
    member('b', `${say}; echo $$; while [ ! -e end ]; do sleep 0.05; done`),
  ]);
  for (const id of ['a', 'b']) await scheduler.reaches(id, 'TASK_RUNNING');
  await until('they said it', () => output('a').split('\n').length > 4 && output('b').split('\n').length > 4);
  const [a = [], b = []] = ['a', 'b'].map((id) => output(id).split('\n'));
  expect(a.slice(0, 3)).toEqual(b.slice(0, 3));
  expect(a[2]).toBe('127.0.0.1 web');
  expect(a.slice(3)).toEqual(expect.arrayContaining(['containers', 'tasks']));
  expect(Number(b[3])).toBeLessThan(10);
  const { containerId } = pod();
  expect(scheduler.of('a').at(-1)).toMatchObject({
    executorId: { value: 'pod' },
    containerStatus: { containerId: { parent: { value: containerId } } },
  });
  const read = await cluster.get(`/files/read?path=${pod().directory}/tasks/a/stdout&offset=0`);
  expect(read.status).toBe(200);
  for (const id of ['a', 'b']) {
    expect(cluster.agent!.state.runs.size).toBe(1);
    writeFileSync(join(pod().directory, 'tasks', id, 'end'), '');
    await scheduler.reaches(id, 'TASK_FINISHED');
  }
  await until('the executor ended', () => scheduler.failures.length > 0);
  expect(scheduler.failures).toEqual([{ executorId: 'pod', status: 0 }]);
  await until('the agent forgot it', () => cluster.agent!.state.runs.size === 0);
  expect(readdirSync(join(cluster.home, 'run/containers', cluster.agent!.host.state.config.owner))).toEqual([]);
});

test('one bad end is the end of its group', async () => {
  await scheduler.launchGroup(executor, [member('a', 'sleep 0.5; exit 3'), member('b', 'sleep 1000')]);
  expect((await scheduler.reaches('a', 'TASK_FAILED')).message).toBe('Command exited with status 3');
  expect((await scheduler.reaches('b', 'TASK_KILLED')).message).toBe('Command terminated with signal Terminated');
  expect(scheduler.states('b')).toEqual(['TASK_STARTING', 'TASK_RUNNING', 'TASK_KILLING', 'TASK_KILLED']);
});

test('a pod outlives its agent, and its checks go on', async () => {
  const healthCheck = {
    type: 'COMMAND' as const,
    command: { value: 'test -f well' },
    ...{ delaySeconds: 0.1, intervalSeconds: 0.1, gracePeriodSeconds: 0.2, consecutiveFailures: 2 },
  };
  await scheduler.launchGroup(executor, [
    member('a', 'touch well; sleep 1000', { healthCheck }),
    member('b', 'sleep 1000'),
  ]);
  await until('it is well', () => scheduler.of('a').some((status) => status.healthy === true));
  const pids = [...cluster.agent!.state.containers.values()].map(({ pid }) => pid);
  const { directory } = pod();
  await cluster.stopAgent();
  await cluster.startAgent();
  await until('it is back', () => cluster.agent!.state.link.phase === 'registered');
  expect([...cluster.agent!.state.containers.values()].map(({ pid }) => pid)).toEqual(pids);
  rmSync(join(directory, 'tasks/a/well'));
  await scheduler.reaches('a', 'TASK_KILLED');
  expect(scheduler.of('a').at(-1)).toMatchObject({ healthy: false });
  await scheduler.reaches('b', 'TASK_KILLED');
});

test('a pod is held to the memory of all that is in it', async () => {
  await scheduler.launchGroup(executor, [
    member('eats', 'sleep 0.3; x=0123456789abcdef; while :; do x=$x$x; done'),
    member('waits', 'sleep 1000'),
  ]);
  const end = await scheduler.reaches('eats', 'TASK_FAILED');
  expect(end).toMatchObject({ reason: 'REASON_CONTAINER_LIMITATION_MEMORY', message: 'Memory limit exceeded: 96 MiB' });
  await until('the other ended, too', () => ['TASK_KILLED', 'TASK_FAILED'].includes(scheduler.states('waits').at(-1)!));
});
