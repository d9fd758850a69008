import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type RequestOptions,
  type Server,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { once } from 'node:events';
import { connect, createServer as createTcpServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SignJWT } from 'jose';
import type { HttpClaim, PluginStore, StoreEntry } from '@mezzo/sdk/contract';
import type { MiddlewareRequest, RouterMiddleware } from '@mezzo/sdk/points/router-middleware';
import { middlewareListener } from '@mezzo/sdk/runtime';
import { CertificateAuthority } from '@mezzo/sdk/secrets';
import { silentLog } from '@mezzo/sdk/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { agent, framework, SERVICE, snapshotOf, task, update } from '../../plugins/router/testing/fixture.js';
import type { RouterConfig } from '../../plugins/router/shell/config.js';
import { Router } from '../../plugins/router/shell/router.js';

const KEY = new Uint8Array(32).fill(7);
const DEFAULTS: RouterConfig = {
  port: 0,
  public: [],
  appFrameworks: ['marathon'],
  tokenTtlSeconds: 3600,
  connectTimeoutMs: 1000,
  responseTimeoutMs: 5000,
  bodyMaxMib: 1,
  maxConnections: 100,
};

class MemoryStore implements PluginStore {
  readonly entries = new Map<string, StoreEntry>();
  away = false;
  private version = 0;
  async get(key: string) {
    this.check();
    return this.entries.get(key);
  }
  async list(prefix: string) {
    this.check();
    return [...this.entries.values()].filter((entry) => entry.key.startsWith(prefix));
  }
  async commit(batch: Parameters<PluginStore['commit']>[0]) {
    this.check();
    this.version++;
    for (const write of batch)
      if (write.op === 'put')
        this.entries.set(write.key, { key: write.key, value: write.value, version: this.version });
      else this.entries.delete(write.key);
    return this.version;
  }
  private check() {
    if (this.away) throw Object.assign(new Error('the store is away'), { code: 'STORE_UNAVAILABLE' });
  }
}

const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

interface Upstream {
  readonly server: Server;
  readonly port: number;
  readonly url: string;
}

async function upstream(listener: RequestListener): Promise<Upstream> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  opened.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { server, port, url: `http://127.0.0.1:${port}` };
}

let store: MemoryStore;
let router: Router;
let token: string;
let stateDir: string;

const mint = (claims: Record<string, unknown>, key = KEY): Promise<string> =>
  new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(key);

async function start(config: Partial<RouterConfig> = {}): Promise<Router> {
  const made = new Router(
    { ...DEFAULTS, ...config },
    {
      cluster: {
        clusterId: 'cluster-1',
        clusterName: 'Test & co',
        host: 'master',
        kernelUrl: 'http://127.0.0.1:1',
        listenIp: '127.0.0.1',
        portOffset: 0,
        stateDir,
      },
      place: { ip: config.listenIp ?? '127.0.0.1', port: config.port ?? 0 },
      key: KEY,
      store,
      log: silentLog,
      version: '1.2.3',
      passwordCost: { log2N: 10, blockSize: 8 },
    },
  );
  await made.listen();
  opened.push(() => made.dispose());
  return made;
}

beforeEach(async () => {
  stateDir = mkdtempSync(join(tmpdir(), 'mezzo-router-'));
  opened.push(() => rmSync(stateDir, { recursive: true }));
  store = new MemoryStore();
  token = await mint({ uid: 'ann', scope: 'user', exp: Math.floor(Date.now() / 1000) + 60 });
  router = await start();
});

interface Got {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** A request exactly as written: no path is tidied up, no redirect followed. */
async function send(path: string, options: RequestOptions & { body?: string; as?: string } = {}): Promise<Got> {
  const { body, as = token, headers, ...rest } = options;
  const auth = as ? { authorization: `token=${as}` } : {};
  const req = httpRequest(router.url, { agent: false, path, headers: { ...auth, ...headers }, ...rest });
  req.end(body);
  const [res] = (await once(req, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of res) text += String(chunk);
  return { status: res.statusCode ?? 0, headers: res.headers, text };
}

const echo: RequestListener = (req, res) => {
  let body = '';
  req.on('data', (chunk) => (body += String(chunk)));
  req.on('end', () => {
    res.setHeader('content-type', 'application/json');
    res.end(JSON.stringify({ method: req.method, url: req.url, headers: req.headers, body }));
  });
};
const heard = (got: Got) =>
  JSON.parse(got.text) as { method: string; url: string; headers: Record<string, string>; body: string };

const publish = (ports: number[], more: Parameters<typeof task>[1] = {}): Promise<void> =>
  router.feed.take(
    snapshotOf(
      ports.map((port, i) => task(`t${i}`, { ports: [port], ...more })),
      { agents: [agent('M-S0', '127.0.0.1:5051')] },
    ),
  );

test('a master that speaks TLS without a certificate that is trusted gets neither request nor token; an app is not asked', async () => {
  const secrets = mkdtempSync(join(tmpdir(), 'mezzo-stranger-'));
  const identity = CertificateAuthority.of(secrets).issue('master', ['127.0.0.1']);
  rmSync(secrets, { recursive: true });
  const asked: string[] = [];
  const server = createTlsServer(identity, (req, res) => void (asked.push(req.url!), res.end('hello')));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  opened.push(() => (server.closeAllConnections(), server.close()));
  const { port } = server.address() as AddressInfo;
  await publish([port], { labels: SERVICE('/web', '0', 'https') });
  router.masterUrl = `https://127.0.0.1:${port}`;
  expect(await send('/mesos/state')).toMatchObject({ status: 502, text: expect.stringContaining('certificate') });
  const upgrade = { connection: 'Upgrade', upgrade: 'websocket' };
  expect((await send('/mesos/state', { headers: upgrade })).status).toBe(502);
  expect(asked).toEqual([]);
  expect(await send('/service/web/')).toMatchObject({ status: 200, text: 'hello' });
});

describe('who gets in', () => {
  const outcomes = async (as: string, headers: Record<string, string> = {}): Promise<number> =>
    (await send('/service/web/', { as, headers })).status;

  beforeEach(async () => publish([(await upstream(echo)).port]));

  test('a good token in any of its places', async () => {
    expect(await outcomes(token)).toBe(200);
    expect(await outcomes('', { authorization: `Bearer ${token}` })).toBe(200);
    expect(await outcomes('', { cookie: `dcos-acs-auth-cookie=${token}` })).toBe(200);
    expect(await outcomes(await mint({ uid: 'cli', scope: 'operator' }))).toBe(200);
    expect(await outcomes(token)).toBe(200);
  });

  test('nobody else', async () => {
    const past = Math.floor(Date.now() / 1000) - 1;
    const bad = [
      '',
      'x',
      `${token}x`,
      await mint({ uid: 'ann', scope: 'user' }, new Uint8Array(32)),
      await mint({ uid: 'ann', scope: 'user', exp: past }),
      await mint({ uid: null, scope: 'user' }),
      await mint({ scope: 'user' }),
      await mint({ uid: 'a', scope: 'agent' }),
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"uid":"a","scope":"user"}').toString('base64url')}.x`,
    ];
    for (const jwt of bad) expect(await outcomes(jwt)).toBe(401);
    expect(await outcomes('broken', { cookie: `dcos-acs-auth-cookie=${token}` })).toBe(401);
  });

  test('a token that was verified ends when it expires', async () => {
    const short = await mint({ uid: 'ann', scope: 'user', exp: Math.floor(Date.now() / 1000) + 1 });
    expect(await outcomes(short)).toBe(200);
    await expect.poll(() => outcomes(short), { timeout: 5000 }).toBe(401);
  });

  test('401 comes before 404 and 503, with a challenge, as JSON or as a way to the form', async () => {
    for (const path of ['/service/nope/', '/agent/nope/', '/mesos_dns/v1/version', '/acs/api/v1/users', '/system/v1/x'])
      expect((await send(path, { as: '' })).status).toBe(401);
    const json = await send('/service/web/a?b', { as: '' });
    expect(json.headers['www-authenticate']).toBe('acsjwt');
    expect(JSON.parse(json.text)).toMatchObject({ code: 'ERR_UNAUTHENTICATED' });
    const page = await send('/service/web/a?b', { as: '', headers: { accept: 'text/html' } });
    expect(page.headers['content-type']).toBe('text/html; charset=UTF-8');
    expect(page.text).toContain('/login?redirect=%2Fservice%2Fweb%2Fa%3Fb');
  });

  test('a page of another site cannot use the cookie to change things', async () => {
    const headers = { cookie: `dcos-acs-auth-cookie=${token}`, origin: 'http://evil.org' };
    expect((await send('/service/web/', { as: '', method: 'POST', headers })).status).toBe(403);
    expect((await send('/service/web/', { as: '', headers })).status).toBe(200);
    expect((await send('/service/web/', { method: 'POST', headers: { origin: 'http://evil.org' } })).status).toBe(200);
  });

  test('anybody, where an app says so; what looks like a token of ours stays here all the same', async () => {
    const { port } = await upstream(echo);
    await publish([port], { labels: { MEZZO_ROUTER_PUBLIC: 'true' } });
    expect(await outcomes('')).toBe(200);
    expect(heard(await send('/service/web/')).headers['authorization']).toBeUndefined();
    const foreign = { authorization: 'Bearer of.another.door' };
    expect(heard(await send('/service/web/', { as: '', headers: foreign })).headers).toMatchObject(foreign);
  });
});

describe('passing on', () => {
  test('a request arrives as it was written, without what is only between client and router', async () => {
    await publish([(await upstream(echo)).port]);
    const got = await send('/service/web//a%20b%3F%23/../c//?q=%2F&x=1', {
      method: 'POST',
      body: 'hello',
      headers: { cookie: `a=1; dcos-acs-auth-cookie=${token}`, host: 'cluster.example', 'x-mine': '1', te: 'trailers' },
    });
    const seen = heard(got);
    expect(seen).toMatchObject({ method: 'POST', url: '//a%20b%3F%23/../c//?q=%2F&x=1', body: 'hello' });
    expect(seen.headers).toMatchObject({
      host: 'cluster.example',
      cookie: 'a=1',
      'x-mine': '1',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'cluster.example',
    });
    expect(seen.headers['authorization']).toBeUndefined();
    expect(seen.headers['te']).toBeUndefined();
  });

  test('parts of the cluster see the token, others do not', async () => {
    const { url } = await upstream(echo);
    const { port } = await upstream(echo);
    router.endpointsAre([
      { name: 'marathon', url },
      { name: 'mesos_dns', url },
    ]);
    router.masterUrl = url;
    await router.feed.take(snapshotOf([], { agents: [agent('M-S0', `127.0.0.1:${port}`)] }));
    const seen = async (path: string) => heard(await send(path, { headers: { 'accept-encoding': 'gzip' } }));
    expect(await seen('/service/marathon/v2/apps//a')).toMatchObject({
      url: '/v2/apps//a',
      headers: { authorization: `token=${token}` },
    });
    expect(await seen('/marathon/v2/info')).toMatchObject({ url: '/v2/info', headers: { 'accept-encoding': 'gzip' } });
    expect(await seen('/mesos/master/state?x')).toMatchObject({
      url: '/master/state?x',
      headers: { authorization: `token=${token}` },
    });
    const dns = await seen('/mesos_dns/v1/hosts/leader.mesos');
    expect(dns.url).toBe('/v1/hosts/leader.mesos');
    expect(dns.headers['authorization']).toBeUndefined();
    const atAgent = await seen('/agent/M-S0/files/browse?path=%2F');
    expect(atAgent.url).toBe('/files/browse?path=%2F');
    expect(atAgent.headers['accept-encoding']).toBeUndefined();
    const cookie = await send('/mesos/', { as: '', headers: { cookie: `dcos-acs-auth-cookie=${token}` } });
    expect(heard(cookie).headers).toMatchObject({ authorization: `token=${token}` });
  });

  test('a redirect of the upstream leads back through the router', async () => {
    const { port } = await upstream((req, res) => {
      res.writeHead(302, {
        location: String(req.headers['x-to']),
        'set-cookie': ['a=1', 'dcos-acs-auth-cookie=stolen'],
      });
      res.end();
    });
    await publish([port]);
    const to = async (location: string) => (await send('/service/web/x', { headers: { 'x-to': location } })).headers;
    expect(await to('/next?a=b')).toMatchObject({ location: '/service/web/next?a=b', 'set-cookie': ['a=1'] });
    expect((await to(`http://127.0.0.1:${port}/y`)).location).toBe('/service/web/y');
    expect((await to(`${router.url}/y`)).location).toBe('/service/web/y');
    expect((await to('https://elsewhere.org/y')).location).toBe('https://elsewhere.org/y');
  });

  test('status, headers and bodies of all kinds come back', async () => {
    const { port } = await upstream((req, res) => {
      if (req.url === '/204') return void res.writeHead(204).end();
      if (req.url === '/304') return void res.writeHead(304, { etag: '"x"' }).end();
      if (req.url === '/large') return void res.end('x'.repeat(3_000_000));
      res.writeHead(418, 'Short and stout', { 'x-a': ['1', '2'], 'content-length': 5 });
      res.end(req.method === 'HEAD' ? undefined : 'hello');
    });
    await publish([port]);
    expect(await send('/service/web/')).toMatchObject({ status: 418, text: 'hello', headers: { 'x-a': '1, 2' } });
    expect(await send('/service/web/', { method: 'HEAD' })).toMatchObject({
      status: 418,
      text: '',
      headers: { 'content-length': '5' },
    });
    expect((await send('/service/web/204')).status).toBe(204);
    expect(await send('/service/web/304')).toMatchObject({ status: 304, headers: { etag: '"x"' } });
    expect((await send('/service/web/large')).text).toHaveLength(3_000_000);
  });

  test.each(['DELETE', 'PUT', 'PATCH', 'OPTIONS', 'POST'])('a chunked body of %s arrives whole', async (method) => {
    await publish([(await upstream(echo)).port]);
    const got = await send('/service/web/', { method, body: 'hello', headers: { 'transfer-encoding': 'chunked' } });
    expect(heard(got)).toMatchObject({ method, body: 'hello' });
  });

  test('an empty body is announced as such', async () => {
    await publish([(await upstream(echo)).port]);
    const raw = connect(Number(new URL(router.url).port), '127.0.0.1');
    opened.push(() => raw.destroy());
    raw.write(`POST /service/web/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: token=${token}\r\n\r\n`);
    let all = '';
    for await (const chunk of raw) all += String(chunk);
    expect(all).toContain('"content-length":"0"');
    expect(all).not.toContain('transfer-encoding":');
  });

  test('a client that waits for 100-continue is told to go on', async () => {
    await publish([(await upstream(echo)).port]);
    const got = await send('/service/web/', { method: 'POST', body: 'hello', headers: { expect: '100-continue' } });
    expect(heard(got)).toMatchObject({ body: 'hello' });
  });

  test('a body that is too long is refused, announced or not', async () => {
    const { port } = await upstream(echo);
    await publish([port]);
    const over = 1_048_577;
    const announced = { method: 'POST', headers: { 'content-length': String(over) } };
    expect((await send('/service/web/', announced).catch(() => ({ status: 413 }))).status).toBe(413);
    const chunked = { method: 'POST', body: 'x'.repeat(over), headers: { 'transfer-encoding': 'chunked' } };
    expect((await send('/service/web/', chunked)).status).toBe(413);
  });

  test('an offer to upgrade that nobody takes is overlooked', async () => {
    await publish([(await upstream(echo)).port]);
    const headers = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABkAAQ' };
    expect(heard(await send('/service/web/x', { headers }))).toMatchObject({ url: '/x', method: 'GET' });
  });
});

describe('streams', () => {
  test('an event stream comes through at once, and ends upstream when the client leaves', async () => {
    let closed = false;
    let push: (text: string) => void = () => undefined;
    const { port } = await upstream((req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.flushHeaders();
      push = (text) => void res.write(text);
      res.on('close', () => (closed = true));
    });
    await publish([port]);
    const req = httpRequest(`${router.url}/service/web/`, {
      headers: { authorization: `token=${token}` },
      agent: false,
    });
    req.end();
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    for (const text of ['data: 1\n\n', 'data: 2\n\n']) {
      push(text);
      expect(String((await once(res, 'data'))[0])).toBe(text);
    }
    expect(closed).toBe(false);
    req.on('error', () => undefined);
    req.destroy();
    await expect.poll(() => closed).toBe(true);
  });

  test('an upstream may answer before it has heard all, and talk on for longer than a response may take', async () => {
    const { port } = await upstream((req, res) => {
      res.writeHead(200, { 'content-type': 'text/plain' });
      req.on('data', (chunk) => res.write(`<${String(chunk)}>`));
      req.on('end', () => setTimeout(() => res.end('bye'), 150));
    });
    router = await start({ responseTimeoutMs: 50 });
    await publish([port]);
    const headers = { authorization: `token=${token}` };
    const req = httpRequest(`${router.url}/service/web/`, { method: 'POST', headers, agent: false });
    req.write('one');
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    expect(String((await once(res, 'data'))[0])).toBe('<one>');
    req.end('two');
    let rest = '';
    for await (const chunk of res) rest += String(chunk);
    expect(rest).toBe('<two>bye');
  });

  test('a response that breaks off upstream breaks off here', async () => {
    const { port } = await upstream((_, res) => {
      res.writeHead(200, { 'content-length': 100 });
      res.write('half');
      setTimeout(() => res.destroy(), 30);
    });
    await publish([port]);
    await expect(send('/service/web/')).rejects.toThrow(/aborted|hang up/);
  });

  const handshake = (path: string, headers = `Authorization: token=${token}\r\n`): string =>
    `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${headers}Sec-WebSocket-Key: x\r\n\r\n`;

  async function talk(text: string) {
    const socket = connect(Number(new URL(router.url).port), '127.0.0.1');
    opened.push(() => socket.destroy());
    let all = '';
    socket.on('data', (chunk) => (all += String(chunk)));
    socket.on('error', () => undefined);
    socket.write(text);
    return { socket, heard: () => all };
  }

  test('a WebSocket goes both ways until one side ends it', async () => {
    const up = await upstream(echo);
    let ended = false;
    up.server.on('upgrade', (req, socket) => {
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Url: ${req.url}\r\n\r\nhi `,
      );
      socket.on('data', (chunk) => socket.write(`<${String(chunk)}>`));
      socket.on('error', () => undefined);
      socket.on('end', () => (ended = true));
      opened.push(() => socket.destroy());
    });
    await publish([up.port]);
    const { socket, heard: all } = await talk(handshake('/service/web/ws?a=b'));
    await expect.poll(all).toContain('hi ');
    expect(all()).toMatch(/^HTTP\/1\.1 101 /);
    expect(all()).toContain('x-url: /ws?a=b');
    socket.write('one');
    await expect.poll(all).toContain('<one>');
    socket.destroy();
    await expect.poll(() => ended, { timeout: 5000 }).toBe(true);
  });

  test('a WebSocket that is not allowed, not there or not taken is answered and closed', async () => {
    const up = await upstream((_, res) => res.writeHead(426, { 'content-type': 'text/plain' }).end('no sockets here'));
    const gone = await upstream(echo);
    gone.server.close();
    await router.feed.take(
      snapshotOf([task('1', { ports: [up.port] }), task('2', { name: 'gone', ports: [gone.port] })], {
        agents: [agent('M-S0', '127.0.0.1:5051')],
      }),
    );
    const answer = async (path: string, headers?: string): Promise<string> => {
      const { socket, heard: all } = await talk(handshake(path, headers));
      await once(socket, 'close');
      return all();
    };
    expect(await answer('/service/web/', '')).toMatch(/^HTTP\/1\.1 401 /);
    expect(
      await answer('/service/web/', `Cookie: dcos-acs-auth-cookie=${token}\r\nOrigin: http://evil.org\r\n`),
    ).toMatch(/^HTTP\/1\.1 403 /);
    expect(await answer('/service/nope/')).toMatch(/^HTTP\/1\.1 404 /);
    expect(await answer('/service/gone/')).toMatch(/^HTTP\/1\.1 502 /);
    expect(await answer('/metadata')).toMatch(/^HTTP\/1\.1 404 /);
    expect(await answer('/service/web/')).toMatch(/^HTTP\/1\.1 426 [^]*no sockets here$/);
  });
});

describe('upstreams in trouble', () => {
  test('killing one of the instances loses no GET', async () => {
    const ups = await Promise.all([1, 2, 3].map(() => upstream((_, res) => setTimeout(() => res.end('ok'), 2))));
    await publish(ups.map((up) => up.port));
    const results = new Map<number, number>();
    let going = true;
    const client = async (): Promise<void> => {
      while (going) {
        const { status } = await send('/service/web/');
        results.set(status, (results.get(status) ?? 0) + 1);
      }
    };
    const clients = [client(), client(), client()];
    await sleep(100);
    ups[0]!.server.closeAllConnections();
    ups[0]!.server.close();
    await sleep(200);
    going = false;
    await Promise.all(clients);
    expect([...results.keys()]).toEqual([200]);
  });

  test('a request with a body goes on to another instance when the first does not take it', async () => {
    const ups = await Promise.all([1, 2, 3].map(() => upstream(echo)));
    await publish(ups.map((up) => up.port));
    ups[0]!.server.close();
    ups[1]!.server.close();
    for (let i = 0; i < 6; i++)
      expect(heard(await send('/service/web/', { method: 'POST', body: `body ${i}` }))).toMatchObject({
        body: `body ${i}`,
      });
  });

  test('a request with a body is sent once, and what went wrong is told', async () => {
    const gone = await upstream(echo);
    gone.server.close();
    let requests = 0;
    const rude = await upstream((req) => {
      requests++;
      req.socket.destroy();
    });
    const slow = await upstream(() => undefined);
    await router.feed.take(
      snapshotOf(
        [
          task('1', { name: 'gone', ports: [gone.port] }),
          task('2', { name: 'rude', ports: [rude.port] }),
          task('3', { name: 'slow', ports: [slow.port] }),
          task('4', { name: 'sick', healthy: false }),
        ],
        { agents: [agent('M-S0', '127.0.0.1:5051')] },
      ),
    );
    expect(await send('/service/gone/')).toMatchObject({
      status: 502,
      text: expect.stringContaining('app /gone: it does not accept'),
    });
    expect(await send('/service/rude/', { method: 'POST', body: 'x' })).toMatchObject({ status: 502 });
    expect(requests).toBe(1);
    expect(await send('/service/sick/')).toMatchObject({ status: 503, text: expect.stringContaining('unhealthy') });
    const impatient = await start({ responseTimeoutMs: 50 });
    await impatient.feed.take(
      snapshotOf([task('3', { name: 'slow', ports: [slow.port] })], { agents: [agent('M-S0', '127.0.0.1:5051')] }),
    );
    router = impatient;
    const page = await send('/service/slow/', { headers: { accept: 'text/html' } });
    expect(page).toMatchObject({ status: 504, headers: { 'content-type': 'text/html; charset=UTF-8' } });
    expect(page.text).toContain('did not answer in time');
  });

  test('a host that swallows connections is given up', async () => {
    // A listener whose backlog is full neither takes nor refuses.
    const full = createTcpServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 });
    await once(full, 'listening');
    opened.push(() => full.close());
    router = await start({ connectTimeoutMs: 50, responseTimeoutMs: 300 });
    await publish([(full.address() as AddressInfo).port]);
    expect((await send('/service/web/')).status).toBe(504);
  });

  test('a route changes with the event, and nothing is lost', async () => {
    const one = await upstream((_, res) => res.end('one'));
    const two = await upstream((_, res) => res.end('two'));
    await publish([one.port]);
    expect((await send('/service/web/')).text).toBe('one');
    await router.feed.take({ taskAdded: { task: task('new', { ports: [two.port] }) } });
    await router.feed.take(update('t0', 'TASK_KILLED'));
    expect((await send('/service/web/')).text).toBe('two');
    await router.feed.take(update('new', 'TASK_KILLED'));
    expect((await send('/service/web/')).status).toBe(503);
  });
});

test('health that Marathon knows alone counts', async () => {
  const [good, bad] = await Promise.all(['good', 'bad'].map((name) => upstream((_, res) => res.end(name))));
  let say: (taskId: string, alive: boolean) => void = () => undefined;
  let asked: string | undefined;
  const results = [{ alive: true }];
  const { url } = await upstream((req, res) => {
    asked = req.headers.authorization;
    if (req.url === '/v2/tasks')
      return void res.end(JSON.stringify({ tasks: [{ id: 't0', healthCheckResults: results }, { id: 't1' }] }));
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.flushHeaders();
    say = (taskId, alive) =>
      void res.write(
        `event: x\ndata: ${JSON.stringify({ eventType: 'health_status_changed_event', taskId, alive })}\n\n`,
      );
  });
  await publish([good!.port, bad!.port]);
  router.endpointsAre([{ name: 'marathon', url }]);
  const seen = async (): Promise<string> => {
    const texts = await Promise.all([1, 2, 3, 4].map(async () => (await send('/service/web/')).text));
    return [...new Set(texts)].sort().join();
  };
  await expect.poll(seen).toBe('good');
  expect((await router.tokens.verify(asked!.slice('token='.length)))?.scope).toBe('operator');
  say('t1', true);
  await expect.poll(seen).toBe('bad,good');
  say('t0', false);
  await expect.poll(seen).toBe('bad');
});

describe('signing in', () => {
  const login = (uid: string, password: string): Promise<Got> =>
    send('/acs/api/v1/auth/login', { as: '', method: 'POST', body: JSON.stringify({ uid, password }) });
  const first = (): { uid: string; password: string; link: string } =>
    JSON.parse(readFileSync(join(stateDir, 'first-login.json'), 'utf8')) as never;

  test('the first start makes an admin, once, and leaves what is needed for it', async () => {
    await router.prepareUsers();
    const { uid, password, link } = first();
    expect(statSync(join(stateDir, 'first-login.json')).mode & 0o777).toBe(0o600);
    expect(uid).toBe('admin');
    rmSync(join(stateDir, 'first-login.json'));
    await router.prepareUsers();
    expect(() => first()).toThrow();
    const got = await login(uid, password);
    expect(got.status).toBe(200);
    const { token: minted } = JSON.parse(got.text) as { token: string };
    expect((await send('/metadata', { as: minted })).status).toBe(200);
    expect(got.headers['set-cookie']?.[0]).toMatch(/^dcos-acs-auth-cookie=.*HttpOnly/);
    expect(JSON.stringify([...store.entries])).not.toContain(password);
    expect(link).toContain(`${router.url}/login?code=`);
    const path = link.slice(router.url.length);
    const entered = await send(path, { as: '' });
    expect(entered).toMatchObject({ status: 303, headers: { location: '/' } });
    const cookie = entered.headers['set-cookie']![0]!.split(';')[0]!;
    expect((await send('/metadata', { as: '', headers: { cookie } })).status).toBe(200);
    expect((await send(path, { as: '' })).status).toBe(401);
  });

  test('the first user waits for the store', async () => {
    store.away = true;
    const ready = router.prepareUsers();
    expect(await login('admin', 'x')).toMatchObject({ status: 503 });
    store.away = false;
    await ready;
    expect(first().uid).toBe('admin');
  });

  test('a wrong password and a user that is not there look the same', async () => {
    await router.prepareUsers();
    const answers = [await login('admin', 'wrong'), await login('nobody', 'wrong')];
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 401, headers: { 'www-authenticate': 'acsjwt' } });
      expect(JSON.parse(answer.text)).toMatchObject({ code: 'ERR_INVALID_CREDENTIALS' });
    }
    expect(answers[0]!.text).toBe(answers[1]!.text);
  });

  test('who guesses is slowed down, many at once too; a good password does not count', async () => {
    await router.prepareUsers();
    const { password } = first();
    for (let i = 0; i < 8; i++) expect((await login('admin', password)).status).toBe(200);
    const statuses = (await Promise.all(Array.from({ length: 8 }, () => login('admin', 'wrong')))).map(
      ({ status }) => status,
    );
    expect(statuses.filter((status) => status === 401)).toHaveLength(5);
    const blocked = await login('admin', password);
    expect(blocked.status).toBe(429);
    expect(Number(blocked.headers['retry-after'])).toBeGreaterThan(0);
  });

  test('the form signs in and goes where it was asked to, but never to another site', async () => {
    await router.prepareUsers();
    const { password } = first();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const submit = (redirect: string, given = password): Promise<Got> =>
      send('/login', {
        as: '',
        method: 'POST',
        headers,
        body: String(new URLSearchParams({ uid: 'admin', password: given, redirect })),
      });
    expect(await submit('/service/web/?a=b')).toMatchObject({
      status: 303,
      headers: { location: '/service/web/?a=b' },
    });
    expect(await submit('//evil.org')).toMatchObject({ status: 303, headers: { location: '/' } });
    const failed = await submit('/x"><script>', 'wrong');
    expect(failed.status).toBe(401);
    expect(failed.text).not.toContain('<script>');
    expect(failed.text).toContain('/x&#34;&#62;&#60;script&#62;');
    const cross = { ...headers, origin: 'http://evil.org' };
    expect((await send('/login', { as: '', method: 'POST', headers: cross, body: 'uid=a&password=b' })).status).toBe(
      403,
    );
  });

  test('signing out takes the cookies away', async () => {
    const { headers } = await send('/acs/api/v1/auth/logout', { as: '' });
    expect(headers['set-cookie']?.every((cookie) => cookie.includes('Max-Age=0'))).toBe(true);
  });

  test('providers name the way in; service keys are said to come later', async () => {
    expect(JSON.parse((await send('/acs/api/v1/auth/providers', { as: '' })).text)).toMatchObject({
      'dcos-users': {
        'authentication-type': 'dcos-uid-password',
        config: { start_flow_url: '/acs/api/v1/auth/login' },
      },
    });
    const body = JSON.stringify({ uid: 'svc', token: 'x.y.z' });
    expect((await send('/acs/api/v1/auth/login', { as: '', method: 'POST', body })).status).toBe(501);
    for (const broken of ['{', '[]', '{"uid":1}', '{"uid":"a","password":"b","token":"c"}'])
      expect((await send('/acs/api/v1/auth/login', { as: '', method: 'POST', body: broken })).status).toBe(400);
    const long = { as: '', method: 'POST', body: `{"uid":"${'x'.repeat(70_000)}"}` };
    expect((await send('/acs/api/v1/auth/login', long)).status).toBe(413);
  });

  test('users are made, shown, changed and removed', async () => {
    const users = (method: string, uid = '', body?: unknown): Promise<Got> =>
      send(`/acs/api/v1/users${uid && `/${uid}`}`, { method, ...(body ? { body: JSON.stringify(body) } : {}) });
    expect((await users('PUT', 'bob', { description: 'Bob', password: 'secret1' })).status).toBe(201);
    expect(await users('PUT', 'bob', { password: 'secret1' })).toMatchObject({
      status: 409,
      text: expect.stringContaining('ERR_USER_EXISTS'),
    });
    expect((await users('PUT', 'eve', { password: 'shrt' })).status).toBe(400);
    expect((await users('PUT', 'anonymous', { password: 'secret1' })).status).toBe(400);
    expect((await users('PUT', 'a%20b', { password: 'secret1' })).status).toBe(400);
    expect(JSON.parse((await users('GET')).text)).toMatchObject({
      array: [{ uid: 'bob', description: 'Bob', is_service: false }],
    });
    expect(JSON.parse((await users('GET', 'bob')).text)).toMatchObject({ uid: 'bob' });
    expect(await users('GET', 'eve')).toMatchObject({
      status: 400,
      text: expect.stringContaining('ERR_UNKNOWN_USER_ID'),
    });
    const { token: old } = JSON.parse((await login('bob', 'secret1')).text) as { token: string };
    expect((await send('/metadata', { as: old })).status).toBe(200);
    expect((await users('PATCH', 'bob', { password: 'secret2' })).status).toBe(204);
    expect((await login('bob', 'secret1')).status).toBe(401);
    expect((await send('/metadata', { as: old })).status).toBe(401);
    expect((await users('DELETE', 'bob')).status).toBe(204);
    expect((await login('bob', 'secret2')).status).toBe(401);
    expect(JSON.parse((await users('GET')).text)).toEqual({ array: [] });
  });
});

describe('its own pages', () => {
  test('the start page is for everyone, its data is not', async () => {
    const page = await send('/', { as: '' });
    expect(page).toMatchObject({ status: 200, headers: { 'x-frame-options': 'DENY' } });
    expect(page.text).toContain('Test &#38; co');
    expect((await send('/', { as: '', method: 'HEAD' })).status).toBe(200);
    expect((await send('/router/v1/cluster', { as: '' })).status).toBe(401);
    await publish([31000], { healthy: true });
    expect(JSON.parse((await send('/router/v1/cluster')).text)).toMatchObject({
      counts: { apps: 1, tasks: 1, agents: 1, frameworks: 1 },
      apps: [{ name: '/web', path: '/service/web/', instances: 1, running: 1, unhealthy: 0 }],
      tasks: [{ id: 't0', framework: 'marathon', state: 'TASK_RUNNING', host: '127.0.0.1', ports: [31000] }],
    });
  });

  test('its data follows the cluster', async () => {
    const req = httpRequest(`${router.url}/router/v1/cluster/events`, {
      headers: { authorization: `token=${token}` },
      agent: false,
    });
    req.end();
    req.on('error', () => undefined);
    opened.push(() => req.destroy());
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    let all = '';
    res.on('data', (chunk) => (all += String(chunk)));
    res.on('error', () => undefined);
    await expect.poll(() => all).toContain('"tasks":0');
    await publish([31000]);
    await expect.poll(() => all, { timeout: 5000 }).toContain('"tasks":1');
  });

  test('what the dcos CLI asks first', async () => {
    expect(await send('/pkgpanda/active.buildinfo.full.json', { as: '', method: 'HEAD' })).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'acsjwt' },
    });
    expect((await send('/pkgpanda/active.buildinfo.full.json')).status).toBe(200);
    expect(JSON.parse((await send('/metadata')).text)).toMatchObject({
      CLUSTER_ID: 'cluster-1',
      PUBLIC_IPV4: '127.0.0.1',
    });
    expect(JSON.parse((await send('/dcos-metadata/dcos-version.json', { as: '' })).text)).toMatchObject({
      'dcos-variant': 'open',
    });
  });

  test('what is not there, or not yet, is said so', async () => {
    expect((await send('/nope', { as: '' })).status).toBe(404);
    expect((await send('/acs/api/v1/nope')).status).toBe(404);
    expect(await send('/system/v1/logs/x')).toMatchObject({
      status: 501,
      text: expect.stringContaining('not supported yet'),
    });
    expect((await send('/exhibitor/')).status).toBe(501);
    expect((await send('/login', { as: '', method: 'DELETE' })).status).toBe(405);
  });
});

test('labels and frameworks are reached too', async () => {
  const web = await upstream(echo);
  const ui = await upstream(echo);
  await router.feed.take(
    snapshotOf([task('1', { name: 'x', ports: [1, web.port], labels: SERVICE('/deep/web', '1') })], {
      agents: [agent('M-S0', '127.0.0.1:5051')],
      frameworks: [framework('F0', 'marathon'), framework('F1', 'spark', `${ui.url}/base/`)],
    }),
  );
  expect(heard(await send('/service/deep/web/a')).url).toBe('/a');
  expect(heard(await send('/service/spark/a')).url).toBe('/base/a');
});

test('a taken port is told with its number and its key', async () => {
  const port = Number(new URL(router.url).port);
  await expect(start({ port })).rejects.toMatchObject({
    code: 'PORT_TAKEN',
    message: expect.stringContaining(String(port)),
    next: expect.stringContaining('plugins.router.port'),
  });
});

describe('what plugins claim', () => {
  const claim = (more: Partial<HttpClaim>): HttpClaim => ({
    plugin: 'links',
    endpoint: 'links',
    routes: [],
    middleware: [],
    pages: [],
    ...more,
  });

  test('a route leads to its plugin, path and all; without a token only where that is said, however the path is written', async () => {
    const { url } = await upstream(echo);
    const routes = [
      { path: '/links', public: false },
      { path: '/go', public: true },
      { path: '/go/admin', public: false },
    ];
    router.claimsAre([claim({ routes })]);
    expect((await send('/links/v1')).status).toBe(503);
    router.endpointsAre([{ name: 'links', url }]);
    expect(heard(await send('/links/a%20b?q=1'))).toMatchObject({ url: '/links/a%20b?q=1' });
    expect(heard(await send('/links')).headers['authorization']).toBeUndefined();
    expect((await send('/linksmore')).status).toBe(404);
    expect((await send('/links', { as: '' })).status).toBe(401);
    expect((await send('/go/docs', { as: '' })).status).toBe(200);
    for (const path of [
      '/go/admin',
      '/go/%61dmin',
      '/go//admin',
      '/go/x/../admin',
      '/go/%2e%2e/links',
      '/go/..%2flinks',
      '/go/..\\links',
      '/go/%zz',
    ])
      expect((await send(path, { as: '' })).status, path).toBe(401);
  });

  test("what is the router's own stays its own, whoever claims it; of two who claim the same the first has it", async () => {
    const thief = await upstream((_req, res) => void res.end('stolen'));
    const { url } = await upstream(echo);
    const own = ['/', '/login', '/health', '/mesos', '/service', '/acs', '/router', '/agent', '/metadata', '/marathon'];
    router.claimsAre([
      claim({ routes: [{ path: '/links', public: false }] }),
      claim({ plugin: 'thief', endpoint: 'thief', routes: [...own, '/links'].map((path) => ({ path, public: true })) }),
    ]);
    router.endpointsAre([
      { name: 'links', url },
      { name: 'thief', url: thief.url },
    ]);
    for (const path of [...own, '/links', '/login', '/router/v1/cluster', '/mesos/state'])
      expect((await send(path)).text, path).not.toBe('stolen');
    expect(heard(await send('/links/x')).url).toBe('/links/x');
    expect((await send('/links/x', { as: '' })).status).toBe(401);
  });

  test('what a plugin answers has an origin of its own in browsers, on its routes and below /service', async () => {
    const { url, port } = await upstream((_req, res) => {
      res.writeHead(200, { 'content-security-policy': "default-src 'none'", 'set-cookie': 'dcos-acs-auth-cookie=x' });
      res.end('<script>');
    });
    router.claimsAre([
      claim({ routes: [{ path: '/links', public: false }], pages: [{ title: 'Links', path: '/links/page' }] }),
    ]);
    await publish([port]);
    const listed = async () => (JSON.parse((await send('/router/v1/cluster')).text) as { pages: unknown }).pages;
    expect(await listed()).toEqual([]);
    router.endpointsAre([{ name: 'links', url }]);
    expect(await listed()).toEqual([{ title: 'Links', path: '/links/page', plugin: 'links' }]);
    for (const path of ['/links/page', '/service/links/links/page']) {
      const { headers } = await send(path);
      expect(headers['content-security-policy']).toMatch(
        /^default-src 'none', sandbox allow-scripts allow-forms; frame-ancestors 'none'$/,
      );
      expect(headers['content-security-policy']).not.toMatch(/allow-same-origin/);
      expect(headers['set-cookie']).toBeUndefined();
    }
    expect((await send('/service/web/')).headers['content-security-policy']).toBe("default-src 'none'");
  });

  describe('middleware', () => {
    const watch = (path: string, authorization = false, plugin = 'guard') =>
      claim({ plugin, endpoint: plugin, middleware: [{ path, authorization }] });
    /** A plugin that is asked, and what it was asked. */
    async function guard(decide: RouterMiddleware) {
      const asked: MiddlewareRequest[] = [];
      const { url } = await upstream(middlewareListener((request) => (asked.push(request), decide(request))));
      router.endpointsAre([{ name: 'guard', url }]);
      return asked;
    }
    beforeEach(async () => publish([(await upstream(echo)).port]));

    test('it is asked for its paths alone, allows with headers, denies with its words, or leads elsewhere', async () => {
      const asked = await guard(({ url }) =>
        url.includes('no')
          ? { allow: false, status: 429, reason: 'too often' }
          : url.includes('away')
            ? { allow: false, redirect: 'https://login.example.org/?x=1' }
            : { allow: true, headers: { 'x-team': 'ops' } },
      );
      router.claimsAre([watch('/service/web')]);
      const got = heard(
        await send('/service/web/a?b=1', { method: 'POST', body: 'secret', headers: { 'x-team': 'forged' } }),
      );
      expect(got).toMatchObject({ url: '/a?b=1', body: 'secret', headers: { 'x-team': 'ops' } });
      expect(asked[0]).toMatchObject({ method: 'POST', url: '/service/web/a?b=1', uid: 'ann', clientIp: '127.0.0.1' });
      expect(JSON.stringify(asked)).not.toMatch(/secret/);
      expect(await send('/service/web/no')).toMatchObject({
        status: 429,
        text: expect.stringContaining('too often') as string,
      });
      const away = await send('/service/web/away');
      expect([away.status, away.headers.location]).toEqual([302, 'https://login.example.org/?x=1']);
      const before = asked.length;
      await send('/service/webs/');
      await send('/mesos/state');
      await send('/service/web/', { as: '' });
      expect(asked.length).toBe(before);
    });

    test('no other way of writing the path goes past it', async () => {
      await guard(() => ({ allow: false, status: 403, reason: 'no' }));
      router.claimsAre([watch('/service/web')]);
      for (const path of [
        '/service//web/',
        '/service/%77eb/',
        '/service/x/../web/',
        '/service/./web/',
        '/service/web',
        '/service/web%2f/',
        '/service/%zz/web/',
      ])
        expect([301, 403, 404], path).toContain((await send(path)).status);
      await publish([(await upstream(echo)).port], { name: 'b.a' });
      router.claimsAre([watch('/service/a/b')]);
      for (const path of ['/service/a/b/', '/service/b.a/', '/service/b%2ea/'])
        expect((await send(path)).status, path).toBe(403);
      router.claimsAre([watch('/service/marathon')]);
      for (const path of ['/marathon/v2/apps', '/service/marathon/v2/apps'])
        expect([403, 404], path).toContain((await send(path)).status);
    });

    test('no token of the cluster gets to it; credentials of others only where they are asked for', async () => {
      const asked = await guard(() => ({ allow: true }));
      await publish([(await upstream(echo)).port], { labels: { MEZZO_ROUTER_PUBLIC: 'true' } });
      router.claimsAre([watch('/service/web')]);
      const cookie = `a=1; dcos-acs-auth-cookie=${token}`;
      await send('/service/web/', { headers: { cookie } });
      await send('/service/web/', { as: '', headers: { authorization: 'Basic xyz', cookie } });
      expect(asked.map(({ headers }) => [headers['authorization'], headers['cookie']])).toEqual([
        [undefined, undefined],
        [undefined, undefined],
      ]);
      router.claimsAre([watch('/service/web', true)]);
      asked.length = 0;
      await send('/service/web/', { headers: { cookie } });
      await send('/service/web/', { as: '', headers: { authorization: 'Basic xyz', cookie } });
      expect(asked.map(({ headers }) => [headers['authorization'], headers['cookie']])).toEqual([
        [undefined, 'a=1'],
        ['Basic xyz', 'a=1'],
      ]);
      expect(JSON.stringify(asked)).not.toContain(token);
    });

    const says =
      (body: unknown, status = 200): RequestListener =>
      (_req, res) =>
        void res.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
    test.each<[string, RequestListener]>([
      ['hangs', () => {}],
      ['hangs amid its answer', (_req, res) => void res.writeHead(200).write('{"allow":')],
      ['hangs up', (req) => void req.socket.destroy()],
      ['fails', says({ allow: true }, 500)],
      ['leads elsewhere', says({ allow: true }, 302)],
      ['answers garbage', says('<html>')],
      ['answers nothing', says('')],
      ['answers null', says(null)],
      ['answers something else', says({ allow: 'yes' })],
      ['never ends', (_req, res) => void res.end(`{"allow":true,"x":"${'x'.repeat(100_000)}"}`)],
      ['splits headers', says({ allow: true, headers: { 'x-a': 'b\r\nx-evil: 1' } })],
      ['splits names', says({ allow: true, headers: { 'x-a: 1\r\nx-evil': 'b' } })],
      ['ends the body', says({ allow: true, headers: { 'content-length': '0' } })],
      ['frames anew', says({ allow: true, headers: { 'transfer-encoding': 'chunked' } })],
      ['speaks for the hop', says({ allow: true, headers: { connection: 'x-team' } })],
      ['makes itself somebody', says({ allow: true, headers: { authorization: 'token=x' } })],
      ['lies about the client', says({ allow: true, headers: { 'x-forwarded-for': '10.0.0.1' } })],
      ['denies with a success', says({ allow: false, status: 200, reason: '' })],
      ['redirects to a script', says({ allow: false, redirect: 'javascript:alert(1)' })],
      ['redirects to another host by two slashes', says({ allow: false, redirect: '//evil.org' })],
      ['splits the redirect', says({ allow: false, redirect: '/a\r\nset-cookie: x=1' })],
    ])('one that %s denies: nothing gets past it', async (_what, listener) => {
      const reached: string[] = [];
      await publish([(await upstream((req, res) => void (reached.push(req.url!), res.end()))).port]);
      const { url } = await upstream(listener);
      router.endpointsAre([{ name: 'guard', url }]);
      router.claimsAre([watch('/service/web')]);
      const got = await send('/service/web/');
      expect(got).toMatchObject({ status: 503, text: expect.stringContaining('plugin guard') as string });
      expect([got.headers['set-cookie'], got.headers.location]).toEqual([undefined, undefined]);
      expect(reached).toEqual([]);
      // All else goes on.
      expect((await send('/health')).status).toBe(200);
    });

    test('one that is not there denies, and allows again when it is back', async () => {
      router.claimsAre([watch('/service/web')]);
      expect((await send('/service/web/')).status).toBe(503);
      await guard(() => ({ allow: true }));
      expect((await send('/service/web/')).status).toBe(200);
      router.endpointsAre([]);
      expect((await send('/service/web/')).status).toBe(503);
      router.claimsAre([]);
      expect((await send('/service/web/')).status).toBe(200);
    });

    test('those who wait for one that hangs are bounded, and a WebSocket is denied as well', async () => {
      let open = 0;
      let most = 0;
      const { url, server } = await upstream(() => {});
      server.on('connection', (socket) => {
        most = Math.max(most, ++open);
        socket.once('close', () => open--);
      });
      router.endpointsAre([{ name: 'guard', url }]);
      router.claimsAre([watch('/service/web')]);
      const all = await Promise.all(Array.from({ length: 90 }, () => send('/service/web/')));
      expect(all.every(({ status }) => status === 503)).toBe(true);
      expect(most).toBeLessThanOrEqual(70);
      const upgrade = { connection: 'Upgrade', upgrade: 'websocket' };
      expect((await send('/service/web/', { headers: upgrade })).status).toBe(503);
    });

    test('several are asked in turn: all must allow, and each adds its headers', async () => {
      const first = await upstream(middlewareListener(() => ({ allow: true, headers: { 'x-one': '1' } })));
      const second = await upstream(
        middlewareListener(({ url }) =>
          url.endsWith('no') ? { allow: false, status: 403, reason: 'no' } : { allow: true, headers: { 'x-two': '2' } },
        ),
      );
      router.endpointsAre([
        { name: 'guard', url: first.url },
        { name: 'other', url: second.url },
      ]);
      router.claimsAre([watch('/service/web'), watch('/service', false, 'other')]);
      expect(heard(await send('/service/web/')).headers).toMatchObject({ 'x-one': '1', 'x-two': '2' });
      expect((await send('/service/web/no')).status).toBe(403);
    });
  });
});
