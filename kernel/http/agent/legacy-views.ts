import { isTerminal } from '@mezzo/sdk/contract';
import {
  messageToObject,
  type AgentResponseGetContainersContainer,
  type Labels,
  type Resource,
  type Task as TaskMessage,
} from '@mezzo/sdk/api';
import { type AgentFramework, type AgentState, type Run, type Task } from '../../core/agent/state.js';
import { usedBy } from '../../core/agent/views.js';
import { AGENT_CAPABILITIES } from '../../core/master/views.js';
import { attributesSummary, Resources } from '../../core/resources/index.js';
import { domainOf, taskView, type Json } from '../master/legacy-views.js';
import type { Sight } from '../../core/master/sight.js';
import { isQueued, taskMessage } from './messages.js';
import type { Viewer } from './permissions.js';
import type { AgentSite } from './site.js';

/** What this agent can do, in the field's words. */
const CAPABILITIES = AGENT_CAPABILITIES.map(({ type }) => type);

export function stateView(
  { host: { state }, flags, version, logDir, externalLogFile, startedAtMs, masterHostname }: AgentSite,
  { may, sight }: Viewer,
): Json {
  const { config } = state;
  const master = masterHostname();
  const total = Resources.of(state.resources);
  const used = [...state.runs.values()].reduce((sum, run) => sum.add(usedOf(run)), Resources.empty);
  const seen = (frameworks: Iterable<AgentFramework>): Json[] =>
    [...frameworks]
      .filter(({ info }) => sight.framework(info))
      .map((framework) => frameworkView(state, framework, sight));
  const full = (bag: Resources) => bag.toMessages('both').map((one) => messageToObject('mesos.v1.Resource', one));
  const byRole = <T>(bag: Resources, show: (one: Resources) => T) =>
    Object.fromEntries(
      [...bag.reservations()].filter(([role]) => sight.role(role)).map(([role, one]) => [role, show(one)]),
    );
  return {
    version: version.version,
    build_date: version.buildDate,
    build_time: version.buildTime,
    build_user: version.buildUser,
    start_time: startedAtMs / 1000,
    id: state.agentId ?? '',
    pid: `slave(1)@${config.ip}:${config.port}`,
    hostname: config.hostname,
    capabilities: CAPABILITIES,
    ...(state.drain && {
      drain_config: messageToObject('mesos.v1.DrainConfig', state.drain.config),
      estimated_drain_start_time_seconds: Math.floor(state.drain.sinceMs / 1000),
    }),
    resources: total.summary(),
    reserved_resources: byRole(total, (one) => one.summary()),
    unreserved_resources: total.unreserved().summary(),
    reserved_resources_full: byRole(total, full),
    unreserved_resources_full: full(total.unreserved()),
    reserved_resources_allocated: byRole(used, (one) => one.summary()),
    unreserved_resources_allocated: used.unreserved().summary(),
    resource_providers: [],
    attributes: attributesSummary(config.attributes),
    ...domainOf(config),
    ...(master !== undefined && { master_hostname: master }),
    ...(may('view_flags') && {
      ...(logDir !== undefined && { log_dir: logDir }),
      ...(externalLogFile !== undefined && { external_log_file: externalLogFile }),
      flags,
    }),
    frameworks: seen(state.frameworks.values()),
    completed_frameworks: seen(state.completedFrameworks),
  };
}

const usedOf = (run: Run): Resources => Resources.of(usedBy(run)).unallocate();

function frameworkView(state: AgentState, framework: AgentFramework, sight: Sight): Json {
  const { info, runs, completedRuns } = framework;
  const seen = (all: Iterable<Run>): Json[] =>
    [...all]
      .filter((run) => sight.executor(info, run.info))
      .map((run) => executorView(state, run, (task) => sight.task(info, task)));
  return {
    id: info.id?.value ?? '',
    name: info.name,
    user: info.user,
    failover_timeout: info.failoverTimeout ?? 0,
    checkpoint: info.checkpoint ?? false,
    hostname: info.hostname ?? '',
    ...(info.principal !== undefined && { principal: info.principal }),
    ...(info.roles === undefined ? { role: info.role ?? '*' } : { roles: info.roles }),
    executors: seen(runs.values()),
    completed_executors: seen(completedRuns),
  };
}

function executorView(state: AgentState, run: Run, sees: (task: TaskMessage) => boolean): Json {
  const shown = (list: readonly Task[]): Json[] =>
    list
      .map((task) => taskMessage(state, run, task))
      .filter(sees)
      .map(taskView);
  const tasks = [...run.tasks.values()];
  const resources = run.phase === 'ended' ? (run.info.resources ?? []) : usedBy(run);
  const queued = tasks.filter((task) => isQueued(run, task));
  const launched = tasks.filter((task) => !isQueued(run, task) && !isTerminal(task.state));
  const ended = [...tasks.filter((task) => isTerminal(task.state)), ...run.completedTasks];
  return {
    id: run.executorId,
    name: run.info.name ?? '',
    source: run.info.source ?? '',
    container: run.containerId,
    directory: run.directory,
    resources: Resources.of(resources).unallocate().summary(),
    role: roleOf(resources) ?? roleOf([...launched, ...ended][0]?.info.resources) ?? '*',
    ...(run.info.labels && { labels: labelsView(run.info.labels) }),
    ...(run.kind !== 'command' && { type: run.kind === 'default' ? 'DEFAULT' : 'CUSTOM' }),
    tasks: shown(launched),
    queued_tasks: shown(queued),
    completed_tasks: shown(ended),
  };
}

const roleOf = (resources: readonly Resource[] = []): string | undefined => resources[0]?.allocationInfo?.role;

const labelsView = ({ labels }: Labels): Json[] =>
  (labels ?? []).map(({ key, value }) => ({ key, ...(value !== undefined && { value }) }));

export function containerView(
  container: AgentResponseGetContainersContainer,
  source: string,
  withStatus: boolean,
): Json {
  const { containerId, executorId, executorName, frameworkId, containerStatus, resourceStatistics } = container;
  return {
    ...(withStatus && { container_id: containerId.value }),
    executor_id: executorId?.value ?? '',
    executor_name: executorName,
    framework_id: frameworkId?.value ?? '',
    source,
    ...(resourceStatistics && { statistics: messageToObject('mesos.v1.ResourceStatistics', resourceStatistics) }),
    ...(withStatus && containerStatus && { status: messageToObject('mesos.v1.ContainerStatus', containerStatus) }),
  };
}
