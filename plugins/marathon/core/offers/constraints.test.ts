import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { constraintProblem, renderAttribute, satisfies } from '@mezzo/sdk/framework';
import type { AgentFacts, Constraint } from '@mezzo/sdk/framework';
import { FakeCluster } from '../../testing/fake-cluster.js';

const at = (hostname: string, attributes: Record<string, string> = {}): AgentFacts => ({ hostname, attributes });
const rack = (name: string, hostname = name): AgentFacts => at(hostname, { rack: name });

/** Names of the hosts of an app's tasks in a cluster with one agent for each rack named. */
function spread(racks: readonly string[], instances: number, constraint: string[]): string[] {
  const cluster = new FakeCluster();
  for (const each of racks) cluster.addAgent({ attributes: { rack: each }, cpus: 100, mem: 100_000 });
  cluster.start();
  const app = { id: '/a', cmd: 'sleep 1', cpus: 0.1, mem: 1, instances, constraints: [constraint] };
  cluster.command({ kind: 'createApp', app, force: false });
  return cluster.tasksOf('/a').map((id) => {
    const host = cluster.tasks.get(id)?.agent;
    return constraint[0] === 'hostname' ? (host?.hostname ?? '') : (host?.attributes?.['rack'] ?? '');
  });
}

const sizes = (values: readonly string[]): number[] => {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts.values()].sort((a, b) => a - b);
};

describe('constraints', () => {
  const cases: [string, Constraint, AgentFacts, AgentFacts[], boolean][] = [
    ['UNIQUE takes a fresh host', ['hostname', 'UNIQUE'], at('b'), [at('a')], true],
    ['UNIQUE refuses a used host', ['hostname', 'UNIQUE'], at('a'), [at('a')], false],
    ['UNIQUE refuses an agent without the attribute', ['rack', 'UNIQUE'], at('a'), [], false],
    ['CLUSTER with a value wants that value', ['rack', 'CLUSTER', 'r1'], rack('r2'), [], false],
    ['CLUSTER without a value takes the first anywhere', ['rack', 'CLUSTER'], rack('r2'), [], true],
    ['CLUSTER without a value follows the first', ['rack', 'CLUSTER'], rack('r2'), [rack('r1')], false],
    ['LIKE matches the whole value', ['rack', 'LIKE', 'r[1-3]'], rack('r2'), [], true],
    ['LIKE refuses a part of the value', ['rack', 'LIKE', 'r'], rack('r2'), [], false],
    ['UNLIKE refuses what matches', ['rack', 'UNLIKE', 'r[1-3]'], rack('r2'), [], false],
    ['UNLIKE takes an agent without the attribute', ['rack', 'UNLIKE', 'r.*'], at('a'), [], true],
    ['LIKE refuses an agent without the attribute', ['rack', 'LIKE', '.*'], at('a'), [], false],
    ['IS compares text', ['rack', 'IS', 'r2'], rack('r2'), [], true],
    ['IS compares numbers', ['rack', 'IS', '2.0'], rack('2'), [], true],
    ['MAX_PER takes up to its number', ['rack', 'MAX_PER', '2'], rack('r1'), [rack('r1')], true],
    ['MAX_PER refuses beyond it', ['rack', 'MAX_PER', '2'], rack('r1'), [rack('r1'), rack('r1')], false],
    ['GROUP_BY takes a new group', ['rack', 'GROUP_BY', '2'], rack('r2'), [rack('r1')], true],
    ['GROUP_BY waits for its groups', ['rack', 'GROUP_BY', '2'], rack('r1'), [rack('r1')], false],
    ['GROUP_BY fills the smallest', ['rack', 'GROUP_BY'], rack('r1'), [rack('r1'), rack('r2'), rack('r2')], true],
    ['GROUP_BY spares the largest', ['rack', 'GROUP_BY'], rack('r2'), [rack('r1'), rack('r2'), rack('r2')], false],
  ];
  it.each(cases)('%s', (_, constraint, here, placed, expected) => {
    expect(satisfies(constraint, here, placed)).toBe(expected);
  });

  it('that are malformed are told apart', () => {
    const bad: Constraint[] = [
      ['hostname', 'UNIQUE', 'x'],
      ['', 'UNIQUE'],
      ['rack', 'NEAR'],
      ['rack', 'LIKE'],
      ['rack', 'LIKE', '('],
      ['rack', 'MAX_PER', '0'],
      ['rack', 'GROUP_BY', 'x'],
      ['rack', 'IS', 'a b'],
    ];
    for (const constraint of bad) expect(constraintProblem(constraint), constraint.join(' ')).toBeDefined();
    expect(constraintProblem(['rack', 'LIKE', '(rack-[1-9]|other)'])).toBeUndefined();
    expect(constraintProblem(['rack', 'LIKE', '(a+)+b'])).toBeUndefined();
  });

  it('see numbers with three decimals, ranges and sets sorted', () => {
    expect(renderAttribute({ name: 'x', type: 'SCALAR', scalar: { value: 2.00049 } })).toBe('2');
    expect(renderAttribute({ name: 'x', type: 'SCALAR', scalar: { value: 0.125 } })).toBe('0.125');
    expect(renderAttribute({ name: 'x', type: 'SET', set: { item: ['b', 'a'] } })).toBe('{a,b}');
    const range = [
      { begin: 5, end: 6 },
      { begin: 1, end: 2n },
    ];
    expect(renderAttribute({ name: 'x', type: 'RANGES', ranges: { range } })).toBe('[1-2,5-6]');
  });
});

describe('placement in a cluster', () => {
  it('keeps UNIQUE to one instance for each host', () => {
    expect(spread(['a', 'b', 'c'], 5, ['hostname', 'UNIQUE']).sort()).toEqual(['node1', 'node2', 'node3']);
  });

  it('keeps CLUSTER together', () => {
    expect(new Set(spread(['a', 'b', 'b', 'c'], 6, ['rack', 'CLUSTER'])).size).toBe(1);
  });

  it('spreads GROUP_BY evenly over any racks, also when their offers come together', () => {
    const racks = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(racks, fc.integer({ min: 1, max: 20 }), (names, instances) => {
        const counts = sizes(spread(names, instances, ['rack', 'GROUP_BY']));
        expect(counts.reduce((sum, each) => sum + each, 0)).toBe(instances);
        expect((counts.at(-1) ?? 0) - (counts[0] ?? 0)).toBeLessThanOrEqual(1);
        expect(counts).toHaveLength(Math.min(instances, new Set(names).size));
      }),
      { numRuns: 50 },
    );
  });

  it('never has more than MAX_PER in one rack', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 20 }), (most, instances) => {
        const counts = sizes(spread(['a', 'b', 'b'], instances, ['rack', 'MAX_PER', String(most)]));
        expect(counts.at(-1)).toBeLessThanOrEqual(most);
        expect(counts.reduce((sum, each) => sum + each, 0)).toBe(Math.min(instances, 2 * most));
      }),
      { numRuns: 50 },
    );
  });
});
