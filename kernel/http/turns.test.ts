import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../../tests/support/poll.js';
import { RawConnection } from '../../tests/support/raw-http.js';
import { inTurn } from './turns.js';

let server: Server;
let peers: RawConnection[];
/** Paths in the order in which they were served. */
let served: string[];
/** Of the path /held: never answered by itself. */
let held: ServerResponse[];

beforeEach(async () => {
  [peers, served, held] = [[], [], []];
  server = createServer(
    inTurn((request, response) => {
      served.push(request.url!);
      if (request.url === '/held') held.push(response);
      else response.end(request.url);
    }, 50),
  ).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  for (const peer of peers) peer.destroy();
  server.closeAllConnections();
  server.close();
});

function join(): RawConnection {
  const peer = new RawConnection((server.address() as AddressInfo).port);
  peers.push(peer);
  return peer;
}
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
const answers = ({ received }: RawConnection): string[] =>
  [...received.matchAll(/\r\n\r\n(\/(?:held|a|b))/g)].map(([, body]) => body!);

test('the requests of one connection are answered in order, one at a time', async () => {
  const peer = join();
  await peer.send(get('/held') + get('/a') + get('/b'));
  await until('the first is being served', () => held[0]);
  expect(served).toEqual(['/held']);
  held[0]!.end('/held');
  await until('all are answered', () => answers(peer).length === 3);
  expect(answers(peer)).toEqual(['/held', '/a', '/b']);
});

test('who sends many at once does not keep the others waiting', async () => {
  const [flooder, other] = [join(), join()];
  await until('both are connected', () => !flooder.socket.connecting && !other.socket.connecting);
  await Promise.all([flooder.send(get('/flood').repeat(40)), other.send(get('/other'))]);
  await until('all are answered', () => served.length === 41);
  expect(served.indexOf('/other')).toBeLessThan(20);
});

test('who sends without end and without waiting is cut off', async () => {
  const peer = join();
  await peer.send(get('/held') + get('/flood').repeat(200));
  await until('it is cut off', () => peer.closed);
  expect(served).toEqual(['/held']);
});
