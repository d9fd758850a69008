import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/poll.js';
import { startTestPair, type TestPair } from './agent-support.js';
import { ask, subscribe, type Subscription } from './master-support.js';
import { Session, TestFramework, type Event } from './session-support.js';

/** A custom executor with two tasks, from its first call to the end that the framework asks for. */
let pair: TestPair;
let session: Session;
let framework: TestFramework;
beforeAll(async () => {
  pair = await startTestPair();
  session = new Session(pair);
});
afterAll(() => pair.close());

const allocated = (name: string, value: number) => ({
  ...{ name, type: 'SCALAR', scalar: { value } },
  allocation_info: { role: 'web' },
});
const uuid = (text: string): string => Buffer.from(text.padEnd(16)).toString('base64');
const status = (more: object) => ({ task_id: { value: 'pt-1' }, source: 'SOURCE_EXECUTOR', ...more });

async function launch(id: string): Promise<void> {
  const executor = {
    ...{ type: 'CUSTOM', executor_id: { value: 'own' }, framework_id: await framework.id(), name: 'py', source: 'src' },
    ...{ data: 'aW5pdA==', resources: [allocated('cpus', 0.1), allocated('mem', 32)] },
    ...{ shutdown_grace_period: { nanoseconds: 2_000_000_000 }, command: { value: 'sleep 600' } },
  };
  const resources = [allocated('cpus', 0.1), allocated('mem', 16)];
  const agent_id = { value: `${pair.master.daemon.masterId}-S0` };
  await framework.launch({ name: 'pt', task_id: { value: id }, agent_id, resources, executor, data: 'dGFzay1kYXRh' });
}

/** A call of the executor, and what it is about unless `ids` says otherwise. */
async function call(step: string, type: string, body?: object, ids: object = {}): Promise<void> {
  const json = { type, framework_id: await framework.id(), executor_id: { value: 'own' }, ...ids };
  await session.agent(step, '/api/v1/executor', { ...json, ...(body && { [type.toLowerCase()]: body }) });
}
const update = (step: string, more: object) => call(step, 'UPDATE', { status: status(more) });

const MASTER_VIEWS = ['/state', '/frameworks', '/slaves', '/state-summary', '/tasks', '/roles'];
const AGENT_VIEWS = ['/state', '/slave(1)/state', '/containerizer/debug'];

async function views(): Promise<void> {
  for (const path of MASTER_VIEWS) await session.master(`master ${path}`, path);
  for (const path of AGENT_VIEWS) await session.agent(`agent ${path}`, path);
  for (const type of ['GET_AGENTS', 'GET_EXECUTORS', 'GET_FRAMEWORKS', 'GET_ROLES', 'GET_STATE', 'GET_TASKS'])
    await session.master(`master ${type}`, '/api/v1', { type });
  for (const type of ['GET_AGENT', 'GET_EXECUTORS', 'GET_FRAMEWORKS', 'GET_STATE', 'GET_TASKS', 'GET_OPERATIONS'])
    await session.agent(`agent ${type}`, '/api/v1', { type });
  await session.agent('agent /containers', '/containers');
  await session.agent('agent GET_CONTAINERS', '/api/v1', { type: 'GET_CONTAINERS', get_containers: {} });
}

async function subscribeExecutor(): Promise<Subscription<Event>> {
  const ids = { framework_id: await framework.id(), executor_id: { value: 'own' } };
  const json = { type: 'SUBSCRIBE', ...ids, subscribe: { unacknowledged_tasks: [], unacknowledged_updates: [] } };
  const stream = await subscribe<Event>(pair.agent.daemon, '/api/v1/executor', json);
  await stream.until(({ records }) => records.find(({ type }) => type === 'LAUNCH'));
  return stream;
}

const wrongCalls = async (): Promise<void> => {
  await update('no uuid', { state: 'TASK_RUNNING' });
  await update('a uuid that is none', { state: 'TASK_RUNNING', uuid: 'AAAA' });
  await update("in the agent's name", { state: 'TASK_RUNNING', source: 'SOURCE_AGENT', uuid: uuid('a') });
  await update('back to staging', { state: 'TASK_STAGING', uuid: uuid('b') });
  await call('no update', 'UPDATE');
  await call('no message', 'MESSAGE');
  await call('heartbeat', 'HEARTBEAT');
  await call('unknown', 'UNKNOWN');
};

test('answers and events are those of Mesos', async () => {
  const info = { user: 'root', name: 'ex', roles: ['web'], checkpoint: true, failover_timeout: 60 };
  framework = await TestFramework.subscribe(pair.master.daemon, info);
  await launch('pt-1');
  await until('its container', async () => (await ask(pair.agent.daemon, '/containers')).text.includes('own'));
  await call('unknown executor', 'SUBSCRIBE', {}, { executor_id: { value: 'nope' } });
  await call('unknown framework', 'SUBSCRIBE', {}, { framework_id: { value: 'nope' } });
  await update('too early', { state: 'TASK_RUNNING', uuid: uuid('c') });
  const stream = await subscribeExecutor();
  const running = { state: 'TASK_RUNNING', message: 'up', data: 'ZA==', timestamp: 1795408320.5 };
  await update('runs', { ...running, uuid: uuid('d') });
  await call('message', 'MESSAGE', { data: 'ZnJvbS1leGVjdXRvcg==' });
  await framework.of('MESSAGE');
  await framework.hears('TASK_RUNNING');
  await wrongCalls();
  const to = { agent_id: { value: `${pair.master.daemon.masterId}-S0` }, executor_id: { value: 'own' } };
  await framework.call('MESSAGE', { ...to, data: 'aGVsbG8=' });
  await stream.until(({ records }) => records.find(({ type }) => type === 'MESSAGE'));
  await framework.stream.until(({ records }) => records.filter(({ type }) => type === 'OFFERS').length === 2);
  await views();
  await launch('pt-2');
  await stream.until(({ records }) => records.filter(({ type }) => type === 'LAUNCH').length === 2);
  await update('runs too', { ...running, task_id: { value: 'pt-2' }, uuid: uuid('e') });
  await framework.hears('TASK_RUNNING');
  await framework.call('KILL', { task_id: { value: 'pt-1' }, agent_id: to.agent_id });
  await stream.until(({ records }) => records.find(({ type }) => type === 'KILL'));
  await update('is killed', { state: 'TASK_KILLED', timestamp: 1795408323.5, uuid: uuid('f') });
  await framework.hears('TASK_KILLED');
  await framework.call('SHUTDOWN', to);
  await stream.until(({ records }) => records.find(({ type }) => type === 'SHUTDOWN'));
  await framework.hears('TASK_FAILED');
  await framework.of('FAILURE');
  await framework.call('TEARDOWN');
  session.stream(stream, 'what the executor heard');
  session.stream(framework.stream, 'what the framework heard');
  expect(stream.ended).toBe(true);
  framework.stream.close();
  await session.matches('executor');
});
