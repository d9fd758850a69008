import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeContainerizer } from '@mezzo/sdk/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { agentFlags } from '../../kernel/main/agent-flags.js';
import { startAgent, type AgentDaemon } from '../../kernel/main/agent.js';
import { loadFlags } from '../../kernel/main/flags.js';
import { createLog } from '../../kernel/main/log.js';
import { until } from '../support/poll.js';
import { ScriptedMaster } from '../support/scripted-master.js';
import { JSON_HEADERS, post, startTestMaster, subscribe, type TestMaster } from './master-support.js';

/** What Mesos answers, at each of its four v1 endpoints and at the older ones, to what is no call. */

const home = mkdtempSync(join(tmpdir(), 'mezzo-golden-'));
const scripted = new ScriptedMaster();
let master: TestMaster;
let agent: AgentDaemon;
beforeAll(async () => {
  master = await startTestMaster();
  writeFileSync(join(home, 'join.token'), 'token');
  const argv = [`--work_dir=${home}`, '--port=0', `--master=${await scripted.listen()}`, `--log_dir=${home}/log`];
  agent = await startAgent(loadFlags(agentFlags, { argv, env: {} }), {
    containerizers: [new FakeContainerizer()],
    log: createLog({ daemon: 'agent', level: 'INFO', quiet: true, dir: `${home}/log` }),
    onExit: () => {},
  });
  await until('registered', () => scripted.subscribed.length === 1);
});
afterAll(async () => {
  await agent.close();
  await scripted.close();
  await master.close();
  rmSync(home, { recursive: true });
});

const ENDPOINTS = [
  ['the scheduler API', 'master', '/api/v1/scheduler'],
  ['the operator API of the master', 'master', '/api/v1'],
  ['the operator API of the agent', 'agent', '/api/v1'],
  ['the executor API', 'agent', '/api/v1/executor'],
] as const;

const JSON_TYPE = 'application/json';
const PROTOBUF_TYPE = 'application/x-protobuf';
interface Bad {
  readonly method?: string;
  readonly type?: string;
  readonly body?: string | Uint8Array;
}

const BAD: readonly (readonly [what: string, bad: Bad, status: number, text: RegExp])[] = [
  ...['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'].map(
    (method) =>
      [
        `method ${method}`,
        { method },
        405,
        new RegExp(`^405 Method Not Allowed. Expecting one of { 'POST' }, but received '${method}'\\.$`),
      ] as const,
  ),
  ['no content type', { body: new Uint8Array([123, 125]) }, 400, /^Expecting 'Content-Type' to be present$/],
  ['text', { type: 'text/plain', body: '{}' }, 415, /^Expecting 'Content-Type' of application\/json or /],
  ['a content type in capitals', { type: 'APPLICATION/JSON', body: '{}' }, 415, /^Expecting 'Content-Type' of /],
  ['a content type with a charset', { type: `${JSON_TYPE}; charset=utf-8`, body: '{}' }, 415, /^Expecting /],
  ['an empty body', { type: JSON_TYPE }, 400, /^Failed to parse body into JSON: syntax error at line 1 near: $/],
  ['no JSON', { type: JSON_TYPE, body: 'hello' }, 400, /JSON: syntax error at line 1 near: hello$/],
  ['half of a JSON', { type: JSON_TYPE, body: '{"type": ' }, 400, /JSON: syntax error at line 1 near: $/],
  ['a comment', { type: JSON_TYPE, body: '{"type":"UNKNOWN" /* x */}' }, 400, /near: \/\* x \*\/}$/],
  [
    'two JSONs',
    { type: JSON_TYPE, body: '{} x' },
    400,
    /Parsed JSON included non-whitespace trailing characters: {2}x$/,
  ],
  ...['[]', '"x"', '1', 'null', 'true'].map(
    (body) => [`JSON ${body}`, { type: JSON_TYPE, body }, 400, /Expecting a JSON object$/] as const,
  ),
  [
    'a number for a name',
    { type: JSON_TYPE, body: '{"type": 1}' },
    400,
    /Not expecting a JSON number for field 'type'$/,
  ],
  ['a list for a name', { type: JSON_TYPE, body: '{"type": []}' }, 400, /Not expecting a JSON array for field 'type'$/],
  ['an object for a name', { type: JSON_TYPE, body: '{"type": {}}' }, 400, /Not expecting a JSON object for field/],
  ['bytes for protobuf', { type: PROTOBUF_TYPE, body: new Uint8Array([255, 254]) }, 400, /^Failed to parse body into /],
  ['JSON for protobuf', { type: PROTOBUF_TYPE, body: '{"type":"REVIVE"}' }, 400, /^Failed to parse body into /],
  ['protobuf for JSON', { type: JSON_TYPE, body: new Uint8Array([8, 1]) }, 400, /^Failed to parse body into JSON/],
  [
    'an empty object',
    { type: JSON_TYPE, body: '{}' },
    400,
    /Expecting 'type' to be|Missing required fields: executor_id/,
  ],
  ['no type that is known', { type: JSON_TYPE, body: '{"type":"NO_SUCH"}' }, 400, /Expecting 'type' to be|Missing/],
  ['a type of null', { type: JSON_TYPE, body: '{"type":null}' }, 400, /Expecting 'type' to be|Missing/],
];

async function ask(whom: 'master' | 'agent', path: string, { method = 'POST', type, body }: Bad) {
  const url = (whom === 'master' ? master.daemon.url : agent.url) + path;
  const headers: Record<string, string> = type === undefined ? {} : { 'Content-Type': type };
  const response = await fetch(url, { method, headers, ...(body !== undefined && { body: body as never }) });
  const media = response.headers.get('content-type');
  return { status: response.status, media, allow: response.headers.get('allow'), text: await response.text() };
}

describe.each(ENDPOINTS)('%s', (_, whom, path) => {
  test.each(BAD)('refuses %s', async (_, bad, status, text) => {
    const answer = await ask(whom, path, bad);
    expect(answer).toMatchObject({ status, media: 'text/plain; charset=utf-8' });
    expect(answer.text).toMatch(text);
    if (status === 405) expect(answer.allow).toBe('POST');
  });

  test('answers HEAD without a body', async () => {
    expect(await ask(whom, path, { method: 'HEAD' })).toMatchObject({ status: 405, text: '' });
  });

  test('has a payload for each type that needs one, or says which', async () => {
    const type = whom === 'master' && path.endsWith('r') ? 'KILL' : 'LIST_FILES';
    if (path.endsWith('executor')) return;
    const body = JSON.stringify({ type, framework_id: { value: 'x' } });
    const { status, text } = await ask(whom, path, { type: JSON_TYPE, body });
    expect([status, text]).toEqual([400, expect.stringContaining(`Expecting '${type.toLowerCase()}' to be present`)]);
  });
});

describe('the older endpoints', () => {
  const READ = [
    '/state',
    '/state-summary',
    '/slaves',
    '/frameworks',
    '/tasks',
    '/roles',
    '/flags',
    '/version',
    '/health',
  ];

  test.each(READ)('%s answers whatever the method is', async (path) => {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS'])
      expect(await ask('master', path, { method }), method).toMatchObject({ status: 200 });
    expect(await ask('master', path, { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
  });

  test.each([
    ['/teardown', ['POST']],
    ['/reserve', ['POST']],
    ['/unreserve', ['POST']],
    ['/create-volumes', ['POST']],
    ['/destroy-volumes', ['POST']],
    ['/machine/down', ['POST']],
    ['/machine/up', ['POST']],
    ['/weights', ['GET', 'PUT']],
    ['/quota', ['GET', 'POST', 'DELETE']],
    ['/maintenance/schedule', ['GET', 'POST']],
    ['/maintenance/status', ['GET']],
  ])('%s takes %j and no other method', async (path, allowed) => {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH']) {
      const { status, allow, text } = await ask('master', path, { method });
      if (allowed.includes(method)) expect(status, method).not.toBe(405);
      else {
        const list = allowed.map((one) => `'${one}'`).join(', ');
        expect([status, allow], method).toEqual([405, allowed.join(', ')]);
        expect(text).toBe(`405 Method Not Allowed. Expecting one of { ${list} }, but received '${method}'.`);
      }
    }
  });

  test.each([
    ['/files/browse', 400, "Expecting 'path=value' in query.\n"],
    ['/files/browse?path=', 400, "Expecting 'path=value' in query.\n"],
    ['/files/read?path=', 400, "Expecting 'path=value' in query.\n"],
    ['/files/download?path=', 400, "Expecting 'path=value' in query.\n"],
    ['/files/read?path=/nope&offset=x', 400, "Failed to parse offset: Failed to convert 'x' to number.\n"],
    ['/files/read?path=/nope&offset=0&length=x', 400, "Failed to parse length: Failed to convert 'x' to number.\n"],
    ['/files/read?path=/nope&offset=-2', 400, 'Negative offset provided: -2.\n'],
    ['/files/read?path=/nope&offset=0&length=-2', 400, 'Negative length provided: -2.\n'],
    ['/logging/toggle', 200, '0\n'],
    ['/logging/toggle?level=1', 400, "Expecting 'duration=value' in query.\n"],
    ['/logging/toggle?duration=1secs', 400, "Expecting 'level=value' in query.\n"],
    ['/logging/toggle?level=x&duration=1secs', 400, "Invalid level 'x'.\n"],
    ['/metrics/snapshot?timeout=foo', 400, "Invalid timeout 'foo': 'foo' is not a duration.\n"],
  ])('%s is answered by both daemons as by Mesos', async (path, status, text) => {
    for (const whom of ['master', 'agent'] as const)
      expect(await ask(whom, path, { method: 'GET' }), whom).toMatchObject({ status, text });
  });

  test('quota is removed by its role alone', async () => {
    expect(await ask('master', '/quota', { method: 'DELETE' })).toMatchObject({ status: 400 });
    expect(await ask('master', '/quota/nope', { method: 'DELETE' })).toMatchObject({
      status: 400,
      text: "Failed to remove quota for path '/master/quota/nope': Role 'nope' has no quota set",
    });
  });

  test('a page of tasks beyond all of them is empty, and numbers that are none are left out', async () => {
    for (const query of ['limit=x', 'offset=x', 'order=bad', 'limit=-1', 'offset=-1', 'limit=0', 'limit=1&offset=9'])
      expect(await ask('master', `/tasks?${query}`, { method: 'GET' }), query).toMatchObject({
        status: 200,
        text: '{"tasks":[]}',
      });
  });
});

describe('what ends the real daemons is refused', () => {
  test('a scheduler call of type UNKNOWN, from a framework that is subscribed', async () => {
    const framework = { user: 'nobody', name: 'x', roles: ['web'], capabilities: [{ type: 'MULTI_ROLE' }] };
    const stream = await subscribe(master.daemon, '/api/v1/scheduler', {
      type: 'SUBSCRIBE',
      subscribe: { framework_info: framework },
    });
    const id = (await stream.until(({ records }) => records[0])).subscribed.framework_id as object;
    const headers = { ...JSON_HEADERS, 'Mesos-Stream-Id': String(stream.headers['mesos-stream-id']) };
    const unknown = { type: 'UNKNOWN', framework_id: id };
    expect(await post(master.daemon, '/api/v1/scheduler', unknown, headers)).toMatchObject({ status: 400 });
    expect(await post(master.daemon, '/api/v1/scheduler', { ...unknown, type: 'REVIVE' }, headers)).toMatchObject({
      status: 202,
    });
    stream.close();
  });

  test('REMOVE_QUOTA of a role without quota', async () => {
    const call = { type: 'REMOVE_QUOTA', remove_quota: { role: 'nope' } };
    expect(await post(master.daemon, '/api/v1', call)).toMatchObject({ status: 400 });
  });

  test('REMOVE_CONTAINER of a container that has ended', async () => {
    const call = async (type: string, payload: object): Promise<number> => {
      const body = JSON.stringify({ type, [type.toLowerCase()]: payload });
      return (await ask('agent', '/api/v1', { type: JSON_TYPE, body })).status;
    };
    const container = { container_id: { value: 'standalone-1' } };
    const resources = [
      { name: 'cpus', type: 'SCALAR', scalar: { value: 0.1 } },
      { name: 'mem', type: 'SCALAR', scalar: { value: 32 } },
    ];
    expect(await call('LAUNCH_CONTAINER', { ...container, command: { value: 'sleep 300' }, resources })).toBe(200);
    expect(await call('KILL_CONTAINER', container)).toBe(200);
    expect(await call('WAIT_CONTAINER', container)).toBe(200);
    expect(await call('REMOVE_CONTAINER', container)).toBe(404);
    expect(await call('WAIT_CONTAINER', container)).toBe(404);
  });
});
