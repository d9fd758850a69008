import {
  asId,
  unreachable,
  type AgentId,
  type ConnectionId,
  type FrameworkId,
  type OfferId,
} from '@mezzo/sdk/contract';
import type { Machine } from '../machine.js';
import { agentDisconnected, agentSubscribed } from './agents.js';
import { BATCH_TIMER, isTimeToOffer } from './batches.js';
import { schedulerCalled } from './calls.js';
import { drainEnded } from './draining.js';
import type { MasterEffect } from './effects.js';
import type { MasterEvent } from './events.js';
import { failoverTimedOut, recoverFramework, schedulerDisconnected, schedulerSubscribed } from './frameworks.js';
import { inverseOfferTimedOut, makeInverseOffers, quietOver } from './inverse-offers.js';
import {
  collectRegistry,
  pingTimedOut,
  RECOVERY_TIMER,
  recoveryTimedOut,
  REGISTRY_GC_TIMER,
  reregisterTimedOut,
} from './liveness.js';
import { ALLOCATE_TIMER } from './ledger.js';
import { recoverMaintenance } from './maintenance.js';
import { makeOffers, offerTimedOut } from './offers.js';
import { operatorCalled, operatorGone, operatorSubscribed } from './operators.js';
import { claimTimedOut, offerClaims } from './preemption.js';
import { setPriorities } from './priorities.js';
import { recoverRoles } from './sharing.js';
import type { MasterState } from './state.js';
import { beginTurn, cancelTimer, emit, log, setTimer, type Turn } from './turn.js';
import { agentCalled } from './updates.js';
import { policyChosen } from './policy.js';
import { whitelistChanged } from './whitelist.js';

/** Every event may free something: offers are made once, at the end of the step. */
function step(state: MasterState, event: MasterEvent, atMs: number): MasterEffect[] {
  const turn = beginTurn(state, atMs);
  handle(turn, event);
  offerClaims(turn);
  if (isTimeToOffer(turn, event) && !isHeld(turn)) makeOffers(turn);
  makeInverseOffers(turn);
  return turn.effects;
}

export const masterMachine: Machine<MasterState, MasterEvent, MasterEffect> = { step };

function handle(turn: Turn, event: MasterEvent): void {
  switch (event.type) {
    case 'elected':
      return elected(turn, event);
    case 'whitelistChanged':
      return whitelistChanged(turn, event.hosts);
    case 'policyChosen':
      return policyChosen(turn, event.policy);
    case 'schedulerSubscribed':
      return schedulerSubscribed(turn, event);
    case 'schedulerCalled':
      return schedulerCalled(turn, event);
    case 'operatorSubscribed':
      return operatorSubscribed(turn, event);
    case 'operatorCalled':
      return operatorCalled(turn, event);
    case 'prioritiesSet':
      return setPriorities(turn, event.request, event.priorities);
    case 'agentSubscribed':
      return agentSubscribed(turn, event);
    case 'agentCalled':
      return agentCalled(turn, event);
    case 'connectionClosed':
      return connectionClosed(turn, event.connection);
    case 'timerFired':
      return timerFired(turn, event.id);
    default:
      return unreachable(event);
  }
}

const HOLD_TIMER = 'hold';

function isHeld(turn: Turn): boolean {
  const { state } = turn;
  if (state.awaitsPolicy) return true;
  if (state.awaitedAgents === undefined) return false;
  if (state.agents.size < state.awaitedAgents) return true;
  cancelTimer(turn, HOLD_TIMER);
  state.awaitedAgents = undefined;
  return false;
}

/** After a failover guarantees are unmet until agents have told what runs: to offer then would give others too much. */
function holdOffers(turn: Turn): void {
  const { state } = turn;
  const { allocatorAgentRecoveryFactor: factor, allocatorRecoveryTimeoutMs } = state.options;
  const awaited = Math.floor(state.recoveredAgents.size * factor);
  if (state.quotas.size === 0 || awaited === 0) return;
  state.awaitedAgents = awaited;
  setTimer(turn, HOLD_TIMER, turn.atMs + allocatorRecoveryTimeoutMs);
  log(turn, 'info', 'offers wait for agents, since roles have quota', { agents: awaited });
}

function elected(turn: Turn, event: Extract<MasterEvent, { type: 'elected' }>): void {
  const { state } = turn;
  const { epoch, registry = state.options.masterId, agents, frameworks, roles, maintenance } = event;
  Object.assign(state, { epoch, registry, electedAtMs: turn.atMs });
  if (event.registry === undefined)
    emit(turn, { type: 'persist', writes: [{ op: 'putName', id: 'name', record: { name: registry } }] });
  const memories = { admitted: state.recoveredAgents, unreachable: state.unreachableAgents, gone: state.goneAgents };
  for (const [id, record] of agents) memories[record.fate].set(id, record);
  for (const [id, record] of frameworks) recoverFramework(turn, id, record);
  recoverRoles(turn, roles);
  if (maintenance !== undefined) recoverMaintenance(turn, maintenance);
  holdOffers(turn);
  collectRegistry(turn);
  state.agentsToReturn = state.recoveredAgents.size;
  if (state.agentsToReturn > 0) setTimer(turn, RECOVERY_TIMER, turn.atMs + state.options.agentReregisterTimeoutMs);
  log(turn, 'info', 'this master leads', { agents: agents.size, frameworks: frameworks.size, epoch });
}

function connectionClosed(turn: Turn, connection: ConnectionId): void {
  operatorGone(turn, connection);
  schedulerDisconnected(turn, connection);
  agentDisconnected(turn, connection);
}

function timerFired(turn: Turn, timer: string): void {
  const slash = timer.indexOf('/');
  const id = timer.slice(slash + 1);
  switch (timer.slice(0, slash < 0 ? undefined : slash)) {
    case 'failover':
      return failoverTimedOut(turn, asId<FrameworkId>(id));
    case 'ping':
      return pingTimedOut(turn, asId<AgentId>(id));
    case 'reregister':
      return reregisterTimedOut(turn, asId<AgentId>(id));
    case 'drained':
      return drainEnded(turn, asId<AgentId>(id));
    case 'offer':
      return offerTimedOut(turn, asId<OfferId>(id));
    case 'claim':
      return claimTimedOut(turn, asId<AgentId>(id));
    case 'inverseOffer':
      return inverseOfferTimedOut(turn, asId<OfferId>(id));
    case 'quiet':
      return quietOver(turn, id);
    case REGISTRY_GC_TIMER:
      return collectRegistry(turn);
    case HOLD_TIMER:
      turn.state.awaitedAgents = undefined;
      return;
    case RECOVERY_TIMER:
      return recoveryTimedOut(turn);
    case ALLOCATE_TIMER:
      turn.state.allocateAtMs = undefined;
      return;
    case BATCH_TIMER:
      return;
    default:
      return log(turn, 'warn', 'unknown timer', { timer });
  }
}
