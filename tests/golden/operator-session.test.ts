import { afterAll, beforeAll, test } from 'vitest';
import { until } from '../support/poll.js';
import { startTestPair, type TestPair } from './agent-support.js';
import { post, subscribe } from './master-support.js';
import { Session, TestFramework, type Event } from './session-support.js';

/** An operator's day: weights, quota, reservations, volumes, maintenance, an agent that is drained. */
let pair: TestPair;
let session: Session;
let agentId: string;
beforeAll(async () => {
  pair = await startTestPair();
  session = new Session(pair);
  agentId = `${pair.master.daemon.masterId}-S0`;
});
afterAll(() => pair.close());

const call = (step: string, type: string, body?: object) =>
  session.master(step, '/api/v1', { type, ...(body && { [type.toLowerCase()]: body }) });
const cpus = (value: number) => ({ cpus: { value } });
const dynamic = { reservations: [{ type: 'DYNAMIC', role: 'web' }] };
const scalar = (name: string, value: number, more: object = dynamic) => ({
  ...{ name, type: 'SCALAR', scalar: { value } },
  ...more,
});
const volume = (value: number) =>
  scalar('disk', value, {
    ...dynamic,
    disk: { persistence: { id: 'v1' }, volume: { container_path: 'd', mode: 'RW' } },
  });
const about = (body: object = {}) => ({ agent_id: { value: agentId }, ...body });
const quota = (step: string, ...quota_configs: object[]) => call(step, 'UPDATE_QUOTA', { quota_configs });

const read = async (type: string) => (await post(pair.master.daemon, '/api/v1', { type })).text;
const agentsShow = (text: string) => until(text, async () => (await read('GET_AGENTS')).includes(text));

async function sharing(): Promise<void> {
  const weight = (role: string, value: number) => ({ role, weight: value });
  await call('no weights', 'GET_WEIGHTS');
  await call('weights', 'UPDATE_WEIGHTS', { weight_infos: [weight('web', 2.5), weight('batch', 1.5)] });
  await call('weights are shown', 'GET_WEIGHTS');
  await session.master('weights, as before v1', '/weights');
  await call('no weights to set', 'UPDATE_WEIGHTS', {});
  await call('weight of 0', 'UPDATE_WEIGHTS', { weight_infos: [weight('web', 0)] });
  await session.master('weights are put', '/weights', [weight('web', 3)], { method: 'PUT' });
  const web = { guarantees: { ...cpus(1), mem: { value: 128 } }, limits: { ...cpus(2), mem: { value: 512 } } };
  await quota('quota', { role: 'web', ...web });
  await call('quota is shown', 'GET_QUOTA');
  await quota('limit below guarantee', { role: 'web', guarantees: cpus(3), limits: cpus(2) });
  const big = { role: 'big', guarantees: cpus(1000), limits: cpus(1000) };
  await quota('more than there is', big);
  await call('more than there is, by force', 'UPDATE_QUOTA', { force: true, quota_configs: [big] });
  await quota('of any role, when there is not enough', { role: '*', limits: cpus(1) });
  await quota('of a role below', { role: 'web/child', guarantees: cpus(5), limits: cpus(5) });
  await session.master('quota, as before v1', '/quota');
  await session.master('roles, as before v1', '/roles');
  await call('roles', 'GET_ROLES');
  const old = { quota_request: { force: true, role: 'legacy', guarantee: [scalar('cpus', 1, {})] } };
  await call('quota of old', 'SET_QUOTA', old);
  await call('quota of old, again', 'SET_QUOTA', old);
  await call('quota of old is removed', 'REMOVE_QUOTA', { role: 'legacy' });
  await call('quota of old is removed again, which ends a Mesos master', 'REMOVE_QUOTA', { role: 'legacy' });
  await quota('no quota any more', { role: 'web' }, { role: 'big' });
  await call('quota is gone', 'GET_QUOTA');
}

async function reserving(): Promise<void> {
  const reserve = (step: string, ...resources: object[]) => call(step, 'RESERVE_RESOURCES', about({ resources }));
  const create = (step: string) => call(step, 'CREATE_VOLUMES', about({ volumes: [volume(32)] }));
  const both = [scalar('cpus', 0.5), scalar('disk', 64)];
  await reserve('reserve', ...both);
  await reserve('too much', scalar('cpus', 5000));
  await reserve('statically', scalar('cpus', 1, { reservations: [{ type: 'STATIC', role: 'web' }] }));
  await reserve('for nobody', scalar('cpus', 1, {}));
  await reserve('in the format of old', scalar('cpus', 0.1, { role: 'web', reservation: {} }));
  await create('a volume');
  await create('a volume of the same id');
  await call('agents with reservations', 'GET_AGENTS');
  await until('all is applied', async () => !(await read('GET_OPERATIONS')).includes('PENDING'));
  await call('operations', 'GET_OPERATIONS');
  await session.master('agents with reservations, as before v1', '/slaves');
  await session.agent('the agent with reservations', '/state');
  await call('a volume grows', 'GROW_VOLUME', about({ volume: volume(32), addition: scalar('disk', 16) }));
  await call('a volume shrinks', 'SHRINK_VOLUME', about({ volume: volume(48), subtract: { value: 16 } }));
  await call('what a volume is on stays', 'UNRESERVE_RESOURCES', about({ resources: both }));
  await call('the volume goes', 'DESTROY_VOLUMES', about({ volumes: [volume(32)] }));
  await call('the volume is gone', 'DESTROY_VOLUMES', about({ volumes: [volume(32)] }));
  await call('what was reserved goes', 'UNRESERVE_RESOURCES', about({ resources: both }));
  await call('what was reserved is gone', 'UNRESERVE_RESOURCES', about({ resources: both }));
  const form = `slaveId=${agentId}&resources=${encodeURIComponent(JSON.stringify([scalar('cpus', 0.25, { role: 'web', reservation: {} })]))}`;
  for (const path of ['/reserve', '/unreserve'])
    await session.master(`by a form: ${path}`, path, undefined, { method: 'POST', body: form });
}

async function launch(): Promise<TestFramework> {
  const framework = await TestFramework.subscribe(pair.master.daemon, { user: 'root', name: 'mt', roles: ['web'] });
  const resources = [scalar('cpus', 0.1, {}), scalar('mem', 32, {})];
  await framework.launch({
    ...about({ name: 'mt', task_id: { value: 'mt-1' }, resources }),
    command: { value: 'sleep 600' },
  });
  await framework.hears('TASK_STARTING', 'TASK_RUNNING');
  return framework;
}

async function maintaining(framework: TestFramework): Promise<void> {
  const machine = { hostname: 'localhost', ip: '127.0.0.1' };
  const unavailability = {
    start: { nanoseconds: 1795411873378209024 },
    duration: { nanoseconds: 3_600_000_000_000 },
  };
  const schedule = (...machine_ids: object[]) => ({ schedule: { windows: [{ machine_ids, unavailability }] } });
  await call('a schedule', 'UPDATE_MAINTENANCE_SCHEDULE', schedule(machine));
  await call('the schedule', 'GET_MAINTENANCE_SCHEDULE');
  await call('nobody has answered', 'GET_MAINTENANCE_STATUS');
  const { inverse_offers } = (await framework.of('INVERSE_OFFERS')).inverse_offers as {
    inverse_offers: { id: object }[];
  };
  await framework.call('ACCEPT_INVERSE_OFFERS', { inverse_offer_ids: [inverse_offers[0]!.id] });
  await call('the framework has answered', 'GET_MAINTENANCE_STATUS');
  await session.master('the schedule, as before v1', '/maintenance/schedule');
  await session.master('the framework has answered, as before v1', '/maintenance/status');
  await call('a machine twice', 'UPDATE_MAINTENANCE_SCHEDULE', schedule(machine, machine));
  await call('a machine that nobody knows goes down', 'START_MAINTENANCE', { machines: [{ hostname: 'nope' }] });
  await call('a machine that is up goes up', 'STOP_MAINTENANCE', { machines: [machine] });
  await call('no schedule', 'UPDATE_MAINTENANCE_SCHEDULE', { schedule: {} });
}

async function draining(framework: TestFramework): Promise<void> {
  await call('an agent is deactivated', 'DEACTIVATE_AGENT', about());
  await session.master('deactivated', '/slaves');
  await call('an agent is reactivated', 'REACTIVATE_AGENT', about());
  await call('a duration is no text', 'DRAIN_AGENT', about({ max_grace_period: '2s' }));
  await call('an agent is drained', 'DRAIN_AGENT', about({ max_grace_period: { seconds: 2 } }));
  await framework.hears('TASK_KILLED');
  await agentsShow('DRAINED');
  await call('drained', 'GET_AGENTS');
  await call('an agent that was drained is reactivated', 'REACTIVATE_AGENT', about());
  await agentsShow('offered_resources');
  await call('reactivated', 'GET_AGENTS');
}

test('answers and events are those of Mesos', async () => {
  const operator = await subscribe<Event>(pair.master.daemon, '/api/v1', { type: 'SUBSCRIBE' });
  await sharing();
  await reserving();
  const framework = await launch();
  await maintaining(framework);
  await draining(framework);
  await framework.call('TEARDOWN');
  await operator.until(({ records }) => records.find(({ type }) => type === 'FRAMEWORK_REMOVED'));
  session.stream(framework.stream, 'what the framework heard');
  session.stream(operator, 'what the operator heard');
  framework.stream.close();
  operator.close();
  await session.matches('operator');
});
