import { closeSync, mkdtempSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lastWords, openLog, trimLog } from './log-file.js';
import { socketDirectory } from './unix-socket.js';

let dir: string;
let file: string;
beforeEach(() => (file = join((dir = mkdtempSync(join(tmpdir(), 'mezzo-log-'))), 'p.log')));
afterEach(() => rmSync(dir, { recursive: true }));

test('a log that is cut while its plugin writes goes on at the start, with no hole', async () => {
  const log = openLog(file);
  writeSync(log, 'x'.repeat(2_000));
  await trimLog(file, 1_000);
  writeSync(log, 'after');
  closeSync(log);
  expect(readFileSync(file, 'utf8')).toBe('after');
  // Of one that writes faster than it is cut, the end.
  expect(readFileSync(`${file}.1`, 'utf8')).toBe('x'.repeat(1_000));
});

test('the last words are messages, of log lines or as they stand, and bounded', () => {
  writeFileSync(file, `old\n{"level":30,"msg":"going"}\nError: gone\n    at x\n`);
  expect(lastWords(file)).toBe('going | Error: gone | at x');
  writeFileSync(file, 'y'.repeat(100_000));
  expect(lastWords(file)).toHaveLength(400);
  expect(lastWords(join(dir, 'none'))).toBe('');
});

test('a socket of a deep directory lives where its path fits, the same each time', () => {
  expect(socketDirectory('/short', 'p.sock')).toBe('/short');
  const deep = join('/', 'd'.repeat(120));
  const path = socketDirectory(deep, 'p.sock');
  expect(join(path, 'p.sock').length).toBeLessThan(108);
  expect(socketDirectory(deep, 'p.sock')).toBe(path);
  expect(socketDirectory(`${deep}2`, 'p.sock')).not.toBe(path);
});
