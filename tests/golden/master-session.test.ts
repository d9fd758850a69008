import { decodeMessage, type ContainerStatus, type TaskStatus } from '@mezzo/sdk/api';
import { until } from '../support/poll.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  ask,
  normal,
  post,
  ScriptedAgent,
  startTestMaster,
  subscribe,
  type Subscription,
  type TestMaster,
} from './master-support.js';

let master: TestMaster;
beforeAll(async () => void (master = await startTestMaster(['--cluster=golden'])));
afterAll(() => master.close());

const golden = (name: string, value: unknown) =>
  expect(`${JSON.stringify(normal(value, master.daemon), undefined, 2)}\n`).toMatchFileSnapshot(
    `./master/${name}.json`,
  );

const info = {
  user: 'nobody',
  name: 'golden',
  roles: ['web'],
  failover_timeout: 60,
  checkpoint: true,
  capabilities: [{ type: 'MULTI_ROLE' }, { type: 'PARTITION_AWARE' }, { type: 'RESERVATION_REFINEMENT' }],
  labels: { labels: [{ key: 'team', value: 'gold' }] },
};
const scalar = (name: string, value: number) => ({ name, type: 'SCALAR', scalar: { value } });

test('a whole session: subscribe, offer, launch, update, acknowledge, kill, finish, in the shapes of Mesos', async () => {
  const { daemon } = master;
  const operator = await subscribe(daemon, '/api/v1', { type: 'SUBSCRIBE' });
  const scheduler = await subscribe(daemon, '/api/v1/scheduler', {
    type: 'SUBSCRIBE',
    subscribe: { framework_info: info },
  });
  expect(scheduler.headers['content-type']).toBe('application/json');
  const streamId = String(scheduler.headers['mesos-stream-id']);
  const subscribed = await scheduler.until(({ records }) => records[0]);
  const frameworkId = subscribed.subscribed.framework_id;
  const call = (body: object) =>
    post(daemon, '/api/v1/scheduler', { framework_id: frameworkId, ...body }, { 'Mesos-Stream-Id': streamId });

  const agent = await ScriptedAgent.start(daemon);
  const { agentId } = await agent.of('registered');
  const offers = await scheduler.until(({ records }) => records.find((r) => r.type === 'OFFERS'));
  expect(scheduler.records.map((r) => r.type)).toEqual(['SUBSCRIBED', 'HEARTBEAT', 'OFFERS']);

  const task = {
    name: 'task-1',
    task_id: { value: 'task-1' },
    agent_id: { value: agentId },
    resources: [
      scalar('cpus', 0.5),
      scalar('mem', 64),
      { name: 'ports', type: 'RANGES', ranges: { range: [{ begin: 31000, end: 31001 }] } },
    ],
    command: { value: 'sleep 600' },
    labels: { labels: [{ key: 'k', value: 'v' }, { key: 'nov' }] },
    discovery: {
      visibility: 'CLUSTER',
      name: 'svc',
      ports: { ports: [{ number: 31000, name: 'http', protocol: 'tcp' }] },
    },
  };
  const accept = {
    offer_ids: [offers.offers.offers[0].id],
    operations: [{ type: 'LAUNCH', launch: { task_infos: [task] } }],
  };
  expect(await call({ type: 'ACCEPT', accept })).toMatchObject({ status: 202, text: '' });
  const { task: run } = await agent.of('runTask');
  await golden('run-task', run);

  const uuid = Buffer.from('0123456789abcdef').toString('base64');
  const containerStatus: ContainerStatus = {
    containerId: { value: 'c1' },
    networkInfos: [{ ipAddresses: [{ protocol: 'IPv4', ipAddress: '10.0.0.9' }] }],
  };
  const status: TaskStatus = {
    taskId: { value: 'task-1' },
    state: 'TASK_RUNNING',
    source: 'SOURCE_EXECUTOR',
    timestamp: 1.5,
    uuid,
    containerStatus,
  };
  const update = {
    type: 'statusUpdate' as const,
    frameworkId: frameworkId.value as string,
    status,
    latestState: status.state,
  };
  expect((await agent.call(update)).status).toBe(202);
  await scheduler.until(({ records }) => records.find((r) => r.type === 'UPDATE'));
  const acknowledge = { agent_id: { value: agentId }, task_id: { value: 'task-1' }, uuid };
  expect((await call({ type: 'ACKNOWLEDGE', acknowledge })).status).toBe(202);
  expect(await agent.of('acknowledge')).toMatchObject({ taskId: 'task-1', uuid });

  for (const path of ['state', 'state-summary', 'slaves', 'frameworks', 'tasks', 'roles']) {
    await golden(`legacy-${path}`, withoutFlags(JSON.parse((await ask(daemon, `/${path}`)).text)));
  }
  for (const type of ['GET_STATE', 'GET_ROLES', 'GET_MASTER', 'GET_HEALTH', 'GET_EXECUTORS', 'GET_WEIGHTS']) {
    await golden(`v1-${type}`, JSON.parse((await post(daemon, '/api/v1', { type })).text));
  }

  expect((await call({ type: 'KILL', kill: { task_id: { value: 'task-1' } } })).status).toBe(202);
  expect(await agent.of('killTask')).toMatchObject({ taskId: 'task-1' });
  await agent.call({
    ...update,
    status: { ...status, state: 'TASK_KILLED', uuid: Buffer.from('fedcba9876543210').toString('base64') },
    latestState: 'TASK_KILLED',
  });
  await scheduler.until(({ records }) => records.filter((r) => r.type === 'UPDATE').length === 2);
  expect(
    (
      await call({
        type: 'RECONCILE',
        reconcile: { tasks: [{ task_id: { value: 'who' }, agent_id: { value: agentId } }] },
      })
    ).status,
  ).toBe(202);
  await scheduler.until(({ records }) => records.filter((r) => r.type === 'UPDATE').length === 3);
  expect((await call({ type: 'TEARDOWN' })).status).toBe(202);
  await scheduler.until(({ ended }) => ended);
  await operator.until(({ records }) => records.find((r) => r.type === 'FRAMEWORK_REMOVED'));
  await golden(
    'scheduler-events',
    scheduler.records.filter((r) => r.type !== 'OFFERS' || r === offers),
  );
  await golden('operator-events', operator.records);
  operator.close();
  agent.stream.close();
});

const withoutFlags = (state: Record<string, unknown>) =>
  'flags' in state ? { ...state, flags: {}, log_dir: '' } : state;

test('the same calls and events in protobuf', async () => {
  const { daemon } = master;
  const read = (bytes: Uint8Array) => decodeMessage('mesos.v1.scheduler.Event', bytes);
  const call = { type: 'SUBSCRIBE', subscribe: { framework_info: { user: 'nobody', name: 'pb' } } };
  const stream = await subscribe(daemon, '/api/v1/scheduler', call, { Accept: 'application/x-protobuf' }, read);
  expect(stream.headers['content-type']).toBe('application/x-protobuf');
  await stream.until(({ records }) => records.length >= 2);
  expect(stream.records.slice(0, 2).map(({ type }) => type)).toEqual(['SUBSCRIBED', 'HEARTBEAT']);
  const answer = await post(daemon, '/api/v1', { type: 'GET_FRAMEWORKS' }, { Accept: 'application/x-protobuf' });
  const { getFrameworks } = decodeMessage('mesos.v1.master.Response', answer.body);
  expect(getFrameworks!.frameworks!.map(({ frameworkInfo }) => frameworkInfo.name)).toContain('pb');
  stream.close();
});

test('a scheduler whose connection breaks is disconnected and may take over again', async () => {
  const { daemon } = master;
  const framework = { user: 'nobody', name: 'again', failover_timeout: 60 };
  const first = await subscribe(daemon, '/api/v1/scheduler', {
    type: 'SUBSCRIBE',
    subscribe: { framework_info: framework },
  });
  const id = (await first.until(({ records }) => records[0])).subscribed.framework_id as { value: string };
  first.close();
  const isConnected = async () => {
    const { frameworks } = JSON.parse((await ask(daemon, `/frameworks?framework_id=${id.value}`)).text) as {
      frameworks: { connected: boolean }[];
    };
    return frameworks[0]!.connected;
  };
  await until('the break is noticed', async () => !(await isConnected()), 5_000, 10);
  const call = { type: 'SUBSCRIBE', framework_id: id, subscribe: { framework_info: { ...framework, id } } };
  const second: Subscription<unknown> = await subscribe(daemon, '/api/v1/scheduler', call);
  await second.until(({ records }) => records[0]);
  expect(await isConnected()).toBe(true);
  second.close();
});
