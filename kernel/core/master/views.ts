import {
  Lazy,
  type AgentInfoCapability,
  type ExecutorInfo,
  type MasterResponseGetAgents,
  type MasterResponseGetAgentsAgent,
  type MasterResponseGetExecutors,
  type MasterResponseGetFrameworks,
  type MasterResponseGetFrameworksFramework,
  type MasterResponseGetOperations,
  type MasterResponseGetState,
  type MasterResponseGetTasks,
  type Operation as OperationMessage,
  type Role,
  type Run,
  type Task as TaskMessage,
} from '@mezzo/sdk/api';
import { asId, type FrameworkId } from '@mezzo/sdk/contract';
import { Resources } from '../resources/index.js';
import { offeredBy, usedBy, usedInSteps } from './holdings.js';
import { lookOf } from './looks.js';
import { seenAgent, seenAgentInfo, SEES_ALL, type Sight } from './sight.js';
import type { Agent, Framework, MasterState, Operation } from './state.js';
import { timeInfo } from './turn.js';

/** What our agents can do, in the field's words. */
export const AGENT_CAPABILITIES: readonly AgentInfoCapability[] = [
  { type: 'MULTI_ROLE' },
  { type: 'HIERARCHICAL_ROLE' },
  { type: 'RESERVATION_REFINEMENT' },
  { type: 'RESIZE_VOLUME' },
  { type: 'AGENT_OPERATION_FEEDBACK' },
  { type: 'AGENT_DRAINING' },
  { type: 'TASK_RESOURCE_LIMITS' },
];

export const pidOf = (agent: Agent): string => `slave(1)@${agent.address}`;

export const isActive = (agent: Agent): boolean => agent.connection !== undefined && !agent.deactivated;

export function activeAgents({ agents }: MasterState): number {
  let active = 0;
  for (const agent of agents.values()) if (isActive(agent)) active++;
  return active;
}

export function agentView(_state: MasterState, agent: Agent): MasterResponseGetAgentsAgent {
  const { reregisteredAtMs } = agent;
  return {
    // Every agent checkpoints; clients of old look for the word.
    agentInfo: { ...agent.info, checkpoint: true },
    active: isActive(agent),
    deactivated: agent.deactivated,
    ...(agent.drain && {
      drainInfo: { state: agent.drain.state, config: agent.drain.config },
      estimatedDrainStartTime: timeInfo(agent.drain.sinceMs),
    }),
    version: agent.version,
    pid: pidOf(agent),
    registeredTime: timeInfo(agent.registeredAtMs),
    ...(reregisteredAtMs !== undefined && { reregisteredTime: timeInfo(reregisteredAtMs) }),
    totalResources: agent.total.toMessages('both'),
    allocatedResources: usedBy(agent).toMessages('both'),
    offeredResources: offeredBy(agent).toMessages('both'),
    capabilities: [...AGENT_CAPABILITIES],
  };
}

const frameworkView = (
  framework: Framework,
  used: Resources,
  list: ListMaker,
): MasterResponseGetFrameworksFramework => ({
  ...frameworkItself(framework),
  ...(framework.unregisteredAtMs !== undefined && { unregisteredTime: timeInfo(framework.unregisteredAtMs) }),
  offerConstraints: framework.offerConstraints ?? {},
  // As they are, and not in the format that the framework is told them in.
  offers: list({
    items: [...framework.offers],
    view: ({ message, resources }) => ({ ...message, resources: resources.toMessages('post') }),
  }),
  allocatedResources: used.toMessages('both'),
  offeredResources: offeredBy(framework).toMessages('both'),
});

/** What events tell: the framework without what it holds, and with the field's zero for a time that has not come. */
export const frameworkInEvent = (framework: Framework): MasterResponseGetFrameworksFramework => ({
  ...frameworkItself(framework),
  unregisteredTime: timeInfo(framework.unregisteredAtMs ?? 0),
});

function frameworkItself(framework: Framework): MasterResponseGetFrameworksFramework {
  const { reregisteredAtMs } = framework;
  const connected = framework.connection !== undefined;
  return {
    frameworkInfo: framework.info,
    active: connected,
    connected,
    recovered: framework.recovered,
    registeredTime: timeInfo(framework.registeredAtMs),
    ...(reregisteredAtMs !== undefined && { reregisteredTime: timeInfo(reregisteredAtMs) }),
  };
}

/** How lists of answers are made. */
export type ListMaker = <T, M>(...runs: readonly Run<T, M>[]) => M[];

/** As they are now. */
export const atOnce: ListMaker = (...runs) => runs.flatMap(({ items, view }) => items.map((item) => view(item)));

/** Bit by bit, when they are written: who is in them is decided now. */
export const lazily: ListMaker = (...runs) => new Lazy(runs as readonly Run[]) as never;

/** The agents, as `view` shows them from what `Look` says and no more. What was written of them may be kept where all is seen. */
export const agentRun = <M>({ agents }: MasterState, sight: Sight, view: (agent: Agent) => M): Run<Agent, M> => ({
  items: [...agents.values()],
  view,
  look: lookOf,
  keeper: sight === SEES_ALL ? agents : undefined,
});

/** Frameworks, as `view` shows them from what they use, which is summed up bit by bit. */
export function frameworkRun<M>(
  items: readonly Framework[],
  view: (framework: Framework, used: Resources) => M,
): Run<Framework, M> {
  let summed: Framework | undefined;
  let used = Resources.empty;
  return {
    items,
    *prepare(framework) {
      used = yield* usedInSteps(framework);
      summed = framework;
    },
    view: (framework) => view(framework, summed === framework ? used : usedBy(framework)),
  };
}

export const getAgents = (state: MasterState, sight = SEES_ALL, list = atOnce): MasterResponseGetAgents => ({
  agents: list(agentRun(state, sight, (agent) => seenAgent(sight, agentView(state, agent)))),
  recoveredAgents: list({
    items: [...state.recoveredAgents.values()],
    view: ({ info }) => seenAgentInfo(sight, info),
  }),
});

export function getFrameworks(state: MasterState, sight = SEES_ALL, list = atOnce): MasterResponseGetFrameworks {
  const seen = (all: Iterable<Framework>) =>
    list(
      frameworkRun(
        [...all].filter(({ info }) => sight.framework(info)),
        (framework, used) => frameworkView(framework, used, list),
      ),
    );
  return {
    frameworks: seen(state.frameworks.values()),
    completedFrameworks: seen(state.completedFrameworks.values()),
  };
}

export const getExecutors = (state: MasterState, sight = SEES_ALL, list = atOnce): MasterResponseGetExecutors => ({
  executors: list({
    items: [...state.agents.values()].flatMap((agent) =>
      [...agent.executors.values()].filter(({ info, frameworkId }) => seesExecutor(state, sight, frameworkId, info)),
    ),
    view: ({ info, agentId }) => ({ executorInfo: info, agentId: { value: agentId } }),
  }),
});

function seesExecutor(state: MasterState, sight: Sight, frameworkId: FrameworkId, info: ExecutorInfo): boolean {
  const framework = state.frameworks.get(frameworkId);
  return sight === SEES_ALL || (framework !== undefined && sight.executor(framework.info, info));
}

export const getOperations = (state: MasterState, sight = SEES_ALL, list = atOnce): MasterResponseGetOperations => ({
  operations: list({
    items: [...state.agents.values()].flatMap(({ operations }) =>
      [...operations.values()].filter(({ frameworkId }) => {
        const framework = frameworkId && state.frameworks.get(frameworkId);
        return !framework || sight.framework(framework.info);
      }),
    ),
    view: operationView,
  }),
});

const operationView = ({ uuid, frameworkId, agentId, info, status }: Operation): OperationMessage => ({
  ...(frameworkId && { frameworkId: { value: frameworkId } }),
  agentId: { value: agentId },
  info,
  latestStatus: status,
  statuses: status.state === 'OPERATION_PENDING' ? [] : [status],
  uuid: { value: uuid },
});

/** Tasks of a framework that may be seen. What was written of them may be kept unless some are left out. */
function seenTasks<M>(
  { info }: Framework,
  keeper: object,
  tasks: readonly TaskMessage[],
  sight: Sight,
  view: (task: TaskMessage) => M,
): Run<TaskMessage, M> {
  const items = sight === SEES_ALL ? tasks : tasks.filter((task) => sight.task(info, task));
  return { items, view, keeper: items.length === tasks.length ? keeper : undefined };
}

type TaskRun<M> = (framework: Framework) => Run<TaskMessage, M>;

/** The three lists of tasks of a framework. */
export const taskRuns = <M>(
  sight: Sight,
  view: (task: TaskMessage) => M,
): { readonly [List in 'tasks' | 'unreachableTasks' | 'completedTasks']: TaskRun<M> } => {
  const over =
    (list: 'unreachableTasks' | 'completedTasks'): TaskRun<M> =>
    (framework) =>
      seenTasks(framework, framework[list], [...framework[list].values()], sight, view);
  return {
    tasks: (framework) => {
      const { tasks } = framework;
      return seenTasks(
        framework,
        tasks,
        Array.from(tasks.values(), ({ message }) => message),
        sight,
        view,
      );
    },
    unreachableTasks: over('unreachableTasks'),
    completedTasks: over('completedTasks'),
  };
};

export function getTasks(state: MasterState, sight = SEES_ALL, list = atOnce): MasterResponseGetTasks {
  const all = [...state.frameworks.values(), ...state.completedFrameworks.values()];
  const { tasks, unreachableTasks, completedTasks } = taskRuns(sight, (task) => task);
  return {
    tasks: list(...all.map(tasks)),
    unreachableTasks: list(...all.map(unreachableTasks)),
    completedTasks: list(...all.map(completedTasks)),
  };
}

export const getState = (state: MasterState, sight = SEES_ALL, list = atOnce): MasterResponseGetState => ({
  getTasks: getTasks(state, sight, list),
  getExecutors: getExecutors(state, sight, list),
  getFrameworks: getFrameworks(state, sight, list),
  getAgents: getAgents(state, sight, list),
});

export interface RoleView {
  readonly name: string;
  readonly weight: number;
  readonly frameworks: readonly FrameworkId[];
  readonly allocated: Resources;
  readonly offered: Resources;
  readonly reserved: Resources;
}

/** Bit by bit: every role that a framework is in, that something is reserved for or allocated to, or that has a weight or quota. */
export function* getRoles(state: MasterState, sight = SEES_ALL): Generator<undefined, RoleView[]> {
  const roles = new Map<
    string,
    { frameworks: FrameworkId[]; allocated: Resources; offered: Resources; reserved: Resources }
  >();
  const role = (name: string) => {
    const known = roles.get(name) ?? {
      frameworks: [],
      allocated: Resources.empty,
      offered: Resources.empty,
      reserved: Resources.empty,
    };
    roles.set(name, known);
    return known;
  };
  for (const name of [...state.weights.keys(), ...state.quotas.keys()]) role(name);
  for (const framework of state.frameworks.values()) {
    for (const name of framework.roles) role(name).frameworks.push(framework.id);
  }
  for (const agent of state.agents.values()) {
    for (const [name, resources] of agent.total.reservations())
      role(name).reserved = role(name).reserved.add(resources);
    for (const [name, used] of usedBy(agent).allocations()) role(name).allocated = role(name).allocated.add(used);
    for (const [name, offered] of offeredBy(agent).allocations()) role(name).offered = role(name).offered.add(offered);
    yield;
  }
  return [...roles]
    .filter(([name]) => sight.role(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, view]) => ({ name, weight: state.weights.get(name) ?? 1, ...view }));
}

export const roleMessages = (roles: readonly RoleView[]): Role[] =>
  roles.map(({ name, weight, frameworks, allocated, offered }) => ({
    name,
    weight,
    frameworks: frameworks.map((value) => ({ value: asId<FrameworkId>(value) })),
    resources: [...allocated.add(offered).quantities()].map(([resource, milli]) => ({
      name: resource,
      type: 'SCALAR' as const,
      scalar: { value: milli / 1000 },
    })),
  }));
