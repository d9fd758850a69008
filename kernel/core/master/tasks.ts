import type {
  ExecutorInfo,
  TaskInfo,
  Task as TaskMessage,
  TaskState,
  TaskStatus,
  TaskStatusReason,
  TimeInfo,
} from '@mezzo/sdk/api';
import { asId, type AgentId, type ExecutorId, type FrameworkId, type TaskId, isTerminal } from '@mezzo/sdk/contract';
import type { Resources } from '../resources/index.js';
import { release } from './ledger.js';
import { isPartitionState } from './names.js';
import { executorKey, noteUse, type Agent, type Executor, type Framework, type Task } from './state.js';
import { bump, count, publish, seconds, sendAgent, sendScheduler, setTimer, trim, type Turn } from './turn.js';

const MAX_STATUSES = 16;

export interface NewTask {
  readonly framework: Framework;
  readonly agentId: AgentId;
  readonly info: TaskInfo;
  readonly executor: ExecutorInfo | undefined;
  /** Of an executor that only its id is known of. */
  readonly executorId?: string;
  readonly role: string;
  readonly resources: Resources;
  readonly state: TaskState;
}

export function makeTask({
  framework,
  agentId,
  info,
  executor,
  executorId: known,
  role,
  resources,
  state,
}: NewTask): Task {
  const executorId = executor?.executorId.value ?? known;
  const message: TaskMessage = {
    name: info.name,
    taskId: info.taskId,
    frameworkId: { value: framework.id },
    agentId: { value: agentId },
    state,
    resources: resources.toMessages('post'),
    ...(executorId !== undefined && { executorId: { value: executorId } }),
    ...(info.limits && { limits: info.limits }),
    ...(info.labels && { labels: info.labels }),
    ...(info.discovery && { discovery: info.discovery }),
    ...(info.container && { container: info.container }),
    ...(info.healthCheck && { healthCheck: info.healthCheck }),
    ...(info.killPolicy && { killPolicy: info.killPolicy }),
    ...(userOf(info, executor) !== undefined && { user: userOf(info, executor) }),
  };
  return {
    frameworkId: framework.id,
    agentId,
    taskId: asId<TaskId>(info.taskId.value),
    executorId: executorId === undefined ? undefined : asId<ExecutorId>(executorId),
    role,
    resources,
    message,
    unacknowledged: undefined,
    kill: undefined,
    holds: !isTerminal(state),
  };
}

const userOf = (info: TaskInfo, executor: ExecutorInfo | undefined): string | undefined =>
  info.command?.user ?? executor?.command?.user;

export function addTask(turn: Turn, framework: Framework, agent: Agent, task: Task): void {
  framework.tasks.set(task.taskId, task);
  agent.tasks.add(task);
  noteUse(turn.state, agent);
  publish(turn, () => ({ type: 'TASK_ADDED', taskAdded: { task: task.message } }));
}

/** Nothing for a task that nobody wants to end, or that has ended. */
export function sendKill(turn: Turn, { agentId, frameworkId, taskId, kill, message }: Task): void {
  if (kill === undefined || isTerminal(message.state)) return;
  sendAgent(turn, turn.state.agents.get(agentId), { type: 'killTask', frameworkId, taskId, ...kill });
}

/** Set for at once: to look whether an agent that drains is done, in a step of its own. */
export const drainTimer = (id: AgentId): string => `drained/${id}`;

/** Takes a task out of the running; its record stays for a while. */
export function completeTask(turn: Turn, framework: Framework, task: Task): void {
  setTaskState(turn, task, task.message.state);
  if (framework.tasks.get(task.taskId) === task) framework.tasks.delete(task.taskId);
  const agent = turn.state.agents.get(task.agentId);
  agent?.tasks.delete(task);
  if (agent?.drain?.state === 'DRAINING' && agent.tasks.size === 0) setTimer(turn, drainTimer(agent.id), turn.atMs);
  framework.completedTasks.delete(task.taskId);
  framework.completedTasks.set(task.taskId, task.message);
  trim(framework.completedTasks, turn.state.options.maxCompletedTasksPerFramework);
}

/** Records the latest state. What an ended task held is free at once, whether or not its end was acknowledged. */
export function setTaskState(turn: Turn, task: Task, state: TaskState): void {
  const ends = isTerminal(state) && !isTerminal(task.message.state);
  if (ends) countEnd(turn, turn.state.frameworks.get(task.frameworkId), state);
  if (state !== task.message.state) amend(task, { state });
  if (isTerminal(state)) releaseTask(turn, task);
}

/** That a task of the framework is over, for the metrics. */
export function countEnd(turn: Turn, framework: Framework | undefined, state: TaskState): void {
  const name = state.toLowerCase();
  count(turn, name.replace('task_', 'tasks_'));
  if (framework) bump(framework.counts, `tasks/terminal/${name}`);
}

/** Why, when it is told: `task_lost/source_master/reason_slave_removed`, in the words of old. */
export function countReason(turn: Turn, { state, source, reason }: TaskStatus): void {
  if (source === undefined || reason === undefined) return;
  count(turn, `${state}/${source}/${reason}`.toLowerCase().replaceAll('agent', 'slave'));
}

export function releaseTask(turn: Turn, task: Task): void {
  if (!task.holds) return;
  task.holds = false;
  release(turn, task.frameworkId, task.agentId, task.resources);
}

/** What the task shows from now on. */
export function amend(task: Task, change: Partial<TaskMessage>): void {
  task.message = { ...task.message, ...change };
}

/** One status per state is kept, without the framework's data. */
export function recordStatus(task: Task, status: TaskStatus): void {
  const { data: _, ...kept } = status;
  const before = task.message.statuses ?? [];
  const earlier = before.at(-1)?.state === status.state ? before.slice(0, -1) : before;
  amend(task, { statuses: [...earlier, kept].slice(-MAX_STATUSES) });
}

export interface MasterStatus {
  readonly taskId: string;
  readonly agentId?: string | undefined;
  readonly state: TaskState;
  readonly reason?: TaskStatusReason;
  readonly message?: string;
  readonly unreachableTime?: TimeInfo | undefined;
}

/** A status that the master makes: without a uuid, so never acknowledged nor sent again. */
export const masterStatus = (turn: Turn, about: MasterStatus): TaskStatus => ({
  taskId: { value: about.taskId },
  state: about.state,
  ...(about.message !== undefined && { message: about.message }),
  source: 'SOURCE_MASTER',
  ...(about.reason && { reason: about.reason }),
  ...(about.agentId !== undefined && { agentId: { value: about.agentId } }),
  timestamp: seconds(turn.atMs),
  ...(about.unreachableTime && { unreachableTime: about.unreachableTime }),
});

/** What the framework can understand: older ones know no states of partition. */
export function asKnownTo(framework: Framework, status: TaskStatus): TaskStatus {
  const state = stateKnownTo(framework, status.state);
  if (state === status.state) return status;
  const reason = status.reason === 'REASON_AGENT_REMOVED_BY_OPERATOR' ? 'REASON_AGENT_REMOVED' : status.reason;
  return { ...status, state, ...(reason && { reason }) };
}

export const stateKnownTo = ({ capabilities }: Framework, state: TaskState): TaskState =>
  capabilities.has('PARTITION_AWARE') || !isPartitionState(state) ? state : 'TASK_LOST';

export const forward = (turn: Turn, framework: Framework, status: TaskStatus): void =>
  sendScheduler(turn, framework, { type: 'UPDATE', update: { status: asKnownTo(framework, status) } });

/** Tells framework and operators of a state that the master concluded by itself. */
export function conclude(turn: Turn, framework: Framework, task: Task, about: Omit<MasterStatus, 'taskId'>): void {
  const status = masterStatus(turn, { ...about, taskId: task.taskId, agentId: about.agentId ?? task.agentId });
  const known = asKnownTo(framework, status);
  task.unacknowledged = undefined;
  setTaskState(turn, task, known.state);
  recordStatus(task, known);
  forward(turn, framework, status);
  publishUpdate(turn, framework.id, known, known.state);
}

/** News of a task for operators and metrics. */
export function publishUpdate(turn: Turn, frameworkId: FrameworkId, status: TaskStatus, state: TaskState): void {
  if (isTerminal(status.state) || status.state === 'TASK_UNREACHABLE') countReason(turn, status);
  publish(turn, () => ({
    type: 'TASK_UPDATED',
    taskUpdated: { frameworkId: { value: frameworkId }, status, state },
  }));
}

export function addExecutor(framework: Framework, agent: Agent, executor: Executor): void {
  agent.executors.set(executorKey(framework.id, executor.executorId), executor);
  framework.executors.add(executor);
}

/** `status`: undefined where nobody could be told how it ended. */
export function executorExited(turn: Turn, agent: Agent, id: string, executorId: string, status?: number): void {
  const executor = agent.executors.get(executorKey(id, executorId));
  if (executor !== undefined) removeExecutor(turn, agent, executor);
  const framework = turn.state.frameworks.get(asId<FrameworkId>(id));
  const ids = { agentId: { value: agent.id }, executorId: { value: executorId } };
  const failure = { ...ids, ...(status !== undefined && { status }) };
  if (framework) sendScheduler(turn, framework, { type: 'FAILURE', failure });
}

export function removeExecutor(turn: Turn, agent: Agent, executor: Executor): void {
  agent.executors.delete(executorKey(executor.frameworkId, executor.executorId));
  turn.state.frameworks.get(executor.frameworkId)?.executors.delete(executor);
  release(turn, executor.frameworkId, agent.id, executor.resources);
}
