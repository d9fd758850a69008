import { createSocket, type Socket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { silentLog } from '@mezzo/sdk/testing';
import { decode, encode, streamDecode, streamEncode, type DecodedPacket } from 'dns-packet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DnsConfig } from '../../plugins/dns/shell/config.js';
import { DnsServer } from '../../plugins/dns/shell/server.js';

const DEFAULTS: DnsConfig = {
  port: 0,
  httpPort: 0,
  domain: 'mesos',
  ttlSeconds: 5,
  srvWeight: 1,
  onlyHealthy: true,
  ipSources: 'auto',
  enforceRfc952: false,
  external: false,
  resolvers: [],
  forwardTimeoutMs: 1000,
  forwardMaxInFlight: 4,
  udpMaxBytes: 4096,
  tcpMaxConnections: 100,
  tcpIdleTimeoutMs: 10_000,
  enumeration: true,
  masters: [],
};

const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

const places = ({ listenIp: ip = '127.0.0.1', port = 0, httpPort = 0 }: Partial<DnsConfig>) => ({
  dns: { ip, port },
  http: { ip, port: httpPort },
});

async function start(config: Partial<DnsConfig> = {}): Promise<DnsServer> {
  const server = new DnsServer({ ...DEFAULTS, ...config }, places(config), silentLog);
  await server.listen('1.2.3');
  opened.push(() => server.dispose());
  return server;
}

const task = (id: string, state = 'TASK_RUNNING' as const) => ({
  name: 'web',
  taskId: { value: id },
  frameworkId: { value: 'F0' },
  agentId: { value: 'M-S0' },
  state,
  resources: [{ name: 'ports', type: 'RANGES' as const, ranges: { range: [{ begin: 31000, end: 31000 }] } }],
});
const snapshot = (tasks: ReturnType<typeof task>[]) => ({
  subscribed: {
    getState: {
      getTasks: { tasks },
      getAgents: {
        agents: [
          {
            agentInfo: { hostname: 'h', id: { value: 'M-S0' } },
            active: true,
            version: '1',
            pid: 'slave(1)@10.0.0.5:5051',
          },
        ],
      },
      getFrameworks: {
        frameworks: [
          {
            frameworkInfo: { user: 'root', name: 'marathon', id: { value: 'F0' } },
            active: true,
            connected: true,
            recovered: false,
          },
        ],
      },
    },
  },
});

const resolverOf = (server: DnsServer): Resolver => {
  const resolver = new Resolver({ timeout: 2000, tries: 1 });
  resolver.setServers([`127.0.0.1:${server.places.dns.port}`]);
  return resolver;
};

describe('over sockets', () => {
  let server: DnsServer;
  beforeEach(async () => {
    server = await start();
    await server.feed.take(snapshot([task('t1')]));
  });

  test("Node's resolver finds addresses and services", async () => {
    const resolver = resolverOf(server);
    expect(await resolver.resolve4('web.marathon.mesos', { ttl: true })).toEqual([{ address: '10.0.0.5', ttl: 5 }]);
    const [service] = await resolver.resolveSrv('_web._tcp.marathon.mesos');
    expect(service).toMatchObject({ port: 31000, priority: 0, weight: 1 });
    expect(await resolver.resolve4(service!.name)).toEqual(['10.0.0.5']);
    await expect(resolver.resolve4('nope.marathon.mesos')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await expect(resolver.resolveTxt('web.marathon.mesos')).rejects.toMatchObject({ code: 'ENODATA' });
    await expect(resolver.resolve4('example.org')).rejects.toMatchObject({ code: 'EREFUSED' });
    expect(await resolver.resolve4('ns1.mesos')).toEqual(['127.0.0.1']);
  });

  test('a name goes with its task, at once', async () => {
    const resolver = resolverOf(server);
    const gone = { taskUpdated: { frameworkId: { value: 'F0' }, state: 'TASK_FAILED' as const } };
    const status = { taskId: { value: 't1' }, state: 'TASK_FAILED' as const };
    await server.feed.take({ taskUpdated: { ...gone.taskUpdated, status } });
    await expect(resolver.resolve4('web.marathon.mesos')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  test('many queries on one TCP connection are all answered, and the rest of a split one is awaited', async () => {
    const socket = connect(server.places.dns.port, '127.0.0.1');
    opened.push(() => socket.destroy());
    const query = (id: number): Buffer =>
      streamEncode({ type: 'query', id, questions: [{ name: 'web.marathon.mesos', type: 'A' }] });
    const bytes = Buffer.concat(Array.from({ length: 300 }, (_, id) => query(id)));
    socket.write(bytes.subarray(0, 1001));
    setTimeout(() => socket.write(bytes.subarray(1001)), 20);
    const ids = new Set<number | undefined>();
    let buffered = Buffer.alloc(0);
    for await (const chunk of socket) {
      buffered = Buffer.concat([buffered, chunk as Buffer]);
      while (buffered.length >= 2 && buffered.length >= 2 + buffered.readUInt16BE(0)) {
        ids.add(streamDecode(buffered).id);
        buffered = buffered.subarray(2 + buffered.readUInt16BE(0));
      }
      if (ids.size === 300) break;
    }
    expect(ids.size).toBe(300);
  });

  test('garbage over TCP ends the connection and nothing else', async () => {
    const socket = connect(server.places.dns.port, '127.0.0.1');
    opened.push(() => socket.destroy());
    socket.write(Buffer.from([0, 5, 1, 2, 3, 4, 5]));
    await once(socket, 'close');
    expect(await resolverOf(server).resolve4('web.marathon.mesos')).toEqual(['10.0.0.5']);
  });
});

test('an idle TCP connection is closed', async () => {
  const server = await start({ tcpIdleTimeoutMs: 100 });
  const socket = connect(server.places.dns.port, '127.0.0.1');
  opened.push(() => socket.destroy());
  await once(socket, 'close');
});

test.each([['port'], ['httpPort']])('a taken %s is told with its number and its key', async (key) => {
  const blocker = createServer();
  blocker.listen(0, '127.0.0.1');
  await once(blocker, 'listening');
  opened.push(() => blocker.close());
  const { port } = blocker.address() as AddressInfo;
  await expect(start({ [key]: port })).rejects.toMatchObject({
    code: 'PORT_TAKEN',
    message: expect.stringContaining(String(port)),
    next: expect.stringContaining(`plugins.dns.${key}`),
  });
});

describe('other names', () => {
  let upstream: Socket;
  let heard: DecodedPacket[];
  let reply: (query: DecodedPacket) => Buffer | undefined;
  beforeEach(async () => {
    heard = [];
    reply = (query) =>
      encode({
        type: 'response',
        id: query.id ?? 0,
        questions: query.questions ?? [],
        answers: [{ type: 'A', name: query.questions![0]!.name, data: '192.0.2.1' }],
      });
    upstream = createSocket('udp4');
    upstream.on('message', (bytes, from) => {
      const query = decode(bytes);
      heard.push(query);
      const response = reply(query);
      if (response) upstream.send(response, from.port, from.address);
    });
    upstream.bind(0, '127.0.0.1');
    await once(upstream, 'listening');
    opened.push(() => upstream.close());
  });
  const forwarding = (more: Partial<DnsConfig> = {}): Promise<DnsServer> =>
    start({ external: true, resolvers: [`127.0.0.1:${upstream.address().port}`], ...more });

  test('are forwarded under another id and answered under the own', async () => {
    const server = await forwarding();
    expect(await resolverOf(server).resolve4('example.org')).toEqual(['192.0.2.1']);
    expect(heard).toHaveLength(1);
  });

  test('an answer to another question does not count', async () => {
    reply = (query) =>
      encode({ type: 'response', id: query.id ?? 0, questions: [{ name: 'evil.org', type: 'A' }], answers: [] });
    const server = await forwarding({ forwardTimeoutMs: 200 });
    await expect(resolverOf(server).resolve4('example.org')).rejects.toMatchObject({ code: 'ESERVFAIL' });
  });

  test('the next resolver is asked when the first has no ears', async () => {
    const deaf = createSocket('udp4').bind(0, '127.0.0.1');
    await once(deaf, 'listening');
    const { port } = deaf.address();
    await new Promise<void>((resolve) => deaf.close(() => resolve()));
    const resolvers = [`127.0.0.1:${port}`, `127.0.0.1:${upstream.address().port}`];
    expect(await resolverOf(await forwarding({ resolvers })).resolve4('example.org')).toEqual(['192.0.2.1']);
  });

  test('more than the bound at a time are refused', async () => {
    reply = () => undefined;
    const resolver = resolverOf(await forwarding({ forwardTimeoutMs: 500 }));
    const asked = Array.from({ length: 6 }, (_, i) => resolver.resolve4(`n${i}.org`).catch((error: Error) => error));
    const codes = (await Promise.all(asked)).map((error) => (error as NodeJS.ErrnoException).code);
    expect(codes.sort()).toEqual(['EREFUSED', 'EREFUSED', 'ESERVFAIL', 'ESERVFAIL', 'ESERVFAIL', 'ESERVFAIL']);
  });

  test('a query over TCP is forwarded over TCP', async () => {
    const tcp = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (bytes) => {
        const query = streamDecode(bytes);
        const answers = [{ type: 'A' as const, name: 'example.org', data: '192.0.2.7' }];
        socket.write(streamEncode({ type: 'response', id: query.id ?? 0, questions: query.questions ?? [], answers }));
      });
    });
    tcp.listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    opened.push(() => tcp.close());
    const server = await forwarding({ resolvers: [`127.0.0.1:${(tcp.address() as AddressInfo).port}`] });
    const socket = connect(server.places.dns.port, '127.0.0.1');
    opened.push(() => socket.destroy());
    socket.write(streamEncode({ type: 'query', id: 77, questions: [{ name: 'example.org', type: 'A' }] }));
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    expect(streamDecode(bytes)).toMatchObject({ id: 77, answers: [{ data: '192.0.2.7' }] });
  });
});

describe('the HTTP API', () => {
  let server: DnsServer;
  const get = async (
    path: string,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: unknown }> => {
    const response = await fetch(`http://127.0.0.1:${server.places.http.port}${path}`, { headers });
    const text = await response.text();
    return { status: response.status, body: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text };
  };
  beforeEach(async () => {
    server = await start();
    await server.feed.take(snapshot([task('test')]));
  });

  test('answers with the rows of Mesos-DNS', async () => {
    expect((await get('/v1/version')).body).toMatchObject({ Service: 'Mesos-DNS', Version: '1.2.3' });
    expect((await get('/v1/hosts/web.marathon.mesos')).body).toEqual([{ host: 'web.marathon.mesos.', ip: '10.0.0.5' }]);
    expect((await get('/v1/hosts/nope.mesos')).body).toEqual([{ host: '', ip: '' }]);
    expect((await get('/v1/services/_web._tcp.marathon.mesos.')).body).toEqual([
      {
        service: '_web._tcp.marathon.mesos.',
        host: 'web-iffe9-s0.marathon.slave.mesos.',
        ip: '10.0.0.5',
        port: '31000',
      },
    ]);
    expect((await get('/v1/services/_no._tcp.mesos')).body).toEqual([{ service: '', host: '', ip: '', port: '' }]);
    expect((await get('/v1/config')).body).toMatchObject({ domain: 'mesos', port: server.places.dns.port });
  });

  test('enumerates what it knows', async () => {
    const { body } = await get('/v1/enumerate');
    expect(body).toMatchObject({ frameworks: [{ name: 'marathon', tasks: [{ name: 'web', id: 'test' }] }] });
    const records = (body as { frameworks: { tasks: { records: unknown[] }[] }[] }).frameworks[0]!.tasks[0]!.records;
    expect(records).toContainEqual({ name: 'web.marathon.mesos.', host: '10.0.0.5', rtype: 'A' });
    expect((await get('/v1/axfr')).body).toMatchObject({
      TTL: 5,
      Domain: 'mesos',
      Records: {
        As: { 'web.marathon.mesos.': ['10.0.0.5'] },
        AAAAs: {},
        SRVs: { '_web._tcp.marathon.mesos.': ['web-iffe9-s0.marathon.slave.mesos.:31000'] },
      },
    });
  });

  test('says 404, 405, 406 and 501', async () => {
    expect((await get('/v1/nope')).status).toBe(404);
    expect((await get('/v1/version', { accept: 'text/xml' })).status).toBe(406);
    expect((await get('/v1/hosts/web.mesos/ports')).status).toBe(501);
    const post = await fetch(`http://127.0.0.1:${server.places.http.port}/v1/version`, { method: 'POST' });
    expect(post.status).toBe(405);
  });
});
