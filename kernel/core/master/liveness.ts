import { isTerminal } from '@mezzo/sdk/contract';
import type { TaskState } from '@mezzo/sdk/api';
import type { AgentId } from '@mezzo/sdk/contract';
import type { AgentFate, AgentRecord } from './effects.js';
import { agentLeft } from './ledger.js';
import { leaveMachine } from './machines.js';
import { rescindOffersOf } from './offers.js';
import { loseOperations } from './operations.js';
import { agentRecord, type Agent, type Framework, type Task } from './state.js';
import { completeTask, conclude, releaseTask, removeExecutor } from './tasks.js';
import {
  cancelTimer,
  count,
  emit,
  log,
  persist,
  publish,
  sendAgent,
  sendScheduler,
  setTimer,
  timeInfo,
  trim,
  type Turn,
} from './turn.js';

const pingTimer = (id: AgentId): string => `ping/${id}`;
export const RECOVERY_TIMER = 'recovery';
export const REGISTRY_GC_TIMER = 'registryGc';
export const reregisterTimer = (id: AgentId): string => `reregister/${id}`;

export function pingAgent(turn: Turn, agent: Agent): void {
  sendAgent(turn, agent, { type: 'ping' });
  awaitAnswer(turn, agent);
}

/** Watches an agent that a session begins with. One that knows its id has just told of itself: its first ping can wait. */
export function watchAgent(turn: Turn, agent: Agent): void {
  if (agent.knowsId && turn.state.options.maxAgentPingTimeouts > 1) awaitAnswer(turn, agent);
  else pingAgent(turn, agent);
}

function awaitAnswer(turn: Turn, agent: Agent): void {
  agent.answered = false;
  setTimer(turn, pingTimer(agent.id), turn.atMs + turn.state.options.agentPingIntervalMs);
}

/** An interval is over. Whatever the agent sent meanwhile has counted as an answer. */
export function pingTimedOut(turn: Turn, id: AgentId): void {
  const agent = turn.state.agents.get(id);
  if (agent?.connection === undefined) return;
  agent.missedPings = agent.answered ? 0 : agent.missedPings + 1;
  if (agent.missedPings < turn.state.options.maxAgentPingTimeouts) {
    spare(turn, agent);
    pingAgent(turn, agent);
  } else if (mayRemove(turn, agent, pingTimer(id))) markUnreachable(turn, agent, 'health check timed out');
}

/** Its turn to be removed has come, where that is limited; else the timer fires again when it has. */
function mayRemove(turn: Turn, agent: Agent, timer: string): boolean {
  if (agent.removalAtMs === undefined) {
    count(turn, 'slave_unreachable_scheduled');
    agent.removalAtMs = takePermit(turn);
  }
  if (agent.removalAtMs <= turn.atMs) return true;
  setTimer(turn, timer, agent.removalAtMs);
  return false;
}

/** When the next agent may be removed. */
function takePermit({ state, atMs }: Turn): number {
  const permitMs = Math.max(atMs, state.nextRemovalMs);
  state.nextRemovalMs = permitMs + state.options.agentRemovalIntervalMs;
  return permitMs;
}

/** It is alive after all. */
export function spare(turn: Turn, agent: Agent): void {
  if (agent.removalAtMs === undefined) return;
  agent.removalAtMs = undefined;
  count(turn, 'slave_unreachable_canceled');
}

export function reregisterTimedOut(turn: Turn, id: AgentId): void {
  const agent = turn.state.agents.get(id);
  if (agent === undefined || agent.connection !== undefined) return;
  if (!mayRemove(turn, agent, reregisterTimer(id))) return;
  markUnreachable(turn, agent, 'agent did not re-register in time after it disconnected');
}

/** Agents of an earlier master that have not come back in time. */
export function recoveryTimedOut(turn: Turn): void {
  const { state } = turn;
  const { recoveredAgents, frameworks } = state;
  if (areTooManyAway(turn)) return;
  for (const [id, record] of recoveredAgents) {
    if (state.nextRemovalMs > turn.atMs) return setTimer(turn, RECOVERY_TIMER, state.nextRemovalMs);
    takePermit(turn);
    recoveredAgents.delete(id);
    remember(turn, 'unreachable', id, { ...record, fate: 'unreachable', sinceMs: turn.atMs });
    for (const framework of frameworks.values()) sayFailure(turn, framework, id);
    count(turn, 'recovery_slave_removals');
  }
}

/** More likely it is this master that is cut off, or was told the wrong registry. Asked once. */
function areTooManyAway(turn: Turn): boolean {
  const { agentsToReturn: known, recoveredAgents, options } = turn.state;
  turn.state.agentsToReturn = undefined;
  const away = recoveredAgents.size;
  if (known === undefined || away <= options.recoveryAgentRemovalLimit * known) return false;
  const limit = `${options.recoveryAgentRemovalLimit * 100}%`;
  emit(turn, {
    type: 'fail',
    reason: `${away} of ${known} agents have not come back, more than the ${limit} that may be removed`,
    next: 'see why they do not reach this master, or give a higher --recovery_agent_removal_limit',
  });
  return true;
}

function markUnreachable(turn: Turn, agent: Agent, message: string): void {
  count(turn, 'slave_unreachable_completed');
  removeAgent(turn, agent, { state: 'TASK_UNREACHABLE', message, why: 'unhealthy', fate: 'unreachable' });
}

const GONE = 'Agent has been marked gone';

/** Told to end, and refused for ever. */
export function goneByOperator(turn: Turn, agent: Agent): void {
  sendAgent(turn, agent, { type: 'refused', reason: GONE });
  removeAgent(turn, agent, { state: 'TASK_GONE_BY_OPERATOR', message: GONE, fate: 'gone' });
}

export interface Removal {
  /** What becomes of its tasks. */
  readonly state: TaskState;
  readonly message: string;
  /** For the metrics. */
  readonly why?: 'unhealthy' | 'unregistered' | 'registered';
  /** How the registry remembers it; undefined = not at all. */
  readonly fate: Exclude<AgentFate, 'admitted'> | undefined;
}

export function removeAgent(turn: Turn, agent: Agent, removal: Removal): void {
  const { state } = turn;
  if (removal.fate === undefined) persist(turn, { op: 'deleteAgent', id: agent.id });
  else remember(turn, removal.fate, agent.id, agentRecord(agent, removal.fate, turn.atMs));
  for (const task of agent.tasks) loseTask(turn, task, removal);
  rescindOffersOf(turn, agent);
  leaveMachine(turn, agent);
  for (const executor of agent.executors.values()) removeExecutor(turn, agent, executor);
  loseOperations(turn, agent, removal.fate, removal.message);
  agentLeft(turn, agent);
  if (agent.connection !== undefined) {
    state.sessions.delete(agent.connection);
    emit(turn, { type: 'close', connection: agent.connection });
    agent.connection = undefined;
  }
  cancelTimer(turn, pingTimer(agent.id));
  cancelTimer(turn, reregisterTimer(agent.id));
  state.agents.delete(agent.id);
  if (state.addresses.get(agent.address) === agent.id) state.addresses.delete(agent.address);
  for (const framework of state.frameworks.values()) sayFailure(turn, framework, agent.id);
  count(turn, 'slave_removals');
  if (removal.why !== undefined) count(turn, `slave_removals/reason_${removal.why}`);
  log(turn, 'warn', 'agent removed', { agent: agent.id, reason: removal.message });
  publish(turn, () => ({ type: 'AGENT_REMOVED', agentRemoved: { agentId: { value: agent.id } } }));
}

const sayFailure = (turn: Turn, framework: Framework, agentId: AgentId): void =>
  sendScheduler(turn, framework, { type: 'FAILURE', failure: { agentId: { value: agentId } } });

function loseTask(turn: Turn, task: Task, { state, message }: Removal): void {
  const framework = turn.state.frameworks.get(task.frameworkId);
  if (framework === undefined) return;
  if (isTerminal(task.message.state)) return completeTask(turn, framework, task);
  const unreachable = state === 'TASK_UNREACHABLE';
  const reason = state === 'TASK_GONE_BY_OPERATOR' ? 'REASON_AGENT_REMOVED_BY_OPERATOR' : 'REASON_AGENT_REMOVED';
  const unreachableTime = unreachable ? timeInfo(turn.atMs) : undefined;
  conclude(turn, framework, task, { state, reason, message, unreachableTime });
  if (!unreachable) return completeTask(turn, framework, task);
  releaseTask(turn, task);
  framework.tasks.delete(task.taskId);
  framework.unreachableTasks.set(task.taskId, task.message);
  trim(framework.unreachableTasks, turn.state.options.maxUnreachableTasksPerFramework);
}

export function remember(turn: Turn, fate: 'unreachable' | 'gone', id: AgentId, record: AgentRecord): void {
  const { unreachableAgents, goneAgents } = turn.state;
  const memory = fate === 'gone' ? goneAgents : unreachableAgents;
  memory.set(id, record);
  persist(turn, { op: 'putAgent', id, record });
  for (const forgotten of trim(memory, turn.state.options.registryMaxAgentCount)) {
    persist(turn, { op: 'deleteAgent', id: forgotten.info.id!.value as AgentId });
  }
}

/** Forgets agents that have been unreachable or gone for too long, and sets when to look again. */
export function collectRegistry(turn: Turn): void {
  const { unreachableAgents, goneAgents, options } = turn.state;
  for (const memory of [unreachableAgents, goneAgents]) {
    for (const [id, { sinceMs }] of memory) {
      if (turn.atMs - sinceMs < options.registryMaxAgentAgeMs) continue;
      memory.delete(id);
      persist(turn, { op: 'deleteAgent', id });
    }
  }
  setTimer(turn, REGISTRY_GC_TIMER, turn.atMs + options.registryGcIntervalMs);
}
