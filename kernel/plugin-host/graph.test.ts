import fc from 'fast-check';
import type { PluginManifest } from '@mezzo/sdk/contract';
import { expect, test } from 'vitest';
import { planGraph } from './graph.js';

const plugin = (id: string, requires: string[] = [], provides: string[] = [], uses: string[] = []) =>
  ({ id, requires, provides, uses }) as unknown as PluginManifest;
const plan = (...plugins: PluginManifest[]) => {
  const { order, refused } = planGraph(plugins, new Set(['log']));
  return { order: order.map(({ id }) => id), refused: Object.fromEntries(refused) };
};

test('providers come before those that require them', () => {
  expect(plan(plugin('a', ['x.v1']), plugin('b', ['y.v1', 'log'], ['x.v1']), plugin('c', [], ['y.v1']))).toEqual({
    order: ['c', 'b', 'a'],
    refused: {},
  });
});

test('what nobody provides is named, also along a chain', () => {
  expect(plan(plugin('a', ['x.v1']), plugin('b', ['y.v1'], ['x.v1']), plugin('c'))).toEqual({
    order: ['c'],
    refused: {
      a: 'requires "x.v1" of b, which cannot be started',
      b: 'requires "y.v1", which no plugin here provides',
    },
  });
});

test('a cycle is named with its path and harms nobody else', () => {
  const { order, refused } = plan(
    plugin('a', ['b.v1'], ['a.v1']),
    plugin('b', ['a.v1'], ['b.v1']),
    plugin('c', ['a.v1']),
    plugin('d'),
  );
  expect(order).toEqual(['d']);
  expect(refused['a']).toBe('requires itself: a -> b -> a');
  expect(refused['b']).toBe('requires itself: a -> b -> a');
  expect(refused['c']).toBe('requires "a.v1" of a, which cannot be started');
});

test('one of two providers is enough', () => {
  expect(plan(plugin('a', ['x.v1']), plugin('b', ['y.v1'], ['x.v1']), plugin('c', [], ['x.v1'])).order).toEqual([
    'c',
    'a',
  ]);
});

test('those whose contributions a plugin uses come before it; that there is none, or none that can be started, is no lack', () => {
  const user = plugin('a', [], ['a.v1'], ['x.v1']);
  expect(plan(user)).toEqual({ order: ['a'], refused: {} });
  expect(plan(user, plugin('b', ['y.v1'], ['x.v1']), plugin('c', [], ['x.v1']))).toEqual({
    order: ['c', 'a'],
    refused: { b: 'requires "y.v1", which no plugin here provides' },
  });
});

test.each([
  ['a', 'b'],
  ['b', 'a'],
])('what is used and wants its user is refused, and harms no other: %s uses %s', (user, used) => {
  const { order, refused } = plan(
    plugin(user, [], ['user.v1'], ['used.v1']),
    plugin(used, ['between.v1'], ['used.v1']),
    plugin('c', ['user.v1'], ['between.v1']),
  );
  expect(order).toEqual([user, 'c']);
  expect(refused).toEqual({ [used]: expect.stringMatching(/^requires itself: (\w -> ){3}\w$/) as string });
});

test('every plugin is ordered or refused, once, and what is ordered has what it requires before it', () => {
  const points = fc.subarray(['p', 'q', 'r', 's', 'log']);
  const plugins = fc.uniqueArray(fc.tuple(fc.stringMatching(/^[a-f]$/), points, points, points), {
    selector: ([id]) => id,
  });
  fc.assert(
    fc.property(plugins, (specs) => {
      const manifests = specs.map((spec) => plugin(...spec));
      const { order, refused } = planGraph(manifests, new Set(['log']));
      expect([...order.map(({ id }) => id), ...refused.keys()].sort()).toEqual(manifests.map(({ id }) => id).sort());
      const seen = new Set(['log']);
      for (const [at, { id, requires, provides, uses }] of order.entries()) {
        for (const later of order.slice(at + 1))
          for (const point of later.provides) expect(uses.includes(point), `${id} uses ${point}`).toBe(false);
        for (const wanted of requires) expect(seen.has(wanted) || provides.includes(wanted)).toBe(true);
        for (const point of provides) seen.add(point);
      }
    }),
  );
});
