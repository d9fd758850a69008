import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { until } from '../../../tests/support/poll.js';
import { describeIf } from '../../../tests/support/skip.js';
import { FORK_SERVER } from './scripts.js';

const withScore = (score: number, script: string, args: readonly string[] = [], input = '') =>
  spawnSync(
    '/bin/sh',
    ['-c', `echo ${score} >/proc/self/oom_score_adj && exec /bin/sh -c "$0" sh "$@"`, script, ...args],
    { input },
  ).status;

/** What a task sees of an agent with this score. */
async function handedOn(score: number): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'mezzo-oom-'));
  mkdirSync(join(dir, 'containers'));
  const out = join(dir, 'out');
  writeFileSync(join(dir, 'containers/job'), `cat /proc/self/oom_score_adj >${out}.tmp; mv ${out}.tmp ${out}`);
  withScore(score, FORK_SERVER, [dir, 'setsid'], 'exec job\n');
  await until('the job is done', () => existsSync(out));
  const text = readFileSync(out, 'utf8').trim();
  rmSync(dir, { recursive: true });
  return text;
}

test('where an agent goes early when memory runs out, its tasks do too', async () => {
  expect(await handedOn(300)).toBe('300');
});

describeIf(withScore(-500, 'true') === 0 ? undefined : 'scores cannot be lowered', 'an agent that is spared', () => {
  test('when memory runs out does not have its tasks spared', async () => {
    expect(await handedOn(-500)).toBe('0');
  });
});
