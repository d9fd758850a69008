import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { MezzoError, type PluginStatus } from '@mezzo/sdk/contract';
import { silentLog } from '@mezzo/sdk/testing';
import { fetchInstalled, operatorApi, PluginHost, type Authenticate } from '@mezzo/kernel/plugin-host/index';
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

/** The scope is the token. */
const authenticate: Authenticate = async (token, ...scopes) => {
  if (!scopes.some((scope) => scope === token)) throw new MezzoError('TOKEN_INVALID', 'no', { blame: 'user' });
};

let dir: string;
let host: PluginHost;
let server: Server;
let url: string;

beforeAll(buildSdk, 120_000);
beforeEach(async () => {
  dir = newDir();
  host = await PluginHost.start(hostOptions(join(dir, 'work'), makeRegistry(dir, [hello()]), new MapStore()));
  server = createServer(operatorApi(host, authenticate, silentLog).callback());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/plugins/v1`;
});
afterEach(async () => {
  await host.shutdown({ keepPlugins: false });
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
    ['GET', '/endpoints'],
    ['POST', '/shutdown'],
  ] as const) {
    expect(await call(method, path, '')).toMatchObject({ status: 401, json: { code: 'TOKEN_INVALID' } });
    expect(await call(method, path, 'agent')).toMatchObject({ status: 401 });
  }
  const asRouter = await fetch(`${url}/plugins`, { headers: { authorization: 'token=user' } });
  expect(asRouter.status).toBe(200);
  expect(await call('GET', '/index', 'user')).toMatchObject({ status: 401 });
  expect(await call('GET', '/packages/x.tgz', 'user')).toMatchObject({ status: 401 });
});

test('before the cluster stops, what runs beside its leader does, and nothing else', async () => {
  await host.setLeading(true);
  await call('POST', '/plugins', 'user', pack(dir, plugin('beside-the-leader', '', { placement: 'leader' })));
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
  const installed = await call('POST', '/plugins', 'user', pack(dir, plugin('guest', '')));
  expect(installed).toMatchObject({ status: 200, json: { plugin: { id: 'guest', state: 'active' } } });
  const { json } = await call('GET', '/plugins', 'user');
  expect((json['plugins'] as PluginStatus[]).map(({ id }) => id)).toEqual(['guest', 'hello']);
  const refused = async (bytes: Buffer) => (await call('POST', '/plugins', 'operator', bytes)).json['message'];
  expect(await refused(Buffer.from('nonsense'))).toContain('the package is refused');
  expect(await refused(pack(dir, plugin('bad', '', { runsOn: ['moon'] })))).toContain('"mezzo.runsOn.0"');
  expect(await refused(pack(dir, plugin('new', '', { sdk: '^99.0.0' })))).toContain('is written for SDK ^99.0.0');
  const strict = plugin('strict', '', { config: { properties: { key: { type: 'string' } }, required: ['key'] } });
  expect(await refused(pack(dir, strict))).toContain('"key" is missing');
  expect(await call('DELETE', '/plugins/guest')).toMatchObject({ status: 200 });
  expect(await call('DELETE', '/plugins/guest')).toMatchObject({ status: 404, json: { code: 'PLUGIN_NOT_FOUND' } });
  expect(await call('DELETE', '/plugins/hello')).toMatchObject({ status: 409, json: { code: 'PLUGIN_BUILT_IN' } });
  expect(readdirSync(join(dir, 'work', 'registry'))).toEqual([]);
  expect(existsSync(join(dir, 'work', 'run', 'plugins', 'guest.token'))).toBe(false);
});

test('a body that is too large is refused before it is read', async () => {
  const { status } = await call('POST', '/plugins', 'operator', Buffer.alloc(65 * 1024 * 1024)).catch(() => ({
    status: 413,
  }));
  expect(status).toBe(413);
});

test('agents fetch what is installed for them, verified, and go by what they know when no master answers', async () => {
  const agentPlugin = plugin('isolator', '', { runsOn: ['agent'], process: 'kernel' });
  await call('POST', '/plugins', 'operator', pack(dir, agentPlugin));
  await call('POST', '/plugins', 'operator', pack(dir, plugin('guest', '')));
  const remote = { url: new URL(url).origin, token: 'agent', dir: join(dir, 'agent', 'registry'), log: silentLog };
  const fetched = await fetchInstalled(remote);
  expect(fetched.map(({ manifest }) => manifest.id)).toEqual(['isolator']);
  const options = hostOptions(join(dir, 'agent'), makeRegistry(join(dir, 'none'), []), new MapStore());
  const agent = await PluginHost.start({ ...options, runsOn: 'agent', installed: fetched });
  expect(agent.statuses()).toMatchObject([{ id: 'isolator', state: 'active' }]);
  await agent.shutdown({ keepPlugins: false });
  const alone = { ...remote, url: 'http://127.0.0.1:1' };
  expect((await fetchInstalled(alone)).map(({ manifest }) => manifest.id)).toEqual(['isolator']);
  await call('DELETE', '/plugins/isolator');
  expect(await fetchInstalled(remote)).toEqual([]);
});
