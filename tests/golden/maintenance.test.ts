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

/** Maintenance from the operator's first plan to the machine's return, by the older endpoints, as operators' scripts do it. */

const MACHINE = { hostname: 'AGENT.test', ip: '127.0.0.1' };
const WINDOW =
  '{"machine_ids":[{"hostname":"AGENT.test","ip":"127.0.0.1"}],"unavailability":{"start":{"nanoseconds":1795411873378209025},"duration":{"nanoseconds":3600000000000}}}';

let master: TestMaster;
/** Events as they come over the wire. */
type Event = Readonly<Record<string, Record<string, unknown>>>;
let scheduler: Subscription<Event>;
let agent: ScriptedAgent;
const daemon = () => master.daemon;
const send = (path: string, body: string) => ask(daemon(), path, { method: 'POST', body });

beforeAll(async () => {
  master = await startTestMaster();
  agent = await ScriptedAgent.start(daemon());
  const framework_info = { user: 'root', name: 'mt', roles: ['web'], capabilities: [{ type: 'MULTI_ROLE' }] };
  scheduler = await subscribe<Event>(daemon(), '/api/v1/scheduler', {
    type: 'SUBSCRIBE',
    subscribe: { framework_info },
  });
});
afterAll(async () => {
  scheduler.close();
  agent.stream.close();
  await master.close();
});

const of = (type: string): Promise<Event> =>
  scheduler.until(({ records }) => records.findLast((record) => String(record.type) === type));

test('a schedule is kept to the nanosecond, and shown in both ways', async () => {
  const { status } = await send('/maintenance/schedule', `{"windows":[${WINDOW}]}`);
  expect(status).toBe(200);
  expect((await ask(daemon(), '/maintenance/schedule')).text).toBe(`{"windows":[${WINDOW}]}`);
  const { text } = await ask(daemon(), '/maintenance/schedule?jsonp=show');
  expect(text).toBe(`show({"windows":[${WINDOW}]});`);
  const { text: v1 } = await post(daemon(), '/api/v1', { type: 'GET_MAINTENANCE_SCHEDULE' });
  expect(v1).toBe(
    `{"type":"GET_MAINTENANCE_SCHEDULE","get_maintenance_schedule":{"schedule":{"windows":[${WINDOW}]}}}`,
  );
});

test('a framework that was offered the machine is asked to leave it, and its answer is seen', async () => {
  const asked = await of('INVERSE_OFFERS');
  expect(normal(asked, daemon())).toMatchSnapshot();
  const { inverse_offers } = asked.inverse_offers as { inverse_offers: { id: unknown; framework_id: unknown }[] };
  const [{ id, framework_id }] = inverse_offers as [{ id: unknown; framework_id: unknown }];
  const accepted = await post(
    daemon(),
    '/api/v1/scheduler',
    { type: 'ACCEPT_INVERSE_OFFERS', framework_id, accept_inverse_offers: { inverse_offer_ids: [id] } },
    { 'Mesos-Stream-Id': String(scheduler.headers['mesos-stream-id']) },
  );
  expect(accepted.status).toBe(202);
  const { text } = await ask(daemon(), '/maintenance/status');
  expect(normal(JSON.parse(text), daemon())).toMatchSnapshot();
});

test('machines go down and up', async () => {
  const list = JSON.stringify([MACHINE]);
  expect(await send('/machine/up', list)).toMatchObject({
    status: 400,
    text: expect.stringContaining('not in DOWN mode'),
  });
  expect((await send('/machine/down', list)).status).toBe(200);
  expect(await agent.of('refused')).toMatchObject({ reason: expect.stringContaining('is DOWN') });
  expect((await of('FAILURE')).failure).toHaveProperty('agent_id');
  expect((await ask(daemon(), '/maintenance/status')).text).toBe(JSON.stringify({ down_machines: [MACHINE] }));
  expect(await send('/maintenance/schedule', '{}')).toMatchObject({ status: 400 });
  expect((await send('/machine/up', list)).status).toBe(200);
  expect((await ask(daemon(), '/maintenance/schedule')).text).toBe('{}');
});

test.each([
  ['PUT', '/maintenance/schedule', '{}', 405],
  ['POST', '/maintenance/status', '', 405],
  ['GET', '/machine/down', '', 405],
  ['PUT', '/machine/up', '[]', 405],
  ['POST', '/maintenance/schedule', '[]', 400],
  ['POST', '/maintenance/schedule', '{', 400],
  ['POST', '/maintenance/schedule', '{"windows":[{"machine_ids":[{"hostname":"a"}]}]}', 400],
  ['POST', '/machine/down', '{}', 400],
  ['POST', '/machine/down', '[1]', 400],
  ['POST', '/machine/down', '[]', 400],
])('%s %s %s is %i', async (method, path, body, status) => {
  expect((await ask(daemon(), path, { method, body })).status).toBe(status);
});
