import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../../tests/support/poll.js';
import { RawConnection } from '../../tests/support/raw-http.js';
import { boundIdle } from './idle.js';

const MOST = 3;
let server: Server;
let peers: RawConnection[];
/** Of the path /stream: never answered by itself. */
let streams: ServerResponse[];

beforeEach(async () => {
  [peers, streams] = [[], []];
  server = createServer((request, response) => {
    if (request.url !== '/stream') return void response.end('ok');
    streams.push(response);
    response.write('first');
  }).listen(0, '127.0.0.1');
  boundIdle(server, MOST);
  await once(server, 'listening');
});
afterEach(() => {
  for (const peer of peers) peer.destroy();
  server.closeAllConnections();
  server.close();
});

async function join(text?: string): Promise<RawConnection> {
  const peer = new RawConnection((server.address() as AddressInfo).port);
  peers.push(peer);
  if (text !== undefined) await peer.send(text);
  if (text !== undefined) await peer.status();
  else await once(server, 'connection');
  return peer;
}

test('the one that is idle for longest makes room', async () => {
  for (let i = 0; i <= MOST; i++) await join();
  await until('the first is closed', () => peers[0]!.closed);
  expect(peers.slice(1).map(({ closed }) => closed)).toEqual([false, false, false]);
});

test('who was served last is idle for the shortest', async () => {
  const first = await join();
  await join();
  await join();
  await first.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await first.status();
  await join();
  await until('the second is closed', () => peers[1]!.closed);
  expect(first.closed).toBe(false);
});

test('a stream is never idle, until it is over', async () => {
  const stream = await join('GET /stream HTTP/1.1\r\nHost: x\r\n\r\n');
  for (let i = 0; i < 3 * MOST; i++) await join();
  expect(stream.closed).toBe(false);
  streams[0]!.end();
  await until('the end came', () => stream.received.endsWith('0\r\n\r\n'));
  for (let i = 0; i < MOST; i++) await join();
  await until('it made room', () => stream.closed);
});

test('two requests in one go leave the connection busy until both are answered', async () => {
  const peer = await join('GET /stream HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n');
  for (let i = 0; i < 2 * MOST; i++) await join();
  expect(peer.closed).toBe(false);
});
