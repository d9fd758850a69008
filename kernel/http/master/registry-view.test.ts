import { expect, test } from 'vitest';
import { MasterHarness } from '../../../tests/support/master-harness.js';
import { registryView } from './registry-view.js';

test('the registry is shown in the shape of the field', () => {
  const master = new MasterHarness();
  expect(registryView(master.state)).toEqual({
    master: { info: expect.objectContaining({ id: 'm' }) },
    slaves: { slaves: [] },
    machines: { machines: [] },
    schedules: [],
    weights: [],
    quota_configs: [],
    unreachable: { slaves: [] },
    gone: { slaves: [] },
  });
  master.agent();
  master.agent();
  const windows = [{ machineIds: [{ hostname: 'h' }], unavailability: { start: { nanoseconds: 1 } } }];
  master.operator({ type: 'UPDATE_MAINTENANCE_SCHEDULE', updateMaintenanceSchedule: { schedule: { windows } } });
  master.operator({ type: 'UPDATE_WEIGHTS', updateWeights: { weightInfos: [{ role: 'web', weight: 2 }] } });
  master.operator({ type: 'MARK_AGENT_GONE', markAgentGone: { agentId: { value: 'm-S0' } } });
  master.operator({ type: 'DRAIN_AGENT', drainAgent: { agentId: { value: 'm-S1' } } });
  const unavailability = { start: { nanoseconds: 1 } };
  expect(registryView(master.state)).toMatchObject({
    slaves: { slaves: [{ info: { hostname: 'host' }, deactivated: true, drain_info: { state: 'DRAINING' } }] },
    machines: { machines: [{ info: { id: { hostname: 'h' }, mode: 'DRAINING', unavailability } }] },
    schedules: [{ windows: [{ machine_ids: [{ hostname: 'h' }], unavailability }] }],
    weights: [{ info: { role: 'web', weight: 2 } }],
    gone: { slaves: [{ id: { value: 'm-S0' }, timestamp: { nanoseconds: master.nowMs * 1e6 } }] },
  });
});
