import { expect, test } from 'vitest';
import { MasterHarness, resources } from '../../../tests/support/master-harness.js';
import { MasterTimings } from '../../shell/master/timings.js';
import { metricsSnapshot } from './metrics.js';

const snapshot = ({ state, nowMs }: MasterHarness) =>
  Object.fromEntries(metricsSnapshot({ state, timings: new MasterTimings(), registryBytes: 0 }, nowMs));

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
