import type { ExecutorInfo, Resource, TaskGroupInfo, TaskInfo } from '@mezzo/sdk/api';
import { asId, type TaskId } from '@mezzo/sdk/contract';
import { resourceError, Resources } from '../resources/index.js';
import { firstRepeated, idError } from './names.js';
import { executorKey, type Agent, type Framework } from './state.js';

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
  const error = taskError(site, info) ?? commandError(info) ?? (info.executor && executorError(site, info.executor));
  if (error !== undefined) return error;
  const resources = Resources.of(info.resources).allocateMissing(site.role);
  if (resources.isEmpty) return 'Task uses no resources';
  const { executor, executorResources } = withExecutor(site, info.executor);
  const needs = resources.add(executorResources);
  return poolError(site, needs, 'task and its executor') ?? { info, resources, executor, executorResources, needs };
}

/** All tasks of a group, or why none of them can be launched. */
export function checkGroup(site: Site, group: TaskGroupInfo, executorInfo: ExecutorInfo): Checked[] | string {
  const tasks = group.tasks ?? [];
  if (tasks.length === 0) return 'Task group cannot be empty';
  const error = groupExecutorError(site, executorInfo) ?? tasks.map((task) => groupTaskError(site, task)).find(Boolean);
  if (error !== undefined) return error;
  const twice = firstRepeated(tasks.map((task) => task.taskId.value));
  if (twice !== undefined) return `Task has duplicate ID: ${twice}`;
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
  return resourcesError('Task', info.resources, role) ?? limitsError(info);
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
    if (resource.revocable !== undefined) return `${who} uses revocable resources, which are not supported yet`;
  }
  return undefined;
}

function executorError({ framework, agent, role }: Site, info: ExecutorInfo): string | undefined {
  const id = info.executorId.value;
  const badId = idError(id);
  if (badId !== undefined) return `Executor: ${badId}`;
  if (info.frameworkId !== undefined && info.frameworkId.value !== framework.id) {
    return `ExecutorInfo has an invalid FrameworkID (Actual: ${info.frameworkId.value} vs Expected: ${framework.id})`;
  }
  if (info.type === 'DEFAULT' && info.command !== undefined) {
    return "'ExecutorInfo.command' must not be set for 'DEFAULT' executor";
  }
  if (info.type !== 'DEFAULT' && info.command === undefined)
    return "'ExecutorInfo.command' must be set for 'CUSTOM' executor";
  const running = agent.executors.get(executorKey(framework.id, id));
  if (running !== undefined && !isSame(running.info, info)) {
    return 'ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID';
  }
  return resourcesError('Executor', info.resources, role);
}

function groupExecutorError(site: Site, info: ExecutorInfo): string | undefined {
  if (info.type === undefined) return "'ExecutorInfo.type' must be set for a task group";
  if (info.type === 'DEFAULT' && info.container?.type === 'DOCKER')
    return "'DEFAULT' executor cannot run in a Docker container";
  return executorError(site, info);
}

function groupTaskError(site: Site, info: TaskInfo): string | undefined {
  if (info.executor !== undefined) return "'TaskInfo.executor' must not be set for a task group";
  if (info.container?.type === 'DOCKER') return 'Docker ContainerInfo is not supported on a task group';
  if (info.command === undefined) return "'TaskInfo.command' must be set for a task group";
  if ((info.resources ?? []).length === 0) return `Task '${info.taskId.value}' uses no resources`;
  return taskError(site, info);
}

/** Resources may be written with or without their role, and the framework's id may be left out. */
function isSame(a: ExecutorInfo, b: ExecutorInfo): boolean {
  const text = ({ resources: _, frameworkId: __, ...rest }: ExecutorInfo): string =>
    JSON.stringify(rest, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  const bag = (info: ExecutorInfo): Resources => Resources.of(info.resources).unallocate();
  return text(a) === text(b) && bag(a).equals(bag(b));
}
