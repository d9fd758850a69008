import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '@mezzo/sdk/contract';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { maxSandboxAgeMs } from '../../core/agent/gc.js';
import { makeSandbox, retireSandbox } from './sandbox.js';
import { SandboxGc } from './sandbox-gc.js';

const HOUR_MS = 3_600_000;
const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };
let workDir: string;
let nowMs: number;
const live = new Set<string>();

beforeEach(() => {
  workDir = mkdtempSync(join(tmpdir(), 'mezzo-gc-'));
  nowMs = Date.now();
  live.clear();
});
afterEach(() => rmSync(workDir, { recursive: true }));

const directoryOf = (executor: string, container: string) =>
  join(workDir, `slaves/S/frameworks/F/executors/${executor}/runs/${container}`);
const make = async (executor: string, container: string) => {
  await makeSandbox(directoryOf(executor, container), undefined);
  await writeFile(join(directoryOf(executor, container), 'stdout'), 'out');
};
const sweep = async (headroom = 0) => {
  // An hour in a week's place, so that the disk of the machine decides nothing here.
  const options = { workDir, gcDelayMs: 1000 * HOUR_MS, headroom, intervalMs: 60_000 };
  const gc = new SandboxGc(options, { nowMs: () => nowMs, after: () => () => {} }, quiet, (id) => live.has(id));
  await gc.sweep();
  return gc;
};

test('an ended sandbox goes once it is old enough, counted from its end, and takes empty directories along', async () => {
  await make('a', 'c1');
  await make('b', 'c2');
  await make('b', 'c3');
  live.add('c3');
  await utimes(directoryOf('b', 'c3'), 0, 0);
  await utimes(directoryOf('a', 'c1'), 0, 0);
  await retireSandbox(directoryOf('b', 'c2'), nowMs);
  const gc = await sweep();
  expect(existsSync(join(workDir, 'slaves/S/frameworks/F/executors/a'))).toBe(false);
  expect([existsSync(directoryOf('b', 'c2')), existsSync(directoryOf('b', 'c3'))]).toEqual([true, true]);
  expect(gc.removed).toBe(1);
  nowMs += 2000 * HOUR_MS;
  await sweep();
  expect([existsSync(directoryOf('b', 'c2')), existsSync(directoryOf('b', 'c3'))]).toEqual([false, true]);
});

test('without room on the disk every ended sandbox goes at once', async () => {
  await make('a', 'c1');
  await make('a', 'c2');
  live.add('c2');
  nowMs += 1000;
  await sweep(1);
  expect([existsSync(directoryOf('a', 'c1')), existsSync(directoryOf('a', 'c2'))]).toEqual([false, true]);
});

test('the fuller the disk the shorter the patience', () => {
  expect(maxSandboxAgeMs(1000, 0.1, 0)).toBe(900);
  expect(maxSandboxAgeMs(1000, 0.1, 0.5)).toBeCloseTo(400);
  expect(maxSandboxAgeMs(1000, 0.1, 0.95)).toBe(0);
});

test('a sandbox is private to its user', async () => {
  await make('a', 'c1');
  expect((await stat(directoryOf('a', 'c1'))).mode & 0o007).toBe(0);
});
