import { expect, test } from 'vitest';
import { Resources } from '../resources/index.js';
import { Allocator } from './index.js';

const RUNS = 20_000;
const WEIGHTS = [
  ['A', 4],
  ['B', 3],
  ['C', 2],
  ['D', 1],
] as const;

/** Frameworks `A` to `D`, each in the role of its name; agents with one offer each, given back at once. */
function world(random: { readonly roles: boolean; readonly frameworks: boolean }, role = (name: string) => name) {
  const allocator = new Allocator({ random: { ...random, seed: 7 } });
  for (const name of ['A', 'B', 'C', 'D']) allocator.addFramework(name, { roles: [role(name)] });
  allocator.addAgent('agent', { total: Resources.parse('cpus:1;mem:64') });
  const next = (): string => {
    const [grant] = allocator.allocate(0);
    allocator.recoverResources(grant!.frameworkId, 'agent', grant!.resources);
    return grant!.frameworkId;
  };
  const counts = (): Record<string, number> => {
    const found: Record<string, number> = {};
    for (let i = 0; i < RUNS; i++) {
      const name = next();
      found[name] = (found[name] ?? 0) + 1;
    }
    return found;
  };
  return { allocator, next, counts };
}

test('roles come as often as their weights say', () => {
  const { allocator, counts } = world({ roles: true, frameworks: false });
  allocator.setWeights(new Map(WEIGHTS));
  const found = counts();
  for (const [name, weight] of WEIGHTS) expect(Math.abs(found[name]! / RUNS - weight / 10)).toBeLessThan(0.015);
});

test('frameworks of a role come equally often, whoever came last', () => {
  const { next, counts } = world({ roles: false, frameworks: true }, () => 'web');
  const found = counts();
  expect(Object.keys(found).sort()).toEqual(['A', 'B', 'C', 'D']);
  for (const count of Object.values(found)) expect(Math.abs(count / RUNS - 0.25)).toBeLessThan(0.015);
  let again = 0;
  for (let i = 0, last = next(); i < RUNS; i++) {
    const name = next();
    if (name === last) again++;
    last = name;
  }
  expect(Math.abs(again / RUNS - 0.25)).toBeLessThan(0.015);
});

test('the same seed gives the same order, and who was away has no more luck than the others', () => {
  const [one, two] = [world({ roles: true, frameworks: true }), world({ roles: true, frameworks: true })];
  const orders = [one, two].map(({ next }) => Array.from({ length: 100 }, next).join(''));
  expect(orders[0]).toBe(orders[1]);
  const { allocator, counts } = world({ roles: true, frameworks: true });
  allocator.suppress('D', ['D']);
  counts();
  allocator.revive('D', ['D']);
  expect(Math.abs(counts()['D']! / RUNS - 0.25)).toBeLessThan(0.015);
});

test('each is asked once about what nobody wants', () => {
  const { allocator } = world({ roles: true, frameworks: true });
  const asked: string[] = [];
  for (;;) {
    const [grant] = allocator.allocate(0);
    if (grant === undefined) break;
    asked.push(grant.frameworkId);
    allocator.recoverResources(grant.frameworkId, 'agent', grant.resources, { atMs: 0, refuseSeconds: 60 });
  }
  expect(asked.sort()).toEqual(['A', 'B', 'C', 'D']);
});
