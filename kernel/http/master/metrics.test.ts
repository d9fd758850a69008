import { expect, test } from 'vitest';
import { MasterHarness, resources } from '../../../tests/support/master-harness.js';
import { finish } from '../../../tests/support/steps.js';
import { MasterTimings } from '../../shell/master/timings.js';
import { metricPieces } from '../metric-text.js';
import { gatherMetrics } from './metrics.js';

const gather = ({ state, nowMs }: MasterHarness) =>
  finish(gatherMetrics({ state, timings: new MasterTimings(), registryBytes: 0 }, 0, nowMs));

const snapshot = (master: MasterHarness) =>
  JSON.parse([...metricPieces(gather(master))].join('')) as Record<string, number>;

test('operations are told under way, then by how they ended; what is held is told apart from what is offered', () => {
  const master = new MasterHarness();
  const scheduler = master.scheduler();
  const agent = master.agent('cpus:4;mem:4096');
  expect(snapshot(master)).toMatchObject({
    'master/cpus_total': 4,
    'master/cpus_used': 0,
    'allocator/mesos/resources/cpus/offered_or_allocated': 4,
  });
  const reservation = { type: 'DYNAMIC', role: 'web' } as const;
  const reserved = resources('mem:64').map((one) => ({ ...one, reservations: [reservation] }));
  const operations = [{ type: 'RESERVE' as const, id: { value: 'o' }, reserve: { resources: reserved } }];
  scheduler.call({ type: 'ACCEPT', accept: { offerIds: [scheduler.offers[0]!.id], operations } });
  const names = ['reserve/pending', 'reserve/finished', 'reserve/total', 'pending', 'finished', 'total'];
  const told = () => names.map((name) => snapshot(master)[`master/operations/${name}`]);
  expect(told()).toEqual([1, 0, 1, 1, 0, 1]);
  const { uuid, frameworkId, info } = agent.of('applyOperation')[0]!;
  const status = { state: 'OPERATION_FINISHED' as const, operationId: info.id, uuid: { value: 'dXVpZA==' } };
  agent.call({ type: 'operationUpdated', operation: { uuid, frameworkId, info, status } });
  expect(told()).toEqual([0, 1, 1, 0, 1, 1]);
});

test('names are sorted, those of frameworks and roles among them', () => {
  const master = new MasterHarness();
  for (let i = 0; i < 100; i++) master.scheduler({ name: `f${(i * 7) % 13}/`, roles: [`r${i}`, 'a', 'a-b', 'a/b'] });
  master.agent('cpus:4;mem:4096');
  const names = gather(master).flatMap(({ prefix, names }) => names.map((name) => prefix + name));
  expect(names).toEqual([...new Set(names)].sort());
  expect(names.length).toBeGreaterThan(100 * 60);
  expect(Object.keys(snapshot(master))).toEqual(names);
});
