import type { AllocatorPolicy, Contender } from '@mezzo/sdk/points/allocator-policy';
import { expect, test } from 'vitest';
import { choosePolicy } from './allocator-policy.js';

const who: Contender = { kind: 'role', role: 'a', weight: 2, dominantShare: 0.5, shareOf: () => 0.5 };
const agent = { hostname: 'h' };
const framework = { user: '', name: 'f' };

function chosen(policy: Partial<AllocatorPolicy>) {
  const errors: object[] = [];
  const now = { ms: 0 };
  const log = { error: (_: string, fields: object) => errors.push(fields) };
  const name = 'tested';
  const contained = choosePolicy(name, [{ name: 'other' }, { name, ...policy }], log as never, () => now.ms)!;
  return { errors, now, contained };
}

test('what answers as it should is asked; what it does not have is not there', () => {
  const { contained, errors } = chosen({ rank: ({ role }) => (role === 'a' ? -3 : 0), admits: () => true });
  expect([contained.rank!(who), contained.admits!(framework, 'a', agent)]).toEqual([-3, true]);
  expect(chosen({}).contained).toEqual({ name: 'tested' });
  expect(errors).toEqual([]);
});

test.each<[string, () => unknown]>([
  [
    'throws',
    () => {
      throw new Error('broken');
    },
  ],
  ['answers nothing', () => undefined],
  ['answers no number', () => NaN],
  ['answers too much', () => Infinity],
  ['answers later', () => Promise.resolve(1)],
  [
    'answers what cannot be read',
    () => ({
      toString() {
        throw new Error('broken');
      },
    }),
  ],
])('one that %s: shares decide, nobody is admitted, and the log says so once a minute', (_, answer) => {
  const { contained, errors, now } = chosen({ rank: answer as never, admits: answer as never });
  for (let i = 0; i < 1000; i++) expect(contained.rank!(who)).toBe(0.25);
  expect(errors).toEqual([expect.objectContaining({ policy: 'tested', call: 'rank' })]);
  now.ms = 60_000;
  expect(contained.admits!(framework, 'a', agent)).toBe(false);
  expect(errors).toEqual([expect.anything(), expect.objectContaining({ call: 'admits' })]);
});

test('a truth is no rank, and a number admits nobody', () => {
  const { contained } = chosen({ rank: () => true as never, admits: () => 1 as never });
  expect([contained.rank!(who), contained.admits!(framework, 'a', agent)]).toEqual([0.25, false]);
});

test('none of that name', () => {
  expect(choosePolicy('absent', [{ name: 'other' }], undefined as never, () => 0)).toBeUndefined();
});
