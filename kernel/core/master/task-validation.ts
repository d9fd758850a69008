import type { ExecutorInfo, Resource, TaskGroupInfo, TaskInfo } from '@mezzo/sdk/api';
import { asId, type TaskId } from '@mezzo/sdk/contract';
import { resourceError, Resources } from '../resources/index.js';
import { firstRepeated, idError } from './names.js';
import { fieldsError } from './task-fields.js';
import { executorKey, type Agent, type Framework } from './state.js';

/** The least that an executor of a group must have. */
const MIN_CPUS = 0.01;
const MIN_MEM_MIB = 32;

/** Where a launch takes place. */
export interface Site {
  readonly framework: Framework;
  readonly agent: Agent;
  readonly role: string;
  /** What is left of the accepted offers. */
  readonly pool: Resources;
}

/** A task with what it takes; `executor` is the one that starts with it, `needs` is both together. */
export interface Checked {
  readonly info: TaskInfo;
  readonly resources: Resources;
  readonly executor: ExecutorInfo | undefined;
  readonly executorResources: Resources;
  readonly needs: Resources;
}

/** What the site must give for the task, or why it cannot be launched. */
export function checkTask(site: Site, info: TaskInfo): Checked | string {
  const error =
    taskError(site, info) ?? commandError(info) ?? (info.executor && launchExecutorError(site, info.executor));
  if (error !== undefined) return error;
  const resources = Resources.of(info.resources).allocateMissing(site.role);
  if (resources.isEmpty) return 'Task uses no resources';
  const mixture = mixtureError('Task and its executor', [
    ...(info.resources ?? []),
    ...(info.executor?.resources ?? []),
  ]);
  if (mixture !== undefined) return mixture;
  const { executor, executorResources } = withExecutor(site, info.executor);
  const needs = resources.add(executorResources);
  return poolError(site, needs, 'task and its executor') ?? { info, resources, executor, executorResources, needs };
}

/** All tasks of a group, or why none of them can be launched. */
export function checkGroup(site: Site, group: TaskGroupInfo, executorInfo: ExecutorInfo): Checked[] | string {
  const tasks = group.tasks ?? [];
  if (tasks.length === 0) return 'Task group cannot be empty';
  const error =
    tasks.map((task) => groupTaskError(site, task, executorInfo)).find(Boolean) ??
    groupExecutorError(site, executorInfo);
  if (error !== undefined) return error;
  const twice = firstRepeated(tasks.map((task) => task.taskId.value));
  if (twice !== undefined) return `Task has duplicate ID: ${twice}`;
  const mixture = mixtureError(
    'Task group and its executor',
    [executorInfo, ...tasks].flatMap((one) => one.resources ?? []),
  );
  if (mixture !== undefined) return mixture;
  const { executor, executorResources } = withExecutor(site, executorInfo);
  const checked = tasks.map((info, i): Checked => {
    const resources = Resources.of(info.resources).allocateMissing(site.role);
    const first = i === 0;
    const own = first ? executorResources : Resources.empty;
    return {
      info,
      resources,
      executor: first ? executor : undefined,
      executorResources: own,
      needs: resources.add(own),
    };
  });
  const needs = checked.reduce((sum, task) => sum.add(task.needs), Resources.empty);
  return poolError(site, needs, 'task group and its executor') ?? checked;
}

/** An executor that runs already costs nothing more. */
function withExecutor(site: Site, info: ExecutorInfo | undefined): Pick<Checked, 'executor' | 'executorResources'> {
  const running = info && site.agent.executors.has(executorKey(site.framework.id, info.executorId.value));
  if (info === undefined || running) return { executor: undefined, executorResources: Resources.empty };
  return { executor: info, executorResources: Resources.of(info.resources).allocateMissing(site.role) };
}

function poolError(site: Site, needs: Resources, who: string): string | undefined {
  if (site.pool.contains(needs)) return undefined;
  return `Total resources ${String(needs)} required by ${who} is more than available ${String(site.pool)}`;
}

function taskError({ framework, agent, role }: Site, info: TaskInfo): string | undefined {
  const id = asId<TaskId>(info.taskId.value);
  const badId = idError(id);
  if (badId !== undefined) return badId;
  if (info.agentId.value !== agent.id) {
    return `Task uses invalid agent ${info.agentId.value} while agent ${agent.id} is expected`;
  }
  if (framework.tasks.has(id) || framework.unreachableTasks.has(id)) return `Task has duplicate ID: ${id}`;
  return fieldsError(info) ?? resourcesError('Task', info.resources, role) ?? limitsError(info);
}

function commandError(info: TaskInfo): string | undefined {
  return (info.command === undefined) === (info.executor === undefined)
    ? 'Task should have at least one (but not both) of CommandInfo or ExecutorInfo present'
    : undefined;
}

function limitsError({ limits, resources }: TaskInfo): string | undefined {
  for (const [name, { value }] of Object.entries(limits ?? {})) {
    if (name !== 'cpus' && name !== 'mem') return `Only 'cpus' and 'mem' can have limits, not '${name}'`;
    const wanted = (resources ?? []).filter((r) => r.name === name).reduce((sum, r) => sum + (r.scalar?.value ?? 0), 0);
    if (!(value >= wanted)) return `The ${name} limit ${value} is less than the request ${wanted}`;
  }
  return undefined;
}

function resourcesError(who: string, resources: readonly Resource[] | undefined, role: string): string | undefined {
  for (const resource of resources ?? []) {
    const error = resourceError(resource);
    if (error !== undefined) return `${who} uses invalid resources: ${resource.name}: ${error}`;
    const allocated = resource.allocationInfo?.role;
    if (allocated !== undefined && allocated !== role) {
      return `${who} uses resources allocated to role '${allocated}' while the offers are allocated to role '${role}'`;
    }
  }
  return mixtureError(who, resources);
}

/** What may be taken away at any time is another thing than what may not. */
function mixtureError(who: string, resources: readonly Resource[] = []): string | undefined {
  const revocable = new Set(resources.filter((one) => one.revocable).map(({ name }) => name));
  const mixed = resources.find((one) => one.revocable === undefined && revocable.has(one.name));
  const words = `Cannot use both revocable and non-revocable '${mixed?.name}' at the same time`;
  return mixed && `${who} uses invalid resources: ${words}`;
}

function executorError({ framework, agent, role }: Site, info: ExecutorInfo): string | undefined {
  const id = info.executorId.value;
  const badId = idError(id);
  if (badId !== undefined) return `Executor: ${badId}`;
  if (info.frameworkId !== undefined && info.frameworkId.value !== framework.id) {
    return `ExecutorInfo has an invalid FrameworkID (Actual: ${info.frameworkId.value} vs Expected: ${framework.id})`;
  }
  const badType = info.type === 'DEFAULT' ? defaultExecutorError(info) : customExecutorError(info);
  if (badType !== undefined) return badType;
  const running = agent.executors.get(executorKey(framework.id, id));
  if (running !== undefined && !isSame(running.info, info)) {
    return 'ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID';
  }
  return resourcesError('Executor', info.resources, role);
}

function defaultExecutorError({ command, container }: ExecutorInfo): string | undefined {
  if (command !== undefined) return "'ExecutorInfo.command' must not be set for 'DEFAULT' executor";
  if (container !== undefined && container.type !== 'MESOS')
    return "'ExecutorInfo.container.type' must be 'MESOS' for 'DEFAULT' executor";
  if (container?.mesos?.image === undefined) return undefined;
  return "'ExecutorInfo.container.mesos.image' must not be set for 'DEFAULT' executor";
}

const customExecutorError = ({ command }: ExecutorInfo): string | undefined =>
  command === undefined ? "'ExecutorInfo.command' must be set for 'CUSTOM' executor" : undefined;

/** The default executor runs groups alone. */
function launchExecutorError(site: Site, info: ExecutorInfo): string | undefined {
  if (info.type !== undefined && info.type !== 'CUSTOM') return "'ExecutorInfo.type' must be 'CUSTOM'";
  return executorError(site, info);
}

function groupExecutorError(site: Site, info: ExecutorInfo): string | undefined {
  if (info.type === undefined) return "'ExecutorInfo.type' must be set";
  const error = executorError(site, info);
  if (error !== undefined) return error;
  if (info.container?.type === 'DOCKER') return 'Docker ContainerInfo is not supported on the executor';
  const who = `Executor '${info.executorId.value}'`;
  const cpus = amountOf(info, 'cpus');
  if (!(cpus !== undefined && cpus >= MIN_CPUS))
    return `${who} uses less CPUs (${cpus ?? 'None'}) than the minimum required (${MIN_CPUS})`;
  const mem = amountOf(info, 'mem');
  if (!(mem !== undefined && mem >= MIN_MEM_MIB))
    return `${who} uses less memory (${mem === undefined ? 'None' : `${mem}MB`}) than the minimum required (${MIN_MEM_MIB}MB)`;
  return amountOf(info, 'disk') === undefined ? `${who} uses no disk` : undefined;
}

function amountOf({ resources = [] }: ExecutorInfo, name: string): number | undefined {
  const all = resources.filter((resource) => resource.name === name);
  return all.length === 0 ? undefined : all.reduce((sum, { scalar }) => sum + (scalar?.value ?? 0), 0);
}

function groupTaskError(site: Site, info: TaskInfo, executor: ExecutorInfo): string | undefined {
  const id = info.taskId.value;
  if (info.executor !== undefined && !isSame(info.executor, executor))
    return `The \`ExecutorInfo\` of task '${id}' is different from executor '${executor.executorId.value}'`;
  const error = taskError(site, info) ?? memberError(info);
  return error && `Task '${id}' is invalid: ${error}`;
}

function memberError({ resources, command, container, healthCheck, limits }: TaskInfo): string | undefined {
  if ((resources ?? []).length === 0) return 'Task uses no resources';
  if (command === undefined) return "'TaskInfo.command' must be set for a task group";
  const probed = healthCheck?.type === 'HTTP' || healthCheck?.type === 'TCP';
  if (probed && (container?.networkInfos ?? []).length > 0)
    return "HTTP and TCP health checks are not supported for nested containers not joining parent's network";
  if (container?.type === 'DOCKER') return 'Docker ContainerInfo is not supported on the task';
  if (Object.keys(limits ?? {}).length === 0 || container?.linuxInfo?.shareCgroups === false) return undefined;
  return "Resource limits may only be set for tasks within a task group when the 'share_cgroups' field is set to 'false'.";
}

/** Resources may be written with or without their role, and the framework's id may be left out. */
function isSame(a: ExecutorInfo, b: ExecutorInfo): boolean {
  const text = ({ resources: _, frameworkId: __, ...rest }: ExecutorInfo): string =>
    JSON.stringify(rest, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  const bag = (info: ExecutorInfo): Resources => Resources.of(info.resources).unallocate();
  return text(a) === text(b) && bag(a).equals(bag(b));
}
