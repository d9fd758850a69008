import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '@mezzo/sdk/contract';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WhitelistFile } from './whitelist-file.js';

let dir: string;
let file: string;
let errors: string[];
const log: Logger = {
  ...{ debug() {}, info() {}, warn() {} },
  error: (message) => void errors.push(message),
  child: () => log,
};
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'mezzo-whitelist-'));
  file = join(dir, 'agents');
  errors = [];
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('the list is told at once, and again when the file is written, replaced or back', async () => {
  writeFileSync(file, 'a\n b \n\n');
  const told: string[] = [];
  const stop = new WhitelistFile(file, log).follow((hosts) => void told.push(hosts.join()));
  expect(told).toEqual(['a,b']);
  writeFileSync(file, 'a\n');
  await expect.poll(() => told).toEqual(['a,b', 'a']);
  writeFileSync(join(dir, 'next'), 'c\n');
  renameSync(join(dir, 'next'), file);
  await expect.poll(() => told).toEqual(['a,b', 'a', 'c']);
  rmSync(file);
  await expect.poll(() => errors).toHaveLength(1);
  writeFileSync(file, '');
  await expect.poll(() => told).toEqual(['a,b', 'a', 'c', '']);
  stop();
});

test('a file that is not there is refused at the start', () => {
  expect(() => new WhitelistFile(file, log)).toThrow(/--whitelist.*ENOENT/);
});
