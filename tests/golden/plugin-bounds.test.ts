import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PluginPermissions } from '@mezzo/sdk/contract';
import { mintToken } from '@mezzo/sdk/secrets';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask, JSON_HEADERS, startTestMaster, type TestMaster } from './master-support.js';

const dir = mkdtempSync(join(tmpdir(), 'mezzo-bounds-'));
let master: TestMaster;

beforeAll(async () => {
  const credentials = join(dir, 'credentials.json');
  writeFileSync(credentials, JSON.stringify({ credentials: [{ principal: 'ops', secret: 'opspw' }] }));
  master = await startTestMaster([
    '--authenticate_http_readonly',
    '--authenticate_http_readwrite',
    '--authenticate_http_frameworks',
    `--credentials=${credentials}`,
  ]);
});
afterAll(async () => {
  await master.close();
  rmSync(dir, { recursive: true });
});

type May = Pick<PluginPermissions, 'roles' | 'operator'>;

/** What a plugin with these permissions is answered. */
const as = async (may: May | undefined) => {
  const claims = { uid: 'guest', scope: 'plugin', ...(may && { may }) } as const;
  const headers = { Authorization: `Bearer ${await mintToken(master.daemon.clusterKey, claims, 60)}` };
  const status = async (path: string, method = 'GET', body?: unknown): Promise<number> => {
    const options = { method, headers: { ...headers, ...(body !== undefined && JSON_HEADERS) } };
    return (await ask(master.daemon, path, { ...options, ...(body !== undefined && { body: JSON.stringify(body) }) }))
      .status;
  };
  return {
    get: (path: string) => status(path),
    post: (path: string) => status(path, 'POST', ''),
    call: (call: object) => status('/api/v1', 'POST', call),
    subscribe: (...roles: string[]) => {
      const frameworkInfo = { user: 'root', name: 'guest', roles, capabilities: [{ type: 'MULTI_ROLE' }] };
      // A stream id that no SUBSCRIBE may have: whoever gets so far is told, and no stream is opened.
      const body = JSON.stringify({ type: 'SUBSCRIBE', subscribe: { framework_info: frameworkInfo } });
      const more = { ...headers, ...JSON_HEADERS, 'Mesos-Stream-Id': 'none' };
      return ask(master.daemon, '/api/v1/scheduler', { method: 'POST', headers: more, body }).then((a) => a.status);
    },
  };
};

const PASSED = 400;
const SET_LEVEL = { type: 'SET_LOGGING_LEVEL', set_logging_level: { level: 0, duration: { nanoseconds: 1 } } };

test('a plugin that declares nothing may neither look nor schedule', async () => {
  const guest = await as({ roles: [], operator: 'none' });
  expect(await guest.get('/state')).toBe(403);
  expect(await guest.get('/metrics/snapshot')).toBe(403);
  expect(await guest.call({ type: 'GET_STATE' })).toBe(403);
  expect(await guest.post('/teardown')).toBe(403);
  expect(await guest.subscribe('*')).toBe(403);
  // What is open to everybody is open to it.
  expect(await guest.get('/health')).toBe(200);
});

test('while masters are upgraded, plugins of those that are not yet have their say', async () => {
  const old = await as(undefined);
  expect(await old.get('/state')).toBe(200);
  expect(await old.subscribe('any')).toBe(PASSED);
});

test('one that may read sees all, and changes nothing', async () => {
  const reader = await as({ roles: [], operator: 'read' });
  expect(await reader.get('/state')).toBe(200);
  for (const type of ['GET_STATE', 'GET_FLAGS', 'GET_TASKS']) expect(await reader.call({ type })).toBe(200);
  expect(await reader.call(SET_LEVEL)).toBe(403);
  for (const path of ['/teardown', '/reserve', '/maintenance/schedule', '/logging/toggle', '/master/teardown'])
    expect(await reader.post(path)).toBe(403);
  expect(await reader.subscribe('*')).toBe(403);
});

test('one that may write does', async () => {
  const writer = await as({ roles: [], operator: 'write' });
  expect(await writer.call(SET_LEVEL)).toBe(200);
  expect(await writer.post('/teardown')).toBe(400);
  expect(await writer.subscribe('*')).toBe(403);
});

test('a framework schedules under its roles, and no other', async () => {
  const web = await as({ roles: ['web', 'batch'], operator: 'none' });
  expect(await web.subscribe('web')).toBe(PASSED);
  expect(await web.subscribe('web', 'batch')).toBe(PASSED);
  for (const roles of [['web', 'admin'], ['*'], ['web/inner'], []]) expect(await web.subscribe(...roles)).toBe(403);
  expect(await web.get('/state')).toBe(403);
  const any = await as({ roles: 'any', operator: 'none' });
  expect(await any.subscribe('admin')).toBe(PASSED);
});
