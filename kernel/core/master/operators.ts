import { asId, type AgentId, type ConnectionId, type FrameworkId } from '@mezzo/sdk/contract';
import { deactivateAgent, drainAgent, reactivateAgent } from './draining.js';
import type { MasterEvent, RequestId } from './events.js';
import { removeFramework } from './frameworks.js';
import { goneByOperator, remember } from './liveness.js';
import { startMaintenance, stopMaintenance, updateSchedule } from './maintenance.js';
import { operatorOperates } from './operations.js';
import { SCHEDULER_HEARTBEAT_SECONDS } from './options.js';
import { removeQuota, setQuota, updateQuota, updateWeights } from './sharing.js';
import { SEES_ALL, sightOf } from './sight.js';
import { stateKnownTo } from './tasks.js';
import { emit, log, reply, type Turn } from './turn.js';
import { getState, lazily } from './views.js';

type Subscribed = Extract<MasterEvent, { type: 'operatorSubscribed' }>;

export function operatorSubscribed(turn: Turn, { connection, principal }: Subscribed): void {
  const { operators, sights, options } = turn.state;
  const sight = sightOf(options.authorizer, principal);
  const restricted = sight !== SEES_ALL;
  operators.add(connection);
  if (restricted) sights.set(connection, sight);
  const [oldest] = operators;
  if (operators.size > options.maxOperatorSubscribers && oldest !== undefined) {
    operatorGone(turn, oldest);
    log(turn, 'warn', 'too many operator streams: the oldest is closed', { max: options.maxOperatorSubscribers });
    emit(turn, { type: 'close', connection: oldest });
  }
  const heartbeatIntervalSeconds = SCHEDULER_HEARTBEAT_SECONDS;
  const subscribed = { getState: getState(turn.state, sight, lazily), heartbeatIntervalSeconds };
  emit(turn, { type: 'sendOperator', connection, event: { type: 'SUBSCRIBED', subscribed }, restricted });
  emit(turn, { type: 'sendOperator', connection, event: { type: 'HEARTBEAT' } });
}

export function operatorGone({ state: { operators, sights } }: Turn, connection: ConnectionId): void {
  operators.delete(connection);
  sights.delete(connection);
}

type Called = Extract<MasterEvent, { type: 'operatorCalled' }>;

export function operatorCalled(turn: Turn, called: Called): void {
  const { request, call } = called;
  switch (call.type) {
    case 'TEARDOWN':
      return teardown(turn, request, call.teardown!.frameworkId.value);
    case 'MARK_AGENT_GONE':
      return markGone(turn, request, call.markAgentGone!.agentId.value);
    case 'DEACTIVATE_AGENT':
      return deactivateAgent(turn, request, asId<AgentId>(call.deactivateAgent!.agentId.value));
    case 'REACTIVATE_AGENT':
      return reactivateAgent(turn, request, asId<AgentId>(call.reactivateAgent!.agentId.value));
    case 'DRAIN_AGENT':
      return drainAgent(turn, request, call.drainAgent!);
    case 'UPDATE_WEIGHTS':
      return updateWeights(turn, request, call.updateWeights!.weightInfos ?? []);
    case 'UPDATE_QUOTA': {
      const { quotaConfigs = [], force = false } = call.updateQuota!;
      return updateQuota(turn, request, quotaConfigs, force);
    }
    case 'SET_QUOTA':
      return setQuota(turn, request, call.setQuota!.quotaRequest);
    case 'REMOVE_QUOTA':
      return removeQuota(turn, request, call.removeQuota!.role);
    case 'UPDATE_MAINTENANCE_SCHEDULE':
      return updateSchedule(turn, request, call.updateMaintenanceSchedule!.schedule);
    case 'START_MAINTENANCE':
      return startMaintenance(turn, request, call.startMaintenance!.machines ?? []);
    case 'STOP_MAINTENANCE':
      return stopMaintenance(turn, request, call.stopMaintenance!.machines ?? []);
    default:
      if (!operatorOperates(turn, called)) reply(turn, request, 501, `${call.type} is not supported yet`);
  }
}

function teardown(turn: Turn, request: RequestId, id: string): void {
  const framework = turn.state.frameworks.get(asId<FrameworkId>(id));
  if (framework === undefined) return reply(turn, request, 400, 'No framework found with specified ID');
  removeFramework(turn, framework);
  reply(turn, request, 200);
}

function markGone(turn: Turn, request: RequestId, text: string): void {
  const { agents, recoveredAgents, unreachableAgents, goneAgents, frameworks } = turn.state;
  const id = asId<AgentId>(text);
  const agent = agents.get(id);
  const away = recoveredAgents.get(id) ?? unreachableAgents.get(id);
  if (agent !== undefined) goneByOperator(turn, agent);
  else if (away !== undefined) {
    recoveredAgents.delete(id);
    unreachableAgents.delete(id);
    remember(turn, 'gone', id, { ...away, fate: 'gone', sinceMs: turn.atMs });
    for (const framework of frameworks.values()) {
      const { unreachableTasks, completedTasks } = framework;
      for (const [taskId, task] of unreachableTasks) {
        if (task.agentId.value !== id) continue;
        unreachableTasks.delete(taskId);
        completedTasks.set(taskId, { ...task, state: stateKnownTo(framework, 'TASK_GONE_BY_OPERATOR') });
      }
    }
  } else if (!goneAgents.has(id)) return reply(turn, request, 404, `Agent '${id}' not found`);
  reply(turn, request, 200);
}
