import { expect, test } from 'vitest';
import { engineExit } from './exit.js';

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
