import {
  asId,
  type AgentId,
  type ConnectionId,
  type ExecutorId,
  type FrameworkId,
  type TaskId,
  isTerminal,
} from '@mezzo/sdk/contract';
import { digestOf } from '../digest.js';
import {
  bookItems,
  PROTOCOL_VERSION,
  type AgentGreeting,
  type AgentReturn,
  type AgentSubscribe,
  type AgentTask,
} from '../protocol.js';
import { resourceError, Resources } from '../resources/index.js';
import { checkDrained } from './draining.js';
import type { AgentRecord } from './effects.js';
import type { MasterEvent } from './events.js';
import { recoverFramework } from './frameworks.js';
import { withdrawInverseOffers } from './inverse-offers.js';
import { agentChanged, agentJoined, agentPaused } from './ledger.js';
import { removeAgent, reregisterTimer, spare, watchAgent } from './liveness.js';
import { downReason, joinMachine } from './machines.js';
import { rescindOffersOf } from './offers.js';
import { adoptOperations } from './operations.js';
import { agentRecord, executorKey, type Agent, type Framework, type Task } from './state.js';
import {
  addExecutor,
  executorExited,
  addTask,
  amend,
  completeTask,
  conclude,
  forward,
  makeTask,
  masterStatus,
  sendKill,
  setTaskState,
  stateKnownTo,
} from './tasks.js';
import { cancelTimer, count, emit, log, persist, publish, sendAgent, setTimer, trim, type Turn } from './turn.js';
import { agentView } from './views.js';

type Subscribed = Extract<MasterEvent, { type: 'agentSubscribed' }>;

export function agentSubscribed(turn: Turn, { connection, subscribe }: Subscribed): void {
  const wait = domainFault(turn, subscribe);
  if (wait !== undefined) return turnAway(turn, connection, wait);
  if ('digest' in subscribe) return agentReturned(turn, connection, subscribe);
  const reason = refusal(turn, subscribe);
  if (reason !== undefined) {
    endThere(turn, subscribe, reason);
    return refuse(turn, connection, reason);
  }
  const wanted = subscribe.agentInfo.id?.value ?? '';
  const known = turn.state.agents.get(asId<AgentId>(wanted)) ?? untold(turn, subscribe);
  if (known !== undefined) return comeBack(turn, known, connection, subscribe);
  join(turn, asId<AgentId>(wanted), connection, subscribe);
}

/** It is as if it had told all: nothing would be news. Otherwise it has to. */
function agentReturned(turn: Turn, connection: ConnectionId, returned: AgentReturn): void {
  const agent = turn.state.agents.get(asId<AgentId>(returned.agentInfo.id?.value ?? ''));
  const isSame = agent !== undefined && refusal(turn, returned) === undefined && returned.digest === digestIn(agent);
  if (isSame) return comeBack(turn, agent, connection, returned);
  emit(turn, { type: 'sendAgent', connection, record: { type: 'tellAll', seq: 1 } });
  emit(turn, { type: 'close', connection });
}

/** Of the agent as this master knows it. */
export const digestIn = ({ tasks, executors, operations }: Agent): string =>
  digestOf([
    ...Array.from(tasks, ({ frameworkId, taskId, message }) => bookItems.task(frameworkId, taskId, message.state)),
    ...Array.from(executors.values(), ({ frameworkId, executorId }) => bookItems.executor(frameworkId, executorId)),
    ...Array.from(operations.values(), ({ uuid, status }) => bookItems.operation(uuid, status)),
  ]);

/** The answer to an agent's first subscription was lost, and it asks again: it is the one that was admitted then. */
function untold({ state }: Turn, { agentInfo, address }: AgentSubscribe): Agent | undefined {
  const agent = agentInfo.id === undefined ? state.agents.get(state.addresses.get(address)!) : undefined;
  return agent?.knowsId === false ? agent : undefined;
}

/** Why the agent must not come in, now or ever. */
function refusal(turn: Turn, subscribe: AgentGreeting & Partial<AgentSubscribe>): string | undefined {
  const { protocol, agentInfo, address, resources, tasks = [], executors = [] } = subscribe;
  if (protocol !== PROTOCOL_VERSION) return `protocol ${protocol} is not understood, only ${PROTOCOL_VERSION}`;
  if (turn.state.goneAgents.has(asId<AgentId>(agentInfo.id?.value ?? ''))) return 'Agent has been marked gone';
  const down = downReason(turn.state, agentInfo.hostname, address);
  if (down !== undefined) return down;
  const all = [resources, ...[...tasks, ...executors].map(({ info }) => info.resources ?? [])].flat();
  const error = all.map((resource) => resourceError(resource)).find((why) => why !== undefined);
  return error === undefined ? undefined : `invalid resources: ${error}`;
}

/** Agents that say where they are must be comparable with the master. */
function domainFault({ state: { options } }: Turn, { agentInfo }: AgentGreeting): string | undefined {
  const has = agentInfo.domain?.faultDomain !== undefined;
  if (has && options.info.domain?.faultDomain === undefined) return 'it has a domain, and this master has none';
  return has || !options.requireAgentDomain ? undefined : 'it has no domain, and --require_agent_domain is set';
}

/** Its tasks run on, and it tries again: whoever mends the flags need not start it again. */
function turnAway(turn: Turn, connection: ConnectionId, reason: string): void {
  log(turn, 'warn', 'agent turned away', { reason });
  emit(turn, { type: 'close', connection });
}

function refuse(turn: Turn, connection: ConnectionId, reason: string): void {
  log(turn, 'warn', 'agent refused', { reason });
  emit(turn, { type: 'sendAgent', connection, record: { type: 'refused', reason, seq: 1 } });
  emit(turn, { type: 'close', connection });
}

/** Its tasks end, and it comes as another one, if ever: nobody needs to wait for an agent that was thought to come back. */
function endThere(turn: Turn, { agentInfo, tasks }: AgentSubscribe, message: string): void {
  const { recoveredAgents, unreachableAgents, frameworks } = turn.state;
  const id = asId<AgentId>(agentInfo.id?.value ?? '');
  const wasAwaited = recoveredAgents.delete(id);
  if (!unreachableAgents.delete(id) && !wasAwaited) return;
  persist(turn, { op: 'deleteAgent', id });
  for (const { frameworkId, info, state } of tasks) {
    const framework = frameworks.get(asId<FrameworkId>(frameworkId));
    if (framework === undefined || isTerminal(state)) continue;
    const taskId = asId<TaskId>(info.taskId.value);
    const known = framework.unreachableTasks.get(taskId);
    framework.unreachableTasks.delete(taskId);
    if (known !== undefined)
      framework.completedTasks.set(taskId, { ...known, state: stateKnownTo(framework, 'TASK_GONE') });
    trim(framework.completedTasks, turn.state.options.maxCompletedTasksPerFramework);
    const about = { taskId, agentId: id, message, state: 'TASK_GONE', reason: 'REASON_AGENT_REMOVED' } as const;
    forward(turn, framework, masterStatus(turn, about));
  }
}

/** An agent that this master does not have: new, admitted by an earlier master, or back from being unreachable. */
function join(turn: Turn, wanted: AgentId, connection: ConnectionId, subscribe: AgentSubscribe): void {
  const { state } = turn;
  const id = wanted === '' ? asId<AgentId>(`${state.options.masterId}-S${state.nextAgent++}`) : wanted;
  displace(turn, subscribe.address);
  const before = state.recoveredAgents.get(id) ?? state.unreachableAgents.get(id);
  const agent = makeAgent(turn, id, subscribe, before);
  if (wanted !== '') agent.reregisteredAtMs = turn.atMs;
  if (!state.recoveredAgents.has(id)) {
    persist(turn, { op: 'putAgent', id, record: agentRecord(agent, 'admitted', turn.atMs) });
  }
  const wasUnreachable = state.unreachableAgents.delete(id);
  state.recoveredAgents.delete(id);
  state.agents.set(id, agent);
  state.addresses.set(agent.address, id);
  connect(turn, agent, connection);
  adoptFrameworks(turn, agent, subscribe, before === undefined);
  adoptExecutors(turn, agent, subscribe);
  for (const task of subscribe.tasks) adoptTask(turn, agent, task, wasUnreachable);
  adoptOperations(turn, agent, subscribe.operations);
  agentJoined(turn, agent);
  joinMachine(turn, agent);
  checkDrained(turn, agent);
  count(turn, wanted === '' ? 'slave_registrations' : 'slave_reregistrations');
  log(turn, 'info', wanted === '' ? 'agent registered' : 'agent re-registered', { agent: id, address: agent.address });
  publish(turn, () => ({ type: 'AGENT_ADDED', agentAdded: { agent: agentView(turn.state, agent) } }));
}

/** An agent that lost its memory comes as a new one: what it was before is gone. */
function displace(turn: Turn, address: string): void {
  const old = turn.state.agents.get(turn.state.addresses.get(address)!);
  if (old !== undefined && old.connection === undefined) {
    removeAgent(turn, old, {
      state: 'TASK_GONE',
      message: 'a new agent registered at its address',
      why: 'registered',
      fate: undefined,
    });
  }
}

function makeAgent(turn: Turn, id: AgentId, subscribe: AgentSubscribe, before: AgentRecord | undefined): Agent {
  return {
    id,
    info: { ...subscribe.agentInfo, id: { value: id } },
    address: subscribe.address,
    version: subscribe.version,
    total: Resources.of(subscribe.resources),
    deactivated: before?.deactivated ?? false,
    drain: before?.drain,
    maintenance: undefined,
    connection: undefined,
    registeredAtMs: turn.atMs,
    reregisteredAtMs: undefined,
    downSeq: 0,
    upSeq: 0,
    missedPings: 0,
    answered: true,
    removalAtMs: undefined,
    knowsId: subscribe.agentInfo.id !== undefined,
    tasks: new Set(),
    executors: new Map(),
    operations: new Map(),
    offers: new Set(),
  };
}

/** Starts a session. */
function connect(turn: Turn, agent: Agent, connection: ConnectionId): void {
  const { options, sessions, epoch, registry } = turn.state;
  agent.connection = connection;
  agent.downSeq = 0;
  agent.upSeq = 0;
  agent.missedPings = 0;
  spare(turn, agent);
  sessions.set(connection, agent.id);
  cancelTimer(turn, reregisterTimer(agent.id));
  sendAgent(turn, agent, {
    type: 'registered',
    session: connection,
    agentId: agent.id,
    masterId: options.masterId,
    epoch,
    registry,
    pingIntervalMs: options.agentPingIntervalMs,
    pingTimeoutMs: options.agentPingIntervalMs * options.maxAgentPingTimeouts,
    ...(agent.drain && { drain: { config: agent.drain.config, sinceMs: agent.drain.sinceMs } }),
  });
  watchAgent(turn, agent);
}

/** A known agent begins a new session: what it says about its tasks counts, what it must still do is said again. */
function comeBack(turn: Turn, agent: Agent, connection: ConnectionId, subscribe: AgentSubscribe | AgentReturn): void {
  const { state } = turn;
  if (agent.connection !== undefined) {
    state.sessions.delete(agent.connection);
    emit(turn, { type: 'close', connection: agent.connection });
    agent.connection = undefined;
  }
  rescindOffersOf(turn, agent);
  state.addresses.delete(agent.address);
  state.addresses.set(subscribe.address, agent.id);
  const total = Resources.of(subscribe.resources);
  agent.info = { ...subscribe.agentInfo, id: { value: agent.id } };
  agent.knowsId ||= subscribe.agentInfo.id !== undefined;
  agent.address = subscribe.address;
  agent.version = subscribe.version;
  agent.reregisteredAtMs = turn.atMs;
  connect(turn, agent, connection);
  if (!('digest' in subscribe)) compareBooks(turn, agent, subscribe);
  else for (const task of agent.tasks) sendKill(turn, task);
  agent.total = total;
  agentChanged(turn, agent);
  joinMachine(turn, agent);
  checkDrained(turn, agent);
  count(turn, 'slave_reregistrations');
  log(turn, 'info', 'agent re-registered', { agent: agent.id });
}

function compareBooks(turn: Turn, agent: Agent, subscribe: AgentSubscribe): void {
  adoptFrameworks(turn, agent, subscribe, false);
  dropLostTasks(turn, agent, subscribe);
  for (const task of subscribe.tasks) adoptTask(turn, agent, task, false);
  adoptExecutors(turn, agent, subscribe);
  adoptOperations(turn, agent, subscribe.operations);
}

/** `trust`: take over frameworks that the registry does not have. Otherwise they were removed, and must end there too. */
function adoptFrameworks(
  turn: Turn,
  agent: Agent,
  { frameworks, tasks, executors }: AgentSubscribe,
  trust: boolean,
): void {
  const infos = new Map(frameworks.map((info) => [info.id?.value ?? '', info]));
  for (const id of new Set([...infos.keys(), ...[...tasks, ...executors].map((one) => one.frameworkId)])) {
    if (turn.state.frameworks.has(asId<FrameworkId>(id))) continue;
    const info = infos.get(id);
    if (trust && info !== undefined && !turn.state.completedFrameworks.has(asId<FrameworkId>(id))) {
      const framework = recoverFramework(turn, asId<FrameworkId>(id), { info, registeredAtMs: turn.atMs });
      persist(turn, { op: 'putFramework', id: framework.id, record: { info, registeredAtMs: turn.atMs } });
    } else sendAgent(turn, agent, { type: 'shutdownFramework', frameworkId: id });
  }
}

/** What was told to the agent and never arrived, or ended there unheard. */
function dropLostTasks(turn: Turn, agent: Agent, { tasks }: AgentSubscribe): void {
  const there = new Set(tasks.map((task) => executorKey(task.frameworkId, task.info.taskId.value)));
  for (const task of agent.tasks) {
    const framework = turn.state.frameworks.get(task.frameworkId);
    if (framework === undefined || there.has(executorKey(task.frameworkId, task.taskId))) continue;
    if (!isTerminal(task.message.state)) {
      const state = task.message.state === 'TASK_STAGING' ? 'TASK_DROPPED' : 'TASK_GONE';
      const message = 'Reconciliation: task unknown to the agent';
      conclude(turn, framework, task, { state, message, reason: 'REASON_RECONCILIATION' });
    }
    completeTask(turn, framework, task);
  }
}

function adoptTask(turn: Turn, agent: Agent, told: AgentTask, wasUnreachable: boolean): void {
  const framework = turn.state.frameworks.get(asId<FrameworkId>(told.frameworkId));
  if (framework === undefined) return;
  const known = framework.tasks.get(asId<TaskId>(told.info.taskId.value));
  if (known !== undefined && known.agentId !== agent.id) {
    log(turn, 'warn', 'two agents have a task of the same id', {
      task: known.taskId,
      agents: [known.agentId, agent.id],
    });
    return;
  }
  const task = known ?? recoverTask(turn, framework, agent, told);
  // An end is final: what says otherwise was said before it, by an earlier life of the agent, and came late.
  if (known !== undefined && !isTerminal(known.message.state)) setTaskState(turn, known, told.state);
  if (wasUnreachable && framework.unreachableTasks.delete(task.taskId)) sayItIsBack(turn, framework, task);
  sendKill(turn, task);
}

function recoverTask(turn: Turn, framework: Framework, agent: Agent, told: AgentTask): Task {
  const resources = Resources.of(told.info.resources);
  const role = told.info.resources?.find((r) => r.allocationInfo?.role !== undefined)?.allocationInfo?.role;
  const task = makeTask({
    framework,
    agentId: agent.id,
    info: told.info,
    executor: told.info.executor,
    ...(told.executorId !== undefined && { executorId: told.executorId }),
    role: role ?? framework.roles[0] ?? '*',
    resources: resources.allocateMissing(role ?? framework.roles[0] ?? '*'),
    state: told.state,
  });
  amend(task, {
    statuses: told.statuses.map(({ data: _, ...status }) => status),
    statusUpdateState: told.unacknowledged?.state ?? told.statuses.at(-1)?.state,
    statusUpdateUuid: told.unacknowledged?.uuid ?? told.statuses.at(-1)?.uuid,
  });
  addTask(turn, framework, agent, task);
  return task;
}

function sayItIsBack(turn: Turn, framework: Framework, task: Task): void {
  const last = task.message.statuses?.at(-1);
  const status = masterStatus(turn, {
    taskId: task.taskId,
    agentId: task.agentId,
    state: task.message.state,
    message: 'Unreachable agent re-registered',
    reason: 'REASON_AGENT_REREGISTERED',
  });
  forward(turn, framework, { ...status, ...(last?.containerStatus && { containerStatus: last.containerStatus }) });
}

function adoptExecutors(turn: Turn, agent: Agent, { executors }: AgentSubscribe): void {
  const there = new Set(executors.map((e) => executorKey(e.frameworkId, e.info.executorId.value)));
  for (const [key, { frameworkId, executorId }] of agent.executors)
    if (!there.has(key)) executorExited(turn, agent, frameworkId, executorId);
  for (const { frameworkId, info } of executors) {
    const framework = turn.state.frameworks.get(asId<FrameworkId>(frameworkId));
    if (framework === undefined || agent.executors.has(executorKey(frameworkId, info.executorId.value))) continue;
    const role =
      info.resources?.find((r) => r.allocationInfo?.role !== undefined)?.allocationInfo?.role ??
      framework.roles[0] ??
      '*';
    addExecutor(framework, agent, {
      frameworkId: framework.id,
      agentId: agent.id,
      executorId: asId<ExecutorId>(info.executorId.value),
      info,
      role,
      resources: Resources.of(info.resources).allocateMissing(role),
    });
  }
}

export function agentDisconnected(turn: Turn, connection: ConnectionId): void {
  const { sessions, agents, options } = turn.state;
  const agent = agents.get(sessions.get(connection)!);
  sessions.delete(connection);
  if (agent?.connection !== connection) return;
  agent.connection = undefined;
  rescindOffersOf(turn, agent);
  withdrawInverseOffers(turn, agent);
  agentPaused(turn, agent);
  setTimer(turn, reregisterTimer(agent.id), turn.atMs + options.agentReregisterTimeoutMs);
  log(turn, 'info', 'agent disconnected', { agent: agent.id });
}
