import type { ExecutorInfo, FrameworkInfo, TaskInfo } from '@mezzo/sdk/api';
import { admitFramework } from './books.js';
import { faultOf, newTask, refuse, refuseExecutor, runIn, runOfExecutor } from './launch.js';
import { isOver } from './pods.js';
import type { AgentFramework, AgentState, TaskEnd } from './state.js';
import { nextUuid, type Turn } from './turn.js';

/** Launches all tasks of a group, or none of them. */
export function runTaskGroup(
  turn: Turn,
  info: FrameworkInfo,
  executor: ExecutorInfo,
  tasks: readonly TaskInfo[],
): void {
  const framework = admitFramework(turn, info);
  if (framework.shuttingDown || tasks.some((task) => framework.taskRuns.has(task.taskId.value))) return;
  const end = groupFault(turn.state, framework, executor, tasks);
  if (end !== undefined) {
    for (const task of tasks) refuse(turn, framework, task, executor, end);
    return refuseExecutor(turn, framework, executor);
  }
  const group = nextUuid(turn.state);
  const kind = executor.type === 'DEFAULT' ? 'default' : 'custom';
  const entries = tasks.map((task) => newTask(task, group));
  runIn(turn, framework, kind, executor, entries);
}

/** Why none of them can run. */
function groupFault(
  state: AgentState,
  framework: AgentFramework,
  executor: ExecutorInfo,
  tasks: readonly TaskInfo[],
): TaskEnd | undefined {
  const fault = tasks.map((task) => faultOf(state, framework, task, executor)).find((one) => one !== undefined);
  if (fault?.state === 'TASK_ERROR') return { ...fault, reason: 'REASON_TASK_GROUP_INVALID' };
  const run = runOfExecutor(framework, executor.executorId.value);
  if (fault !== undefined || run?.kind !== 'default' || !isOver(run)) return fault;
  return { state: 'TASK_DROPPED', reason: 'REASON_EXECUTOR_TERMINATED', message: 'Executor terminating' };
}
