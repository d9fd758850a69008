import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { MezzoError, type PluginStatus } from '@mezzo/sdk/contract';
import { silentLog } from '@mezzo/sdk/testing';
import { leadPlugins, operatorApi, type Authenticate, type PluginLeader } from '@mezzo/kernel/plugin-host/index';
import {
  buildSdk,
  hello,
  hostOptions,
  makeRegistry,
  MapStore,
  newDir,
  pack,
  plugin,
  requireNothingLeft,
} from './support.js';
import { until } from '../../support/poll.js';

/** The scope is the token: of a plugin with what it may do. */
const authenticate: Authenticate = async (token, ...scopes) => {
  const [name, operator] = token.split(':');
  const scope = scopes.find((one) => one === name);
  if (scope === undefined) throw new MezzoError('TOKEN_INVALID', 'no', { blame: 'user' });
  return { uid: name!, scope, ...(operator && { may: { roles: [], operator: operator as 'read' } }) };
};

let dir: string;
let leader: PluginLeader;
let server: Server;
let url: string;

beforeAll(buildSdk, 120_000);
beforeEach(async () => {
  dir = newDir();
  const store = new MapStore();
  const options = hostOptions(join(dir, 'work'), makeRegistry(dir, [hello()]), store);
  leader = await leadPlugins({ ...options, store, node: 'leader', pace: { deadlineMs: 10_000, gateMs: 100 } });
  server = createServer(operatorApi(leader.host, authenticate, silentLog, leader).callback());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/plugins/v1`;
});
afterEach(async () => {
  await leader.shutdown({ keepPlugins: false });
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  requireNothingLeft(dir);
});

const call = async (method: string, path: string, token = 'operator', body?: Buffer) => {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(url + path, { method, headers, ...(body && { body: new Uint8Array(body) }) });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
};

test('nobody gets in without a token of the right scope', async () => {
  for (const [method, path] of [
    ['GET', '/plugins'],
    ['POST', '/plugins'],
    ['DELETE', '/plugins/hello'],
    ['GET', '/plugins/hello/metrics'],
    ['GET', '/plugins/hello/log'],
    ['GET', '/endpoints'],
    ['GET', '/catalogue'],
    ['GET', '/nodes'],
    ['PUT', '/plugins/hello/config'],
    ['POST', '/plugins/hello/enable'],
    ['POST', '/plugins/hello/disable'],
    ['POST', '/plugins/hello/rollback'],
    ['GET', '/keys'],
    ['POST', '/keys'],
    ['DELETE', '/keys'],
    ['POST', '/shutdown'],
  ] as const) {
    expect(await call(method, path, '')).toMatchObject({ status: 401, json: { code: 'TOKEN_INVALID' } });
    expect(await call(method, path, 'agent')).toMatchObject({ status: 401 });
    expect(await call(method, path, 'plugin:none')).toMatchObject({ status: 401 });
    const isReading = method === 'GET' && ['/plugins', '/plugins/hello/metrics'].includes(path);
    if (!isReading) expect(await call(method, path, 'plugin:write')).toMatchObject({ status: 401 });
  }
  expect(await call('GET', '/plugins', 'plugin:read')).toMatchObject({ status: 200 });
  const asRouter = await fetch(`${url}/plugins`, { headers: { authorization: 'token=user' } });
  expect(asRouter.status).toBe(200);
  expect(await call('POST', '/sync', 'user')).toMatchObject({ status: 401 });
  expect(await call('PUT', '/packages/x.tgz', 'user')).toMatchObject({ status: 401 });
  // People may take the commands of a package for their own machine.
  expect(await call('GET', '/packages/x.tgz', 'user')).toMatchObject({ status: 404 });
  for (const nobody of ['', 'plugin:none', 'plugin:write'])
    expect(await call('GET', '/packages/x.tgz', nobody), nobody).toMatchObject({ status: 401 });
});

test('before the cluster stops, what runs beside its leader does, and nothing else', async () => {
  await leader.host.setLeading(true);
  await call(
    'POST',
    '/plugins?allowUnsigned=true',
    'user',
    pack(dir, plugin('beside-the-leader', '', { placement: 'leader' })),
  );
  const states = async () =>
    ((await call('GET', '/plugins', 'user')).json['plugins'] as PluginStatus[]).map(
      ({ id, state }) => `${id} ${state}`,
    );
  // Whatever is installed says itself when it is active; the other may have been started just before.
  await until('both run', async () => (await states()).every((state) => state.endsWith(' active')));
  expect(await states()).toEqual(['beside-the-leader active', 'hello active']);
  expect((await call('POST', '/shutdown', 'operator')).status).toBe(200);
  expect(await states()).toEqual(['beside-the-leader stopped', 'hello active']);
});

test('a tarball is installed, listed, and removed over HTTP; what is wrong with one is said', async () => {
  const installed = await call('POST', '/plugins?allowUnsigned=true', 'user', pack(dir, plugin('guest', '')));
  expect(installed).toMatchObject({ status: 200, json: { id: 'guest', version: '1.0.0', rollout: false } });
  const listed = async (...ids: string[]) => {
    const { json } = await call('GET', '/plugins', 'user');
    return (json['plugins'] as PluginStatus[]).map(({ id }) => id).join() === ids.join();
  };
  await until('it is listed', () => listed('guest', 'hello'));
  const refused = async (bytes: Buffer) =>
    (await call('POST', '/plugins?allowUnsigned=true', 'operator', bytes)).json['message'];
  expect(await refused(Buffer.from('nonsense'))).toContain('the package is refused');
  expect(await refused(pack(dir, plugin('bad', '', { runsOn: ['moon'] })))).toContain('"mezzo.runsOn.0"');
  expect(await refused(pack(dir, plugin('new', '', { sdk: '^99.0.0' })))).toContain('is written for SDK ^99.0.0');
  const strict = plugin('strict', '', { config: { properties: { key: { type: 'string' } }, required: ['key'] } });
  expect(await refused(pack(dir, strict))).toContain('"key" is missing');
  expect(await call('DELETE', '/plugins/guest')).toMatchObject({ status: 200 });
  await until('it is listed no more', () => listed('hello'));
  expect(await call('DELETE', '/plugins/guest')).toMatchObject({ status: 404, json: { code: 'PLUGIN_NOT_FOUND' } });
  expect(await call('DELETE', '/plugins/hello')).toMatchObject({ status: 409, json: { code: 'PLUGIN_BUILT_IN' } });
  expect(existsSync(join(dir, 'work', 'run', 'plugins', 'guest'))).toBe(false);
});

test('agents are told of what is for agents, and no agent passes for a master', async () => {
  const secret = plugin('with-secret', '', { config: { properties: { password: { type: 'string' } } } });
  await call('POST', '/plugins?allowUnsigned=true', 'operator', pack(dir, secret));
  await leader.installer.configure('with-secret', { password: 'hush' });
  const sync = (kind: string, token: string) =>
    call('POST', '/sync', token, Buffer.from(JSON.stringify({ node: 'n', kind, plugins: [], holds: [], waitMs: 0 })));
  expect(await sync('master', 'agent')).toMatchObject({ status: 401, json: { code: 'TOKEN_INVALID' } });
  expect(JSON.stringify((await sync('agent', 'agent')).json)).not.toContain('hush');
  expect(JSON.stringify((await sync('master', 'operator')).json)).toContain('hush');
});

test('a body that is too large is refused before it is read', async () => {
  const { status } = await call('POST', '/plugins', 'operator', Buffer.alloc(65 * 1024 * 1024)).catch(() => ({
    status: 413,
  }));
  expect(status).toBe(413);
});
