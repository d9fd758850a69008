import type { ExecutorInfo, FrameworkInfo, TaskInfo } from '@mezzo/sdk/api';
import { addRun, addTask, admitFramework } from './books.js';
import { saveRun, saveTask } from './checkpoint.js';
import { deliver } from './custom-executors.js';
import { failLaunch, neverRan } from './ends.js';
import type { AgentEvent } from './events.js';
import { boundPod, launchWaiting } from './pods.js';
import { checkStatusOf } from './probes.js';
import { secretFault, secretsOf } from './secrets.js';
import { containerizerFor, specOf, userOf, volumesOfRun } from './spec.js';
import type { AgentFramework, AgentState, Run, Task, TaskEnd } from './state.js';
import { emit, nextUuid, type Turn } from './turn.js';
import { report } from './updates.js';

/** From the master's word to a sandbox and a launched container. */

export function runTask(turn: Turn, info: FrameworkInfo, task: TaskInfo, executor: ExecutorInfo | undefined): void {
  const framework = admitFramework(turn, info);
  if (framework.shuttingDown || framework.taskRuns.has(task.taskId.value)) return;
  const custom = executor ?? task.executor;
  const fault =
    custom?.type === 'DEFAULT'
      ? invalid("'ExecutorInfo.type' must be 'CUSTOM'")
      : faultOf(turn.state, framework, task, custom);
  if (fault !== undefined) {
    refuse(turn, framework, task, custom, fault);
    return custom && refuseExecutor(turn, framework, custom);
  }
  if (custom === undefined) return startRun(turn, framework, 'command', commandExecutor(task), [newTask(task)]);
  runIn(turn, framework, 'custom', custom, [newTask(task)]);
}

/** Gives the tasks to the executor's run, or starts one with them. */
export function runIn(
  turn: Turn,
  framework: AgentFramework,
  kind: 'custom' | 'default',
  executor: ExecutorInfo,
  tasks: readonly Task[],
): void {
  const running = runOfExecutor(framework, executor.executorId.value);
  if (running === undefined) return startRun(turn, framework, kind, executor, tasks);
  for (const task of tasks) {
    addTask(framework, running, task);
    saveTask(turn, running, task);
  }
  if (kind === 'custom') return deliver(turn, running);
  boundPod(turn, running);
  launchWaiting(turn, running);
}

export const runOfExecutor = (framework: AgentFramework, executorId: string): Run | undefined =>
  [...framework.runs.values()].find(
    (run) => run.kind !== 'command' && run.executorId === executorId && run.phase !== 'ended',
  );

export function sandboxPrepared(turn: Turn, containerId: string): void {
  const run = turn.state.runs.get(containerId);
  if (run?.phase !== 'preparing') return;
  run.phase = 'launching';
  // Before it starts: an agent that is killed in between must not believe that it never did.
  if (run.kind === 'command') for (const task of run.tasks.values()) report(turn, run, task, 'TASK_STARTING');
  emit(turn, { type: 'launchContainer', containerizer: run.containerizer, spec: specOf(turn.state, run) });
}

export function sandboxFailed(turn: Turn, event: Extract<AgentEvent, { type: 'sandboxFailed' }>): void {
  const run = turn.state.runs.get(event.containerId);
  if (run?.phase !== 'preparing') return;
  const { message } = event;
  if (event.stage === 'directory')
    return neverRan(turn, run, { state: 'TASK_DROPPED', reason: 'REASON_EXECUTOR_TERMINATED', message });
  failLaunch(turn, run, message);
}

function startRun(
  turn: Turn,
  framework: AgentFramework,
  kind: Run['kind'],
  executor: ExecutorInfo,
  tasks: readonly Task[],
): void {
  const task = tasks[0]!.info;
  const run = newRun(turn.state, framework, kind, executor, task);
  addRun(turn.state, framework, run);
  for (const entry of tasks) addTask(framework, run, entry);
  saveRun(turn, run);
  for (const entry of tasks) saveTask(turn, run, entry);
  const command = kind === 'command' ? task.command : executor.command;
  emit(turn, {
    type: 'prepareSandbox',
    containerId: run.containerId,
    directory: run.directory,
    user: userOf(turn.state, framework.info, command?.user),
    uris: command?.uris ?? [],
    // Docker mounts them itself: see specOf.
    volumes: run.containerizer === 'docker' ? [] : volumesOfRun(turn.state, run),
    ...secretsOf(command),
  });
}

/** A task that cannot run here: only its end is told, through the same stream of updates as any other. */
export function refuse(
  turn: Turn,
  framework: AgentFramework,
  task: TaskInfo,
  executor: ExecutorInfo | undefined,
  end: TaskEnd,
): void {
  const run = newRun(turn.state, framework, 'command', executor ?? commandExecutor(task), task);
  run.phase = 'ended';
  const entry = newTask(task);
  addRun(turn.state, framework, run);
  addTask(framework, run, entry);
  saveRun(turn, run);
  const { state, reason, message } = end;
  report(turn, run, entry, state, { reason, message, byAgent: true });
}

/** The master counts an executor from the first task on: one that never came to be must be told. */
export function refuseExecutor(turn: Turn, framework: AgentFramework, executor: ExecutorInfo): void {
  const frameworkId = framework.info.id?.value ?? '';
  const executorId = executor.executorId.value;
  if (runOfExecutor(framework, executorId) !== undefined) return;
  emit(turn, { type: 'sendMaster', call: { type: 'executorExited', frameworkId, executorId, status: 0 } });
}

export function faultOf(
  state: AgentState,
  framework: AgentFramework,
  task: TaskInfo,
  executor: ExecutorInfo | undefined,
): TaskEnd | undefined {
  const ids = [framework.info.id?.value ?? '', task.taskId.value, executor?.executorId.value ?? task.taskId.value];
  const bad = ids.find((id) => !isSafeId(id));
  if (bad !== undefined) return invalid(`'${bad}' contains invalid characters`);
  const command = executor === undefined || executor.type === 'DEFAULT' ? task.command : executor.command;
  if (command === undefined && task.container === undefined) return invalid('There is no command to run');
  const secret = secretFault(state.config, command) ?? checkFault(state, task);
  if (secret !== undefined) return invalid(secret);
  const name = containerizerFor(executor === undefined ? task.container : executor.container);
  if (state.config.containerizers.includes(name)) return undefined;
  return {
    state: 'TASK_FAILED',
    reason: 'REASON_CONTAINER_LAUNCH_FAILED',
    message: `This agent has no '${name}' containerizer: the plugin containerizer-${name} is missing or not active`,
  };
}

const checkFault = ({ config }: AgentState, { check, healthCheck }: TaskInfo): string | undefined =>
  [check?.command?.command, healthCheck?.command]
    .map((command) => secretFault(config, command, 'in the commands of checks'))
    .find((fault) => fault !== undefined);

const invalid = (message: string): TaskEnd => ({ state: 'TASK_ERROR', reason: 'REASON_TASK_INVALID', message });

/** Ids become names of directories. */
const isSafeId = (id: string): boolean =>
  id !== '' && id !== '.' && id !== '..' && !/[/\\]/.test(id) && [...id].every((c) => c > '\u001f' && c !== '\u007f');

function newRun(
  state: AgentState,
  framework: AgentFramework,
  kind: Run['kind'],
  executor: ExecutorInfo,
  task: TaskInfo,
): Run {
  const frameworkId = framework.info.id?.value ?? '';
  const executorId = executor.executorId.value;
  const containerId = nextUuid(state);
  return {
    ...{ containerId, frameworkId, executorId, kind },
    info: { ...executor, frameworkId: { value: frameworkId } },
    containerizer: containerizerFor(kind === 'command' ? task.container : executor.container),
    directory: sandboxPath(state, frameworkId, executorId, containerId),
    phase: 'preparing',
    checkpoint: undefined,
    pid: undefined,
    network: undefined,
    tasks: new Map(),
    completedTasks: [],
    connection: undefined,
    killOnLaunchMs: undefined,
    ended: undefined,
  };
}

export const newTask = (info: TaskInfo, group?: string): Task => ({
  info,
  group,
  containerId: undefined,
  state: 'TASK_STAGING',
  statuses: [],
  updates: [],
  retryMs: 0,
  delivered: false,
  killing: false,
  preemptedFor: undefined,
  tooLong: false,
  healthy: undefined,
  checkStatus: checkStatusOf(info.check),
  probes: new Map(),
});

export const sandboxPath = (state: AgentState, frameworkId: string, executorId: string, containerId: string): string =>
  `${state.config.workDir}/slaves/${state.agentId ?? ''}/frameworks/${frameworkId}/executors/${executorId}/runs/${containerId}`;

/** How the built-in executor of a task without one is shown. It costs nothing beyond the task. */
function commandExecutor(task: TaskInfo): ExecutorInfo {
  const command = [task.command?.value ?? '', ...(task.command?.shell === false ? (task.command.arguments ?? []) : [])];
  const text = command.join(' ');
  const shown = text.length > 15 ? `sh -c '${text.slice(0, 12)}...')` : `sh -c '${text}')`;
  return {
    executorId: { value: task.taskId.value },
    name: `Command Executor (Task: ${task.taskId.value}) (Command: ${shown}`,
    source: task.taskId.value,
    ...(task.command && { command: task.command }),
    ...(task.container && { container: task.container }),
    ...(task.discovery && { discovery: task.discovery }),
    ...(task.labels && { labels: task.labels }),
  };
}
