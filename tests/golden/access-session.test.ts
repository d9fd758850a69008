import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, test } from 'vitest';
import { startTestPair, type TestPair } from './agent-support.js';
import { subscribe } from './master-support.js';
import { Session, type Event } from './session-support.js';

/** The same calls by nobody, by an impostor, by one who may do all and by one who may do little. */
const basic = (text: string) => ({ Authorization: `Basic ${Buffer.from(text).toString('base64')}` });
const PEOPLE = { nobody: {}, impostor: basic('ops:wrong'), ops: basic('ops:opspw'), viewer: basic('viewer:vpw') };

const dir = mkdtempSync(join(tmpdir(), 'mezzo-golden-'));
let pair: TestPair;
let session: Session;
beforeAll(async () => {
  const credentials = ['ops opspw', 'viewer vpw'].join('\n');
  writeFileSync(join(dir, 'credentials'), credentials, { mode: 0o600 });
  pair = await startTestPair([
    `--acls=${JSON.stringify(acls())}`,
    `--credentials=${join(dir, 'credentials')}`,
    ...['readonly', 'readwrite', 'frameworks'].map((door) => `--authenticate_http_${door}`),
  ]);
  session = new Session(pair);
});
afterAll(async () => {
  await pair.close();
  rmSync(dir, { recursive: true });
});

/** Of each action, ops may do all and nobody else anything. */
function acls(): object {
  const objects = {
    ...{ register_frameworks: 'roles', update_weights: 'roles', get_endpoints: 'paths', update_quotas: 'roles' },
    ...{ view_roles: 'roles', view_flags: 'flags', set_log_level: 'level' },
  };
  const rules = ([action, object]: [string, string]) => [
    action,
    [
      { principals: { values: ['ops'] }, [object]: { type: 'ANY' } },
      { principals: { type: 'ANY' }, [object]: { type: 'NONE' } },
    ],
  ];
  return { permissive: true, ...Object.fromEntries(Object.entries(objects).map(rules)) };
}

const PATHS = [
  ...[
    '/files/debug',
    '/flags',
    '/frameworks',
    '/health',
    '/logging/toggle',
    '/redirect',
    '/roles',
    '/slaves',
    '/state',
  ],
  ...['/state-summary', '/tasks'],
];
const READ = ['FLAGS', 'HEALTH', 'MAINTENANCE_STATUS', 'MASTER', 'QUOTA', 'ROLES', 'STATE', 'WEIGHTS'];
const WRITTEN = {
  SET_LOGGING_LEVEL: { level: 1, duration: { nanoseconds: 1_000_000 } },
  TEARDOWN: { framework_id: { value: 'x' } },
  UPDATE_QUOTA: { quota_configs: [{ role: 'web', limits: { cpus: { value: 1 } } }] },
  UPDATE_WEIGHTS: { weight_infos: [{ role: 'web', weight: 2 }] },
};

test('who asks decides what is answered, as in Mesos', async () => {
  for (const [who, headers] of Object.entries(PEOPLE)) {
    for (const path of PATHS) await session.master(`${who} ${path}`, path, undefined, { headers });
    const calls = READ.map((what) => ({ type: `GET_${what}` }));
    const more = Object.entries(WRITTEN).map(([type, body]) => ({ type, [type.toLowerCase()]: body }));
    for (const json of [...calls, ...more]) await session.master(`${who} ${json.type}`, '/api/v1', json, { headers });
  }
  for (const path of ['/health', '/state']) await session.agent(`the agent asks nobody: ${path}`, path);
  await session.matches('access');
});

test('a framework is who authenticated, and in roles that it may be in', async () => {
  const scheduler = new Session(pair);
  const call = (info: object) => ({ type: 'SUBSCRIBE', subscribe: { framework_info: info } });
  const info = { user: 'root', name: 'af', roles: ['web'], capabilities: [{ type: 'MULTI_ROLE' }] };
  await scheduler.master('by nobody', '/api/v1/scheduler', call(info));
  const other = call({ ...info, principal: 'someone' });
  await scheduler.master('by somebody else', '/api/v1/scheduler', other, { headers: PEOPLE.ops });
  for (const [step, headers, more] of [
    ['ops', PEOPLE.ops, {}],
    ['ops, who says so', PEOPLE.ops, { principal: 'ops' }],
    ['viewer, who may not', PEOPLE.viewer, {}],
  ] as const) {
    const stream = await subscribe<Event>(pair.master.daemon, '/api/v1/scheduler', call({ ...info, ...more }), headers);
    await stream.until(({ records }) => records.find(({ type }) => ['SUBSCRIBED', 'ERROR'].includes(type)));
    scheduler.stream(stream, step);
    stream.close();
  }
  await scheduler.matches('access-scheduler');
});
