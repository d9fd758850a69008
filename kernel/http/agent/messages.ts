import type {
  AgentCallGetContainers,
  Operation as OperationMessage,
  AgentResponseGetContainersContainer,
  AgentResponseGetExecutors,
  AgentResponseGetFrameworks,
  AgentResponseGetState,
  AgentResponseGetTasks,
  ResourceStatistics,
  Task as TaskMessage,
} from '@mezzo/sdk/api';
import { messageOf, isTerminal } from '@mezzo/sdk/contract';
import type { ContainerStatistics } from '@mezzo/sdk/points/containerizer';
import {
  type AgentFramework,
  type AgentState,
  type Container,
  type Operation,
  type Run,
  type Task,
} from '../../core/agent/state.js';
import { SEES_ALL } from '../../core/master/sight.js';
import { containerStatusOf } from '../../core/agent/updates.js';
import { usedBy } from '../../core/agent/views.js';
import { Resources } from '../../core/resources/index.js';
import { containerIdOf } from './container-api.js';
import { within } from '../../shell/agent/within.js';
import type { AgentSite } from './site.js';

/** The state in v1 messages. */

const STATISTICS_TIMEOUT_MS = 3000;

export const allFrameworks = (state: AgentState): AgentFramework[] => [
  ...state.frameworks.values(),
  ...state.completedFrameworks,
];

export function taskMessage(state: AgentState, run: Run, { info, ...task }: Task): TaskMessage {
  const oldest = task.updates[0] ?? task.statuses.at(-1);
  const user = info.command?.user ?? info.executor?.command?.user;
  return {
    name: info.name,
    taskId: info.taskId,
    frameworkId: { value: run.frameworkId },
    ...(run.kind !== 'command' && { executorId: { value: run.executorId } }),
    agentId: { value: state.agentId ?? '' },
    state: task.state,
    resources: info.resources ?? [],
    statuses: [...task.statuses],
    ...(oldest && { statusUpdateState: oldest.state, ...(oldest.uuid && { statusUpdateUuid: oldest.uuid }) }),
    ...(info.labels && { labels: info.labels }),
    ...(info.discovery && { discovery: info.discovery }),
    ...(info.container && { container: info.container }),
    ...(info.healthCheck && { healthCheck: info.healthCheck }),
    ...(info.killPolicy && { killPolicy: info.killPolicy }),
    ...(user !== undefined && { user }),
    ...(info.limits && { limits: info.limits }),
  };
}

/** A task waits in the queue until its container is there, or its executor has it. */
export const isQueued = (run: Run, task: Task): boolean =>
  task.state === 'TASK_STAGING' && !task.delivered && run.phase !== 'ended';

export function getTasks(state: AgentState, sight = SEES_ALL): AgentResponseGetTasks {
  const queuedTasks: TaskMessage[] = [];
  const launchedTasks: TaskMessage[] = [];
  const terminatedTasks: TaskMessage[] = [];
  const completedTasks: TaskMessage[] = [];
  for (const framework of allFrameworks(state)) {
    const put = (list: TaskMessage[], message: TaskMessage): void => {
      if (sight.task(framework.info, message)) list.push(message);
    };
    for (const run of [...framework.runs.values(), ...framework.completedRuns]) {
      for (const task of run.tasks.values()) {
        const list = isTerminal(task.state) ? terminatedTasks : isQueued(run, task) ? queuedTasks : launchedTasks;
        put(list, taskMessage(state, run, task));
      }
      for (const task of run.completedTasks) put(completedTasks, taskMessage(state, run, task));
    }
  }
  return { pendingTasks: [], queuedTasks, launchedTasks, terminatedTasks, completedTasks };
}

export function getExecutors(state: AgentState, sight = SEES_ALL): AgentResponseGetExecutors {
  const frameworks = allFrameworks(state);
  const shown = (framework: AgentFramework, runs: Iterable<Run>) =>
    [...runs].filter(({ info }) => sight.executor(framework.info, info)).map(({ info }) => ({ executorInfo: info }));
  return {
    executors: frameworks.flatMap((framework) => shown(framework, framework.runs.values())),
    completedExecutors: frameworks.flatMap((framework) => shown(framework, framework.completedRuns)),
  };
}

export function getFrameworks(state: AgentState, sight = SEES_ALL): AgentResponseGetFrameworks {
  const shown = (frameworks: Iterable<AgentFramework>) =>
    [...frameworks].filter(({ info }) => sight.framework(info)).map(({ info }) => ({ frameworkInfo: info }));
  return { frameworks: shown(state.frameworks.values()), completedFrameworks: shown(state.completedFrameworks) };
}

export const getState = (state: AgentState, sight = SEES_ALL): AgentResponseGetState => ({
  getTasks: getTasks(state, sight),
  getExecutors: getExecutors(state, sight),
  getFrameworks: getFrameworks(state, sight),
});

export const operationMessage = (state: AgentState, operation: Operation): OperationMessage => {
  const { uuid, frameworkId, info, status } = operation;
  return {
    ...(frameworkId !== undefined && { frameworkId: { value: frameworkId } }),
    ...(state.agentId !== undefined && { agentId: { value: state.agentId } }),
    info,
    latestStatus: status,
    statuses: [status],
    uuid: { value: uuid },
  };
};

/** What runs, with what it uses; a containerizer that does not answer in time costs the numbers only. */
export async function getContainers(
  { host, log }: AgentSite,
  { showNested, showStandalone }: AgentCallGetContainers = {},
  seen: (root: string) => boolean = () => true,
): Promise<AgentResponseGetContainersContainer[]> {
  const inner = [...host.state.containers.values()].filter(({ parent }) =>
    parent === undefined ? showStandalone : showNested,
  );
  const shown = [...host.state.runs.values(), ...inner].filter(
    (one) => one.phase === 'running' && seen('path' in one ? (one.path[0] ?? '') : one.containerId),
  );
  const statistics = shown.map(async ({ containerId, containerizer }) => {
    try {
      return await within(STATISTICS_TIMEOUT_MS, host.containerizer(containerizer)?.statistics(containerId));
    } catch (error) {
      log.debug('no statistics', { containerId, reason: messageOf(error) });
      return undefined;
    }
  });
  const found = await Promise.all(statistics);
  return shown.map((one, i) => ({
    ...('path' in one ? containerMessage(one) : runMessage(host.state, one)),
    ...(found[i] && { resourceStatistics: { ...allowance(host.state, one), ...statisticsMessage(found[i]) } }),
  }));
}

const runMessage = (state: AgentState, run: Run): AgentResponseGetContainersContainer => ({
  frameworkId: { value: run.frameworkId },
  executorId: { value: run.executorId },
  executorName: run.info.name ?? '',
  containerId: { value: run.containerId },
  containerStatus: {
    containerId: { value: run.containerId },
    ...(run.network && { networkInfos: containerStatusOf(state, run).networkInfos }),
    ...(run.pid !== undefined && { executorPid: run.pid }),
  },
});

/** As in Mesos, the status alone says what it is in. */
const containerMessage = ({ path, pid }: Container): AgentResponseGetContainersContainer => ({
  containerId: { value: path.at(-1) ?? '' },
  containerStatus: { containerId: containerIdOf(path), ...(pid !== undefined && { executorPid: pid }) },
});

/** What a run or a task in a pod may use, whether or not its containerizer can hold it to that. */
function allowance({ runs }: AgentState, one: Run | Container): Partial<ResourceStatistics> {
  const given = 'path' in one ? runs.get(one.run ?? '')?.tasks.get(one.taskId ?? '')?.info.resources : usedBy(one);
  if (given === undefined) return {};
  const bag = Resources.of(given);
  const memBytes = (bag.scalar('mem') / 1000) * 1024 * 1024;
  return { cpusSoftLimit: bag.scalar('cpus') / 1000, memLimitBytes: memBytes, memSoftLimitBytes: memBytes };
}

const statisticsMessage = ({ timestampMs, cpusLimitMilli, ...found }: ContainerStatistics): ResourceStatistics => ({
  timestamp: timestampMs / 1000,
  ...found,
  ...(cpusLimitMilli !== undefined && { cpusLimit: cpusLimitMilli / 1000 }),
});
