import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { until } from '../../tests/support/poll.js';
import { lengthOf, writeBody } from './answer-body.js';

let server: Server;
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const BODY = Array.from({ length: 400 }, (_, i) => Buffer.alloc(100_000, i));

async function answered(graceMs: number): Promise<{ response: ServerResponse; answer: IncomingMessage }> {
  const open = new Promise<ServerResponse>((resolve) => {
    server = createServer((_, response) => {
      writeBody(response, BODY, graceMs);
      resolve(response);
    }).listen(0, '127.0.0.1');
  });
  await once(server, 'listening');
  const call = request({ port: (server.address() as AddressInfo).port, agent: false }).end();
  const [answer] = (await once(call, 'response')) as [IncomingMessage];
  return { response: await open, answer };
}

test('a big answer arrives whole', async () => {
  const { answer } = await answered(10_000);
  const chunks: Buffer[] = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
  expect(Buffer.concat(chunks).equals(Buffer.concat(BODY))).toBe(true);
});

test('who takes nothing of a big answer for the whole grace is cut off', async () => {
  const { response, answer } = await answered(30);
  answer.on('error', () => {}).pause();
  await until('the reader to be cut off', () => response.destroyed);
  expect(response.writableLength).toBeLessThan(lengthOf(BODY) / 10);
});
