import { isTerminal } from '@mezzo/sdk/contract';
import type { AgentInfo, Resource } from '@mezzo/sdk/api';
import { digestOf } from '../digest.js';
import type { AgentGreeting, AgentOperation, AgentReturn, AgentSubscribe, AgentTask } from '../protocol.js';
import { bookItems, PROTOCOL_VERSION } from '../protocol.js';
import { type AgentFramework, type AgentState, type Operation, type Run, type Task } from './state.js';

/** What others read of the state. */

export const agentInfoOf = ({ config, agentId }: AgentState): AgentInfo => ({
  hostname: config.hostname,
  port: config.port,
  resources: [...config.resources],
  attributes: [...config.attributes],
  ...(config.domain && { domain: config.domain }),
  ...(agentId !== undefined && { id: { value: agentId } }),
});

/** What frameworks may have, now. */
export const offeredBy = ({ resources, oversubscribed }: AgentState): readonly Resource[] => [
  ...resources,
  ...oversubscribed,
];

const greetingOf = (state: AgentState): AgentGreeting => ({
  protocol: PROTOCOL_VERSION,
  agentInfo: agentInfoOf(state),
  address: `${state.config.ip}:${state.config.port}`,
  resources: offeredBy(state),
  version: state.config.version,
});

/** For the master that had this agent last. */
export function returnOf(state: AgentState): AgentReturn {
  const tasks = [...state.frameworks.values()].flatMap(tasksOf);
  const items = [
    ...tasks.map(({ run, task }) => bookItems.task(run.frameworkId, task.info.taskId.value, task.state)),
    ...executorRuns(state).map(({ frameworkId, info }) => bookItems.executor(frameworkId, info.executorId.value)),
    ...[...state.operations.values()].map(({ uuid, status }) => bookItems.operation(uuid, status)),
  ];
  return { ...greetingOf(state), digest: digestOf(items) };
}

/** All that a master has to know of this agent. */
export function subscribeOf(state: AgentState): AgentSubscribe {
  const frameworks = [...state.frameworks.values()];
  return {
    ...greetingOf(state),
    tasks: frameworks.flatMap((framework) => tasksOf(framework).map(({ run, task }) => agentTaskOf(run, task))),
    executors: executorRuns(state).map(({ frameworkId, info }) => ({ frameworkId, info })),
    operations: [...state.operations.values()].map(answered),
    frameworks: frameworks.map((framework) => framework.info),
  };
}

export const answered = ({ retryMs: _, ...operation }: Operation): AgentOperation => operation;

/** What must be kept over restarts: all that the machine has not got by itself. */
export const keptOf = ({ resources }: AgentState): Resource[] =>
  resources.filter(
    ({ disk, reservations }) =>
      disk?.persistence !== undefined || reservations?.some(({ type }) => type === 'DYNAMIC') === true,
  );

const executorRuns = (state: AgentState): Run[] =>
  [...state.runs.values()].filter((run) => run.kind !== 'command' && run.phase !== 'ended');

export const tasksOf = (framework: AgentFramework): { run: Run; task: Task }[] =>
  [...framework.runs.values()].flatMap((run) => [...run.tasks.values()].map((task) => ({ run, task })));

function agentTaskOf(run: Run, task: Task): AgentTask {
  const oldest = task.updates[0];
  return {
    frameworkId: run.frameworkId,
    info: task.info,
    ...(run.kind !== 'command' && { executorId: run.executorId }),
    state: task.state,
    statuses: [...task.statuses],
    ...(oldest?.uuid !== undefined && { unacknowledged: { uuid: oldest.uuid, state: oldest.state } }),
  };
}

/** What the run's live tasks, and the executor itself while it is there, have been given. */
export function usedBy(run: Run): Resource[] {
  const executor = run.kind !== 'command' && run.phase !== 'ended' ? (run.info.resources ?? []) : [];
  const tasks = [...run.tasks.values()].filter((task) => !isTerminal(task.state));
  return [...executor, ...tasks.flatMap((task) => task.info.resources ?? [])];
}
