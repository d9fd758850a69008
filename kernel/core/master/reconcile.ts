import type { SchedulerCallReconcileTask } from '@mezzo/sdk/api';
import { asId, type AgentId, type TaskId } from '@mezzo/sdk/contract';
import type { Framework, Task } from './state.js';
import { forward, masterStatus, type MasterStatus } from './tasks.js';
import { timeInfo, type Turn } from './turn.js';

/** Tells the latest known state of the tasks, of all when none are named. */
export function reconcile(turn: Turn, framework: Framework, tasks: readonly SchedulerCallReconcileTask[]): void {
  if (tasks.length === 0) for (const task of framework.tasks.values()) tellLatest(turn, framework, task);
  for (const { taskId, agentId } of tasks) reconcileTask(turn, framework, taskId.value, agentId?.value);
}

export function reconcileTask(turn: Turn, framework: Framework, taskId: string, agentId: string | undefined): void {
  const task = framework.tasks.get(asId<TaskId>(taskId));
  if (task !== undefined) return tellLatest(turn, framework, task);
  const about = unknownTask(turn, framework, taskId, agentId);
  if (about === undefined) return;
  forward(turn, framework, masterStatus(turn, { ...about, taskId, agentId, reason: 'REASON_RECONCILIATION' }));
}

/** Undefined = nobody can tell yet: an agent that may have it is on its way back. */
function unknownTask(
  { state }: Turn,
  framework: Framework,
  taskId: string,
  agentId: string | undefined,
): Pick<MasterStatus, 'state' | 'message' | 'unreachableTime'> | undefined {
  const id = asId<AgentId>(agentId ?? framework.unreachableTasks.get(asId<TaskId>(taskId))?.agentId.value ?? '');
  const unreachable = state.unreachableAgents.get(id);
  if (unreachable !== undefined) {
    const unreachableTime = timeInfo(unreachable.sinceMs);
    return { state: 'TASK_UNREACHABLE', message: 'Reconciliation: Task is unreachable', unreachableTime };
  }
  if (state.recoveredAgents.has(id) || (agentId === undefined && state.recoveredAgents.size > 0)) return undefined;
  if (state.agents.has(id)) return { state: 'TASK_GONE', message: 'Reconciliation: Task is unknown to the agent' };
  if (state.goneAgents.has(id)) return { state: 'TASK_GONE_BY_OPERATOR', message: 'Reconciliation: Task is gone' };
  return { state: 'TASK_UNKNOWN', message: 'Reconciliation: Task is unknown' };
}

function tellLatest(turn: Turn, framework: Framework, { message }: Task): void {
  const last = message.statuses?.at(-1);
  const status = masterStatus(turn, {
    taskId: message.taskId.value,
    agentId: message.agentId.value,
    state: message.statusUpdateState ?? message.state,
    message: 'Reconciliation: Latest task state',
    reason: 'REASON_RECONCILIATION',
  });
  forward(turn, framework, {
    ...status,
    ...(message.executorId && { executorId: message.executorId }),
    ...(last?.healthy !== undefined && { healthy: last.healthy }),
    ...(last?.checkStatus && { checkStatus: last.checkStatus }),
    ...(last?.containerStatus && { containerStatus: last.containerStatus }),
  });
}
