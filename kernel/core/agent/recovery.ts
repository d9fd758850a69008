import { isTerminal } from '@mezzo/sdk/contract';
import { addContainer, addRun, addTask, newFramework, retireFramework, retireIfDone, vesselOf } from './books.js';
import {
  AGENT_KEY,
  CHECKPOINT_VERSION,
  RESOURCES_KEY,
  runKey,
  saveAgent,
  saveContainer,
  type AgentRecord,
  type ContainerRecord,
  type FrameworkRecord,
  type ResourcesRecord,
  type RunRecord,
  type TaskRecord,
} from './checkpoint.js';
import { isKept } from './containers.js';
import { awaitSubscription } from './custom-executors.js';
import { dropContainer, runOver } from './ends.js';
import type { AgentEvent, CheckpointRecord } from './events.js';
import { endRuns } from './frameworks.js';
import { killVessel, killTask } from './kill.js';
import { newTask } from './launch.js';
import { leave } from './leave.js';
import { recoverResources } from './operations.js';
import { recoverOversubscribed } from './oversubscription.js';
import { connect } from './registration.js';
import { watchTask } from './running.js';
import { type AgentState, type Container, type Run, type Task, type TaskEnd, type Vessel } from './state.js';
import { emit, type Turn } from './turn.js';
import { report } from './updates.js';

/** After a restart: the books as they were checkpointed, then the containers, then the master. */

const CONTAINER_LOST: TaskEnd = {
  state: 'TASK_GONE',
  reason: 'REASON_AGENT_RESTARTED',
  message: 'The container was gone when the agent came back',
};
const NEVER_LAUNCHED: TaskEnd = {
  state: 'TASK_DROPPED',
  reason: 'REASON_AGENT_RESTARTED',
  message: 'The agent restarted before the container was launched',
};

export function checkpointsLoaded(turn: Turn, event: Extract<AgentEvent, { type: 'checkpointsLoaded' }>): void {
  const { state } = turn;
  const { seed, bootId, recover, records } = event;
  const tooNew = newerThanWe(records);
  if (tooNew !== undefined) return giveUp(turn, tooNew);
  const agent = recordsUnder<AgentRecord>(records, AGENT_KEY)[0];
  Object.assign(state, { phase: 'recovering', seed, bootId, recover });
  readBooks(turn, records);
  state.agentId = agent?.agentId || agentIdOfTasks(state);
  state.drain = agent?.drain;
  state.reign = agent?.reign;
  // No container survives a reboot, whatever its checkpoint says: pids would name strangers.
  const rebooted = agent !== undefined && agent.bootId !== bootId;
  if (rebooted) for (const vessel of vessels(state)) vessel.checkpoint = undefined;
  if (state.agentId !== undefined && (agent === undefined || rebooted)) saveAgent(turn, state);
  const misfit = recoverResources(turn, recordsUnder<ResourcesRecord>(records, RESOURCES_KEY)[0]);
  if (misfit !== undefined) return giveUp(turn, misfit);
  const containers = vessels(state).flatMap(({ containerizer, checkpoint, phase }) =>
    checkpoint === undefined || phase === 'ended' ? [] : [{ containerizer, checkpoint }],
  );
  emit(turn, { type: 'recoverContainers', containers });
}

/** What is there stays as it is, containers and all. */
function giveUp(turn: Turn, reason: string): void {
  turn.state.phase = 'left';
  emit(turn, { type: 'exit', code: 1, reason });
}

/** To leave out what a newer version wrote would lose its tasks: their containers would run on, and nobody know of them. */
function newerThanWe(records: readonly CheckpointRecord[]): string | undefined {
  for (const { key, value } of records) {
    const { version } = value as { version: unknown };
    if (typeof version === 'number' && version > CHECKPOINT_VERSION)
      return `meta/journal: the record ${key} has version ${version}, and this agent reads ${CHECKPOINT_VERSION}: start the newer version that wrote it; to go back to this one, end its tasks by --recover=cleanup of that one first`;
  }
  return undefined;
}

export function containersRecovered(turn: Turn, containerIds: readonly string[]): void {
  const { state } = turn;
  const alive = new Set(containerIds);
  state.phase = 'serving';
  for (const container of [...state.containers.values()])
    if (!alive.has(container.containerId) && container.phase !== 'ended') containerLost(turn, container);
  for (const run of [...state.runs.values()]) {
    if (alive.has(run.containerId)) resume(turn, run);
    else lost(turn, run);
  }
  for (const container of [...state.containers.values()])
    if (container.phase === 'ended' && !isKept(state, container)) dropContainer(turn, container);
  for (const framework of [...state.frameworks.values()]) {
    if (framework.runs.size === 0) retireFramework(turn, framework);
    else if (framework.shuttingDown) endRuns(turn, framework);
  }
  if (state.recover === 'cleanup') return leave(turn, 0, 'cleaned up');
  recoverOversubscribed(turn);
  if (turn.state.phase === 'serving') connect(turn);
}

function resume(turn: Turn, run: Run): void {
  run.phase = 'running';
  // The kill may not have reached the container before the restart; of a damaged checkpoint nobody knows what runs there.
  const isUnknown = run.kind === 'command' && run.tasks.size === 0;
  if (run.ended !== undefined || isUnknown) return killVessel(turn, run, 0);
  if (run.kind === 'custom') return awaitSubscription(turn, run, turn.state.config.executorReregistrationTimeoutMs);
  if (run.kind === 'default') resumePod(turn, run);
  for (const task of [...run.tasks.values()]) {
    if (isTerminal(task.state) || vesselOf(turn.state, run, task) === undefined) {
      taskLost(turn, run, task, false);
      continue;
    }
    if (!task.statuses.some((s) => s.state === 'TASK_RUNNING') && !task.killing)
      report(turn, run, task, 'TASK_RUNNING');
    watchTask(turn, run, task);
    if (task.killing) killTask(turn, run.frameworkId, task.info.taskId.value);
  }
}

/** A container whose task is in no checkpoint any more ends, and so does what else is in the pod: nobody knows its group. */
function resumePod(turn: Turn, run: Run): void {
  turn.pods.add(run);
  const isStray = (inner: Container) => inner.run === run.containerId && !run.tasks.has(inner.taskId ?? '');
  const strays = [...turn.state.containers.values()].filter(isStray);
  for (const stray of strays) killVessel(turn, stray, 0);
  if (strays.length > 0) for (const taskId of [...run.tasks.keys()]) killTask(turn, run.frameworkId, taskId);
}

function lost(turn: Turn, run: Run): void {
  const wasOver = run.phase === 'ended';
  const mayHaveRun = run.phase !== 'preparing';
  const fields = { containerId: run.containerId, reason: CONTAINER_LOST.message };
  if (run.phase === 'running') emit(turn, { type: 'log', level: 'warn', message: 'lost a container', fields });
  run.phase = 'ended';
  for (const task of [...run.tasks.values()]) taskLost(turn, run, task, mayHaveRun);
  if (wasOver) retireIfDone(turn, run);
  else runOver(turn, run, 0);
}

function containerLost(turn: Turn, container: Container): void {
  const run = turn.state.runs.get(container.run ?? '');
  const task = run?.tasks.get(container.taskId ?? '');
  if (run && task) taskLost(turn, run, task, container.checkpoint !== undefined);
  if (container.ask === undefined || container.checkpoint === undefined) return dropContainer(turn, container);
  Object.assign(container, { phase: 'ended', exit: { limitation: 'unknown', message: CONTAINER_LOST.message } });
  saveContainer(turn, container);
}

/** Dropped means that it never ran: not so of one that was told to start, or was handed to its executor. */
function taskLost(turn: Turn, run: Run, task: Task, mayHaveRun: boolean): void {
  if (isTerminal(task.state)) return;
  const toldToStart = task.delivered || task.state !== 'TASK_STAGING';
  const { state, reason, message } = mayHaveRun || toldToStart ? CONTAINER_LOST : NEVER_LAUNCHED;
  report(turn, run, task, state, { reason, message, byAgent: true });
}

const vessels = (state: AgentState): Vessel[] => [...state.runs.values(), ...state.containers.values()];

/** The tasks know it too, should the agent's own record be damaged. */
function agentIdOfTasks(state: AgentState): string | undefined {
  const [task] = [...state.runs.values()].flatMap((run) => [...run.tasks.values()]);
  return task?.info.agentId.value;
}

/** Records that no other one leads to are of no use to anybody, and are forgotten. */
function readBooks(turn: Turn, records: readonly CheckpointRecord[]): void {
  const { state } = turn;
  for (const { info, shuttingDown } of recordsUnder<FrameworkRecord>(records, 'frameworks/'))
    if (info.id !== undefined) state.frameworks.set(info.id.value, newFramework(info, shuttingDown));
  for (const record of recordsUnder<RunRecord>(records, 'runs/')) {
    const framework = state.frameworks.get(record.frameworkId);
    if (framework !== undefined) addRun(state, framework, runOf(record));
    else emit(turn, { type: 'forget', key: runKey(record.containerId) });
  }
  for (const { key, value } of records) {
    const [kind, containerId] = key.split('/');
    const record = value as TaskRecord;
    if (kind !== 'tasks' || record.version !== CHECKPOINT_VERSION) continue;
    const run = state.runs.get(containerId ?? '');
    const framework = run && state.frameworks.get(run.frameworkId);
    if (run === undefined || framework === undefined) {
      emit(turn, { type: 'forget', key });
      continue;
    }
    const { info, state: taskState, statuses, updates, delivered, killing, preemptedFor, group } = record;
    const last = statuses.at(-1);
    addTask(framework, run, {
      ...newTask(info, group),
      ...{ state: taskState, delivered, killing, preemptedFor, containerId: record.containerId },
      statuses: [...statuses],
      updates: [...updates],
      healthy: last?.healthy,
      checkStatus: last?.checkStatus,
    });
  }
  for (const record of recordsUnder<ContainerRecord>(records, 'containers/')) addContainer(state, containerOf(record));
  dropHomeless(turn);
  for (const run of state.runs.values()) doubtEnd(run);
}

/** The crash kept the end of the container and lost what came of its task: the containerizer still knows how it ended. */
function doubtEnd(run: Run): void {
  if (run.phase !== 'ended' || [...run.tasks.values()].every((task) => isTerminal(task.state))) return;
  run.phase = run.checkpoint === undefined ? 'preparing' : 'running';
}

const recordsUnder = <T extends { version: number }>(records: readonly CheckpointRecord[], prefix: string): T[] =>
  records
    .filter(({ key }) => key === prefix || (prefix.endsWith('/') && key.startsWith(prefix)))
    .map(({ value }) => value as T)
    .filter((value) => value.version === CHECKPOINT_VERSION);

/** Containers of which nobody knows any more what they are in. */
function dropHomeless(turn: Turn): void {
  const { runs, containers } = turn.state;
  for (const container of [...containers.values()].sort((a, b) => a.path.length - b.path.length)) {
    const { parent } = container;
    if (parent !== undefined && !runs.has(parent) && !containers.has(parent)) dropContainer(turn, container);
  }
}

const containerOf = ({ version: _, ...record }: ContainerRecord): Container => ({
  ...{ parent: undefined, run: undefined, taskId: undefined, ask: undefined, checkpoint: undefined, pid: undefined },
  ...{ exit: undefined, killOnLaunchMs: undefined, launchRequest: undefined, session: false },
  ...record,
  phase: record.exit ? 'ended' : record.checkpoint === undefined ? 'preparing' : 'running',
});

const runOf = (record: RunRecord): Run => ({
  containerId: record.containerId,
  frameworkId: record.frameworkId,
  executorId: record.executorId,
  kind: record.kind,
  info: record.info,
  containerizer: record.containerizer,
  directory: record.directory,
  phase: record.ended ? 'ended' : record.checkpoint === undefined ? 'preparing' : 'running',
  checkpoint: record.checkpoint,
  pid: record.pid,
  network: record.network,
  tasks: new Map(),
  completedTasks: [],
  connection: undefined,
  killOnLaunchMs: undefined,
  ended: record.end,
});
