import { connect } from 'node:net';
import { gunzipSync } from 'node:zlib';
import Koa from 'koa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mintToken } from '@mezzo/sdk/secrets';
import { ask, JSON_HEADERS, post, startTestMaster, subscribe, type Ask, type TestMaster } from './master-support.js';

let master: TestMaster;
beforeAll(async () => void (master = await startTestMaster()));
afterAll(() => master.close());

const SCHEDULER = '/api/v1/scheduler';
const OPERATOR = '/api/v1';
const raw = (body: string, headers: Record<string, string> = JSON_HEADERS): Ask => ({ method: 'POST', headers, body });
const json = (value: unknown, headers: Record<string, string> = {}): Ask =>
  raw(JSON.stringify(value), { ...JSON_HEADERS, ...headers });
const framework = (more: object = {}) => ({ framework_info: { user: 'nobody', name: 'x', ...more } });
const ID = { framework_id: { value: 'nope' } };

const table: [what: string, path: string, ask: Ask, status: number, text: string][] = [
  ['another method', SCHEDULER, {}, 405, "405 Method Not Allowed. Expecting one of { 'POST' }, but received 'GET'."],
  ['no content type', SCHEDULER, raw('{}', {}), 400, "Expecting 'Content-Type' to be present"],
  [
    'a content type with a parameter',
    SCHEDULER,
    raw('{}', { 'Content-Type': 'application/json; charset=utf-8' }),
    415,
    "Expecting 'Content-Type' of application/json or application/x-protobuf",
  ],
  ['an empty body', SCHEDULER, raw(''), 400, 'Failed to parse body into JSON: syntax error at line 1 near: '],
  ['no JSON', OPERATOR, raw('hello'), 400, 'Failed to parse body into JSON: syntax error at line 1 near: hello'],
  [
    'more than JSON',
    OPERATOR,
    raw('{} x'),
    400,
    'Failed to parse body into JSON: Parsed JSON included non-whitespace trailing characters:  x',
  ],
  ['a list', SCHEDULER, raw('[]'), 400, 'Failed to convert JSON into Call protobuf: Expecting a JSON object'],
  [
    'protobuf that is none',
    SCHEDULER,
    raw('\u00ff\u00fe', { 'Content-Type': 'application/x-protobuf' }),
    400,
    'Failed to parse body into Call protobuf',
  ],
  ['no type', SCHEDULER, json({}), 400, "Failed to validate scheduler::Call: Expecting 'type' to be present"],
  [
    'an unknown type',
    OPERATOR,
    json({ type: 'NO_SUCH' }),
    400,
    "Failed to validate master::Call: Expecting 'type' to be present",
  ],
  [
    'no framework id',
    SCHEDULER,
    json({ type: 'REVIVE' }),
    400,
    "Failed to validate scheduler::Call: Expecting 'framework_id' to be present",
  ],
  [
    'no payload',
    SCHEDULER,
    json({ ...ID, type: 'KILL' }),
    400,
    "Failed to validate scheduler::Call: Expecting 'kill' to be present",
  ],
  [
    'no payload for an operator call',
    OPERATOR,
    json({ type: 'TEARDOWN' }),
    400,
    "Failed to validate master::Call: Expecting 'teardown' to be present",
  ],
  [
    'a required field missing',
    SCHEDULER,
    json({ ...ID, type: 'KILL', kill: {} }),
    400,
    'Failed to convert JSON into Call protobuf: Missing required fields: kill.task_id',
  ],
  [
    'a uuid that is none',
    SCHEDULER,
    json({
      ...ID,
      type: 'ACKNOWLEDGE',
      acknowledge: { agent_id: { value: 'a' }, task_id: { value: 't' }, uuid: 'AAAA' },
    }),
    400,
    'Failed to validate scheduler::Call: Not a valid UUID',
  ],
  [
    'a uuid of a version that is none',
    SCHEDULER,
    json({
      ...ID,
      type: 'ACKNOWLEDGE_OPERATION_STATUS',
      acknowledge_operation_status: { operation_id: { value: 'o' }, uuid: Buffer.alloc(16).toString('base64') },
    }),
    400,
    'Failed to validate scheduler::Call: Not a valid UUID',
  ],
  [
    'two framework ids',
    SCHEDULER,
    json({ type: 'SUBSCRIBE', ...ID, subscribe: framework({ id: { value: 'b' } }) }),
    400,
    "Failed to validate scheduler::Call: 'framework_id' differs from 'subscribe.framework_info.id'",
  ],
  [
    'an answer that cannot be given',
    SCHEDULER,
    json({ type: 'SUBSCRIBE', subscribe: framework() }, { Accept: 'text/html' }),
    406,
    "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'",
  ],
  [
    'an operator answer that cannot be given',
    OPERATOR,
    json({ type: 'GET_HEALTH' }, { Accept: 'application/json;q=0' }),
    406,
    "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'",
  ],
  [
    'a stream id on SUBSCRIBE',
    SCHEDULER,
    json({ type: 'SUBSCRIBE', subscribe: framework() }, { 'Mesos-Stream-Id': 'x' }),
    400,
    "Subscribe calls should not include the 'Mesos-Stream-Id' header",
  ],
  ['an unknown framework', SCHEDULER, json({ ...ID, type: 'REVIVE' }), 400, 'Framework cannot be found'],
  [
    'an unknown framework to tear down',
    OPERATOR,
    json({ type: 'TEARDOWN', teardown: ID }),
    400,
    'No framework found with specified ID',
  ],
  [
    'an unknown agent to drain',
    OPERATOR,
    json({ type: 'DRAIN_AGENT', drain_agent: { agent_id: { value: 'x' } } }),
    400,
    'Unknown agent',
  ],
  [
    'maintenance of nothing',
    OPERATOR,
    json({ type: 'START_MAINTENANCE', start_maintenance: {} }),
    400,
    'List of machines is empty',
  ],
  ['an unknown path', '/nope', {}, 404, '404 Not Found.'],
  ['an escaped path', '/%68ealth', {}, 404, '404 Not Found.'],
  ['a file that is not attached', '/files/read?path=/etc/passwd&offset=0', {}, 404, '404 Not Found.'],
  ['a path out of the log', '/files/read?path=/master/log/../../etc/passwd&offset=0', {}, 404, '404 Not Found.'],
  ['no path', '/files/browse', {}, 400, "Expecting 'path=value' in query.\n"],
  [
    'a bad offset',
    '/files/read?path=/master/log&offset=x',
    {},
    400,
    "Failed to parse offset: Failed to convert 'x' to number.\n",
  ],
  ['a callback that is a script', '/state?jsonp=alert(1)//', {}, 400, "'jsonp' must be the name of a function"],
  [
    'a form without its field',
    '/teardown',
    { method: 'POST' },
    400,
    "Missing 'frameworkId' query parameter in the request body",
  ],
  [
    'another site',
    '/teardown',
    { method: 'POST', headers: { 'Sec-Fetch-Site': 'cross-site' } },
    403,
    'Cross-site requests are refused',
  ],
  [
    'an agent without a token',
    '/agent/v1/subscribe',
    { method: 'POST', body: '{}' },
    401,
    'the token is not valid here',
  ],
];

test.each(table)('%s is answered as Mesos does', async (_, path, what, status, text) => {
  const answer = await ask(master.daemon, path, what);
  expect([answer.status, answer.text]).toEqual([status, text]);
  expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
});

test.each(['user', 'operator', 'plugin'] as const)('a token of scope %s is not one of an agent', async (scope) => {
  const token = await mintToken(master.daemon.clusterKey, { uid: 'x', scope }, 60);
  const headers = { Authorization: `Bearer ${token}`, 'Mezzo-Protocol': '1' };
  expect((await post(master.daemon, '/agent/v1/calls', {}, headers)).status).toBe(401);
});

test('an agent with a token is refused what it cannot have: another protocol, no session, no shape', async () => {
  const token = await mintToken(master.daemon.clusterKey, { uid: 'x', scope: 'agent' }, 60);
  const call = (what: string, body: unknown, protocol = '1') =>
    post(master.daemon, `/agent/v1/${what}`, body, { Authorization: `Bearer ${token}`, 'Mezzo-Protocol': protocol });
  expect((await call('calls', {}, '7')).status).toBe(400);
  expect((await call('calls', {})).status).toBe(400);
  expect((await call('calls', { session: 'gone', seq: 1, seen: 0, calls: [] })).status).toBe(409);
  expect((await call('subscribe', { agentInfo: {} })).status).toBe(400);
});

test('a semantic error in a subscription comes on the stream', async () => {
  const stream = await subscribe(master.daemon, SCHEDULER, {
    type: 'SUBSCRIBE',
    subscribe: framework({ roles: ['a'] }),
  });
  await stream.until(({ ended }) => ended);
  expect(stream.records.map(({ type }) => type as string)).toEqual(['ERROR']);
  expect(stream.headers['mesos-stream-id']).toBeDefined();
});

test('a body beyond its bound is refused, announced or not', async () => {
  const announced = await ask(master.daemon, SCHEDULER, {
    method: 'POST',
    headers: { ...JSON_HEADERS, 'Content-Length': '100000000' },
    body: '',
  }).catch((error: unknown) => error);
  expect(announced).toMatchObject({ status: 413 });
});

test('slashes count once, /master/x is /x, and old clients need no Host', async () => {
  for (const path of ['//health', '/health/', '/master/health']) {
    expect((await ask(master.daemon, path)).status, path).toBe(200);
  }
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect(master.daemon.port, '127.0.0.1', () => socket.write('GET /health HTTP/1.1\r\n\r\n'));
    socket.once('data', (data) => (resolve(data.toString()), socket.destroy())).once('error', reject);
  });
  expect(answer).toMatch(/^HTTP\/1.1 200/);
});

test('answers are compressed for those who accept it, scripts for those who ask', async () => {
  const packed = await ask(master.daemon, '/state', { headers: { 'Accept-Encoding': 'gzip' } });
  expect(packed.headers['content-encoding']).toBe('gzip');
  expect(JSON.parse(gunzipSync(packed.body).toString())).toHaveProperty('slaves');
  const script = await ask(master.daemon, '/slaves?jsonp=cb');
  expect(script.headers['content-type']).toBe('text/javascript');
  expect(script.text).toMatch(/^cb\(\{.*\}\);$/);
});

test('what plugins answer is mounted while the master serves, and the rest stays as it was', async () => {
  expect((await ask(master.daemon, '/plugins/v1/x')).status).toBe(503);
  master.daemon.mountPlugins(new Koa().use((ctx) => void (ctx.body = 'here')));
  expect((await ask(master.daemon, '/plugins/v1/x')).text).toBe('here');
  expect((await ask(master.daemon, '/nope')).text).toBe('404 Not Found.');
});

test('the redirect names the leader and never loops', async () => {
  const answer = await ask(master.daemon, '/master/redirect');
  expect([answer.status, answer.headers.location]).toEqual([307, `//localhost:${master.daemon.port}`]);
  expect((await ask(master.daemon, '/redirect/state')).status).toBe(404);
});

test('a master that was started again knows its frameworks; secrets are in no answer', async () => {
  const first = await startTestMaster();
  const stream = await subscribe(first.daemon, SCHEDULER, {
    type: 'SUBSCRIBE',
    subscribe: framework({ failover_timeout: 3600 }),
  });
  const id = (await stream.until(({ records }) => records[0])).subscribed.framework_id.value as string;
  await first.daemon.close();
  const second = await startTestMaster([], first.workDir);
  const { frameworks } = JSON.parse((await ask(second.daemon, '/frameworks')).text) as { frameworks: object[] };
  expect(frameworks).toMatchObject([{ id, recovered: true, connected: false }]);
  expect(second.daemon.epoch).toBe(first.daemon.epoch + 1);
  const key = Buffer.from(second.daemon.clusterKey).toString('hex');
  for (const path of ['/flags', '/state', '/metrics']) expect((await ask(second.daemon, path)).text).not.toContain(key);
  await second.close();
  await first.close().catch(() => {});
});
