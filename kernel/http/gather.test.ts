import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { gatherOn } from './gather.js';

let server: Server;
let peer: Socket;
let socket: Socket;
/** Pieces of each call to the kernel. */
let calls: number[];

beforeEach(async () => {
  calls = [];
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const connected = once(server, 'connection');
  peer = connect((server.address() as AddressInfo).port, '127.0.0.1');
  [socket] = (await connected) as [Socket];
  const write = socket._writev!.bind(socket);
  socket._writev = (pieces, done) => {
    calls.push(pieces.length);
    write(pieces, done);
  };
  gatherOn(socket);
});
afterEach(() => {
  for (const one of [peer, socket]) one.destroy();
  server.close();
});

test('what is written in one turn goes out in order, in one call', async () => {
  const received = text(peer);
  for (let i = 0; i < 100; i++) socket.write(i % 2 === 0 ? `${i};` : Buffer.from(`${i};`));
  socket.write('fertig', 'utf16le');
  socket.end();
  expect(await received).toBe(
    Array.from({ length: 100 }, (_, i) => `${i};`).join('') + Buffer.from('fertig', 'utf16le').toString(),
  );
  expect(calls).toEqual([101]);
});

test('a connection that is destroyed right after a write has sent it', async () => {
  const received = text(peer);
  socket.write('last words');
  socket.destroy();
  expect(await received).toBe('last words');
});

test('a peer that does not read makes the writer wait, and gets everything in the end', async () => {
  const chunk = Buffer.alloc(1024 * 1024, 'x');
  peer.pause();
  for (let i = 0; i < 32; i++) socket.write(chunk);
  await new Promise(setImmediate);
  expect(socket.writableLength).toBeGreaterThan(8 * chunk.length);
  expect(socket.writableNeedDrain).toBe(true);
  socket.end();
  let size = 0;
  for await (const piece of peer) size += (piece as Buffer).length;
  expect(size).toBe(32 * chunk.length);
});

test('a peer that is gone ends the connection', async () => {
  const closed = new Promise((resolve) => socket.on('error', () => undefined).on('close', resolve));
  peer.resetAndDestroy();
  socket.write('to nobody');
  await closed;
  expect(socket.destroyed).toBe(true);
});
