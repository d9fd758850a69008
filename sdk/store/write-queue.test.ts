import { expect, test } from 'vitest';
import { WriteQueue } from './write-queue.js';

const VALUE = 'x'.repeat(16_000_000);

test('who writes faster than the disk is refused at a bound, and taken again when the disk has caught up', async () => {
  let landed = (): void => {};
  let sequence = 0;
  const queue = new WriteQueue(async (group) => {
    await new Promise<void>((resolve) => (landed = resolve));
    return (sequence += group.length) - group.length + 1;
  }, 1);
  const commit = () => queue.commit({ epoch: 1, writes: [{ op: 'put', key: 'k', value: VALUE }] });
  const commits = Array.from({ length: 20 }, commit);
  const outcomes = Promise.allSettled(commits);
  await expect(commits.at(-1)).rejects.toMatchObject({ code: 'STORE_BUSY', retryable: true });
  const writing = setInterval(() => landed(), 1);
  const refused = (await outcomes).filter(({ status }) => status === 'rejected');
  expect(refused).toHaveLength(4);
  await expect(commit()).resolves.toBe(17);
  clearInterval(writing);
});
