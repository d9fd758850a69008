import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/poll.js';
import { startTestPair, type TestPair } from './agent-support.js';
import { startTestMaster, subscribe } from './master-support.js';
import { Session, SHARES, TestFramework, WORK, type Event } from './session-support.js';

/** A scheduler's day: tasks that end in each way, that are invalid in each way, a volume, a pod, and every other call. */
let pair: TestPair;
let session: Session;
let framework: TestFramework;
let agent_id: { value: string };
beforeAll(async () => {
  pair = await startTestPair();
  session = new Session(pair);
  agent_id = { value: `${pair.master.daemon.masterId}-S0` };
});
afterAll(() => pair.close());

const scalar = (name: string, value: number, more: object = {}) => ({
  ...{ name, type: 'SCALAR', scalar: { value }, allocation_info: { role: 'web' } },
  ...more,
});
const amounts = [scalar('cpus', 0.1), scalar('mem', 32)];
const task = (id: string, more: object = {}) => ({
  ...{ name: id, task_id: { value: id }, agent_id, resources: amounts, command: { value: 'true' } },
  ...more,
});
const runs = (id: string, value: string) => framework.launch(task(id, { command: { value } }));

async function call(step: string, type: string, body?: object): Promise<void> {
  const json = await framework.said(type, body);
  await session.master(step, '/api/v1/scheduler', json, { headers: framework.headers });
}

const heard = (type: string, count: number) =>
  framework.stream.until(({ records }) => records.filter((one) => one.type === type).length >= count);

async function containerOf(taskId: string): Promise<string> {
  const has = (text: string) => text.includes(`/${taskId}/`);
  return pair.agent.containerizer.running.find(({ sandbox }) => has(sandbox))!.containerId;
}

async function reconciling(): Promise<void> {
  const about = (value: string, agent?: string) => ({
    task_id: { value },
    ...(agent !== undefined && { agent_id: { value: agent } }),
  });
  await call('all', 'RECONCILE', { tasks: [] });
  await call('one', 'RECONCILE', { tasks: [about('task-1', agent_id.value)] });
  await call('an unknown one', 'RECONCILE', { tasks: [about('nope', agent_id.value)] });
  await call('an unknown one of an unknown agent', 'RECONCILE', { tasks: [about('nope2', 'no-such-agent')] });
  await call('an unknown one of no agent', 'RECONCILE', { tasks: [about('nope3')] });
  await framework.hears('TASK_RUNNING', 'TASK_RUNNING', 'TASK_GONE', 'TASK_UNKNOWN', 'TASK_UNKNOWN');
}

async function running(): Promise<void> {
  const ports = { name: 'ports', type: 'RANGES', ranges: { range: [{ begin: 31000, end: 31001 }] } };
  const more = {
    resources: [...amounts, scalar('disk', 16), { ...ports, allocation_info: { role: 'web' } }],
    command: { value: 'sleep 600', environment: { variables: [{ name: 'FOO', value: 'bar' }] } },
    labels: { labels: [{ key: 'k', value: 'v' }, { key: 'nov' }] },
    discovery: { visibility: 'CLUSTER', name: 'svc', ports: { ports: [{ number: 31000, name: 'http' }] } },
    kill_policy: { grace_period: { nanoseconds: 3_000_000_000 } },
  };
  await session.views('offered', 'master', [...SHARES, 'GET_FRAMEWORKS']);
  await framework.launch(task('task-1', more));
  await framework.hears('TASK_STARTING', 'TASK_RUNNING');
  await reconciling();
  await session.views('running', 'master', [...SHARES, ...WORK, '/state', 'GET_STATE']);
  const figures = ['/containers', '/monitor/statistics', '/containerizer/debug', 'GET_AGENT', 'GET_CONTAINERS'];
  await session.views('running, the agent', 'agent', [...figures, '/state', 'GET_STATE', 'GET_RESOURCE_PROVIDERS']);
  const id = await framework.id();
  for (const query of [`/frameworks?framework_id=${id.value}`, `/slaves?slave_id=${agent_id.value}`])
    await session.master('by id', query);
  await session.master('by ids', `/tasks?framework_id=${id.value}&task_id=task-1`);
}

async function ending(): Promise<void> {
  await call('declined', 'DECLINE', {
    offer_ids: (await framework.take()).map(({ id }) => id),
    filters: { refuse_seconds: 3600 },
  });
  await call('suppressed', 'SUPPRESS');
  await session.master('suppressed: GET_FRAMEWORKS', '/api/v1', { type: 'GET_FRAMEWORKS' });
  await call('revived', 'REVIVE', { roles: ['web'] });
  await runs('task-finish', 'true');
  await framework.hears('TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED');
  await runs('task-fail', 'exit 3');
  await framework.hears('TASK_STARTING', 'TASK_RUNNING', 'TASK_FAILED');
  for (const [id, exit] of Object.entries({
    'task-signal': { signal: 'SIGKILL', message: 'Command terminated with signal Killed' },
    'task-oom': { code: 137, limitation: 'oom', message: 'Memory limit exceeded: 32 MiB' },
  } as const)) {
    await runs(id, 'sleep 600');
    await framework.hears('TASK_STARTING', 'TASK_RUNNING');
    pair.agent.containerizer.end(await containerOf(id), exit);
    await framework.hears('TASK_FAILED');
  }
  await framework.launch(task('task-user', { command: { value: 'id', user: 'no-such-user' } }));
  await framework.hears('TASK_DROPPED');
}

async function invalid(): Promise<void> {
  const executor = { executor_id: { value: 'e' }, command: { value: 'sleep 1' } };
  const other = { allocation_info: { role: 'other' } };
  for (const one of [
    task('task-big', { resources: [scalar('cpus', 1000), scalar('mem', 32)] }),
    task('task-nothing', { resources: [] }),
    task('task-elsewhere', { agent_id: { value: 'other' } }),
    task('bad/id'),
    task('task-1'),
    task('task-both', { executor }),
    task('task-none', { command: undefined }),
    task('task-role', { resources: [scalar('cpus', 0.1, other), scalar('mem', 32, other)] }),
  ]) {
    await framework.launch(one);
    await framework.hears('TASK_ERROR');
  }
}

async function checked(): Promise<void> {
  const command = { value: 'true' };
  const health_check = { type: 'COMMAND', command, delay_seconds: 0, interval_seconds: 60, grace_period_seconds: 1 };
  const check = { type: 'COMMAND', command: { command: { value: 'exit 7' } }, delay_seconds: 1, interval_seconds: 60 };
  await framework.launch(task('task-health', { command: { value: 'sleep 600' }, health_check, check }));
  await framework.hears('TASK_STARTING', 'TASK_RUNNING', 'TASK_RUNNING', 'TASK_RUNNING');
}

async function keeping(): Promise<void> {
  const reserved = { reservations: [{ type: 'DYNAMIC', role: 'web', labels: { labels: [{ key: 'r', value: '1' }] } }] };
  const disk = { persistence: { id: 'vol-1' }, volume: { container_path: 'data', mode: 'RW' } };
  const resources = [scalar('disk', 64, reserved)];
  const volumes = [scalar('disk', 64, { ...reserved, disk })];
  const id = { value: 'op-reserve' };
  await framework.accept({ type: 'RESERVE', id, reserve: { resources } }, { type: 'CREATE', create: { volumes } });
  const { update_operation_status } = await framework.of('UPDATE_OPERATION_STATUS');
  const { uuid } = (update_operation_status as { status: { uuid: { value: string } } }).status;
  const done = { agent_id, uuid: uuid.value, operation_id: id };
  await session.views('reserved', 'master', SHARES);
  await call('told of the operation', 'ACKNOWLEDGE_OPERATION_STATUS', done);
  await framework.launch(task('task-volume', { resources: [...amounts, ...volumes] }));
  await framework.hears('TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED');
  await call('revived', 'REVIVE');
  await framework.accept({ type: 'DESTROY', destroy: { volumes } }, { type: 'UNRESERVE', unreserve: { resources } });
  const operations = [
    { operation_id: id, agent_id },
    { operation_id: { value: 'nope' }, agent_id },
  ];
  await call('operations', 'RECONCILE_OPERATIONS', { operations });
}

async function pod(): Promise<void> {
  const executor_id = { value: 'pod-1' };
  const executor = {
    ...{ type: 'DEFAULT', executor_id, framework_id: await framework.id() },
    resources: [...amounts, scalar('disk', 8)],
  };
  const tasks = ['pod-a', 'pod-b'].map((id) => task(id, { command: { value: 'sleep 600' } }));
  await framework.accept({ type: 'LAUNCH_GROUP', launch_group: { executor, task_group: { tasks } } });
  await framework.hears('TASK_STARTING', 'TASK_STARTING', 'TASK_RUNNING', 'TASK_RUNNING');
  await session.views('a pod', 'master', [...SHARES, '/frameworks', 'GET_EXECUTORS']);
  await session.views('a pod, the agent', 'agent', ['/state', '/containers', 'GET_EXECUTORS', 'GET_TASKS']);
  const all = { type: 'GET_CONTAINERS', get_containers: { show_nested: true, show_standalone: true } };
  await session.agent('with what is in the pod', '/api/v1', all);
  await call('a message', 'MESSAGE', { agent_id, executor_id, data: 'aGVsbG8=' });
  await call('a message to nobody', 'MESSAGE', { agent_id, executor_id: { value: 'nope' }, data: 'aGVsbG8=' });
  await call('a message that is none', 'MESSAGE', { agent_id, executor_id, data: '***' });
  await call('one of the pod is killed', 'KILL', { task_id: { value: 'pod-a' }, agent_id });
  await framework.hears('TASK_KILLING', 'TASK_KILLING', 'TASK_KILLED', 'TASK_KILLED');
  await heard('FAILURE', 1);
}

async function killing(): Promise<void> {
  const kill_policy = { grace_period: { nanoseconds: 1_000_000_000 } };
  await call('killed', 'KILL', { task_id: { value: 'task-1' }, agent_id, kill_policy });
  await framework.hears('TASK_KILLING', 'TASK_KILLED');
  await call('unknown', 'KILL', { task_id: { value: 'nope' }, agent_id });
  await call('unknown, of no agent', 'KILL', { task_id: { value: 'nope4' } });
  await call('ended', 'KILL', { task_id: { value: 'task-finish' }, agent_id });
  await framework.hears('TASK_GONE', 'TASK_UNKNOWN', 'TASK_GONE');
}

async function otherCalls(): Promise<void> {
  const stale = { value: `${pair.master.daemon.masterId}-O0` };
  const [task_id, uuid] = [{ value: 'nope' }, Buffer.alloc(16, 0x44).toString('base64')];
  const launch = { type: 'LAUNCH', launch: { task_infos: [task('task-stale')] } };
  await call('with an offer that is gone', 'ACCEPT', { offer_ids: [stale], operations: [launch] });
  await framework.hears('TASK_DROPPED');
  await call('no offer any more', 'DECLINE', { offer_ids: [stale] });
  await call('of no task', 'ACKNOWLEDGE', { agent_id, task_id, uuid });
  await call('of no agent', 'ACKNOWLEDGE', { agent_id: { value: 'nope' }, task_id, uuid });
  await call('a request', 'REQUEST', { requests: [{ resources: [scalar('cpus', 1)] }] });
  await call('of a role that it is not in', 'REVIVE', { roles: ['zzz'] });
  await call('of a role that is none', 'SUPPRESS', { roles: ['/bad'] });
}

async function changing(info: object): Promise<void> {
  const renamed = { ...info, id: await framework.id(), name: 'renamed', roles: ['web', 'batch'] };
  const update = (step: string, more: object, suppressed: string) =>
    call(step, 'UPDATE_FRAMEWORK', { framework_info: { ...renamed, ...more }, suppressed_roles: [suppressed] });
  await update('renamed', {}, 'batch');
  await update('what cannot be changed', { checkpoint: false }, 'batch');
  await update('another principal', { principal: 'other' }, 'batch');
  await update('suppressed where it is not', {}, 'zzz');
}

test('a master that nobody has come to', async () => {
  const master = await startTestMaster(['--hostname=localhost', '--cluster=golden']);
  const empty = new Session({ master });
  await empty.views('nobody', 'master', [...SHARES, ...WORK, '/state', 'GET_STATE']);
  for (const path of ['/flags', '/health', '/redirect', '/logging/toggle', '/maintenance/schedule', '/quota'])
    await empty.master('nobody', path);
  for (const path of ['/maintenance/status', '/weights', '/files/browse?path=/master/log'])
    await empty.master('nobody', path);
  for (const what of ['FLAGS', 'HEALTH', 'LOGGING_LEVEL', 'MAINTENANCE_SCHEDULE', 'MAINTENANCE_STATUS', 'MASTER'])
    await empty.master('nobody', '/api/v1', { type: `GET_${what}` });
  for (const what of ['QUOTA', 'WEIGHTS']) await empty.master('nobody', '/api/v1', { type: `GET_${what}` });
  await empty.matches('empty-master');
  await master.close();
});

test('answers and events are those of Mesos', { timeout: 30_000 }, async () => {
  const operator = await subscribe<Event>(pair.master.daemon, '/api/v1', { type: 'SUBSCRIBE' });
  const capabilities = ['MULTI_ROLE', 'PARTITION_AWARE', 'TASK_KILLING_STATE', 'RESERVATION_REFINEMENT'];
  const info = {
    ...{ user: 'root', name: 'scheduler', roles: ['web'], failover_timeout: 60, checkpoint: true, hostname: 'here' },
    ...{ webui_url: 'http://127.0.0.1/ui', labels: { labels: [{ key: 'team', value: 'gold' }] } },
    capabilities: capabilities.map((type) => ({ type })),
  };
  framework = await TestFramework.subscribe(pair.master.daemon, info);
  await running();
  await ending();
  await invalid();
  await checked();
  await keeping();
  await pod();
  await killing();
  await otherCalls();
  await changing(info);
  await call('over', 'TEARDOWN');
  await call('after that', 'REVIVE');
  await operator.until(({ records }) => records.find(({ type }) => type === 'FRAMEWORK_REMOVED'));
  await until('all is over', () => pair.agent.containerizer.running.length === 0);
  await session.views('over', 'master', WORK);
  session.stream(framework.stream, 'what the framework heard');
  session.stream(operator, 'what the operator heard');
  expect(framework.stream.ended).toBe(true);
  operator.close();
  await session.matches('scheduler');
});
