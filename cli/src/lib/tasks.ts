import { MezzoError } from '@mezzo/sdk/contract';
import type { Cluster } from './cluster.js';

export interface Task {
  readonly id: string;
  readonly name: string;
  readonly frameworkId: string;
  readonly frameworkName: string;
  readonly executorId: string;
  readonly agentId: string;
  readonly host: string;
  readonly state: string;
  readonly healthy?: boolean;
  readonly ports: string;
}

interface StateTask {
  id: string;
  name: string;
  framework_id: string;
  executor_id: string;
  slave_id: string;
  state: string;
  resources: Record<string, unknown>;
  statuses?: { healthy?: boolean }[];
}

/** Tasks from the master's state: live ones, and ended ones too when `completed`. */
export async function listTasks(cluster: Cluster, completed = false): Promise<Task[]> {
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
      return {
        id: task.id,
        name: task.name,
        frameworkId: framework.id,
        frameworkName: framework.name,
        executorId: task.executor_id === '' ? task.id : task.executor_id,
        agentId: task.slave_id,
        host: hosts.get(task.slave_id) ?? '-',
        state: task.state,
        ports: String(task.resources.ports ?? '-'),
        ...(healthy === undefined ? {} : { healthy }),
      };
    }),
  );
}

/** One task by its id or by a beginning or part of it that only one task has; a live one wins over ended ones. */
export async function findTask(cluster: Cluster, text: string): Promise<Task> {
  const tasks = await listTasks(cluster, true);
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
