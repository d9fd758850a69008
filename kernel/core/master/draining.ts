import type { DrainConfig, MasterCallDrainAgent } from '@mezzo/sdk/api';
import { asId, type AgentId } from '@mezzo/sdk/contract';
import type { AgentRecord, DrainRecord } from './effects.js';
import type { RequestId } from './events.js';
import { withdrawInverseOffers } from './inverse-offers.js';
import { agentPaused, agentResumed } from './ledger.js';
import { goneByOperator } from './liveness.js';
import { printMachine } from './machines.js';
import { rescindOffersOf } from './offers.js';
import { type Agent, agentRecord, noteUse } from './state.js';
import { drainTimer } from './tasks.js';
import { log, persist, reply, sendAgent, setTimer, type Turn } from './turn.js';

/** Agents that operators take out of use: deactivated, they are offered to nobody; drained, their tasks are ended too. */

export function deactivateAgent(turn: Turn, request: RequestId, id: AgentId): void {
  const before = standing(turn, id);
  if (before === undefined) return reply(turn, request, 400, UNKNOWN);
  put(turn, id, { deactivated: true, drain: before.drain });
  reply(turn, request, 200);
}

export function reactivateAgent(turn: Turn, request: RequestId, id: AgentId): void {
  const before = standing(turn, id);
  if (before === undefined) return reply(turn, request, 400, UNKNOWN);
  if (!before.deactivated) return reply(turn, request, 400, 'Agent is not deactivated');
  if (before.drain?.state === 'DRAINING')
    return reply(turn, request, 400, 'Agent is still in the process of being drained');
  put(turn, id, { deactivated: false, drain: undefined });
  sendAgent(turn, turn.state.agents.get(id), { type: 'reactivated' });
  reply(turn, request, 200);
}

/** An agent that is away is drained when it comes back. Asked again, the newer bounds count. */
export function drainAgent(turn: Turn, request: RequestId, call: MasterCallDrainAgent): void {
  const id = asId<AgentId>(call.agentId.value);
  if (standing(turn, id) === undefined) return reply(turn, request, 400, UNKNOWN);
  const scheduled = turn.state.agents.get(id)?.maintenance?.machine.id;
  if (scheduled !== undefined) {
    const text = `Agent ${id} is part of a maintenance schedule under Machine ${printMachine(scheduled)}`;
    return reply(turn, request, 400, text);
  }
  const config = configOf(call);
  if (typeof config === 'string') return reply(turn, request, 400, config);
  const drain = { config, sinceMs: turn.atMs };
  put(turn, id, { deactivated: true, drain: { ...drain, state: 'DRAINING' } });
  const agent = turn.state.agents.get(id);
  sendAgent(turn, agent, { type: 'drain', ...drain });
  if (agent !== undefined) checkDrained(turn, agent);
  reply(turn, request, 200);
}

const UNKNOWN = 'Unknown agent';

function configOf({ maxGracePeriod: grace, markGone = false }: MasterCallDrainAgent): DrainConfig | string {
  const nanoseconds = grace && BigInt(grace.seconds ?? 0) * 1_000_000_000n + BigInt(grace.nanos ?? 0);
  if (nanoseconds !== undefined && nanoseconds < 0n) return `'max_grace_period' must not be negative`;
  return { ...(nanoseconds !== undefined && { maxGracePeriod: { nanoseconds } }), markGone };
}

/** For an agent that is asked to drain, or comes back: it may have nothing to end, or more than was known. */
export function checkDrained(turn: Turn, agent: Agent): void {
  if (agent.drain === undefined) return;
  if (isIdle(agent)) return setTimer(turn, drainTimer(agent.id), turn.atMs);
  if (agent.drain.state === 'DRAINED')
    put(turn, agent.id, { deactivated: true, drain: { ...agent.drain, state: 'DRAINING' } });
}

/** The last task of an agent that drains has ended, and its framework knows. */
export function drainEnded(turn: Turn, id: AgentId): void {
  const agent = turn.state.agents.get(id);
  if (agent?.drain?.state !== 'DRAINING' || !isIdle(agent)) return;
  put(turn, id, { deactivated: true, drain: { ...agent.drain, state: 'DRAINED' } });
  log(turn, 'info', 'agent drained', { agent: id });
  if (agent.drain.config.markGone) goneByOperator(turn, agent);
}

const isIdle = ({ tasks, operations }: Agent): boolean => tasks.size === 0 && operations.size === 0;

interface Standing {
  readonly deactivated: boolean;
  readonly drain: DrainRecord | undefined;
}

function standing({ state }: Turn, id: AgentId): Standing | undefined {
  const known: Agent | AgentRecord | undefined =
    state.agents.get(id) ?? state.recoveredAgents.get(id) ?? state.unreachableAgents.get(id);
  return known && { deactivated: known.deactivated === true, drain: known.drain };
}

function put(turn: Turn, id: AgentId, { deactivated, drain }: Standing): void {
  const agent = turn.state.agents.get(id);
  if (agent === undefined) return putAway(turn, id, { deactivated, drain });
  const wasActive = !agent.deactivated;
  agent.deactivated = deactivated;
  agent.drain = drain;
  persist(turn, { op: 'putAgent', id, record: agentRecord(agent, 'admitted', turn.atMs) });
  if (wasActive === !deactivated) return;
  log(turn, 'info', deactivated ? 'agent deactivated' : 'agent reactivated', { agent: id });
  if (deactivated) {
    rescindOffersOf(turn, agent);
    withdrawInverseOffers(turn, agent);
    agentPaused(turn, agent);
  } else if (agent.connection !== undefined) {
    agentResumed(turn, agent);
    noteUse(turn.state, agent);
  }
}

function putAway(turn: Turn, id: AgentId, { deactivated, drain }: Standing): void {
  for (const memory of [turn.state.recoveredAgents, turn.state.unreachableAgents]) {
    const before = memory.get(id);
    if (before === undefined) continue;
    const { fate, info, sinceMs } = before;
    const record = agentRecord({ info, deactivated, drain }, fate, sinceMs);
    memory.set(id, record);
    persist(turn, { op: 'putAgent', id, record });
  }
}
