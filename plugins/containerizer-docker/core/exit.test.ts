import { expect, test } from 'vitest';
import { engineExit, isForgotten } from './exit.js';

const exit = (ExitCode: number, OOMKilled = false, terminated = false) =>
  engineExit({ ExitCode, OOMKilled }, 64, terminated);

test('a code is a code, and a signal where it can be nothing else', () => {
  expect(exit(3)).toEqual({ code: 3, message: 'Container exited with status 3' });
  expect(exit(137)).toMatchObject({ signal: 'SIGKILL' });
  expect(exit(143)).toMatchObject({ code: 143 });
  expect(exit(143, false, true)).toMatchObject({ signal: 'SIGTERM' });
});

test('want of memory is told with its bound, unless the container survived it', () => {
  expect(exit(137, true)).toEqual({ signal: 'SIGKILL', limitation: 'oom', message: 'Memory limit exceeded: 64 MiB' });
  expect(exit(1, true)).toMatchObject({ code: 1, limitation: 'oom' });
  expect(exit(0, true)).toEqual({ code: 0, message: 'Container exited with status 0' });
});

test('an end with 0 while the engine was away is not believed, unless it had begun after', () => {
  const outage = { fromMs: 20, toMs: 30 };
  expect(isForgotten(0, 10, 25, outage)).toBe(true);
  expect(isForgotten(0, 10, 25, { ...outage, toMs: Infinity })).toBe(true);
  expect(isForgotten(0, 10, 25, undefined)).toBe(false);
  for (const [code, startedMs, finishedMs] of [
    [7, 10, 25],
    [0, 10, 15],
    [0, 22, 25],
    [0, 10, 35],
  ] as const)
    expect(isForgotten(code, startedMs, finishedMs, outage)).toBe(false);
});
