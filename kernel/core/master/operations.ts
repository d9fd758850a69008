import type {
  MasterCall,
  OfferOperation,
  OperationStatus,
  SchedulerCallReconcileOperationsOperation,
} from '@mezzo/sdk/api';
import { asId, type AgentId, type FrameworkId } from '@mezzo/sdk/contract';
import type { AgentOperation } from '../protocol.js';
import { conversionsOf, Resources, type Conversion } from '../resources/index.js';
import { countedUuid, uuidToBase64 } from '../uuid.js';
import type { AgentFate } from './effects.js';
import type { MasterEvent } from './events.js';
import { holdsAnyOf, operationError, whyNot, type Asker } from './operation-validation.js';
import { rescindOffer } from './offers.js';
import type { Agent, Framework, Operation } from './state.js';
import type { Site } from './task-validation.js';
import { drainTimer } from './tasks.js';
import { count, log, reply, sendAgent, sendScheduler, setTimer, type Turn } from './turn.js';
import { pidOf } from './views.js';

/**
 * Reservations and persistent volumes. The master books an operation at once and tells the agent, whose word of what it has is the last
 * one: it is asked for when a session begins. A framework that gave the operation an id is told what became of it, until it acknowledges.
 */

/** The rest of the accepted offers after the operation; the pool as it was when the operation is refused. */
export function operate(turn: Turn, site: Site, operation: OfferOperation): Resources {
  const { framework, agent, role, pool } = site;
  const conversion = checked(site, operation);
  if (typeof conversion === 'string') {
    refuseOperation(turn, framework, operation, conversion, agent.id);
    return pool;
  }
  const from = conversion.from.allocate(role);
  const to = conversion.to.allocate(role);
  if (operation.type === 'DESTROY') rescindSharers(turn, agent, conversion.from);
  turn.state.allocator.updateAllocation(framework.id, role, agent.id, from, to);
  begin(turn, agent, framework, operation, conversion);
  return pool.subtract(from).add(to);
}

const MAX_UNACKNOWLEDGED = 1000;

function checked({ framework, agent, role, pool }: Site, operation: OfferOperation): Conversion | string {
  const { id, type } = operation;
  if (id !== undefined && framework.operations.has(id.value)) return `Operation ID '${id.value}' is in use already`;
  if (id !== undefined && framework.operations.size >= MAX_UNACKNOWLEDGED)
    return `Framework has ${framework.operations.size} operations that it has not acknowledged`;
  if (operation.reserve?.source?.length) return "'source' is for operators: a framework unreserves and reserves";
  const all = conversionsOf(operation);
  if (typeof all === 'string') return `Invalid ${type} operation: ${all}`;
  const asker: Asker = { framework, role, principal: framework.info.principal };
  const error = operationError(agent, operation, asker);
  if (error !== undefined) return `Invalid ${type} operation: ${error}`;
  const { conversion, missing } = fold(pool.unallocate(), all);
  return missing ?? conversion;
}

/** One after the other, as their parts may build on each other: what all of them do together, and the first that cannot be done. */
function fold(
  available: Resources,
  all: readonly Conversion[],
): { conversion: Conversion; missing: string | undefined } {
  let [rest, from, to] = [available, Resources.empty, Resources.empty];
  let missing: string | undefined;
  for (const one of all) {
    if (!rest.contains(one.from)) missing ??= `${String(rest)} does not contain ${String(one.from)}`;
    rest = rest.subtract(one.from).add(one.to);
    from = from.add(one.from);
    to = to.add(one.to);
  }
  return { conversion: { from, to }, missing };
}

/** A shared volume that is to go may be in several offers. */
function rescindSharers(turn: Turn, agent: Agent, volumes: Resources): void {
  if (volumes.entries.every(({ id }) => !id.shared)) return;
  const isSharer = holdsAnyOf(volumes);
  for (const offer of agent.offers) if (isSharer(offer)) rescindOffer(turn, offer);
}

/** Resources of the agent are from now on what the operation makes of them. */
function begin(
  turn: Turn,
  agent: Agent,
  framework: Framework | undefined,
  asked: OfferOperation,
  conversion: Conversion,
) {
  const { state } = turn;
  const type = asked.type!;
  const uuid = countedUuid(state.options.masterId, state.nextOperation++);
  const operation: Operation = {
    uuid: uuidToBase64(uuid),
    frameworkId: framework?.id,
    agentId: agent.id,
    info: asked,
    conversion,
    status: statusOf(asked, agent.id, 'OPERATION_PENDING'),
  };
  agent.total = agent.total.subtract(conversion.from).add(conversion.to);
  agent.operations.set(operation.uuid, operation);
  if (asked.id !== undefined) framework?.operations.set(asked.id.value, operation);
  count(turn, `operations/${type.toLowerCase()}`);
  const ids = framework && { frameworkId: framework.id };
  const [from, to] = [conversion.from.toMessages('post'), conversion.to.toMessages('post')];
  sendAgent(turn, agent, { type: 'applyOperation', uuid: operation.uuid, ...ids, info: asked, from, to });
}

/** What the agent will have, of what it said that it has before it heard of all operations. */
export function afterUnheard({ operations }: Agent, said: Resources, heard: readonly string[]): Resources {
  let total = said;
  for (const { uuid, conversion, status } of operations.values())
    if (conversion && status.state === 'OPERATION_PENDING' && !heard.includes(uuid) && total.contains(conversion.from))
      total = total.subtract(conversion.from).add(conversion.to);
  return total;
}

const statusOf = (
  { id }: OfferOperation,
  agentId: string,
  state: OperationStatus['state'],
  message?: string,
): OperationStatus => ({
  ...(id && { operationId: id }),
  state,
  ...(message !== undefined && { message }),
  agentId: { value: agentId },
});

/** Frameworks learn the fate only of operations that they gave an id. */
export function refuseOperation(
  turn: Turn,
  framework: Framework,
  operation: OfferOperation,
  message: string,
  agentId?: string,
): void {
  count(turn, `operations/${(operation.type ?? 'UNKNOWN').toLowerCase()}/error`);
  log(turn, 'warn', 'operation refused', { framework: framework.id, operation: operation.type, reason: message });
  if (operation.id === undefined) return;
  const status = { operationId: operation.id, state: 'OPERATION_ERROR' as const, message };
  tell(turn, framework, { ...status, ...(agentId !== undefined && { agentId: { value: agentId } }) });
}

const tell = (turn: Turn, framework: Framework, status: OperationStatus): void =>
  sendScheduler(turn, framework, { type: 'UPDATE_OPERATION_STATUS', updateOperationStatus: { status } });

/** An agent tells what became of an operation, again and again until that is acknowledged. */
export function operationUpdated(turn: Turn, agent: Agent, told: AgentOperation): void {
  const operation = agent.operations.get(told.uuid) ?? adoptOperation(turn, agent, told);
  const isNews = operation.status.state === 'OPERATION_PENDING';
  operation.status = { ...told.status, agentId: { value: agent.id } };
  const outcome = told.status.state.slice('OPERATION_'.length).toLowerCase();
  if (isNews) count(turn, `operations/${(told.info.type ?? 'UNKNOWN').toLowerCase()}/${outcome}`);
  const framework = operation.frameworkId && turn.state.frameworks.get(operation.frameworkId);
  if (framework && told.info.id !== undefined) tell(turn, framework, operation.status);
  else settle(turn, agent, operation);
}

/** What agents say of operations when they come, or come back; what they do not know never reached them. */
export function adoptOperations(turn: Turn, agent: Agent, told: readonly AgentOperation[]): void {
  const there = new Set(told.map(({ uuid }) => uuid));
  for (const operation of agent.operations.values())
    if (!there.has(operation.uuid))
      loseOperation(turn, agent, operation, 'OPERATION_DROPPED', 'The agent never heard of the operation');
  for (const one of told) if (!agent.operations.has(one.uuid)) adoptOperation(turn, agent, one);
}

function adoptOperation(turn: Turn, agent: Agent, { uuid, frameworkId, info, status }: AgentOperation): Operation {
  const id = frameworkId === undefined ? undefined : asId<FrameworkId>(frameworkId);
  const known = { ...status, agentId: { value: agent.id } };
  const operation: Operation = { uuid, frameworkId: id, agentId: agent.id, info, status: known };
  agent.operations.set(uuid, operation);
  if (id && info.id) turn.state.frameworks.get(id)?.operations.set(info.id.value, operation);
  return operation;
}

/** Of an agent that is removed. What it has answered and nobody acknowledged it will say again, should it return. */
export function loseOperations(turn: Turn, agent: Agent, fate: AgentFate | undefined, message: string): void {
  const state = fate === 'unreachable' ? 'OPERATION_UNREACHABLE' : 'OPERATION_GONE_BY_OPERATOR';
  for (const operation of agent.operations.values())
    if (operation.status.state === 'OPERATION_PENDING') loseOperation(turn, agent, operation, state, message);
    else forget(turn, agent, operation);
}

/** Its end is told without a uuid: nobody keeps it, and nothing is to be acknowledged. */
function loseOperation(
  turn: Turn,
  agent: Agent,
  operation: Operation,
  state: OperationStatus['state'],
  message: string,
): void {
  const framework = operation.frameworkId && turn.state.frameworks.get(operation.frameworkId);
  if (framework && operation.info.id) tell(turn, framework, statusOf(operation.info, agent.id, state, message));
  forget(turn, agent, operation);
}

function settle(turn: Turn, agent: Agent, operation: Operation): void {
  sendAgent(turn, agent, { type: 'acknowledgeOperation', uuid: operation.uuid });
  forget(turn, agent, operation);
  if (agent.drain !== undefined && agent.operations.size === 0) setTimer(turn, drainTimer(agent.id), turn.atMs);
}

function forget(turn: Turn, agent: Agent, { uuid, frameworkId, info }: Operation): void {
  agent.operations.delete(uuid);
  const known = frameworkId && turn.state.frameworks.get(frameworkId)?.operations;
  if (known && info.id && known.get(info.id.value)?.uuid === uuid) known.delete(info.id.value);
}

/** Of a framework that is removed: nobody is left to be told. */
export function forgetOperationsOf(turn: Turn, framework: Framework): void {
  for (const operation of [...framework.operations.values()]) {
    const agent = turn.state.agents.get(operation.agentId);
    if (agent !== undefined && operation.status.state !== 'OPERATION_PENDING') settle(turn, agent, operation);
  }
  framework.operations.clear();
}

export function acknowledgeOperation(turn: Turn, framework: Framework, id: string, uuid: string): void {
  const operation = framework.operations.get(id);
  const isKnown = operation?.status.uuid?.value === uuid;
  count(turn, `${isKnown ? 'valid' : 'invalid'}_operation_status_update_acknowledgements`);
  const agent = operation && turn.state.agents.get(operation.agentId);
  if (isKnown && agent?.connection !== undefined) settle(turn, agent, operation);
}

/** Tells the latest known state of the operations, of all that have an id when none are named. */
export function reconcileOperations(
  turn: Turn,
  framework: Framework,
  named: readonly SchedulerCallReconcileOperationsOperation[],
): void {
  if (named.length === 0)
    for (const { status } of framework.operations.values()) tell(turn, framework, reconciled(status));
  for (const { operationId, agentId } of named) {
    const known = framework.operations.get(operationId.value)?.status;
    tell(turn, framework, known ? reconciled(known) : unknownOperation(turn, operationId.value, agentId?.value));
  }
}

/** Without the uuid: the agent itself repeats what is to be acknowledged. */
const reconciled = ({ uuid: _, ...status }: OperationStatus): OperationStatus => ({
  ...status,
  message: 'Reconciliation: Latest operation state',
});

function unknownOperation({ state }: Turn, operationId: string, agentId: string | undefined): OperationStatus {
  const id = asId<AgentId>(agentId ?? '');
  const say = (fate: OperationStatus['state'], what: string): OperationStatus => ({
    operationId: { value: operationId },
    state: fate,
    message: `Reconciliation: ${what}`,
    ...(agentId !== undefined && { agentId: { value: agentId } }),
  });
  if (state.recoveredAgents.has(id)) return say('OPERATION_RECOVERING', 'Agent is recovered but has not re-registered');
  if (state.unreachableAgents.has(id)) return say('OPERATION_UNREACHABLE', 'Agent is unreachable');
  if (state.goneAgents.has(id)) return say('OPERATION_GONE_BY_OPERATOR', 'Agent marked gone by operator');
  return say('OPERATION_UNKNOWN', 'Operation is unknown');
}

/** The operation in an operator's call, and the agent it is for. */
function operationIn({
  reserveResources: reserve,
  unreserveResources: unreserve,
  createVolumes: create,
  destroyVolumes: destroy,
  growVolume,
  shrinkVolume,
}: MasterCall): { readonly agentId: string; readonly operation: OfferOperation } | undefined {
  const agentId = (reserve ?? unreserve ?? create ?? destroy ?? growVolume ?? shrinkVolume)?.agentId?.value ?? '';
  if (reserve) return { agentId, operation: { type: 'RESERVE', reserve } };
  if (unreserve) return { agentId, operation: { type: 'UNRESERVE', unreserve } };
  if (create) return { agentId, operation: { type: 'CREATE', create } };
  if (destroy) return { agentId, operation: { type: 'DESTROY', destroy } };
  if (growVolume) return { agentId, operation: { type: 'GROW_VOLUME', growVolume } };
  return shrinkVolume && { agentId, operation: { type: 'SHRINK_VOLUME', shrinkVolume } };
}

/** False when the call is of another kind. Offers that hold what is needed are rescinded. */
export function operatorOperates(turn: Turn, { request, call, principal }: OperatorCalled): boolean {
  const asked = operationIn(call);
  if (asked === undefined) return false;
  const agent = turn.state.agents.get(asId<AgentId>(asked.agentId));
  if (agent === undefined) reply(turn, request, 400, 'No agent found with specified ID');
  else {
    const { status, text } = operateFor(turn, agent, asked.operation, principal);
    reply(turn, request, status, text);
  }
  return true;
}

type OperatorCalled = Extract<MasterEvent, { type: 'operatorCalled' }>;
type Outcome = { readonly status: number; readonly text?: string };

function operateFor(turn: Turn, agent: Agent, operation: OfferOperation, principal: string | undefined): Outcome {
  const all = conversionsOf(operation);
  if (typeof all === 'string') return { status: 400, text: whyNot(agent, operation, all) };
  const error = operationError(agent, operation, { principal });
  if (error !== undefined) return { status: 400, text: whyNot(agent, operation, error) };
  const { conversion, missing } = fold(agent.total, all);
  if (missing !== undefined) return { status: 409, text: missing };
  if (agent.connection === undefined)
    return { status: 409, text: `Agent ${agent.id} at ${pidOf(agent)} is not connected: try again when it is back` };
  const { from, to } = conversion;
  if (operation.type === 'DESTROY') rescindSharers(turn, agent, from);
  if (!makeRoom(turn, agent, from) || !turn.state.allocator.updateAvailable(agent.id, from, to)) {
    const free = String(turn.state.allocator.available(agent.id));
    return { status: 409, text: `${free} does not contain ${String(from)}: the rest is in use` };
  }
  begin(turn, agent, undefined, operation, conversion);
  return { status: 202 };
}

/** Rescinds as many offers as it takes for `wanted` to be free. */
function makeRoom(turn: Turn, agent: Agent, wanted: Resources): boolean {
  const isFree = (): boolean => turn.state.allocator.available(agent.id)?.contains(wanted) === true;
  for (const offer of agent.offers) {
    if (isFree()) return true;
    rescindOffer(turn, offer);
  }
  return isFree();
}
