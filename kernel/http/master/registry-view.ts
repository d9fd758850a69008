import { messageToObject, type AgentInfo } from '@mezzo/sdk/api';
import type { AgentRecord, MasterState } from '../../core/master/index.js';
import { quotaStatus, weightInfos } from '../../core/master/sharing.js';
import type { Json } from './legacy-views.js';

/** `/registrar(1)/registry`: what the registry keeps, in the shape that diagnostics of the field collect. */
export function registryView(state: MasterState): Json {
  const admitted = [
    ...[...state.agents.values()],
    ...[...state.recoveredAgents.values()].map(({ info, deactivated, drain }) => ({ info, deactivated, drain })),
  ];
  return {
    master: { info: messageToObject('mesos.v1.MasterInfo', state.options.info) },
    slaves: {
      slaves: admitted.map(({ info, deactivated, drain }) => ({
        info: infoView(info),
        ...(deactivated && { deactivated }),
        ...(drain && {
          drain_info: messageToObject('mesos.v1.DrainInfo', { state: drain.state, config: drain.config }),
        }),
      })),
    },
    machines: {
      machines: [...state.machines.values()].map(({ id, isDown, unavailability }) => ({
        info: messageToObject('mesos.v1.MachineInfo', { id, mode: isDown ? 'DOWN' : 'DRAINING', unavailability }),
      })),
    },
    schedules: state.machines.size > 0 ? [messageToObject('mesos.v1.maintenance.Schedule', state.schedule)] : [],
    weights: weightInfos(state).map((info) => ({ info: messageToObject('mesos.v1.WeightInfo', info) })),
    quota_configs: (quotaStatus(state).configs ?? []).map((one) => messageToObject('mesos.v1.quota.QuotaConfig', one)),
    unreachable: { slaves: remembered(state.unreachableAgents) },
    gone: { slaves: remembered(state.goneAgents) },
  };
}

const infoView = (info: AgentInfo): Json => messageToObject('mesos.v1.AgentInfo', info);

const remembered = (agents: ReadonlyMap<string, AgentRecord>): Json[] =>
  [...agents].map(([id, { sinceMs }]) => ({ id: { value: id }, timestamp: { nanoseconds: sinceMs * 1e6 } }));
