import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../../tests/support/poll.js';
import { postHead, RawConnection } from '../../tests/support/raw-http.js';
import { errorAnswer, sendAnswer, textAnswer } from './answer.js';
import { readBody } from './body.js';

const TIMES = { stallMs: 150, wholeMs: 600, lingerMs: 150 };
const MAX_BYTES = 100_000;
let server: Server;
let peer: RawConnection;

/** Answers the length of what came. */
beforeEach(async () => {
  server = createServer((request, response) => {
    readBody(request, MAX_BYTES, TIMES).then(
      (body) => sendAnswer(request, response, textAnswer(200, String(body.length))),
      (error: unknown) => sendAnswer(request, response, errorAnswer(error)),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  peer = new RawConnection((server.address() as AddressInfo).port);
});
afterEach(() => {
  peer.destroy();
  server.closeAllConnections();
  server.close();
});

test('a body comes whole, in one piece or in many', async () => {
  await peer.send(postHead('/', { 'Transfer-Encoding': 'chunked' }) + '3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n');
  expect(await peer.status()).toBe(200);
  expect(peer.received).toMatch(/5$/);
});

test('a body that announces too much is refused before it is sent', async () => {
  await peer.send(postHead('/', { 'Content-Length': MAX_BYTES + 1 }));
  expect(await peer.status()).toBe(413);
});

test('a sender that does not look up from sending is refused, hears of it, and is then cut off', async () => {
  await peer.send(postHead('/', { 'Content-Length': 1e9 }));
  const megabyte = Buffer.alloc(1_000_000);
  for (let sent = 0; sent < 300 && !peer.closed; sent++) await peer.send(megabyte);
  expect(await peer.status()).toBe(413);
  await until('it is cut off', () => peer.closed);
});

test('chunks beyond the bound are refused', async () => {
  await peer.send(postHead('/', { 'Transfer-Encoding': 'chunked' }));
  const chunk = `${(50_000).toString(16)}\r\n${'x'.repeat(50_000)}\r\n`;
  await peer.send(chunk + chunk + chunk);
  expect(await peer.status()).toBe(413);
});

test('a sender that falls silent is given up', async () => {
  await peer.send(postHead('/', { 'Content-Length': 10 }) + 'abc');
  expect(await peer.status()).toBe(408);
});

test('a sender that drips is given up as well', async () => {
  await peer.send(postHead('/', { 'Content-Length': 1000 }));
  const drip = setInterval(() => void peer.send('x'), 50);
  expect(await peer.status()).toBe(408);
  clearInterval(drip);
});

test('gzip is unpacked, up to the bound', async () => {
  const packed = gzipSync('x'.repeat(50_000));
  await peer.send(postHead('/', { 'Content-Length': packed.length, 'Content-Encoding': 'gzip' }));
  await peer.send(packed);
  expect(await peer.status()).toBe(200);
  expect(peer.received).toMatch(/50000$/);
});

test.each([
  ['a bomb', gzipSync(Buffer.alloc(50_000_000)), 413],
  ['no gzip at all', Buffer.from('{}'), 400],
  ['gzip that is cut off', gzipSync('x'.repeat(1000)).subarray(0, 20), 400],
])('%s in the place of gzip is refused', async (_, bytes, status) => {
  await peer.send(postHead('/', { 'Content-Length': bytes.length, 'Content-Encoding': 'gzip' }));
  await peer.send(bytes);
  expect(await peer.status()).toBe(status);
});

test('bodies that are too much together are refused, one by one, until there is room', async () => {
  const large = Buffer.alloc(100 * 1024 * 1024);
  server.removeAllListeners('request').on('request', (request, response) => {
    readBody(request, 2 * large.length).then(
      () => sendAnswer(request, response, textAnswer(200, '')),
      (error: unknown) => sendAnswer(request, response, errorAnswer(error)),
    );
  });
  const { port } = server.address() as AddressInfo;
  const peers = [peer, new RawConnection(port), new RawConnection(port)];
  try {
    for (const one of peers) {
      await one.send(postHead('/', { 'Content-Length': large.length + 1 }));
      await one.send(large);
    }
    expect(await Promise.any(peers.map((one) => one.status()))).toBe(503);
    const waiting = peers.filter(({ received }) => received === '');
    expect(waiting).toHaveLength(2);
    for (const one of waiting) await one.send('.');
    expect(await Promise.all(waiting.map((one) => one.status()))).toEqual([200, 200]);
  } finally {
    for (const one of peers) one.destroy();
  }
});
