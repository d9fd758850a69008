import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mintToken } from '@mezzo/sdk/secrets';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask, JSON_HEADERS, post, startTestMaster, subscribe, type TestMaster } from './master-support.js';

const SCHEDULER = '/api/v1/scheduler';
const OPERATOR = '/api/v1';
const dir = mkdtempSync(join(tmpdir(), 'mezzo-access-'));
const credentials = join(dir, 'credentials.json');
const as = (principal: string, secret: string) => ({
  Authorization: `Basic ${Buffer.from(`${principal}:${secret}`).toString('base64')}`,
});
const OPS = as('ops', 'opspw');
const VIEWER = as('viewer', 'viewerpw');

let master: TestMaster;
beforeAll(async () => {
  const people = { ops: 'opspw', viewer: 'viewerpw' };
  const list = Object.entries(people).map(([principal, secret]) => ({ principal, secret }));
  writeFileSync(credentials, JSON.stringify({ credentials: list }));
  master = await startTestMaster([
    '--authenticate_http_readonly',
    '--authenticate_http_readwrite',
    '--authenticate_http_frameworks',
    `--credentials=${credentials}`,
  ]);
});
afterAll(() => master.close());

const READ = ['/state', '/state-summary', '/slaves', '/frameworks', '/roles', '/tasks', '/flags', '/metrics/snapshot'];
const READ_MORE = ['/files/debug', '/files/read', '/metrics', '/maintenance/status', '/master/state', '//state/'];
const WRITE = ['/logging/toggle', '/api/v1', '/weights', '/quota', '/teardown', '/machine/up', '/maintenance/schedule'];

test.each([
  ...[...READ, ...READ_MORE].map((path) => [path, 'mesos-master-readonly']),
  ...[...WRITE, '/quota/web', '/no-such-endpoint', '/STATE'].map((path) => [path, 'mesos-master-readwrite']),
  [SCHEDULER, 'mesos-master-scheduler'],
])('%s asks for credentials, in the realm %s', async (path, realm) => {
  for (const headers of [{}, as('ops', 'wrong'), as('nobody', 'opspw'), { Authorization: 'Basic !' }]) {
    for (const method of ['GET', 'POST']) {
      const answer = await ask(master.daemon, path, { method, headers });
      expect({ status: answer.status, text: answer.text, type: answer.headers['content-type'] }).toEqual({
        status: 401,
        text: '401 Unauthorized.',
        type: 'text/plain; charset=utf-8',
      });
      expect(answer.headers['www-authenticate']).toBe(`Basic realm="${realm}"`);
    }
  }
  const { status } = await ask(master.daemon, path, { headers: OPS });
  expect(status).not.toBe(401);
});

test.each(['/health', '/version', '/redirect', '/', '/help'])('%s is for everybody', async (path) => {
  for (const headers of [{}, as('ops', 'wrong')])
    expect((await ask(master.daemon, path, { headers })).status).toBeLessThan(400);
});

test("tokens of the cluster's own parts are good everywhere, without being asked for", async () => {
  for (const scope of ['user', 'operator', 'plugin'] as const) {
    const token = await mintToken(master.daemon.clusterKey, { uid: 'u', scope }, 60);
    for (const authorization of [`Bearer ${token}`, `token=${token}`])
      expect((await ask(master.daemon, '/state', { headers: { authorization } })).status).toBe(200);
  }
  const authorization = `Bearer ${await mintToken(master.daemon.clusterKey, { uid: 'u', scope: 'agent' }, 60)}`;
  expect((await ask(master.daemon, '/state', { headers: { authorization } })).status).toBe(401);
});

test('credentials are checked before anything else is', async () => {
  const refused = await ask(master.daemon, OPERATOR, { method: 'POST', headers: {}, body: 'junk' });
  expect(refused.status).toBe(401);
  const read = await ask(master.daemon, OPERATOR, {
    method: 'POST',
    headers: { ...OPS, ...JSON_HEADERS },
    body: 'junk',
  });
  expect(read.status).toBe(400);
});

test('the flags tell which file the credentials are in, and no secret', async () => {
  const { text } = await ask(master.daemon, '/flags', { headers: OPS });
  expect(JSON.parse(text)).toMatchObject({
    flags: { credentials, authenticate_http_readonly: 'true', http_authenticators: 'basic' },
  });
  expect(text).not.toContain('opspw');
});

const framework = (more: object = {}) => ({
  type: 'SUBSCRIBE',
  subscribe: {
    framework_info: { user: 'root', name: 'af', roles: ['web'], capabilities: [{ type: 'MULTI_ROLE' }], ...more },
  },
});

test('a framework has the principal that it authenticated with, and no other', async () => {
  const other = await post(master.daemon, SCHEDULER, framework({ principal: 'viewer' }), OPS);
  expect({ status: other.status, text: other.text }).toEqual({
    status: 400,
    text: "Failed to validate scheduler::Call: Authenticated principal 'ops' does not match principal 'viewer' set in `FrameworkInfo`",
  });
  for (const more of [{}, { principal: 'ops' }]) {
    const stream = await subscribe(master.daemon, SCHEDULER, framework(more), OPS);
    const { subscribed } = await stream.until(({ records }) => records[0]);
    const headers = { 'Mesos-Stream-Id': String(stream.headers['mesos-stream-id']) };
    const revive = { type: 'REVIVE', framework_id: subscribed.framework_id };
    expect((await post(master.daemon, SCHEDULER, revive, { ...headers, ...OPS })).status).toBe(202);
    const stranger = await post(master.daemon, SCHEDULER, revive, { ...headers, ...VIEWER });
    expect({ status: stranger.status, text: stranger.text }).toEqual({
      status: 400,
      text: "Authenticated principal 'viewer' does not match principal 'ops' set in `FrameworkInfo`",
    });
    const takeover = framework({ id: subscribed.framework_id });
    const call = { ...takeover, framework_id: subscribed.framework_id };
    const refused = await subscribe(master.daemon, SCHEDULER, call, VIEWER);
    const { error } = await refused.until(({ records }) => records[0]);
    expect(error.message).toBe("Changing framework's principal is not allowed.");
    stream.close();
  }
});

test('a master whose credentials nobody could have is refused', async () => {
  await expect(startTestMaster(['--authenticate_http_readonly'])).rejects.toMatchObject({ code: 'INVALID_FLAG' });
  const jwt = await startTestMaster(['--authenticate_http_readonly', '--http_authenticators=jwt']);
  const { status, headers } = await ask(jwt.daemon, '/state');
  expect([status, headers['www-authenticate']]).toEqual([401, 'Bearer realm="mesos-master-readonly"']);
  await jwt.close();
});

test('until a plugin brings the authenticator that was asked for, nobody gets in', async () => {
  const { daemon, close } = await startTestMaster(['--authenticate_http_readonly', '--http_authenticators=oauth,jwt']);
  expect((await ask(daemon, '/state')).status).toBe(503);
  daemon.gate.add([
    {
      name: 'oauth',
      authenticate: ({ headers }) =>
        headers['x-me'] === undefined ? { challenge: 'OAuth realm="r"' } : { principal: { value: 'me' } },
    },
  ]);
  const { status, headers } = await ask(daemon, '/state');
  expect([status, headers['www-authenticate']]).toEqual([401, 'OAuth realm="r", Bearer realm="mesos-master-readonly"']);
  expect((await ask(daemon, '/state', { headers: { 'x-me': '1' } })).status).toBe(200);
  await close();
});
