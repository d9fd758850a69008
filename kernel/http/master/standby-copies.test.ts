import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { MasterInfo } from '@mezzo/sdk/api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Answer } from '../answer.js';
import { StandbyCopies } from './standby-copies.js';

let server: Server;
let serve: RequestListener;
let asked: string[];
let nowMs: number;
let leader: MasterInfo | undefined;
let copies: StandbyCopies;

beforeEach(async () => {
  [asked, nowMs] = [[], 1000];
  serve = (request, response) =>
    void response.end(`answer ${asked.length} for ${request.headers.authorization ?? 'all'}`);
  server = createServer((request, response) => {
    asked.push(request.url!);
    serve(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  leader = { id: 'm', ip: 0, port, hostname: '127.0.0.1' };
  copies = new StandbyCopies({ leader: () => leader, nowMs: () => nowMs, maxBytes: 400 });
});
afterEach(() => {
  copies.close();
  server.close();
});

const read = (url: string, headers: Record<string, string> = {}, method = 'GET') =>
  copies.answer({ url, method, headers: { 'cache-control': 'max-stale', ...headers } } as unknown as IncomingMessage);
const text = (answer: Answer | undefined) => answer && Buffer.from(answer.body as Uint8Array).toString();

test('only reads are answered, of those who take what is old', () => {
  expect(read('/state', { 'cache-control': 'no-cache' })).toBeUndefined();
  expect(read('/state', { 'cache-control': 'max-stale-while' })).toBeUndefined();
  expect(read('/weights', {}, 'PUT')).toBeUndefined();
  expect(read('/teardown')).toBeUndefined();
  expect(read('/store/v1/backup')).toBeUndefined();
});

test('the leader is asked once a second, whoever asks', async () => {
  const answers = await Promise.all([read('/state?a=1'), read('/state?a=1'), read('/state?a=1')]);
  expect(answers.map(text)).toEqual(Array(3).fill('answer 1 for all'));
  nowMs += 900;
  expect((await read('/state?a=1'))?.headers).toEqual({ Age: '0', 'Cache-Status': 'mezzo-standby; hit' });
  expect(asked).toEqual(['/master/state?a=1']);
  nowMs += 200;
  expect(text(await read('/state?a=1'))).toBe('answer 2 for all');
});

test('while nobody leads, or the leader says nothing, what was told last is told again, with its age', async () => {
  await read('/slaves');
  leader = undefined;
  nowMs += 7000;
  const answer = await read('/slaves');
  expect(text(answer)).toBe('answer 1 for all');
  expect(answer?.headers).toEqual({ Age: '7', 'Cache-Status': 'mezzo-standby; hit; ttl=-6' });
  expect(await read('/slaves', { 'cache-control': 'max-stale=5' })).toBeUndefined();
  expect(await read('/roles')).toBeUndefined();
  nowMs += 600_000;
  expect(await read('/slaves')).toBeUndefined();
});

test('a leader that has the request and does not answer is not waited for by those who have a copy', async () => {
  await read('/slaves');
  nowMs += 2000;
  serve = () => undefined;
  expect(text(await read('/slaves'))).toBe('answer 1 for all');
  server.closeAllConnections();
});

test('each sees what its credentials show, and nothing once they are refused', async () => {
  expect(text(await read('/state', { authorization: 'Basic a' }))).toBe('answer 1 for Basic a');
  expect(text(await read('/state', { authorization: 'Basic b' }))).toBe('answer 2 for Basic b');
  serve = (_request, response) => response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="mesos"' }).end();
  nowMs += 1001;
  expect(await read('/state', { authorization: 'Basic a' })).toMatchObject({
    status: 401,
    headers: { 'WWW-Authenticate': 'Basic realm="mesos"' },
  });
  leader = undefined;
  expect(await read('/state', { authorization: 'Basic a' })).toBeUndefined();
  expect(text(await read('/state', { authorization: 'Basic b' }))).toBe('answer 2 for Basic b');
});

test('who leads no more is no source, and what is kept has a bound', async () => {
  serve = (_request, response) => response.writeHead(307, { Location: '//elsewhere' }).end();
  expect(await read('/state')).toBeUndefined();
  serve = (_request, response) => void response.end('x'.repeat(101));
  expect(await read('/state')).toBeUndefined();
  serve = (_request, response) => void response.end('x'.repeat(100));
  for (let i = 0; i < 5; i++) await read(`/tasks?offset=${i}`);
  leader = undefined;
  expect(await read('/tasks?offset=0')).toBeUndefined();
  expect(await read('/tasks?offset=1')).toBeDefined();
});
