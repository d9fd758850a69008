import {
  Lazy,
  messageToObject,
  type DomainInfo,
  type Label,
  type Run,
  type Task as TaskMessage,
  type TaskStatus,
} from '@mezzo/sdk/api';
import { sizeOfRanges, type Ranges } from '@mezzo/sdk/contract';
import type { Agent, Framework, MasterState, Offer } from '../../core/master/index.js';
import {
  activeAgents,
  AGENT_CAPABILITIES,
  agentRun,
  frameworkRun,
  getRoles,
  isActive,
  pidOf,
  taskRuns,
} from '../../core/master/views.js';
import { offeredBy, usedBy } from '../../core/master/holdings.js';
import { SEES_ALL, type Sight } from '../../core/master/sight.js';
import { attributesSummary, Resources } from '../../core/resources/index.js';
import { executorView } from './executor-view.js';
import type { Viewer } from './permissions.js';
import { JsonText, lazily, type Steps } from '../slices.js';
import { sorted } from '../sorted.js';
import { taskText } from '../task-text.js';
import type { MasterSite } from './site.js';

/** The JSON objects of the endpoints that were there before v1: snake_case, `slave` for agent, times in seconds. */
export type Json = Record<string, unknown>;

const seconds = (ms: number): number => ms / 1000;
const labelsOf = (labels: readonly Label[]): Json[] =>
  labels.map(({ key, value }) => ({ key, ...(value !== undefined && { value }) }));

export const domainOf = ({ domain }: { readonly domain?: DomainInfo | undefined }): Json =>
  domain === undefined ? {} : { domain: messageToObject('mesos.v1.DomainInfo', domain) };

export function slaveView(agent: Agent, sight = SEES_ALL): Json {
  const { id, info, total } = agent;
  const reserved = reservationsOf(total, sight).map(([role, bag]) => [role, bag.summary()] as const);
  return {
    id,
    hostname: info.hostname,
    port: info.port ?? 5051,
    attributes: attributesSummary(info.attributes ?? []),
    ...domainOf(info),
    pid: pidOf(agent),
    registered_time: seconds(agent.registeredAtMs),
    ...(agent.reregisteredAtMs !== undefined && { reregistered_time: seconds(agent.reregisteredAtMs) }),
    resources: total.summary(),
    used_resources: usedBy(agent).summary(),
    offered_resources: offeredBy(agent).summary(),
    reserved_resources: Object.fromEntries(reserved),
    unreserved_resources: total.unreserved().summary(),
    active: isActive(agent),
    deactivated: agent.deactivated,
    ...(agent.drain && {
      drain_info: messageToObject('mesos.v1.DrainInfo', { state: agent.drain.state, config: agent.drain.config }),
      estimated_drain_start_time_seconds: seconds(agent.drain.sinceMs),
    }),
    version: agent.version,
    capabilities: AGENT_CAPABILITIES.map(({ type }) => type),
  };
}

/** Those of roles that may be seen. */
const reservationsOf = (bag: Resources, sight: Sight) => [...bag.reservations()].filter(([role]) => sight.role(role));

const full = (bag: Resources, sight = SEES_ALL): Json[] =>
  bag
    .toMessages('both')
    .filter((one) => sight.resource(one))
    .map((one) => messageToObject('mesos.v1.Resource', one));

const fullSlaveView = (agent: Agent, sight: Sight): Json => ({
  ...slaveView(agent, sight),
  reserved_resources_full: Object.fromEntries(
    reservationsOf(agent.total, sight).map(([role, bag]) => [role, full(bag)]),
  ),
  unreserved_resources_full: full(agent.total.unreserved()),
  used_resources_full: full(usedBy(agent), sight),
  offered_resources_full: full(offeredBy(agent), sight),
});

function statusView({ state, timestamp, labels, containerStatus, healthy }: TaskStatus): Json {
  const container = containerStatus && messageToObject('mesos.v1.ContainerStatus', containerStatus);
  if (container) delete container.executor_pid;
  return {
    state,
    timestamp: timestamp ?? 0,
    ...(labels && { labels: labelsOf(labels.labels ?? []) }),
    ...(container && { container_status: container }),
    ...(healthy !== undefined && { healthy }),
  };
}

export function taskView(task: TaskMessage): Json {
  const resources = Resources.of(task.resources);
  return {
    id: task.taskId.value,
    name: task.name,
    framework_id: task.frameworkId.value,
    executor_id: task.executorId?.value ?? '',
    slave_id: task.agentId.value,
    state: task.state,
    resources: resources.summary(),
    ...(task.limits && { limits: limitsOf(task.limits) }),
    role: resources.entries[0]?.id.allocationRole ?? '*',
    statuses: (task.statuses ?? []).map(statusView),
    ...(task.user !== undefined && { user: task.user }),
    ...(task.labels && { labels: labelsOf(task.labels.labels ?? []) }),
    ...(task.discovery && { discovery: messageToObject('mesos.v1.DiscoveryInfo', task.discovery) }),
    ...(task.container && { container: messageToObject('mesos.v1.ContainerInfo', task.container) }),
    ...(task.healthCheck && { health_check: messageToObject('mesos.v1.HealthCheck', task.healthCheck) }),
  };
}

const limitsOf = (limits: Readonly<Record<string, { value: number }>>): Json =>
  Object.fromEntries(Object.entries(limits).map(([name, { value }]) => [name, value]));

const offerView = (offer: Offer): Json => ({
  id: offer.id,
  framework_id: offer.frameworkId,
  allocation_info: { role: offer.role },
  slave_id: offer.agentId,
  resources: offer.resources.summary(),
});

function frameworkSummary(framework: Framework, used: Resources): Json {
  const { id, info } = framework;
  const connected = framework.connection !== undefined;
  return {
    id,
    name: info.name,
    used_resources: used.summary(),
    offered_resources: offeredBy(framework).summary(),
    capabilities: (info.capabilities ?? []).map(({ type }) => type),
    hostname: info.hostname ?? '',
    webui_url: info.webuiUrl ?? '',
    active: connected,
    connected,
    recovered: framework.recovered,
  };
}

function frameworkView(framework: Framework, used: Resources, sight: Sight): Json {
  const { info } = framework;
  const { tasks, unreachableTasks, completedTasks } = taskRuns(sight, (task) => new JsonText(taskText(task)));
  const multiRole = framework.capabilities.has('MULTI_ROLE');
  const executors = [...framework.executors.values()].filter((executor) => sight.executor(info, executor.info));
  return {
    ...frameworkSummary(framework, used),
    user: info.user,
    failover_timeout: info.failoverTimeout ?? 0,
    checkpoint: info.checkpoint ?? false,
    registered_time: seconds(framework.registeredAtMs),
    unregistered_time: seconds(framework.unregisteredAtMs ?? 0),
    ...(info.principal !== undefined && { principal: info.principal }),
    resources: used.add(offeredBy(framework)).summary(),
    ...(isReregistered(framework) && { reregistered_time: seconds(framework.reregisteredAtMs!) }),
    ...(multiRole ? { roles: framework.roles } : { role: framework.roles[0] ?? '*' }),
    tasks: new Lazy([tasks(framework) as Run]),
    unreachable_tasks: new Lazy([unreachableTasks(framework) as Run]),
    completed_tasks: new Lazy([completedTasks(framework) as Run]),
    offers: lazily([...framework.offers], offerView),
    executors: lazily(executors, ({ info, agentId }) => executorView(info, agentId)),
    ...(info.labels && { labels: labelsOf(info.labels.labels ?? []) }),
    offer_constraints: messageToObject('mesos.v1.scheduler.OfferConstraints', framework.offerConstraints ?? {}),
  };
}

const isReregistered = ({ registeredAtMs, reregisteredAtMs }: Framework): boolean =>
  reregisteredAtMs !== undefined && reregisteredAtMs !== registeredAtMs;

const COUNTED = [
  'STAGING',
  'STARTING',
  'RUNNING',
  'KILLING',
  'FINISHED',
  'KILLED',
  'FAILED',
  'LOST',
  'ERROR',
  'UNREACHABLE',
];

class TaskCounts {
  readonly counts = new Map<string, number>();
  readonly peers = new Set<string>();

  add(task: TaskMessage, peer: string, state: string = task.state): void {
    this.counts.set(state, (this.counts.get(state) ?? 0) + 1);
    this.peers.add(peer);
  }

  view(): Json {
    return Object.fromEntries(COUNTED.map((name) => [`TASK_${name}`, this.counts.get(`TASK_${name}`) ?? 0]));
  }
}

const NOTED_PER_STEP = 1000;

export function* stateSummaryView({ shell: { state }, clusterName }: MasterSite, sight = SEES_ALL): Steps<Json> {
  const bySlave = new Map<string, TaskCounts>();
  const byFramework = new Map<string, TaskCounts>();
  const of = (map: Map<string, TaskCounts>, id: string): TaskCounts =>
    map.get(id) ?? map.set(id, new TaskCounts()).get(id)!;
  const frameworks = [...state.frameworks.values()].filter(({ info }) => sight.framework(info));
  let noted = 0;
  for (const framework of frameworks) {
    const note = (task: TaskMessage): void => {
      if (!sight.task(framework.info, task)) return;
      of(byFramework, framework.id).add(task, task.agentId.value);
      of(bySlave, task.agentId.value).add(task, framework.id);
    };
    for (const all of [framework.tasks, framework.unreachableTasks, framework.completedTasks])
      for (const task of all.values()) {
        note('message' in task ? task.message : task);
        if (++noted % NOTED_PER_STEP === 0) yield;
      }
  }
  return {
    hostname: state.options.info.hostname,
    ...(clusterName !== undefined && { cluster: clusterName }),
    slaves: lazily([...state.agents.values()], (agent) => {
      const counts = of(bySlave, agent.id);
      return { ...slaveView(agent, sight), ...counts.view(), framework_ids: [...counts.peers] };
    }),
    frameworks: new Lazy([
      frameworkRun(frameworks, (framework, used) => {
        const counts = of(byFramework, framework.id);
        return { ...frameworkSummary(framework, used), ...counts.view(), slave_ids: [...counts.peers] };
      }) as Run,
    ]),
  };
}

export const slavesView = (state: MasterState, id: string | null, sight = SEES_ALL): Json => ({
  slaves: lazily(
    [...state.agents.values()].filter((agent) => id === null || agent.id === id),
    (agent) => fullSlaveView(agent, sight),
  ),
  recovered_slaves: [...state.recoveredAgents]
    .filter(([one]) => id === null || one === id)
    .map(([, { info }]) => ({
      id: info.id?.value,
      hostname: info.hostname,
      port: info.port ?? 5051,
      attributes: attributesSummary(info.attributes ?? []),
    })),
});

export function frameworksView(state: MasterState, id: string | null, sight = SEES_ALL): Json {
  const views = (frameworks: Iterable<Framework>): Lazy =>
    new Lazy([
      frameworkRun(
        [...frameworks].filter((framework) => (id === null || framework.id === id) && sight.framework(framework.info)),
        (framework, used) => frameworkView(framework, used, sight),
      ) as Run,
    ]);
  return {
    frameworks: views(state.frameworks.values()),
    completed_frameworks: views(state.completedFrameworks.values()),
    unregistered_frameworks: [],
  };
}

export function stateView(
  { shell: { state }, startedAtMs, flags, version, clusterName, logDir, externalLogFile }: MasterSite,
  { may, sight }: Viewer,
): Json {
  const { info } = state.options;
  const active = activeAgents(state);
  return {
    version: version.version,
    build_date: version.buildDate,
    build_time: version.buildTime,
    build_user: version.buildUser,
    start_time: seconds(startedAtMs),
    elected_time: seconds(state.electedAtMs),
    id: info.id,
    pid: info.pid,
    hostname: info.hostname,
    capabilities: (info.capabilities ?? []).map(({ type }) => type),
    activated_slaves: active,
    deactivated_slaves: state.agents.size - active,
    unreachable_slaves: state.unreachableAgents.size,
    leader: info.pid,
    ...domainOf(info),
    leader_info: { id: info.id, pid: info.pid, port: info.port, hostname: info.hostname, ...domainOf(info) },
    ...(clusterName !== undefined && { cluster: clusterName }),
    ...(may('view_flags') && {
      ...(logDir !== undefined && { log_dir: logDir }),
      ...(externalLogFile !== undefined && { external_log_file: externalLogFile }),
      flags,
    }),
    slaves: new Lazy([agentRun(state, sight, (agent) => slaveView(agent, sight)) as Run]),
    recovered_slaves: slavesView(state, null).recovered_slaves,
    ...frameworksView(state, null, sight),
    orphan_tasks: [],
  };
}

export interface TaskQuery {
  readonly limit: number;
  readonly offset: number;
  readonly ascending: boolean;
  readonly frameworkId: string | null;
  readonly taskId: string | null;
}

export function* tasksView(state: MasterState, query: TaskQuery, sight = SEES_ALL): Steps<Json> {
  const frameworks = [...state.frameworks.values(), ...state.completedFrameworks.values()];
  const found: TaskMessage[] = [];
  const runs = taskRuns(sight, (task) => task);
  for (const framework of frameworks) {
    if (query.frameworkId !== null && framework.id !== query.frameworkId) continue;
    for (const of of [runs.tasks, runs.unreachableTasks, runs.completedTasks]) {
      for (const task of of(framework).items)
        if (query.taskId === null || task.taskId.value === query.taskId) found.push(task);
      yield;
    }
  }
  const began = ({ statuses }: TaskMessage): number => statuses?.[0]?.timestamp ?? 0;
  const tasks = yield* sorted(found, (a, b) => (query.ascending ? began(a) - began(b) : began(b) - began(a)));
  return {
    tasks: lazily(tasks.slice(query.offset, query.offset + query.limit), (task) => new JsonText(taskText(task))),
  };
}

export function* rolesView(state: MasterState, sight = SEES_ALL): Steps<Json> {
  const roles = (yield* getRoles(state, sight)).map(({ name, weight, frameworks, allocated, offered, reserved }) => ({
    name,
    weight,
    quota: { role: name, ...quotaOf(state, name), consumed: quantities(allocated.add(reserved)) },
    resources: quantities(allocated.add(offered)),
    allocated: quantities(allocated),
    offered: quantities(offered),
    reserved: quantities(reserved),
    frameworks,
  }));
  return { roles };
}

function quotaOf(state: MasterState, role: string): Json {
  const { guarantees, limits } = state.quotas.get(role) ?? {};
  const numbers = (scalars: typeof limits): Json =>
    Object.fromEntries(Object.entries(scalars ?? {}).map(([name, { value }]) => [name, value]));
  return { guarantee: numbers(guarantees), limit: numbers(limits) };
}

/** Numbers by name; ranges and sets are counted. */
function quantities(bag: Resources): Json {
  const out: Record<string, number> = {};
  for (const [name, milli] of bag.quantities()) out[name] = milli / 1000;
  for (const { id, amount } of bag.entries) {
    if (id.type === 'RANGES') out[id.name] = (out[id.name] ?? 0) + sizeOfRanges(amount as Ranges);
    if (id.type === 'SET') out[id.name] = (out[id.name] ?? 0) + (amount as readonly string[]).length;
  }
  return out;
}
