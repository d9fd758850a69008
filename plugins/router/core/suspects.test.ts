import { expect, test } from 'vitest';
import { Suspects } from './suspects.js';

const target = (port: number) => ({ scheme: 'http', host: 'h', port, basePath: '' }) as const;

test('who did not take a connection is asked last for a while', () => {
  const suspects = new Suspects(100);
  const all = [target(1), target(2), target(3)];
  const order = (atMs: number): number[] => suspects.last(all, atMs).map(({ port }) => port);
  suspects.add(target(1), 0);
  suspects.add(target(2), 50);
  expect(order(60)).toEqual([3, 1, 2]);
  expect(order(100)).toEqual([1, 3, 2]);
  expect(order(150)).toEqual([1, 2, 3]);
});
