import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AgentCluster, type TestScheduler } from '../support/agent-cluster.js';
import { until } from '../support/poll.js';

let cluster: AgentCluster;
let scheduler: TestScheduler;

beforeEach(async () => {
  cluster = await AgentCluster.start();
  scheduler = cluster.scheduler();
  await until('the agent serves', () => cluster.agent!.state.phase === 'serving');
});
afterEach(() => cluster.destroy());

interface Id {
  readonly value: string;
  readonly parent?: Id;
}

async function call(type: string, containerId: Id, more: object = {}) {
  const body = { type, [type.toLowerCase()]: { container_id: containerId, ...more } };
  const headers = { 'Content-Type': 'application/json' };
  const response = await fetch(`${cluster.agent!.url}/api/v1`, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, text: await response.text() };
}
const launch = (id: Id, value: string) => call('LAUNCH_CONTAINER', id, { command: { value } });
const exitOf = async (id: Id): Promise<unknown> =>
  (JSON.parse((await call('WAIT_CONTAINER', id)).text) as { wait_container: { exit_status?: number } }).wait_container;

test('a container alone outlives the agent, holds others, and is removed with what it wrote', async () => {
  const alone = { value: 'alone' };
  expect(await launch(alone, 'echo hi; sleep 1000')).toEqual({ status: 200, text: '' });
  const sandbox = join(cluster.home, 'agent/containers/alone');
  await until('it wrote', () => readFileSync(join(sandbox, 'stdout'), 'utf8') === 'hi\n');
  await cluster.stopAgent();
  await cluster.startAgent();
  await until('it recovered', async () => (await launch(alone, 'sleep 1')).status === 202);
  const inner = { value: 'inner', parent: alone };
  expect((await launch(inner, 'echo $$; sleep 1000')).status).toBe(200);
  const deep = { value: 'deep', parent: inner };
  expect((await launch(deep, 'exit 7')).status).toBe(200);
  expect(await exitOf(deep)).toEqual({ exit_status: 7 << 8 });
  expect(readdirSync(join(sandbox, 'containers/inner/containers'))).toEqual(['deep']);
  expect(await call('REMOVE_CONTAINER', deep)).toEqual({ status: 200, text: '' });
  expect(readdirSync(join(sandbox, 'containers/inner/containers'))).toEqual([]);
  const waiting = exitOf(inner);
  expect(await call('KILL_CONTAINER', alone)).toEqual({ status: 200, text: '' });
  expect(await waiting).toEqual({ exit_status: 9 });
  expect(await exitOf(alone)).toEqual({ exit_status: 9 });
  expect((await call('WAIT_CONTAINER', inner)).status).toBe(404);
  expect(await call('REMOVE_CONTAINER', alone)).toMatchObject({ status: 404 });
  expect(existsSync(sandbox)).toBe(false);
});

test('a container in that of a task ends with it', async () => {
  await scheduler.run('t', 'sleep 1000');
  const status = await scheduler.reaches('t', 'TASK_RUNNING');
  const task = { value: status.containerStatus!.containerId!.value };
  const inner = { value: 'inner', parent: task };
  expect((await launch(inner, 'trap "exit 3" USR1; while :; do sleep 0.05; done')).status).toBe(200);
  const other = { value: 'other', parent: task };
  expect((await launch(other, 'sleep 1000')).status).toBe(200);
  await until('it listens', async () => {
    await call('KILL_CONTAINER', inner, { signal: 10 });
    return (await call('KILL_CONTAINER', inner, { signal: 10 })).status === 404;
  });
  const waiting = exitOf(other);
  await scheduler.kill('t');
  await scheduler.reaches('t', 'TASK_KILLED');
  expect(await waiting).toEqual({ exit_status: 9 });
  await until('all is forgotten', () => cluster.agent!.state.containers.size === 0);
});

test('a launch that failed can be tried again under the same name', async () => {
  const again = { value: 'again' };
  const files = { command: { value: 'true', uris: [{ value: '/no/such/file' }] } };
  expect(await call('LAUNCH_CONTAINER', again, files)).toMatchObject({ status: 400 });
  expect(await launch(again, 'exit 2')).toEqual({ status: 200, text: '' });
  expect(await exitOf(again)).toEqual({ exit_status: 2 << 8 });
});

test('a link in the way of a sandbox is not followed', async () => {
  const alone = { value: 'alone' };
  await launch(alone, 'sleep 1000');
  const elsewhere = join(cluster.home, 'elsewhere');
  mkdirSync(elsewhere);
  symlinkSync(elsewhere, join(cluster.home, 'agent/containers/alone/containers'));
  const refused = await launch({ value: 'inner', parent: alone }, 'true');
  expect(refused).toEqual({ status: 400, text: expect.stringContaining('Failed to launch container') });
  expect(readdirSync(elsewhere)).toEqual([]);
});
