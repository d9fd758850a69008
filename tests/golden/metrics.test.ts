import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask, post, ScriptedAgent, startTestMaster, subscribe, type TestMaster } from './master-support.js';

/** What the allocator tells of roles, in the field's names and for Prometheus. */
let master: TestMaster;
let closing: { close(): void }[] = [];

beforeAll(async () => {
  master = await startTestMaster();
  const quotaConfigs = [{ role: 'web', guarantees: { cpus: { value: 2 } }, limits: { cpus: { value: 2 } } }];
  await post(master.daemon, '/api/v1', {
    type: 'UPDATE_QUOTA',
    update_quota: { force: true, quota_configs: quotaConfigs },
  });
  const agent = await ScriptedAgent.start(master.daemon);
  await agent.of('registered');
  const info = { user: 'nobody', name: 'one', roles: ['web/a', 'web_a'], capabilities: [{ type: 'MULTI_ROLE' }] };
  const call = { type: 'SUBSCRIBE', subscribe: { framework_info: info, suppressed_roles: ['web_a'] } };
  const scheduler = await subscribe(master.daemon, '/api/v1/scheduler', call);
  const offer = await scheduler.until(({ records }) => records.find((one) => one.offers)?.offers.offers[0]);
  const framework_id = offer.framework_id;
  const decline = { offer_ids: [offer.id], filters: { refuse_seconds: 1000 } };
  const streamId = String(scheduler.headers['mesos-stream-id']);
  await post(
    master.daemon,
    '/api/v1/scheduler',
    { type: 'DECLINE', framework_id, decline },
    { 'Mesos-Stream-Id': streamId },
  );
  closing = [agent.stream, scheduler];
});
afterAll(async () => {
  for (const one of closing) one.close();
  await master.close();
});

test('shares, refusals and quota of each role are told', async () => {
  const metrics = JSON.parse((await ask(master.daemon, '/metrics/snapshot')).text) as Record<string, number>;
  expect(metrics).toMatchObject({
    'allocator/mesos/roles/web/shares/dominant': 0,
    'allocator/mesos/roles/web/a/shares/dominant': 0,
    'allocator/mesos/offer_filters/roles/web/a/active': 1,
    'allocator/mesos/offer_filters/roles/web/active': 0,
    'allocator/mesos/quota/roles/web/resources/cpus/guarantee': 2,
    'allocator/mesos/quota/roles/web/resources/cpus/limit': 2,
    'allocator/mesos/quota/roles/web/resources/cpus/consumed': 0,
    'allocator/mesos/quota/roles/web/resources/cpus/offered_or_allocated': 0,
    'allocator/mesos/event_queue_dispatches': 0,
    'allocator/mesos/resources/cpus/total': 2,
  });
});

test('what is offered does not count as consumed, and a framework has all its figures from the start', async () => {
  const info = { user: 'nobody', name: 'a b', roles: ['ads'], capabilities: [{ type: 'MULTI_ROLE' }] };
  const call = { type: 'SUBSCRIBE', subscribe: { framework_info: info } };
  const scheduler = await subscribe(master.daemon, '/api/v1/scheduler', call);
  const { framework_id } = await scheduler.until(({ records }) => records.find((one) => one.offers)?.offers.offers[0]);
  const metrics = JSON.parse((await ask(master.daemon, '/metrics/snapshot')).text) as Record<string, number>;
  expect(metrics['allocator/mesos/quota/roles/ads/resources/cpus/consumed']).toBeUndefined();
  const prefix = `master/frameworks/a%20b/${framework_id.value}/`;
  const own = Object.entries(metrics).filter(([name]) => name.startsWith(prefix));
  const figures = Object.fromEntries(own.map(([name, value]) => [name.slice(prefix.length), value]));
  expect(figures).toMatchObject({
    ...{ calls: 1, 'calls/subscribe': 1, 'calls/kill': 0, events: 3, 'events/offers': 1, 'events/rescind': 0 },
    ...{ operations: 0, 'operations/launch': 0, 'offers/sent': 1, 'roles/ads/suppressed': 0, subscribed: 1 },
    ...{ 'tasks/active/task_running': 0, 'tasks/terminal/task_failed': 0 },
  });
  expect(own).toHaveLength(61);
  scheduler.close();
});

test('for Prometheus roles are labels, so that web/a and web_a are two', async () => {
  const { status, headers, text } = await ask(master.daemon, '/metrics');
  expect([status, headers['content-type']]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
  expect(text).toContain('mezzo_allocator_mesos_offer_filters_roles_active{role="web/a"} 1\n');
  expect(text).toContain('mezzo_allocator_mesos_offer_filters_roles_active{role="web_a"} 0\n');
  expect(text).toContain('mezzo_allocator_mesos_quota_roles_guarantee{role="web",resource="cpus"} 2\n');
  expect(text).toMatch(/^mezzo_master_uptime_secs [\d.]+$/m);
});
