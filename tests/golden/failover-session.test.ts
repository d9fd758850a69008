import { afterAll, beforeAll, test } from 'vitest';
import { until } from '../support/poll.js';
import { startTestPair, type TestPair } from './agent-support.js';
import { ask } from './master-support.js';
import { Session, TestFramework } from './session-support.js';

/** A framework that is taken over, breaks off, comes back, and stays away; others that operators end. */
let pair: TestPair;
let session: Session;
beforeAll(async () => {
  pair = await startTestPair();
  session = new Session(pair);
});
afterAll(() => pair.close());

const VIEWS = ['/frameworks', 'GET_FRAMEWORKS'];
const ROLE = { allocation_info: { role: 'web' } };
const resources = [
  { name: 'cpus', type: 'SCALAR', scalar: { value: 0.1 }, ...ROLE },
  { name: 'mem', type: 'SCALAR', scalar: { value: 32 }, ...ROLE },
];

const shows = (text: string) =>
  until(text, async () => (await ask(pair.master.daemon, '/frameworks')).text.includes(text));

async function call(step: string, framework: TestFramework, type: string, body?: object): Promise<void> {
  const json = await framework.said(type, body);
  await session.master(step, '/api/v1/scheduler', json, { headers: framework.headers });
}

async function another(): Promise<{ framework: TestFramework; id: { value: string } }> {
  const framework = await TestFramework.subscribe(
    pair.master.daemon,
    { user: 'root', name: 'td', role: 'web' },
    {},
    [],
  );
  return { framework, id: await framework.id() };
}

test('answers and events are those of Mesos', { timeout: 30_000 }, async () => {
  const info = { user: 'root', name: 'fo', roles: ['web'], failover_timeout: 1, checkpoint: true };
  const first = await TestFramework.subscribe(pair.master.daemon, info);
  const id = await first.id();
  const agent_id = { value: `${pair.master.daemon.masterId}-S0` };
  const command = { value: 'sleep 600' };
  await first.launch({ name: 'fo-1', task_id: { value: 'fo-1' }, agent_id, resources, command });
  await first.hears('TASK_STARTING', 'TASK_RUNNING');
  const second = await TestFramework.subscribe(pair.master.daemon, { ...info, id });
  await first.stream.until(({ ended }) => ended);
  await call('by who was there before', first, 'REVIVE');
  await call('by who took over', second, 'REVIVE');
  second.stream.close();
  await shows('"connected":false');
  for (const view of VIEWS) await session.view('broken off', view);
  await call('by who has broken off', second, 'REVIVE');
  const third = await TestFramework.subscribe(pair.master.daemon, { ...info, id });
  await call('back', third, 'RECONCILE', { tasks: [] });
  await third.hears('TASK_RUNNING');
  third.stream.close();
  await shows('"frameworks":[]');
  for (const view of [...VIEWS, '/tasks', 'GET_TASKS']) await session.view('away for too long', view);
  const fourth = await another();
  await session.master('ended', '/teardown', undefined, { method: 'POST', body: `frameworkId=${fourth.id.value}` });
  const fifth = await another();
  await session.master('ended', '/api/v1', { type: 'TEARDOWN', teardown: { framework_id: fifth.id } });
  for (const [index, { stream }] of [first, second, third, fourth.framework, fifth.framework].entries()) {
    await stream.until(({ ended }) => ended);
    session.stream(stream, `what stream ${index + 1} brought`);
  }
  await session.matches('failover');
});
