import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask, post, ScriptedAgent, startTestMaster, subscribe, type TestMaster } from './master-support.js';

// The rules, the callers and the answers of a recorded session of Mesos: ops may do all, viewer next to nothing.
const SCHEDULER = '/api/v1/scheduler';
const OPERATOR = '/api/v1';
const ANY = { type: 'ANY' };
const NONE = { type: 'NONE' };
const onlyOps = (objects: string) => [
  { principals: { values: ['ops'] }, [objects]: ANY },
  { principals: ANY, [objects]: NONE },
];
const acls = {
  permissive: true,
  register_frameworks: [
    ...onlyOps('roles').slice(0, 1),
    { principals: { values: ['dev'] }, roles: { values: ['eng/%'] } },
    ...onlyOps('roles').slice(1),
  ],
  run_tasks: [
    { principals: ANY, users: { values: ['nobody'] } },
    { principals: ANY, users: NONE },
  ],
  view_roles: [{ principals: { values: ['dev'] }, roles: { values: ['eng/%'] } }, ...onlyOps('roles')],
  view_tasks: [{ principals: { values: ['dev'] }, users: { values: ['nobody'] } }, ...onlyOps('users')],
  view_frameworks: [{ principals: { values: ['dev'] }, users: { values: ['nobody'] } }, ...onlyOps('users')],
  update_weights: onlyOps('roles'),
  update_quotas: onlyOps('roles'),
  get_quotas: onlyOps('roles'),
  get_endpoints: onlyOps('paths'),
  view_flags: onlyOps('flags'),
  set_log_level: onlyOps('level'),
  access_mesos_logs: onlyOps('logs'),
  teardown_frameworks: onlyOps('framework_principals'),
  mark_agents_gone: onlyOps('agents'),
  drain_agents: onlyOps('agents'),
  deactivate_agents: onlyOps('agents'),
  reactivate_agents: onlyOps('agents'),
  start_maintenances: onlyOps('machines'),
  stop_maintenances: onlyOps('machines'),
  update_maintenance_schedules: onlyOps('machines'),
  get_maintenance_schedules: onlyOps('machines'),
};

const as = (principal: string) => ({
  Authorization: `Basic ${Buffer.from(`${principal}:${principal}pw`).toString('base64')}`,
});
const [OPS, DEV, VIEWER] = [as('ops'), as('dev'), as('viewer')];

let master: TestMaster;
beforeAll(async () => {
  const credentials = join(mkdtempSync(join(tmpdir(), 'mezzo-acls-')), 'credentials');
  writeFileSync(credentials, 'ops opspw\ndev devpw\nviewer viewerpw\n');
  const asked = ['readonly', 'readwrite', 'frameworks'].map((part) => `--authenticate_http_${part}`);
  master = await startTestMaster([...asked, `--credentials=${credentials}`, `--acls=${JSON.stringify(acls)}`]);
});
afterAll(() => master.close());

const read = (path: string, headers: Record<string, string>) => ask(master.daemon, path, { headers });
const call = (type: string, headers: Record<string, string>, more: object = {}) =>
  post(master.daemon, OPERATOR, { type, ...more }, headers);
const json = (answer: { text: string }) => JSON.parse(answer.text) as never;

test.each([
  '/flags',
  '/files/debug',
  '/logging/toggle',
  '/metrics/snapshot',
  '/metrics',
  '/files/browse?path=/master/log',
])('%s is forbidden to those who may not', async (path) => {
  const { status, text } = await read(path, VIEWER);
  expect({ status, text }).toEqual({ status: 403, text: '403 Forbidden.' });
  expect((await read(path.toUpperCase().replace('?PATH=/MASTER/LOG', '?path=/master/log'), VIEWER)).status).not.toBe(
    200,
  );
  expect((await read(path, OPS)).status).toBe(200);
});

const id = { agent_id: { value: 'nope' } };
test.each([
  ['GET_FLAGS', {}],
  ['SET_LOGGING_LEVEL', { set_logging_level: { level: 0, duration: { nanoseconds: 1 } } }],
  ['LIST_FILES', { list_files: { path: '/master/log' } }],
  ['READ_FILE', { read_file: { path: '/master/log', offset: 0 } }],
  ['UPDATE_WEIGHTS', { update_weights: { weight_infos: [{ role: 'web', weight: 2 }] } }],
  ['UPDATE_QUOTA', { update_quota: { quota_configs: [{ role: 'web', limits: { cpus: { value: 1 } } }] } }],
  ['SET_QUOTA', { set_quota: { quota_request: { role: 'web', guarantee: [] } } }],
  ['REMOVE_QUOTA', { remove_quota: { role: 'web' } }],
  ['MARK_AGENT_GONE', { mark_agent_gone: id }],
  ['DRAIN_AGENT', { drain_agent: id }],
  ['DEACTIVATE_AGENT', { deactivate_agent: id }],
  ['REACTIVATE_AGENT', { reactivate_agent: id }],
  ['STOP_MAINTENANCE', { stop_maintenance: { machines: [{ hostname: 'a' }] } }],
  ['UPDATE_MAINTENANCE_SCHEDULE', { update_maintenance_schedule: { schedule: {} } }],
  ['START_MAINTENANCE', { start_maintenance: { machines: [{ hostname: 'a' }] } }],
])('%s is forbidden to those who may not', async (type, more) => {
  const { status, text } = await call(type, VIEWER, more);
  expect({ status, text }).toEqual({ status: 403, text: '403 Forbidden.' });
  expect((await call(type, OPS, more)).status).not.toBe(403);
});

test.each([
  'GET_HEALTH',
  'GET_VERSION',
  'GET_MASTER',
  'GET_STATE',
  'GET_ROLES',
  'GET_QUOTA',
  'GET_WEIGHTS',
  'GET_MAINTENANCE_STATUS',
])('%s is for all', async (type) => expect((await call(type, VIEWER)).status).toBe(200));

test('a schedule is seen by those who may, and cleared by nobody else', async () => {
  const window = { machine_ids: [{ hostname: 'm' }], unavailability: { start: { nanoseconds: 1 } } };
  const path = '/maintenance/schedule';
  expect((await post(master.daemon, path, { windows: [window] }, OPS)).status).toBe(200);
  expect((await post(master.daemon, path, { windows: [] }, VIEWER)).status).toBe(403);
  expect((await post(master.daemon, '/machine/down', [{ hostname: 'm' }], VIEWER)).status).toBe(403);
  expect((await read(path, OPS)).text).toContain('"m"');
  expect((await read(path, VIEWER)).text).toBe('{}');
  expect((await call('GET_MAINTENANCE_SCHEDULE', VIEWER)).text).not.toContain('"m"');
});

test('a framework that is not there is told as such to all', async () => {
  const teardown = { teardown: { framework_id: { value: 'x' } } };
  for (const who of [OPS, VIEWER])
    expect(await call('TEARDOWN', who, teardown)).toMatchObject({
      status: 400,
      text: 'No framework found with specified ID',
    });
});

const framework = (roles: string[], more: object = {}) => ({
  type: 'SUBSCRIBE',
  subscribe: { framework_info: { user: 'nobody', name: 'af', roles, capabilities: [{ type: 'MULTI_ROLE' }], ...more } },
});

test('who may not register in a role is told on the stream, which ends', async () => {
  for (const [who, roles] of [
    [VIEWER, ['web']],
    [DEV, ['eng/a', 'web']],
    [DEV, ['eng']],
  ] as const) {
    const stream = await subscribe(master.daemon, SCHEDULER, framework([...roles]), who);
    const { type, error } = await stream.until(({ records }) => records[0]);
    const message = `Not authorized to register framework  with roles { ${roles.join(', ')} }`;
    expect({ type, message: error.message }).toEqual({ type: 'ERROR', message });
    await stream.until(({ ended }) => ended);
  }
});

test('what somebody may not see is left out of every list and every event', async () => {
  const agent = await ScriptedAgent.start(master.daemon);
  const events = await Promise.all(
    [OPS, DEV, VIEWER].map((who) => subscribe(master.daemon, OPERATOR, { type: 'SUBSCRIBE' }, who)),
  );
  for (const stream of events) await stream.until(({ records }) => records.some(({ type }) => type === 'HEARTBEAT'));
  await call('UPDATE_WEIGHTS', OPS, {
    update_weights: {
      weight_infos: [
        { role: 'web', weight: 2 },
        { role: 'eng/a', weight: 3 },
      ],
    },
  });

  const scheduler = await subscribe(master.daemon, SCHEDULER, framework(['eng/a']), DEV);
  const { subscribed } = await scheduler.until(({ records }) => records[0]);
  const hidden = await subscribe(master.daemon, SCHEDULER, framework(['ops'], { user: 'root', name: 'hidden' }), OPS);
  await hidden.until(({ records }) => records[0]);
  const { offers } = await scheduler.until(({ records }) => records.find(({ type }) => type === 'OFFERS'));
  const [offer] = offers.offers;
  const launch = (taskId: string, user?: string) => ({
    name: taskId,
    task_id: { value: taskId },
    agent_id: offer.agent_id,
    resources: [
      { name: 'cpus', type: 'SCALAR', scalar: { value: 0.1 } },
      { name: 'mem', type: 'SCALAR', scalar: { value: 32 } },
    ],
    command: { value: 'true', ...(user && { user }) },
  });
  const task_infos = [launch('fine'), launch('denied', 'root')];
  const accept = { offer_ids: [offer.id], operations: [{ type: 'LAUNCH', launch: { task_infos } }] };
  const headers = { ...DEV, 'Mesos-Stream-Id': String(scheduler.headers['mesos-stream-id']) };
  await post(master.daemon, SCHEDULER, { type: 'ACCEPT', framework_id: subscribed.framework_id, accept }, headers);
  const { update } = await scheduler.until(({ records }) => records.find(({ type }) => type === 'UPDATE'));
  expect(update.status).toMatchObject({
    task_id: { value: 'denied' },
    state: 'TASK_ERROR',
    reason: 'REASON_TASK_UNAUTHORIZED',
    message: "Not authorized to launch as user 'root'",
  });
  expect((await agent.of('runTask')).task.taskId.value).toBe('fine');

  const names = async (who: Record<string, string>) => {
    const [state, summary, frameworks, tasks, roles] = (await Promise.all(
      ['/state', '/state-summary', '/frameworks', '/tasks', '/roles'].map(async (path) => json(await read(path, who))),
    )) as {
      frameworks: { name: string; tasks: unknown[] }[];
      tasks: { id: string }[];
      roles: { name: string }[];
      flags?: object;
    }[];
    const v1 = json(await call('GET_STATE', who)) as {
      get_state: {
        get_frameworks: { frameworks: { framework_info: { name: string } }[] };
        get_tasks: { tasks: { name: string }[] };
      };
    };
    const v1Roles = json(await call('GET_ROLES', who)) as { get_roles: { roles?: { name: string }[] } };
    const weights = json(await call('GET_WEIGHTS', who)) as { get_weights?: { weight_infos?: { role: string }[] } };
    const lists = [state!.frameworks, summary!.frameworks, frameworks!.frameworks].map((list) =>
      list.map(({ name }) => name).sort(),
    );
    const seen = v1.get_state;
    expect(lists).toEqual(
      lists.map(() => seen.get_frameworks.frameworks.map(({ framework_info }) => framework_info.name).sort()),
    );
    expect(tasks!.tasks.map(({ id }) => id)).toEqual(seen.get_tasks.tasks.map(({ name }) => name));
    expect(roles!.roles.map(({ name }) => name)).toEqual((v1Roles.get_roles.roles ?? []).map(({ name }) => name));
    return {
      flags: state!.flags !== undefined,
      frameworks: lists[0],
      tasks: tasks!.tasks.map(({ id }) => id),
      roles: roles!.roles.map(({ name }) => name),
      weights: (weights.get_weights?.weight_infos ?? []).map(({ role }) => role),
    };
  };
  expect(await names(OPS)).toEqual({
    flags: true,
    frameworks: ['af', 'hidden'],
    tasks: ['fine'],
    roles: ['eng/a', 'ops', 'web'],
    weights: ['eng/a', 'web'],
  });
  expect(await names(DEV)).toEqual({
    flags: false,
    frameworks: ['af'],
    tasks: ['fine'],
    roles: ['eng/a'],
    weights: ['eng/a'],
  });
  expect(await names(VIEWER)).toEqual({ flags: false, frameworks: [], tasks: [], roles: [], weights: [] });

  await agent.call({
    type: 'statusUpdate',
    frameworkId: subscribed.framework_id.value,
    status: {
      taskId: { value: 'fine' },
      state: 'TASK_RUNNING',
      uuid: 'AAAAAAAAAAAAAAAAAAAAAA==',
      source: 'SOURCE_EXECUTOR',
    },
    latestState: 'TASK_RUNNING',
  });
  await events[0]!.until(({ records }) => records.some(({ type }) => type === 'TASK_UPDATED'));
  await events[1]!.until(({ records }) => records.some(({ type }) => type === 'TASK_UPDATED'));
  const told = events.map(({ records }) =>
    records.map(({ type }) => type as string).filter((type) => /^(FRAME|TASK)/.test(type)),
  );
  expect(told).toEqual([
    ['FRAMEWORK_ADDED', 'FRAMEWORK_ADDED', 'TASK_ADDED', 'TASK_UPDATED'],
    ['FRAMEWORK_ADDED', 'TASK_ADDED', 'TASK_UPDATED'],
    [],
  ]);
  const teardown = { teardown: { framework_id: subscribed.framework_id } };
  expect((await call('TEARDOWN', VIEWER, teardown)).status).toBe(403);
  expect((await call('TEARDOWN', OPS, teardown)).status).toBe(200);
});

test('UPDATE_FRAMEWORK into a role that is not allowed is 403', async () => {
  const scheduler = await subscribe(master.daemon, SCHEDULER, framework(['eng/b']), DEV);
  const { subscribed } = await scheduler.until(({ records }) => records[0]);
  const headers = { ...DEV, 'Mesos-Stream-Id': String(scheduler.headers['mesos-stream-id']) };
  const update = (role: string) => ({
    type: 'UPDATE_FRAMEWORK',
    framework_id: subscribed.framework_id,
    update_framework: {
      framework_info: { ...framework([role]).subscribe.framework_info, id: subscribed.framework_id },
    },
  });
  expect((await post(master.daemon, SCHEDULER, update('web'), headers)).status).toBe(403);
  expect((await post(master.daemon, SCHEDULER, update('eng/c'), headers)).status).toBe(200);
  scheduler.close();
});

test('who may set weights may set priorities, and each sees those of the roles it may see', async () => {
  const put = (headers: Record<string, string>) =>
    ask(master.daemon, '/priorities', {
      ...{ method: 'PUT', headers },
      body: '[{"role":"eng/a","priority":2},{"role":"web","priority":1}]',
    });
  expect([await put({}), await put(DEV), await put(OPS)].map(({ status }) => status)).toEqual([401, 403, 200]);
  const seen = async (who: Record<string, string>) =>
    (json(await read('/priorities', who)) as { role: string }[]).map(({ role }) => role);
  expect([await seen(OPS), await seen(DEV), await seen(VIEWER)]).toEqual([['eng/a', 'web'], ['eng/a'], []]);
});
