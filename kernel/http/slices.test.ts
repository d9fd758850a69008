import { setImmediate } from 'node:timers/promises';
import { stringifyJson } from '@mezzo/sdk/api';
import { expect, test } from 'vitest';
import { inSlices, jsonPieces, lazily, SharedRuns } from './slices.js';

const written = async (value: unknown): Promise<string> => (await inSlices(jsonPieces(value))).toString();

test('lazy lists are written like lists, wherever they are', async () => {
  const twice = (n: number) => ({ n: 2 * n, none: undefined, below: lazily([n], String) });
  const value = { 'a"b': 1n, list: lazily([1, 2], twice), empty: lazily([], String), gone: undefined };
  const plain = { 'a"b': 1n, list: [1, 2].map((n) => ({ n: 2 * n, below: [String(n)] })), empty: [] };
  expect(await written(value)).toBe(stringifyJson(plain));
  expect(await written({ only: undefined, gone: undefined })).toBe('{}');
  expect(await written([1, 'ü'])).toBe('[1,"ü"]');
});

test('others have their turn while a long text is written', async () => {
  let [turns, isOver] = [0, false];
  const slow = (): string => {
    for (const endMs = performance.now() + 1; performance.now() < endMs;);
    return 'x';
  };
  const writing = written(lazily(Array.from({ length: 50 }), slow)).then(() => (isOver = true));
  for (; !isOver; turns++) await setImmediate();
  await writing;
  expect(turns).toBeGreaterThan(5);
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
