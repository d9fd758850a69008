import { readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AgentCluster, plant, scalar, type TestScheduler } from '../support/agent-cluster.js';
import { until } from '../support/poll.js';
import { root } from '../tidy/sources.js';

let cluster: AgentCluster;
let scheduler: TestScheduler;

beforeEach(async () => {
  cluster = await AgentCluster.start();
  scheduler = cluster.scheduler();
});
afterEach(() => cluster.destroy());

const sandboxOf = (): string => [...cluster.agent!.state.runs.values()].at(-1)!.directory;

test('a task runs, is told step by step, and leaves its output where it can be read', async () => {
  await scheduler.run('t', 'env; echo done >&2; sleep 0.2');
  await scheduler.reaches('t', 'TASK_RUNNING');
  const sandbox = sandboxOf();
  const end = await scheduler.reaches('t', 'TASK_FINISHED');
  expect(scheduler.states('t')).toEqual(['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED']);
  expect(end).toMatchObject({ message: 'Command exited with status 0', source: 'SOURCE_EXECUTOR' });
  const read = await cluster.get(`/files/read?path=${sandbox}/stdout&offset=0`);
  const { data } = JSON.parse(read.text) as { data: string };
  const env = Object.fromEntries(data.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]));
  expect(env).toMatchObject({
    MESOS_EXECUTOR_ID: 't',
    MESOS_FRAMEWORK_ID: scheduler.frameworkId,
    MESOS_SLAVE_ID: cluster.agent!.state.agentId,
    MESOS_AGENT_ENDPOINT: `127.0.0.1:${cluster.agent!.port}`,
    PATH: expect.stringContaining('/usr/bin'),
  });
  const virtual = `/frameworks/${scheduler.frameworkId}/executors/t/runs/latest/stderr`;
  expect((await cluster.get(`/files/download?path=${virtual}`)).text).toBe('done\n');
  await until('the agent forgot it', () => cluster.agent!.state.runs.size === 0);
});

test('a task that fails, is killed, or cannot get its files says so', async () => {
  await scheduler.run('fails', 'exit 3');
  expect((await scheduler.reaches('fails', 'TASK_FAILED')).message).toBe('Command exited with status 3');
  await scheduler.run('long', 'sleep 1000');
  await scheduler.reaches('long', 'TASK_RUNNING');
  await scheduler.kill('long');
  expect((await scheduler.reaches('long', 'TASK_KILLED')).message).toBe('Command terminated with signal Terminated');
  expect(scheduler.states('long')).toEqual(['TASK_STARTING', 'TASK_RUNNING', 'TASK_KILLING', 'TASK_KILLED']);
  await scheduler.run('files', 'true', { command: { value: 'true', uris: [{ value: '/no/such/file' }] } });
  expect(await scheduler.reaches('files', 'TASK_FAILED')).toMatchObject({ reason: 'REASON_CONTAINER_LAUNCH_FAILED' });
});

test('a health check inside the container tells and ends what is not well', async () => {
  const healthCheck = {
    type: 'COMMAND' as const,
    command: { value: 'test -f "$MESOS_SANDBOX"/well' },
    ...{ delaySeconds: 0.1, intervalSeconds: 0.1, gracePeriodSeconds: 0.2, consecutiveFailures: 2 },
  };
  await scheduler.run('t', 'touch well; sleep 1000', { healthCheck });
  await until('it is well', () => scheduler.of('t').some((status) => status.healthy === true));
  rmSync(join(sandboxOf(), 'well'));
  const end = await scheduler.reaches('t', 'TASK_KILLED');
  expect(end.healthy).toBe(false);
});

test('tasks run on while the agent is away, and are told about when it is back', async () => {
  await scheduler.run('stays', 'sleep 1000');
  await scheduler.run('ends', 'sleep 0.5; exit 7');
  const { containerStatus } = await scheduler.reaches('stays', 'TASK_RUNNING');
  await scheduler.reaches('ends', 'TASK_RUNNING');
  const before = cluster.agent!.state.agentId;
  await cluster.stopAgent();
  await cluster.startAgent();
  expect((await scheduler.reaches('ends', 'TASK_FAILED')).message).toBe('Command exited with status 7');
  expect(cluster.agent!.state.agentId).toBe(before);
  const [run] = cluster.agent!.state.runs.values();
  expect(run?.pid).toBe(containerStatus?.executorPid);
  await scheduler.kill('stays');
  await scheduler.reaches('stays', 'TASK_KILLED');
});

test('tasks run on while there is no master', async () => {
  await scheduler.run('t', 'sleep 1000');
  await scheduler.reaches('t', 'TASK_RUNNING');
  const { subscriptions } = scheduler;
  await cluster.master.close();
  await until('the agent noticed', () => cluster.agent!.state.link.phase !== 'registered');
  await cluster.startMaster();
  await until('it registered again', () => cluster.agent!.state.link.phase === 'registered');
  await until('the framework subscribed again', () => scheduler.subscriptions > subscriptions);
  await scheduler.kill('t');
  await scheduler.reaches('t', 'TASK_KILLED');
});

test('a custom executor is started, given tasks, killed and outlived by the agent', async () => {
  const file = join(root, 'tests/support/test-executor.mjs');
  const executor = {
    type: 'CUSTOM' as const,
    executorId: { value: 'e' },
    name: 'test',
    command: { value: `${process.execPath} ${file}` },
    resources: [scalar('cpus', 0.1), scalar('mem', 64)],
    shutdownGracePeriod: { nanoseconds: 1_000_000_000 },
  };
  await scheduler.runIn(executor, 'a');
  expect((await scheduler.reaches('a', 'TASK_RUNNING')).message).toBe(`in ${sandboxOf()}`);
  await cluster.stopAgent();
  await cluster.startAgent();
  await scheduler.runIn(executor, 'b');
  await scheduler.reaches('b', 'TASK_RUNNING');
  await scheduler.message('e', cluster.agent!.state.agentId!, 'hello');
  await until('the message came back', () => scheduler.messages.includes('hello'));
  await scheduler.kill('a');
  await scheduler.reaches('a', 'TASK_KILLED');
  process.kill(scheduler.of('b').at(-1)!.containerStatus!.executorPid!, 'SIGKILL');
  expect(await scheduler.reaches('b', 'TASK_FAILED')).toMatchObject({ reason: 'REASON_EXECUTOR_TERMINATED' });
  await until('the failure is told', () => scheduler.failures.some(({ executorId }) => executorId === 'e'));
});

test('nothing outside of a sandbox can be read, whatever a task puts there', async () => {
  plant(join(cluster.home, 'secret'), 'secret');
  await scheduler.run('t', 'echo mine > mine; ln -s mine link; sleep 1000');
  await scheduler.reaches('t', 'TASK_RUNNING');
  const sandbox = sandboxOf();
  symlinkSync(cluster.home, join(sandbox, 'out'));
  symlinkSync(join(cluster.home, 'secret'), join(sandbox, 'secret'));
  await until('the link is there', async () => (await cluster.get(`/files/read?path=${sandbox}/link`)).status === 200);
  const get = async (path: string) => (await cluster.get(`/files/${path}`)).status;
  expect(await get(`download?path=${sandbox}/link`)).toBe(200);
  expect(await get(`download?path=${sandbox}/secret`)).toBe(400);
  expect(await get(`read?path=${sandbox}/out/secret&offset=0`)).toBe(400);
  expect(await get(`browse?path=${sandbox}/out`)).toBe(400);
  expect(await get(`read?path=${sandbox}/../../../../../../../../../secret&offset=0`)).toBe(400);
  expect(await get(`read?path=${cluster.home}/secret&offset=0`)).toBe(404);
  expect(await get(`browse?path=${cluster.home}/agent/meta`)).toBe(404);
  const browsed = JSON.parse((await cluster.get(`/files/browse?path=${sandbox}`)).text) as { path: string }[];
  const names = browsed.map(({ path }) => path.split('/').at(-1));
  expect(names.sort()).toEqual(['link', 'mine', 'stderr', 'stdout']);
});

test('an agent that leaves ends its tasks; teardown ends those of the framework', async () => {
  await scheduler.run('t', 'sleep 1000');
  const { containerStatus } = await scheduler.reaches('t', 'TASK_RUNNING');
  await scheduler.teardown();
  await until('the task is gone', () => !isAlive(containerStatus!.executorPid!));
  const other = cluster.scheduler({ name: 'other' });
  await other.run('u', 'sleep 1000');
  const running = await other.reaches('u', 'TASK_RUNNING');
  cluster.agent!.leave();
  await until('the agent left', () => cluster.exits.length > 0);
  expect(cluster.exits).toEqual([[0, 'asked to leave']]);
  expect(isAlive(running.containerStatus!.executorPid!)).toBe(false);
});

function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}
