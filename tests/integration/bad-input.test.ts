import { Worker } from 'node:worker_threads';
import fc, { type Arbitrary } from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { encodeMessage, RecordDecoder, type MessageName } from '@mezzo/sdk/api';
import { auditMaster } from '../../kernel/core/master/invariants.js';
import { agentBreach } from '../../kernel/core/agent/invariants.js';
import { AgentCluster, type TestScheduler } from '../support/agent-cluster.js';
import { anyMessage } from '../support/any-message.js';
import { until } from '../support/poll.js';
import { postHead, RawConnection } from '../support/raw-http.js';

/** A master and an agent on real sockets, and peers that send them anything. */

let cluster: AgentCluster;
beforeAll(async () => void (cluster = await AgentCluster.start()));
afterAll(() => cluster.destroy());

const JSON_TYPE = 'application/json';
const PROTOBUF_TYPE = 'application/x-protobuf';

const portOf = (whom: 'master' | 'agent'): number => (whom === 'master' ? cluster.master : cluster.agent!).port;
const urlOf = (whom: 'master' | 'agent'): string => `http://127.0.0.1:${portOf(whom)}`;

async function assertWell(): Promise<void> {
  for (const whom of ['master', 'agent'] as const) {
    const began = Date.now();
    expect((await fetch(`${urlOf(whom)}/health`)).status).toBe(200);
    expect(Date.now() - began, `${whom} answers at once`).toBeLessThan(1000);
  }
  expect(auditMaster(cluster.master.shell.state)).toEqual([]);
  expect(agentBreach(cluster.agent!.state)).toBeUndefined();
}

/** The two that an agent answers with 500, as in Mesos, to removals that cannot be. */
const REFUSED_REMOVAL = /^(Unknown root container|Nested container has not terminated yet)$/;

/** A stream is left as soon as it begins: its status is what counts. */
async function statusOf(whom: 'master' | 'agent', path: string, init: RequestInit): Promise<number> {
  const response = await fetch(urlOf(whom) + path, init);
  if (response.status === 500 && REFUSED_REMOVAL.test(await response.text())) return 400;
  await response.body?.cancel();
  return response.status;
}

const ENDPOINTS: [whom: 'master' | 'agent', path: string, call?: MessageName][] = [
  ['master', '/api/v1', 'mesos.v1.master.Call'],
  ['master', '/api/v1/scheduler', 'mesos.v1.scheduler.Call'],
  ['agent', '/api/v1', 'mesos.v1.agent.Call'],
  ['agent', '/api/v1/executor', 'mesos.v1.executor.Call'],
  ...['/weights', '/quota', '/maintenance/schedule', '/machine/down', '/machine/up', '/teardown'].map(
    (path) => ['master', path] as [whom: 'master', path: string],
  ),
  ...['/reserve', '/unreserve', '/create-volumes', '/destroy-volumes', '/agent/v1/subscribe', '/agent/v1/calls'].map(
    (path) => ['master', path] as [whom: 'master', path: string],
  ),
];

/** Not understood, not allowed, not there or not built: all of them are said. */
const isClear = (status: number): boolean => (status >= 200 && status < 500) || status === 501 || status === 503;

const junk: Arbitrary<Uint8Array | string> = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.json({ maxDepth: 4 }),
  fc.json({ maxDepth: 2 }).chain((text) => fc.nat(text.length).map((at) => text.slice(0, at))),
  fc.constantFrom(
    '{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"\u0000","name":"\ud800"}}}',
    '{"__proto__":{"type":"GET_STATE"},"type":{"__proto__":1}}',
    `{"type":"ACCEPT","accept":${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}}`,
    '[{"role":"web","weight":1e400}]',
    'slaveId=%00&resources=[{}]&volumes=%',
    `frameworkId=${'x'.repeat(70_000)}`,
    '[[[[[',
    '[{"hostname":{"a":[]}}]',
  ),
);

describe.each(ENDPOINTS)('%s %s', (whom, path, call) => {
  test('answers any body clearly', async () => {
    await fc.assert(
      fc.asyncProperty(
        junk,
        fc.constantFrom('POST', 'POST', 'PUT', 'DELETE', 'PATCH'),
        fc.constantFrom(JSON_TYPE, PROTOBUF_TYPE, 'application/x-www-form-urlencoded', 'application/recordio'),
        fc.constantFrom(undefined, 'gzip'),
        async (body, method, type, encoding) => {
          const headers = { 'Content-Type': type, ...(encoding && { 'Content-Encoding': encoding }) };
          const status = await statusOf(whom, path, { method, headers, body: body as never });
          expect(isClear(status), `${method} ${path} as ${type}: ${status}`).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
    await assertWell();
  });

  if (call === undefined) return;
  test('answers any call, whole or cut off, clearly', async () => {
    await fc.assert(
      fc.asyncProperty(anyMessage(call), fc.double({ min: 0, max: 1, noNaN: true }), async (message, part) => {
        const bytes = encodeMessage(call, message);
        for (const body of [bytes, bytes.subarray(0, Math.floor(bytes.length * part))]) {
          const init = { method: 'POST', headers: { 'Content-Type': PROTOBUF_TYPE }, body: body as never };
          const status = await statusOf(whom, path, init);
          expect(isClear(status), `${path}: ${status}`).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
    await assertWell();
  });
});

test.each(['master', 'agent'] as const)('the %s takes any query, path and head', async (whom) => {
  const odd = ['%', '%00', '%ff', '../../etc/passwd', '-1', '1e9', '__proto__', 'a'.repeat(5000), '<script>', '\u00fc'];
  const paths = ['/state', '/tasks', '/slaves', '/frameworks', '/containers', '/metrics/snapshot', '/files/read'];
  const keys = ['jsonp', 'limit', 'offset', 'order', 'path', 'length', 'timeout', 'framework_id', 'container_id'];
  for (const path of [...paths, '/files/browse', '/files/download', '/logging/toggle', '/roles', '/quota', '/nope'])
    for (const value of odd) {
      const query = keys.map((key) => `${key}=${encodeURI(value)}`).join('&');
      const status = await statusOf(whom, `${path}?${query}`, {});
      expect(isClear(status), `${path}?${query.slice(0, 100)}: ${status}`).toBe(true);
    }
  for (const head of [
    'GET / HTTP/9.9\r\n\r\n',
    'nonsense\r\n\r\n',
    `GET /${'a'.repeat(40_000)} HTTP/1.1\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: x\r\n${`X: ${'y'.repeat(50)}\r\n`.repeat(1000)}\r\n`,
    postHead('/api/v1', { 'Content-Length': -5 }),
    postHead('/api/v1', { 'Content-Length': '1e3' }),
    postHead('/api/v1', { 'Transfer-Encoding': 'chunked', 'Content-Type': JSON_TYPE }) + 'zz\r\n',
    'GET %%% HTTP/1.1\r\nHost: x\r\n\r\n',
    'GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n',
    '\u0000\u0001\u0002\r\n\r\n',
  ]) {
    const peer = new RawConnection(portOf(whom));
    await peer.send(head);
    const status = await peer.status();
    expect(status === 0 || (status >= 400 && status < 500), `${head.slice(0, 60)}: ${status}`).toBe(true);
    peer.destroy();
  }
  await assertWell();
});

test('bodies of 100 MB are refused early by both, announced or not, and cost no memory', async () => {
  const before = process.memoryUsage.rss();
  const chunk = Buffer.alloc(1024 * 1024, 0x20);
  const framed = Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]);
  let most = 0;
  const push = async (whom: 'master' | 'agent', path: string, announced: boolean): Promise<number> => {
    const peer = new RawConnection(portOf(whom));
    const length: Record<string, string | number> = announced
      ? { 'Content-Length': 100 * chunk.length }
      : { 'Transfer-Encoding': 'chunked' };
    await peer.send(postHead(path, { 'Content-Type': JSON_TYPE, ...length }));
    for (let sent = 0; sent < 100 && !peer.closed && peer.received === ''; sent++) {
      await peer.send(announced ? chunk : framed);
      most = Math.max(most, process.memoryUsage.rss());
    }
    const status = await peer.status();
    peer.destroy();
    return status;
  };
  for (const announced of [true, false]) {
    const statuses = await Promise.all([
      ...['/api/v1', '/api/v1/scheduler', '/quota'].map((path) => push('master', path, announced)),
      ...['/api/v1', '/api/v1/executor'].map((path) => push('agent', path, announced)),
    ]);
    for (const status of statuses) expect([413, 503]).toContain(status);
    await assertWell();
  }
  expect(most - before).toBeLessThan(700 * 1024 * 1024);
});

test('who sends nothing, or half of something, is given up, and meanwhile the others are served', async () => {
  const silent = [
    '',
    'POST /api/v1 HT',
    postHead('/api/v1', { 'Content-Type': JSON_TYPE, 'Content-Length': 100 }) + '{',
    postHead('/api/v1/scheduler', { 'Content-Type': JSON_TYPE, 'Transfer-Encoding': 'chunked' }) + '1\r\n{',
    postHead('/teardown', { 'Content-Length': 5 }),
  ];
  const peers = (['master', 'agent'] as const).flatMap((whom) =>
    silent.map((text) => ({ text, peer: new RawConnection(portOf(whom)) })),
  );
  for (const { text, peer } of peers) if (text !== '') await peer.send(text);
  await assertWell();
  for (const { text, peer } of peers) {
    const status = await peer.status(60_000);
    expect([0, 404, 408], text).toContain(status);
    peer.destroy();
  }
});

test('a thousand connections that ask nothing change nothing for the next that does', async () => {
  const peers = Array.from({ length: 1000 }, () => new RawConnection(portOf('master')));
  await until('they are connected', () => peers.every(({ socket }) => !socket.connecting));
  await assertWell();
  for (const peer of peers) peer.destroy();
});

/** What a test left running. */
let good: TestScheduler | undefined;
const peers: RawConnection[] = [];
afterEach(async () => {
  for (const peer of peers.splice(0)) peer.destroy();
  await good?.teardown();
  good = undefined;
});

const FRAMEWORK = { user: 'root', name: 'bad', roles: ['bad'], capabilities: [{ type: 'MULTI_ROLE' }] };

/** A framework on a bare connection. */
async function subscribe(): Promise<{ peer: RawConnection; id: string; streamId: string }> {
  const body = JSON.stringify({ type: 'SUBSCRIBE', subscribe: { framework_info: FRAMEWORK } });
  const peer = new RawConnection(portOf('master'));
  peers.push(peer);
  await peer.send(postHead('/api/v1/scheduler', { 'Content-Type': JSON_TYPE, 'Content-Length': body.length }) + body);
  const [, streamId] = await until('the stream', () => /Mesos-Stream-Id: (\S+)/i.exec(peer.received) ?? undefined);
  const [, id] = await until('its id', () => /"framework_id":{"value":"([^"]+)"}/.exec(peer.received) ?? undefined);
  return { peer, id: id!, streamId: streamId! };
}

const call = (streamId: string, id: string, json: object): Promise<number> =>
  statusOf('master', '/api/v1/scheduler', {
    method: 'POST',
    headers: { 'Content-Type': JSON_TYPE, 'Mesos-Stream-Id': streamId },
    body: JSON.stringify({ framework_id: { value: id }, ...json }),
  });

const fill = (count: number, what: string): object => ({
  type: 'RECONCILE',
  reconcile: {
    tasks: Array.from({ length: count }, (_, i) => ({ task_id: { value: `${what}-${i}-${'x'.repeat(80)}` } })),
  },
});

test('a framework that never reads its stream is cut off, and nobody else notices', async () => {
  good = cluster.scheduler();
  await good.run('beside', 'sleep 60');
  await good.reaches('beside', 'TASK_RUNNING');
  const { peer, id, streamId } = await subscribe();
  peer.socket.pause();
  // 60,000 answers of 300 bytes each are more than the stream's buffer and the sockets' together.
  for (let i = 0; i < 4; i++) await call(streamId, id, fill(30_000, `t${i}`));
  await until('it is gone', async () => (await call(streamId, id, { type: 'REVIVE' })) !== 202, 30_000);
  await assertWell();
  expect(good.states('beside')).toEqual(['TASK_STARTING', 'TASK_RUNNING']);
  await good.run('after', 'true');
  await good.reaches('after', 'TASK_FINISHED');
});

/** Eight connections that send as fast as they may, in a thread of their own; answers are thrown away. */
const FLOOD = `
  const { connect } = require('node:net');
  const { port, bytes } = require('node:worker_threads').workerData;
  for (let i = 0; i < 8; i++) {
    const socket = connect(port, '127.0.0.1', function more() { while (socket.write(bytes)); socket.once('drain', more); });
    socket.on('error', () => {}).resume();
  }`;

test('a framework that floods the master hurts only itself', async () => {
  good = cluster.scheduler();
  const { id, streamId } = await subscribe();
  const body = JSON.stringify({ type: 'REVIVE', framework_id: { value: id } });
  const one = postHead('/api/v1/scheduler', {
    'Content-Type': JSON_TYPE,
    'Mesos-Stream-Id': streamId,
    'Content-Length': body.length,
  });
  const flood = new Worker(FLOOD, {
    eval: true,
    workerData: { port: portOf('master'), bytes: (one + body).repeat(200) },
  });
  try {
    await good.run('amid', 'true');
    await good.reaches('amid', 'TASK_FINISHED', 20_000);
    const began = Date.now();
    expect((await fetch(`${urlOf('master')}/health`)).status).toBe(200);
    expect(Date.now() - began).toBeLessThan(3000);
  } finally {
    await flood.terminate();
  }
  await assertWell();
});

test('a framework that accepts what it was not offered gets nothing, and the other keeps its offer', async () => {
  const { peer, id, streamId } = await subscribe();
  const records = (): { type: string; offers?: { offers: { id: { value: string }; agent_id: object }[] } }[] => {
    const body = dechunked(peer.received);
    return new RecordDecoder()
      .push(Buffer.from(body, 'latin1'))
      .map((record) => JSON.parse(Buffer.from(record).toString()) as never);
  };
  const offer = await until('an offer', () => records().find(({ type }) => type === 'OFFERS')?.offers?.offers[0]);
  const thief = await subscribe();
  const task = {
    name: 'stolen',
    task_id: { value: 'stolen' },
    agent_id: offer.agent_id,
    command: { value: 'true' },
    resources: [{ name: 'cpus', type: 'SCALAR', scalar: { value: 1 }, allocation_info: { role: 'bad' } }],
  };
  const accept = { offer_ids: [offer.id], operations: [{ type: 'LAUNCH', launch: { task_infos: [task] } }] };
  expect(await call(thief.streamId, thief.id, { type: 'ACCEPT', accept })).toBe(202);
  await until('the thief is told', () => thief.peer.received.includes('REASON_INVALID_OFFERS'));
  expect(await call(streamId, id, { type: 'ACCEPT', accept: { ...accept, filters: { refuse_seconds: 0 } } })).toBe(202);
  await until('the owner may launch', () => peer.received.includes('"state":"TASK_STARTING"'));
  await assertWell();
});

/** What is in the chunks of an answer so far. */
function dechunked(received: string): string {
  let body = '';
  for (let at = received.indexOf('\r\n\r\n') + 4; ;) {
    const line = received.indexOf('\r\n', at);
    const size = parseInt(received.slice(at, line), 16);
    if (line < 0 || !(size > 0)) return body;
    body += received.slice(line + 2, line + 2 + size);
    at = line + 2 + size + 2;
  }
}
