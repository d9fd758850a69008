import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeInnerSandbox, removeInnerSandbox } from './sandbox.js';

let home: string;
let sandbox: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'mezzo-sandbox-'));
  sandbox = join(home, 'sandbox');
  mkdirSync(sandbox);
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const make = (name: string, link?: string): Promise<void> => makeInnerSandbox(sandbox, name, { user: undefined, link });

test('a sandbox in a sandbox is found under its name and its link, which shows the latest', async () => {
  await make('one', 'tasks/t');
  expect(lstatSync(join(sandbox, 'containers/one')).isDirectory()).toBe(true);
  expect(readlinkSync(join(sandbox, 'tasks/t'))).toBe('../containers/one');
  await make('two', 'tasks/t');
  expect(readlinkSync(join(sandbox, 'tasks/t'))).toBe('../containers/two');
});

test('it can be made again and removed twice', async () => {
  await make('one');
  writeFileSync(join(sandbox, 'containers/one/left'), '');
  await make('one');
  await removeInnerSandbox(sandbox, 'one');
  await removeInnerSandbox(sandbox, 'one');
  expect(readdirSync(join(sandbox, 'containers'))).toEqual([]);
  await removeInnerSandbox(join(home, 'never-was'), 'one');
});

test.each(['containers', 'tasks', 'containers/one'])('a link that was planted as %s is not followed', async (where) => {
  const elsewhere = join(home, 'elsewhere');
  mkdirSync(join(elsewhere, 'one'), { recursive: true });
  if (where === 'containers/one') mkdirSync(join(sandbox, 'containers'));
  symlinkSync(elsewhere, join(sandbox, where));
  await expect(make('one', 'tasks/t')).rejects.toThrow();
  await removeInnerSandbox(sandbox, 'one').catch(() => {});
  expect(readdirSync(elsewhere)).toEqual(['one']);
});
