import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RecordDecoder } from '@mezzo/sdk/api';
import { afterEach, expect, test } from 'vitest';
import { until } from '../../tests/support/poll.js';
import { RecordStream, type StreamEnd } from './stream.js';

let server: Server;
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function open(maxBufferedBytes = 1_000_000, slowGraceMs = 10_000) {
  const ends: StreamEnd[] = [];
  let made: (sides: { stream: RecordStream; answer: ServerResponse }) => void;
  const served = new Promise<Parameters<typeof made>[0]>((resolve) => (made = resolve));
  server = createServer((_, answer) => {
    const options = { contentType: 'application/json', maxBufferedBytes, slowGraceMs };
    made({ stream: new RecordStream(answer, { ...options, onEnd: (end) => ends.push(end) }), answer });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const call = request({ port: (server.address() as AddressInfo).port, agent: false }).end();
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  return { ...(await served), response, ends };
}

test('records arrive framed, and a closed stream ends after them', async () => {
  const { stream, response, ends } = await open();
  stream.send('{"a":"ü"}');
  stream.send(Buffer.from('bytes'));
  stream.close();
  expect(stream.send('late')).toBe(false);
  const decoder = new RecordDecoder();
  const records: string[] = [];
  for await (const chunk of response)
    for (const record of decoder.push(chunk as Buffer)) records.push(Buffer.from(record).toString());
  expect(records).toEqual(['{"a":"ü"}', 'bytes']);
  expect(ends).toEqual(['ended']);
});

test('a reader that leaves is noticed once', async () => {
  const { stream, response, ends } = await open();
  response.destroy();
  while (!stream.closed) await new Promise((resolve) => setImmediate(resolve));
  expect(ends).toEqual(['left']);
});

test('a reader that does not read is cut off, and what waits for it stays within the bound', async () => {
  const { stream, response, ends } = await open(100_000);
  response.on('error', () => {}).pause();
  const record = Buffer.alloc(50_000);
  let sent = 0;
  while (stream.send(record)) {
    sent += record.length;
    if (sent > 50_000_000) throw new Error('never cut off');
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(ends).toEqual(['slow']);
});

test('a burst beyond the bound reaches a reader that reads', async () => {
  const { stream, response, ends } = await open(100_000, 20);
  for (let i = 0; i < 8; i++) stream.send(Buffer.alloc(50_000));
  stream.send('last');
  const decoder = new RecordDecoder();
  for await (const chunk of response) {
    if (decoder.push(chunk as Buffer).some((record) => record.length === 4)) break;
  }
  expect(ends).not.toContain('slow');
});

test('what a reader leaves waiting beyond the bound for the whole grace cuts it off', async () => {
  const { stream, response, ends } = await open(100_000, 20);
  response.on('error', () => {}).pause();
  // More than the sockets between take, less than what cuts at once.
  while (response.readableLength < 10_000 || ends.length === 0) {
    if (!stream.send(Buffer.alloc(25_000))) break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until('the reader to be cut off', () => stream.closed);
  expect(ends).toEqual(['slow']);
});

// Node makes an error for each piece that waits in a socket when that is destroyed: with a million, it stands still for 20 s.
test('however many records wait for a reader, few pieces wait in its socket; none is lost or out of order', async () => {
  const { stream, response, answer } = await open(100_000_000);
  response.pause();
  const count = 100_000;
  for (let i = 0; i < count; i++) stream.send(String(i));
  await new Promise((resolve) => setImmediate(resolve));
  expect(answer.writableLength).toBeLessThan(100_000);
  stream.close();
  const decoder = new RecordDecoder();
  const records: string[] = [];
  for await (const chunk of response)
    for (const record of decoder.push(chunk as Buffer)) records.push(Buffer.from(record).toString());
  expect(records).toHaveLength(count);
  expect(records.every((record, i) => record === String(i))).toBe(true);
});

test('heartbeats stop with the stream', async () => {
  const { stream, response } = await open();
  stream.beat('beat', 5);
  await once(response, 'data');
  stream.close();
  response.resume();
  await once(response, 'end');
  expect(stream.closed).toBe(true);
});

test('what is sent while a big record is written comes after it, in order', async () => {
  const { stream, response } = await open();
  let write!: (body: Uint8Array[]) => void;
  stream.sendBig(new Promise((resolve) => (write = resolve)));
  stream.send('1');
  const big = Array.from({ length: 30 }, (_, i) => Buffer.alloc(100_000, i));
  write(big);
  const decoder = new RecordDecoder();
  const records: Uint8Array[] = [];
  for await (const chunk of response) {
    if (records.length === 0) stream.send('2');
    records.push(...decoder.push(chunk as Buffer));
    if (records.length > 0 && records.at(-1)!.length === 1 && Buffer.from(records.at(-1)!).toString() === 'z') break;
    if (records.length > 2) stream.send('z');
  }
  expect(Buffer.concat(big).equals(records[0]!)).toBe(true);
  const later = records.slice(1).map((record) => Buffer.from(record).toString());
  expect(later[0]).toBe('1');
  expect(later.join('')).toMatch(/^12+z+$/);
});

test('what waits for a big record is bounded, and a stream that is closed amid it does not look whole', async () => {
  const never = new Promise<Uint8Array[]>(() => {});
  const slow = await open(1000);
  slow.response.on('error', () => {});
  slow.stream.sendBig(never);
  let sent = 0;
  while (slow.stream.send('x'.repeat(100))) sent++;
  expect([sent, slow.ends]).toEqual([80, ['slow']]);
  server.close();
  const closed = await open();
  closed.stream.sendBig(never);
  closed.stream.close();
  await expect(once(closed.response.resume(), 'end')).rejects.toThrow('aborted');
  expect(closed.ends).toEqual(['ended']);
});

test('a reader that does not take a big record is cut off', async () => {
  const { stream, response, ends } = await open(1_000_000, 20);
  response.on('error', () => {}).pause();
  stream.sendBig(Promise.resolve(Array.from({ length: 200 }, () => Buffer.alloc(100_000))));
  await until('the reader to be cut off', () => stream.closed);
  expect(ends).toEqual(['slow']);
});
