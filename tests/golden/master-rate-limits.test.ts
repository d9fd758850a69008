import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ask, post, startTestMaster, subscribe } from './master-support.js';

const SCHEDULER = '/api/v1/scheduler';
const limits = {
  limits: [{ principal: 'busy', qps: 0.01, capacity: 3 }, { principal: 'free' }],
  aggregate_default_qps: 0.01,
  aggregate_default_capacity: 2,
};
const framework = (principal?: string) => ({
  type: 'SUBSCRIBE',
  subscribe: { framework_info: { user: 'nobody', name: 'x', ...(principal && { principal }) } },
});
const basic = (name: string) => ({ Authorization: `Basic ${Buffer.from(`${name}:${name}pw`).toString('base64')}` });

test('a framework beyond its rate gets 429 and when to come again; others are served', async () => {
  const { daemon, close } = await startTestMaster([`--rate_limits=${JSON.stringify(limits)}`]);
  const stream = await subscribe(daemon, SCHEDULER, framework('busy'));
  const { subscribed } = await stream.until(({ records }) => records[0]);
  const revive = { type: 'REVIVE', framework_id: subscribed.framework_id };
  const headers = { 'Mesos-Stream-Id': String(stream.headers['mesos-stream-id']) };
  const answers = [];
  for (let i = 0; i < 4; i++) answers.push(await post(daemon, SCHEDULER, revive, headers));
  expect(answers.map(({ status }) => status)).toEqual([202, 202, 429, 429]);
  expect(Number(answers[3]!.headers['retry-after'])).toBeGreaterThan(90);
  expect(answers[3]!.text).toMatch(/^Principal 'busy' may make 0.01 requests a second: come again in \d+ s$/);

  for (let i = 0; i < 5; i++) (await subscribe(daemon, SCHEDULER, framework('free'))).close();
  const strangers = [];
  for (const name of ['a', undefined, 'b']) strangers.push(await subscribe(daemon, SCHEDULER, framework(name)));
  expect(strangers.map(({ status }) => status)).toEqual([200, 200, 429]);
  for (const one of [stream, ...strangers]) one.close();
  expect((await ask(daemon, '/state')).status).toBe(200);
  await close();
});

test('who authenticates is limited by that principal, on every part of the API', async () => {
  const credentials = join(mkdtempSync(join(tmpdir(), 'mezzo-rates-')), 'credentials');
  writeFileSync(credentials, 'busy busypw\nother otherpw\n');
  const asked = ['readonly', 'readwrite', 'frameworks'].map((part) => `--authenticate_http_${part}`);
  const args = [...asked, `--credentials=${credentials}`, `--rate_limits=${JSON.stringify(limits)}`];
  const { daemon, close } = await startTestMaster(args);
  const statuses = async (name: string) => {
    const seen = [];
    for (let i = 0; i < 4; i++) seen.push((await ask(daemon, '/state', { headers: basic(name) })).status);
    return seen;
  };
  expect(await statuses('busy')).toEqual([200, 200, 200, 429]);
  expect(await statuses('other')).toEqual([200, 200, 200, 200]);
  expect((await post(daemon, SCHEDULER, framework('busy'), basic('busy'))).status).toBe(429);
  expect(
    (await ask(daemon, '/state', { headers: { Authorization: basic('busy').Authorization.slice(0, -4) } })).status,
  ).toBe(401);
  await close();
});
