import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { until } from '../../tests/support/poll.js';
import { createLog } from './log.js';

function logTo(): { log: ReturnType<typeof createLog>; text: () => string } {
  const dir = mkdtempSync(join(tmpdir(), 'mezzo-log-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const log = createLog({ daemon: 'agent', level: 'INFO', quiet: true, dir });
  return { log, text: () => readFileSync(log.file!, 'utf8') };
}

const messages = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { msg: string }).msg);

test('lines come in order, whole, for the owner and his group', async () => {
  const { log, text } = logTo();
  const told = Array.from({ length: 1_000 }, (_, i) => `line ${i}`);
  for (const line of told) log.info(line);
  await until('all lines', () => messages(text()).length === told.length);
  expect(messages(text())).toEqual(told);
  expect(statSync(log.file!).mode & 0o777 & ~0o640).toBe(0);
});

test('what a process says just before it ends is in its log', () => {
  const before = new Set(process.listeners('exit'));
  const { log, text } = logTo();
  const atExit = process.listeners('exit').filter((one) => !before.has(one));
  for (let i = 0; i < 3; i++) log.info(`line ${i}`);
  log.error('the end');
  for (const one of atExit) one.call(process, 1);
  expect(messages(text())).toContain('the end');
});
