import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  ask,
  ScriptedAgent,
  startTestMaster,
  subscribe,
  type Subscription,
  type TestMaster,
} from './master-support.js';

/** `GET /explain`, which other masters do not have. */
let master: TestMaster;
let agent: ScriptedAgent;
let scheduler: Subscription<{ subscribed?: { framework_id: { value: string } }; offers?: object }>;
let id: string;

beforeAll(async () => {
  master = await startTestMaster();
  agent = await ScriptedAgent.start(master.daemon);
  await agent.of('registered');
  const info = { user: 'nobody', name: 'one', roles: ['web'], capabilities: [{ type: 'MULTI_ROLE' }] };
  const call = { type: 'SUBSCRIBE', subscribe: { framework_info: info } };
  scheduler = await subscribe(master.daemon, '/api/v1/scheduler', call);
  id = await scheduler.until(({ records }) => records[0]?.subscribed?.framework_id.value);
  await scheduler.until(({ records }) => records.some(({ offers }) => offers));
});
afterAll(async () => {
  scheduler.close();
  agent.stream.close();
  await master.close();
});

const explain = async (query: string) => {
  const { status, text } = await ask(master.daemon, `/explain${query}`);
  return { status, text };
};

test('says in words and numbers what stands between a framework and the agents', async () => {
  const { status, text } = await explain(`?framework_id=${id}&role=web&limit=1`);
  expect(status).toBe(200);
  const view = JSON.parse(text) as { framework: object; roles: Record<string, unknown>[] };
  expect(view.framework).toEqual({ id, name: 'one', connected: true });
  expect(view.roles[0]).toMatchObject({
    role: 'web',
    offers: 1,
    summary: expect.stringMatching(/has offers that it did not answer: 1/),
    reasons: [{ reason: 'OFFERED', agents: 1, next: expect.stringMatching(/accept or decline/) }],
    free: {},
  });
});

test.each([
  ['', 400, /Missing 'framework_id'/],
  ['?framework_id=nobody', 404, /'nobody' is unknown/],
  ['?framework_id=ID&role=db', 404, /not in the role 'db': its roles are 'web'/],
  ['?framework_id=ID&agent_id=S99', 404, /Agent 'S99' is not registered/],
  ['?framework_id=ID&limit=1001', 400, /'limit' is 1001: it must be a number from 0 to 1000/],
])('%s is refused with %i', async (query, status, words) => {
  const answer = await explain(query.replace('ID', id));
  expect(answer.status).toBe(status);
  expect(answer.text).toMatch(words);
});
