import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { parseMessage, type TaskInfo } from '@mezzo/sdk/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AgentDaemon } from '../../kernel/main/agent.js';
import { until } from '../support/poll.js';
import { root } from '../tidy/sources.js';
import { startTestAgent, type TestAgentDaemon } from './agent-support.js';

/** Where each answer of a real Mesos 1.12 agent with one running task has a value; keys of flags are folded. */
const recorded = JSON.parse(readFileSync(join(root, 'tests/golden/agent/paths.json'), 'utf8')) as Record<
  string,
  string[]
>;
/** What only a separate executor process has: ours is built in, costs nothing and has no command of its own. */
const OWN_EXECUTOR = /\.executor_info\.(command\.arguments|resources)/;

const framework = parseMessage('mesos.v1.FrameworkInfo', {
  user: 'root',
  name: 'golden',
  id: { value: 'F' },
  failover_timeout: 60,
  checkpoint: true,
  roles: ['web'],
  hostname: 'golden-host',
  webui_url: 'http://127.0.0.1/ui',
  capabilities: [{ type: 'MULTI_ROLE' }],
  labels: { labels: [{ key: 'team', value: 'gold' }] },
});
const allocated = (resource: object) => ({ ...resource, allocation_info: { role: 'web' } });
const task: TaskInfo = parseMessage('mesos.v1.TaskInfo', {
  name: 'task-1',
  task_id: { value: 'task-1' },
  agent_id: { value: 'M-S0' },
  resources: [
    allocated({ name: 'cpus', type: 'SCALAR', scalar: { value: 0.5 } }),
    allocated({ name: 'mem', type: 'SCALAR', scalar: { value: 64 } }),
    allocated({ name: 'disk', type: 'SCALAR', scalar: { value: 16 } }),
    allocated({ name: 'ports', type: 'RANGES', ranges: { range: [{ begin: 31000, end: 31001 }] } }),
  ],
  command: { value: 'sleep 600', environment: { variables: [{ name: 'FOO', value: 'bar' }] } },
  labels: { labels: [{ key: 'k', value: 'v' }, { key: 'nov' }] },
  discovery: {
    visibility: 'CLUSTER',
    name: 'svc',
    ports: { ports: [{ number: 31000, name: 'http', protocol: 'tcp' }] },
  },
});
let started: TestAgentDaemon;
let agent: AgentDaemon;

beforeAll(async () => {
  started = await startTestAgent([
    '--resources=cpus:2;mem:2048;disk:4096;ports:[31000-32000]',
    '--attributes=rack:r1;zone:z1;level:3',
  ]);
  agent = started.daemon;
  const { master } = started;
  master.send({ type: 'runTask', framework, task });
  await until('starting', () => master.states.length === 1);
  master.acknowledge();
  await until('running', () => master.states.length === 2);
});
afterAll(() => started.close());

interface Asked {
  readonly status: number;
  readonly media: string;
  readonly text: string;
}

function ask(method: string, path: string, headers: Record<string, string> = {}, body = ''): Promise<Asked> {
  return new Promise((resolve, reject) => {
    const made = request(agent.url + path, { method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      const media = (response.headers['content-type'] ?? '').split(';')[0]!;
      response.on('end', () => resolve({ status: response.statusCode ?? 0, media, text }));
    });
    made.on('error', reject).end(body);
  });
}
const JSON_TYPE = { 'Content-Type': 'application/json', Accept: 'application/json' };

function paths(value: unknown, prefix = '', found = new Set<string>()): Set<string> {
  if (Array.isArray(value)) for (const one of value) paths(one, `${prefix}[]`, found);
  else if (typeof value === 'object' && value !== null)
    for (const [key, one] of Object.entries(value)) {
      const at = `${prefix}.${prefix.endsWith('.flags') ? '*' : key}`;
      paths(one, at, found.add(at));
    }
  return found;
}

describe('a running task is shown where Mesos shows it', () => {
  test.each(Object.keys(recorded))('%s', async (name) => {
    const [, , type] = /^(v1_|GET_)(.*)$/.exec(name) ?? [];
    const answer = name.startsWith('v1_')
      ? await ask('POST', '/api/v1', JSON_TYPE, JSON.stringify({ type, get_containers: {} }))
      : await ask('GET', `/${type!.replace('_', '/')}`);
    expect(answer.status).toBe(200);
    const ours = paths(JSON.parse(answer.text));
    expect(recorded[name]!.filter((path) => !ours.has(path) && !OWN_EXECUTOR.test(path))).toEqual([]);
  });
});

test.each([
  ...['GET_HEALTH', 'GET_FLAGS', 'GET_VERSION', 'GET_METRICS', 'GET_LOGGING_LEVEL'],
  ...['GET_OPERATIONS', 'GET_RESOURCE_PROVIDERS'],
])('%s answers in its own type', async (type) => {
  const { status, text } = await ask('POST', '/api/v1', JSON_TYPE, JSON.stringify({ type, get_metrics: {} }));
  expect([status, (JSON.parse(text) as { type: string }).type]).toEqual([200, type]);
});

test('a drain is shown', async () => {
  const config = { maxGracePeriod: { nanoseconds: 2_000_000_000 }, markGone: false };
  const shown = async () => JSON.parse((await ask('GET', '/state')).text) as Record<string, unknown>;
  expect(await shown()).not.toHaveProperty('drain_config');
  agent.state.drain = { config, sinceMs: 1_795_408_286_600 };
  try {
    expect(await shown()).toMatchObject({
      drain_config: { max_grace_period: { nanoseconds: 2e9 }, mark_gone: false },
      estimated_drain_start_time_seconds: 1_795_408_286,
    });
    const { text } = await ask('POST', '/api/v1', JSON_TYPE, JSON.stringify({ type: 'GET_AGENT' }));
    expect(JSON.parse(text)).toMatchObject({ get_agent: { drain_config: { mark_gone: false } } });
  } finally {
    agent.state.drain = undefined;
  }
});

const TEXT = 'text/plain';
type Request = Parameters<typeof ask>;
const post = (path: string, body: string, headers: Record<string, string> = JSON_TYPE): Request => [
  'POST',
  path,
  headers,
  body,
];
const get = (path: string): Request => ['GET', path, {}, ''];

test.each<[asked: Request, status: number, media: string, part: string]>([
  [get('/api/v1/executor'), 405, TEXT, "Expecting one of { 'POST' }, but received 'GET'."],
  [post('/api/v1/executor', '{}', { Accept: 'application/json' }), 400, TEXT, "'Content-Type' to be present"],
  [post('/api/v1', '"GET_HEALTH"'), 400, TEXT, 'Expecting a JSON object'],
  [post('/api/v1', '{"type":3}'), 400, TEXT, "Not expecting a JSON number for field 'type'"],
  [post('/api/v1/executor', '', JSON_TYPE), 400, TEXT, 'Failed to parse body into JSON: syntax error'],
  [post('/api/v1/executor', '{"type":"REVIVE"}'), 400, TEXT, 'Missing required field'],
  [post('/api/v1', '{}', { 'Content-Type': 'text/plain' }), 415, TEXT, "Expecting 'Content-Type' of"],
  [post('/api/v1', '{"type":"READ_FILE"}'), 400, TEXT, "agent::Call: Expecting 'read_file' to be present"],
  [post('/api/v1', '{"type":"WAIT_CONTAINER"}'), 400, TEXT, "agent::Call: Expecting 'wait_container' to be present"],
  [
    post(
      '/api/v1',
      '{"type":"REMOVE_RESOURCE_PROVIDER_CONFIG","remove_resource_provider_config":{"type":"t","name":"n"}}',
    ),
    501,
    TEXT,
    'REMOVE_RESOURCE_PROVIDER_CONFIG is not supported yet',
  ],
  [get('/files/browse'), 400, TEXT, "Expecting 'path=value' in query.\n"],
  [
    get('/files/read?path=/slave/log&offset=x'),
    400,
    TEXT,
    "Failed to parse offset: Failed to convert 'x' to number.\n",
  ],
  [get('/files/read?path=/slave/log&offset=0&length=-5'), 400, TEXT, 'Negative length provided: -5.\n'],
  [get('/files/read?path=/slave/log&offset=0&length=9'), 200, 'application/json', '"offset":0'],
  [get('/files/download?path=/nope'), 404, TEXT, '404 Not Found.'],
  [get('/files/debug'), 200, 'application/json', '"/slave/log"'],
  [get('/slave(1)/health'), 200, '', ''],
  [get('/metrics/snapshot?timeout=foo'), 400, TEXT, "Invalid timeout 'foo'"],
  [get('/metrics/snapshot'), 200, 'application/json', '"slave/tasks_running":1'],
  [get('/metrics'), 200, TEXT, 'mezzo_slave_tasks_running 1'],
  [get('/state?jsonp=cb'), 200, 'text/javascript', 'cb({'],
  [get('/state?jsonp=alert(1)//'), 400, TEXT, "'jsonp' must be the name of a function"],
  [get('/master/nope'), 404, TEXT, '404 Not Found.'],
  [['DELETE', '/health', {}, ''], 200, '', ''],
])('%j answers %i', async (asked, status, media, part) => {
  const answer = await ask(...asked);
  expect([answer.status, answer.media]).toEqual([status, media]);
  expect(answer.text).toContain(part);
});

test('a sandbox is browsed, listed and read by its own path and by the virtual one', async () => {
  const [run] = agent.state.runs.values();
  writeFileSync(join(run!.directory, 'stdout'), 'out\n');
  const virtual = '/frameworks/F/executors/task-1/runs/latest';
  for (const path of [run!.directory, virtual]) {
    const [entry] = JSON.parse((await ask('GET', `/files/browse?path=${path}`)).text) as Record<string, unknown>[];
    const shown = {
      path: `${path}/stdout`,
      size: 4,
      nlink: 1,
      mode: expect.stringMatching(/^-rw-/),
      uid: expect.any(String),
    };
    expect(entry).toMatchObject({ ...shown, gid: expect.any(String), mtime: expect.any(Number) });
    const read = await ask('GET', `/files/read?path=${path}/stdout&offset=0&length=10`);
    expect(JSON.parse(read.text)).toEqual({ data: 'out\n', offset: 0 });
    const size = await ask('GET', `/files/read?path=${path}/stdout&offset=-1`);
    expect(JSON.parse(size.text)).toEqual({ data: '', offset: 4 });
  }
  expect(await ask('GET', `/files/read?path=${run!.directory}&offset=0`)).toMatchObject({ status: 400 });
  expect((await ask('GET', '/files/browse?path=/frameworks/F/executors/task-1')).status).toBe(404);
  const v1 = (type: string, body: object) => ask('POST', '/api/v1', JSON_TYPE, JSON.stringify({ type, ...body }));
  const listed = await v1('LIST_FILES', { list_files: { path: virtual } });
  expect(JSON.parse(listed.text)).toMatchObject({
    list_files: { file_infos: [{ path: `${virtual}/stdout`, size: 4 }] },
  });
  const read = await v1('READ_FILE', { read_file: { path: `${virtual}/stdout`, offset: 1, length: 2 } });
  expect(JSON.parse(read.text)).toEqual({
    type: 'READ_FILE',
    read_file: { size: 4, data: Buffer.from('ut').toString('base64') },
  });
  expect((await v1('LIST_FILES', { list_files: { path: '/nope' } })).status).toBe(404);
});
