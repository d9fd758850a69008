import { MezzoError } from '@mezzo/sdk/contract';
import { MARATHON } from '../up/deploy.js';
import type { Cluster } from './cluster.js';
import type { ContainerId } from './session.js';

export interface Task {
  readonly id: string;
  readonly name: string;
  readonly frameworkId: string;
  readonly frameworkName: string;
  readonly executorId: string;
  readonly agentId: string;
  readonly host: string;
  readonly state: string;
  /** Where it runs; missing until it does. */
  readonly container?: ContainerId;
  /** By its health checks, whoever makes them; missing while it has none or none has ended. */
  readonly healthy?: boolean;
  /** Such as 31000,31005-31007. */
  readonly ports: string;
}

export const withHealth = (task: Task): Task & { readonly health: string } => ({
  ...task,
  health: task.healthy === undefined ? '-' : task.healthy ? 'healthy' : 'unhealthy',
});

/** How tables show a task `withHealth`. */
export const TASK_COLUMNS = {
  id: 'ID',
  frameworkName: 'FRAMEWORK',
  state: 'STATE',
  health: 'HEALTH',
  host: 'HOST',
  ports: 'PORTS',
} as const;

interface StateTask {
  id: string;
  name: string;
  framework_id: string;
  executor_id: string;
  slave_id: string;
  state: string;
  resources: Record<string, unknown>;
  statuses?: { healthy?: boolean; container_status?: { container_id?: ContainerId } }[];
}

/** Tasks from the master's state: live ones, and ended ones too when `completed`. */
export async function listTasks(cluster: Cluster, completed = false): Promise<Task[]> {
  const [tasks, health] = await Promise.all([tasksOfMaster(cluster, completed), healthByMarathon(cluster)]);
  return tasks.map((task) => {
    const healthy = task.healthy ?? health.get(task.id);
    return healthy === undefined ? task : { ...task, healthy };
  });
}

async function tasksOfMaster(cluster: Cluster, completed: boolean): Promise<Task[]> {
  const state = await cluster.json<{
    slaves: { id: string; hostname: string }[];
    frameworks: { id: string; name: string; tasks: StateTask[]; completed_tasks: StateTask[] }[];
    completed_frameworks: { id: string; name: string; tasks?: StateTask[]; completed_tasks: StateTask[] }[];
  }>('/mesos/state', { timeoutMs: 30_000 });
  const hosts = new Map(state.slaves.map(({ id, hostname }) => [id, hostname]));
  const frameworks = completed ? [...state.frameworks, ...state.completed_frameworks] : state.frameworks;
  return frameworks.flatMap((framework) =>
    [...(framework.tasks ?? []), ...(completed ? framework.completed_tasks : [])].map((task): Task => {
      const healthy = task.statuses?.at(-1)?.healthy;
      const container = task.statuses?.at(-1)?.container_status?.container_id;
      return {
        id: task.id,
        name: task.name,
        frameworkId: framework.id,
        frameworkName: framework.name,
        executorId: task.executor_id === '' ? task.id : task.executor_id,
        agentId: task.slave_id,
        host: hosts.get(task.slave_id) ?? '-',
        state: task.state,
        ports: portsText(task.resources.ports),
        ...(healthy === undefined ? {} : { healthy }),
        ...(container && { container }),
      };
    }),
  );
}

/** HTTP and TCP checks are made by Marathon itself, so the master does not know what came of them. */
async function healthByMarathon(cluster: Cluster): Promise<ReadonlyMap<string, boolean>> {
  const { status, text } = await cluster.raw(`${MARATHON}/v2/tasks`);
  if (status !== 200) return new Map();
  const { tasks } = JSON.parse(text) as { tasks: { id: string; healthCheckResults?: { alive: boolean }[] }[] };
  const checked = tasks.filter(({ healthCheckResults }) => healthCheckResults?.length);
  return new Map(checked.map(({ id, healthCheckResults }) => [id, healthCheckResults!.every(({ alive }) => alive)]));
}

/** Of Mesos' text of ranges: [31000-31000, 31005-31007]. */
const portsText = (ranges: unknown): string =>
  typeof ranges === 'string' ? ranges.replace(/[[\] ]/g, '').replace(/\b(\d+)-\1\b/g, '$1') : '-';

/** One task by its id or by a beginning or part of it that only one task has; a live one wins over ended ones. */
export async function findTask(cluster: Cluster, text: string): Promise<Task> {
  const tasks = await tasksOfMaster(cluster, true);
  const exact = tasks.find(({ id }) => id === text);
  if (exact) return exact;
  const matching = tasks.filter(({ id, name }) => id.includes(text) || name === text);
  const live = matching.filter(({ state }) => state === 'TASK_RUNNING');
  const candidates = live.length > 0 ? live : matching;
  if (candidates.length === 1) return candidates[0]!;
  if (candidates.length === 0)
    throw new MezzoError('NO_TASK', `no task matches '${text}'`, {
      blame: 'user',
      next: 'list them with `mezzo task list --completed`',
    });
  throw new MezzoError(
    'TASK_AMBIGUOUS',
    `'${text}' matches ${candidates.length} tasks: ${candidates
      .slice(0, 5)
      .map(({ id }) => id)
      .join(', ')}`,
    { blame: 'user', next: 'give more of the id' },
  );
}
