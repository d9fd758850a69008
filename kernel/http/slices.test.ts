import http, { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { stringifyJson } from '@mezzo/sdk/api';
import { expect, test } from 'vitest';
import { sendAnswer } from './answer.js';
import { Fragments } from './fragments.js';
import { inSlices, jsonPieces, lazily, SharedRuns } from './slices.js';

const { writeRun } = new Fragments();
const written = async (value: unknown): Promise<string> =>
  Buffer.concat(await inSlices(jsonPieces(value, writeRun))).toString();

test('lazy lists are written like lists, wherever they are', async () => {
  const twice = (n: number) => ({ n: 2 * n, none: undefined, below: lazily([n], String) });
  const value = { 'a"b': 1n, list: lazily([1, 2], twice), empty: lazily([], String), gone: undefined };
  const plain = { 'a"b': 1n, list: [1, 2].map((n) => ({ n: 2 * n, below: [String(n)] })), empty: [] };
  expect(await written(value)).toBe(stringifyJson(plain));
  expect(await written({ only: undefined, gone: undefined })).toBe('{}');
  expect(await written([1, 'ü'])).toBe('[1,"ü"]');
});

test('however many long answers are written, others have their turn after each slice of one of them', async () => {
  let [ms, pieces] = [0, 0];
  const clock = (): number => ms;
  function* long() {
    for (let i = 0; i < 1000; i++) {
      ms++;
      pieces++;
      yield 'x';
    }
  }
  const writing = Promise.all([inSlices(long(), clock), inSlices(long(), clock)]);
  const perTurn: number[] = [];
  while (pieces < 2000) {
    const before = pieces;
    await setImmediate();
    perTurn.push(pieces - before);
  }
  expect(Math.max(...perTurn)).toBe(4);
  for (const body of await writing) expect(Buffer.concat(body).toString()).toBe('x'.repeat(1000));
});

test('a request that comes while a big view is written is answered within a few slices', async () => {
  let [pieces, isOver] = [0, false];
  function* big() {
    for (; !isOver; pieces++) yield 'x';
  }
  const slices = (): number => pieces / 4;
  const server = createServer((request, response) => {
    if (request.url === '/health') return sendAnswer(request, response, { status: 200 });
    void inSlices(big(), () => pieces).then((body) => sendAnswer(request, response, { status: 200, body }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { address: host, port } = server.address() as AddressInfo;
  const get = (path: string): Promise<unknown> =>
    new Promise((resolve, reject) =>
      http.get({ host, port, path, agent: false }, (answer) => answer.resume().on('end', resolve)).on('error', reject),
    );
  const view = get('/state');
  while (slices() < 10) await setImmediate();
  const before = slices();
  await get('/health');
  const meanwhile = slices() - before;
  isOver = true;
  await view;
  server.close();
  expect(meanwhile).toBeLessThan(10);
});

test('who asks during a run shares the next; a run that fails fails for those who share it alone', async () => {
  const ends: (() => void)[] = [];
  const fails = [false, true, false];
  const runs = new SharedRuns(async () => {
    const number = ends.length;
    await new Promise<void>((resolve) => ends.push(resolve));
    if (fails[number]) throw new Error(`run ${number}`);
    return number;
  });
  const first = runs.ask();
  await setImmediate();
  const [second, third] = [runs.ask(), runs.ask()];
  ends[0]!();
  expect(await first).toBe(0);
  await setImmediate();
  const fourth = runs.ask();
  ends[1]!();
  await expect(second).rejects.toThrow('run 1');
  await expect(third).rejects.toThrow('run 1');
  await setImmediate();
  ends[2]!();
  expect(await fourth).toBe(2);
});
