import type { FrameworkInfo, SchedulerCallUpdateFramework } from '@mezzo/sdk/api';
import { asId, type ConnectionId, type FrameworkId, isTerminal } from '@mezzo/sdk/contract';
import { registrationDenied } from './authorization.js';
import type { FrameworkRecord } from './effects.js';
import type { MasterEvent } from './events.js';
import {
  capabilitiesOf,
  changedPrincipal,
  rolesOf,
  subscriptionError,
  suppressedError,
  updateError,
  type SubscriptionRequest,
} from './framework-validation.js';
import { frameworkChanged, frameworkJoined, frameworkLeft, frameworkPaused, frameworkResumed } from './ledger.js';
import { forgetInverseOffers } from './inverse-offers.js';
import { dropClaim, rescindOffer, withdrawOffers } from './offers.js';
import { forgetOperationsOf } from './operations.js';
import { SCHEDULER_HEARTBEAT_SECONDS } from './options.js';
import { noteUse, type Agent, type Framework, type MasterState } from './state.js';
import {
  completeTask,
  forward,
  masterStatus,
  publishUpdate,
  recordStatus,
  removeExecutor,
  setTaskState,
} from './tasks.js';
import {
  bump,
  cancelTimer,
  count,
  emit,
  log,
  persist,
  publish,
  sendAgent,
  sendScheduler,
  sendTo,
  setTimer,
  trim,
  type Turn,
} from './turn.js';
import { frameworkInEvent } from './views.js';

type Subscribed = Extract<MasterEvent, { type: 'schedulerSubscribed' }>;

export function schedulerSubscribed(turn: Turn, subscribed: Subscribed): void {
  const { state } = turn;
  const { connection } = subscribed;
  const id = subscribed.call.frameworkInfo.id?.value ?? '';
  const framework = state.frameworks.get(asId<FrameworkId>(id));
  const call = named(subscribed, framework);
  const error =
    subscriptionError(call, state.options) ??
    (framework && principalError(framework, call.frameworkInfo, subscribed.principal)) ??
    registrationDenied(state, call.frameworkInfo, id) ??
    (state.completedFrameworks.has(asId<FrameworkId>(id)) ? 'Framework has been removed' : undefined);
  if (error !== undefined) return refuse(turn, connection, error);
  if (framework === undefined) {
    return welcome(turn, admit(turn, call, asId<FrameworkId>(id)), connection, true);
  }
  takeOver(turn, framework, connection);
  const recovered = framework.recovered;
  framework.recovered = false;
  framework.reregisteredAtMs = turn.atMs;
  const { user, checkpoint } = framework.info;
  update(turn, framework, { ...call, frameworkInfo: { ...call.frameworkInfo, user, checkpoint } });
  log(turn, 'info', recovered ? 'framework is back' : 'framework failed over', { framework: framework.id });
  welcome(turn, framework, connection, false);
}

/** A framework that does not say its principal has the one that it authenticated with, or that it had when that was asked for. */
function named({ call, principal }: Subscribed, framework: Framework | undefined): Subscribed['call'] {
  const known = principal ?? framework?.info.principal;
  if (known === undefined || call.frameworkInfo.principal !== undefined) return call;
  return { ...call, frameworkInfo: { ...call.frameworkInfo, principal: known } };
}

/** One from before anybody was asked who they are belongs to whoever takes it over first. */
const principalError = ({ info: known }: Framework, info: FrameworkInfo, principal: string | undefined) =>
  principal !== undefined && known.principal === undefined ? undefined : changedPrincipal(known, info);

function refuse(turn: Turn, connection: ConnectionId, message: string): void {
  log(turn, 'info', 'subscription refused', { reason: message });
  sendTo(turn, connection, { type: 'ERROR', error: { message } });
  emit(turn, { type: 'close', connection });
}

function admit(turn: Turn, request: SubscriptionRequest, wanted: FrameworkId): Framework {
  const id = wanted === '' ? newId(turn.state) : wanted;
  const framework = makeFramework(id, request, turn.atMs);
  addFramework(turn, framework);
  persist(turn, { op: 'putFramework', id, record: recordOf(framework) });
  log(turn, 'info', 'framework registered', { framework: id, name: framework.info.name });
  return framework;
}

/** A framework may come with any id, so that the next number may be taken. */
function newId(state: MasterState): FrameworkId {
  for (;;) {
    const number = String(state.nextFramework++).padStart(4, '0');
    const id = asId<FrameworkId>(`${state.options.masterId}-${number}`);
    if (!state.frameworks.has(id) && !state.completedFrameworks.has(id)) return id;
  }
}

const recordOf = ({ info, registeredAtMs }: Framework): FrameworkRecord => ({ info, registeredAtMs });

export function makeFramework(id: FrameworkId, request: SubscriptionRequest, registeredAtMs: number): Framework {
  return {
    id,
    info: { ...request.frameworkInfo, id: { value: id } },
    roles: rolesOf(request.frameworkInfo),
    capabilities: capabilitiesOf(request.frameworkInfo),
    connection: undefined,
    recovered: false,
    registeredAtMs,
    reregisteredAtMs: registeredAtMs,
    unregisteredAtMs: undefined,
    offerConstraints: request.offerConstraints,
    suppressed: new Set(request.suppressedRoles),
    offers: new Set(),
    inverseOffers: new Set(),
    quietAbout: new Set(),
    tasks: new Map(),
    executors: new Set(),
    operations: new Map(),
    unreachableTasks: new Map(),
    completedTasks: new Map(),
    counts: new Map(),
  };
}

/** A framework that an earlier master knew, or that only agents know of. It has at least a re-registration time to come back. */
export function recoverFramework(turn: Turn, id: FrameworkId, { info, registeredAtMs }: FrameworkRecord): Framework {
  const framework = makeFramework(id, { frameworkInfo: info }, registeredAtMs);
  framework.recovered = true;
  framework.reregisteredAtMs = undefined;
  addFramework(turn, framework);
  startFailoverTimer(turn, framework, turn.state.options.agentReregisterTimeoutMs);
  return framework;
}

function addFramework(turn: Turn, framework: Framework): void {
  turn.state.frameworks.set(framework.id, framework);
  frameworkJoined(turn, framework);
}

/** The newest subscription wins. What was offered to the old scheduler is not known to the new one. */
function takeOver(turn: Turn, framework: Framework, connection: ConnectionId): void {
  const old = framework.connection;
  if (old !== undefined && old !== connection) {
    turn.state.schedulers.delete(old);
    sendScheduler(turn, framework, { type: 'ERROR', error: { message: 'Framework failed over' } });
    emit(turn, { type: 'close', connection: old });
  }
  withdrawOffers(turn, framework);
  forgetInverseOffers(turn, framework);
  cancelTimer(turn, failoverTimer(framework.id));
}

function welcome(turn: Turn, framework: Framework, connection: ConnectionId, isNew: boolean): void {
  const { options, schedulers } = turn.state;
  framework.connection = connection;
  schedulers.set(connection, framework.id);
  bump(framework.counts, 'calls/subscribe');
  count(turn, isNew ? 'frameworks_added' : 'frameworks_back');
  sendScheduler(turn, framework, {
    type: 'SUBSCRIBED',
    subscribed: {
      frameworkId: { value: framework.id },
      heartbeatIntervalSeconds: SCHEDULER_HEARTBEAT_SECONDS,
      masterInfo: options.info,
    },
  });
  sendScheduler(turn, framework, { type: 'HEARTBEAT' });
  frameworkResumed(turn, framework);
  for (const agent of agentsOf(turn, framework)) noteUse(turn.state, agent);
  publish(turn, () =>
    isNew
      ? { type: 'FRAMEWORK_ADDED', frameworkAdded: { framework: frameworkInEvent(framework) } }
      : updated(framework),
  );
  for (const { unacknowledged } of framework.tasks.values()) {
    if (unacknowledged !== undefined) forward(turn, framework, unacknowledged);
  }
}

const updated = (framework: Framework) => ({
  type: 'FRAMEWORK_UPDATED' as const,
  frameworkUpdated: { framework: frameworkInEvent(framework) },
});

/** Takes over a new description; offers for roles that are gone are rescinded. */
function update(turn: Turn, framework: Framework, request: SubscriptionRequest): void {
  const info = { ...request.frameworkInfo, id: { value: framework.id } };
  const changed = JSON.stringify(info) !== JSON.stringify(framework.info);
  framework.roles = rolesOf(info);
  framework.capabilities = capabilitiesOf(info);
  framework.offerConstraints = request.offerConstraints;
  framework.suppressed.clear();
  for (const role of request.suppressedRoles ?? []) framework.suppressed.add(role);
  for (const offer of framework.offers) if (!framework.roles.includes(offer.role)) rescindOffer(turn, offer);
  for (const claim of turn.state.claims.values())
    if (claim.frameworkId === framework.id && !framework.roles.includes(claim.role)) dropClaim(turn, claim);
  framework.info = info;
  frameworkChanged(turn, framework);
  if (!changed) return;
  persist(turn, { op: 'putFramework', id: framework.id, record: recordOf(framework) });
  for (const agent of agentsOf(turn, framework)) sendAgent(turn, agent, { type: 'updateFramework', framework: info });
}

function agentsOf(turn: Turn, framework: Framework): Set<Agent> {
  const ids = [...framework.tasks.values(), ...framework.executors].map(({ agentId }) => agentId);
  return new Set([...new Set(ids)].flatMap((id) => turn.state.agents.get(id) ?? []));
}

/** The UPDATE_FRAMEWORK call: answers why it is refused, undefined when it is done. */
export function updateFramework(
  turn: Turn,
  framework: Framework,
  given: SchedulerCallUpdateFramework,
): string | undefined {
  const { principal } = framework.info;
  const call = { ...given, frameworkInfo: { ...(principal !== undefined && { principal }), ...given.frameworkInfo } };
  const suppressed = suppressedError(call);
  if (suppressed !== undefined) return `'UpdateFramework' call is not valid: ${suppressed}`;
  const error = updateError(framework, call.frameworkInfo) ?? subscriptionError(call, turn.state.options);
  if (error !== undefined) return `FrameworkInfo update is not valid: ${error}`;
  update(turn, framework, call);
  publish(turn, () => updated(framework));
  return undefined;
}

export function schedulerDisconnected(turn: Turn, connection: ConnectionId): void {
  const { schedulers, frameworks } = turn.state;
  const framework = frameworks.get(schedulers.get(connection)!);
  schedulers.delete(connection);
  if (framework?.connection !== connection) return;
  framework.connection = undefined;
  withdrawOffers(turn, framework);
  forgetInverseOffers(turn, framework);
  frameworkPaused(turn, framework);
  startFailoverTimer(turn, framework, 0);
  log(turn, 'info', 'framework disconnected', { framework: framework.id });
  publish(turn, () => updated(framework));
}

const failoverTimer = (id: FrameworkId): string => `failover/${id}`;

function startFailoverTimer(turn: Turn, framework: Framework, atLeastMs: number): void {
  const waitMs = Math.max(1000 * (framework.info.failoverTimeout ?? 0), atLeastMs, 0);
  setTimer(turn, failoverTimer(framework.id), turn.atMs + Math.round(waitMs));
}

export function failoverTimedOut(turn: Turn, id: FrameworkId): void {
  const framework = turn.state.frameworks.get(id);
  if (framework === undefined || framework.connection !== undefined) return;
  log(turn, 'info', 'framework did not come back in time', { framework: id });
  removeFramework(turn, framework);
}

/** Ends all that the framework runs, and refuses its id as long as it is remembered. */
export function removeFramework(turn: Turn, framework: Framework): void {
  const { state } = turn;
  persist(turn, { op: 'deleteFramework', id: framework.id });
  for (const agent of agentsOf(turn, framework)) {
    sendAgent(turn, agent, { type: 'shutdownFramework', frameworkId: framework.id });
  }
  withdrawOffers(turn, framework);
  forgetInverseOffers(turn, framework);
  for (const task of framework.tasks.values()) {
    if (!isTerminal(task.message.state)) endWithFramework(turn, framework, task);
    completeTask(turn, framework, task);
  }
  for (const executor of framework.executors) {
    const agent = state.agents.get(executor.agentId);
    if (agent) removeExecutor(turn, agent, executor);
  }
  forgetOperationsOf(turn, framework);
  frameworkLeft(turn, framework);
  if (framework.connection !== undefined) {
    state.schedulers.delete(framework.connection);
    emit(turn, { type: 'close', connection: framework.connection });
  }
  framework.connection = undefined;
  framework.unregisteredAtMs = turn.atMs;
  cancelTimer(turn, failoverTimer(framework.id));
  state.frameworks.delete(framework.id);
  state.completedFrameworks.set(framework.id, framework);
  trim(state.completedFrameworks, state.options.maxCompletedFrameworks);
  count(turn, 'frameworks_removed');
  log(turn, 'info', 'framework removed', { framework: framework.id });
  publish(turn, () => ({ type: 'FRAMEWORK_REMOVED', frameworkRemoved: { frameworkInfo: framework.info } }));
}

/** Nobody is left to be told but the operators. */
function endWithFramework(turn: Turn, framework: Framework, task: Parameters<typeof setTaskState>[1]): void {
  const status = masterStatus(turn, {
    taskId: task.taskId,
    agentId: task.agentId,
    state: 'TASK_KILLED',
    reason: 'REASON_FRAMEWORK_REMOVED',
    message: `Framework ${framework.id} removed`,
  });
  setTaskState(turn, task, 'TASK_KILLED');
  recordStatus(task, status);
  publishUpdate(turn, framework.id, status, 'TASK_KILLED');
}
