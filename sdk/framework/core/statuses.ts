import type { TaskState, TaskStatus } from '../../api/messages.js';
import { isTerminal } from '../../contract/task-states.js';
import { endLaunch, lostTimer, sendKill } from './lifecycle.js';
import type { Entry, Launch } from './state.js';
import type { Turn } from './turn.js';

/** Nobody knows of it any more: that is the end, too. */
export const isEnding = (state: TaskState): boolean => isTerminal(state) || state === 'TASK_UNKNOWN';

const MAY_COME_BACK = ['REASON_RECONCILIATION', 'REASON_AGENT_DISCONNECTED', 'REASON_AGENT_REMOVED'];

/** Masters that know nothing of partitions say LOST of what may come back. */
const isUnreachable = ({ state, reason }: TaskStatus): boolean =>
  state === 'TASK_UNREACHABLE' || (state === 'TASK_LOST' && reason !== undefined && MAY_COME_BACK.includes(reason));

export function onStatus(turn: Turn, status: TaskStatus): void {
  const { taskId, agentId, uuid } = status;
  const entry = turn.state.byTaskId.get(taskId.value);
  turn.state.unanswered.delete(taskId.value);
  if (entry?.launch === undefined) onStranger(turn, status);
  else if (isUnreachable(status)) onUnreachable(turn, entry, entry.launch, status);
  else if (isEnding(status.state)) endLaunch(turn, entry, status, hasStarted(entry.launch, status));
  else onAlive(turn, entry, entry.launch, status);
  // Comes last, and thus after what it means has been stored.
  if (uuid !== undefined && agentId) turn.call({ type: 'ACKNOWLEDGE', acknowledge: { agentId, taskId, uuid } });
}

/**
 * A task that was given up: stopped or replaced while its agent could not be reached. It is killed, for its key may have another by now;
 * nobody but this framework launches tasks in its name.
 */
function onStranger(turn: Turn, status: TaskStatus): void {
  const { taskId, agentId, state } = status;
  if (isUnreachable(status) || isEnding(state) || state === 'TASK_KILLING') return;
  turn.call({ type: 'KILL', kill: { taskId, ...(agentId && { agentId }) } });
}

/** Without any word before, what the master does not know was never launched. */
function hasStarted(launch: Launch, { state, reason }: TaskStatus): boolean {
  if (state === 'TASK_DROPPED') return false;
  const unknown = reason === 'REASON_RECONCILIATION' && (state === 'TASK_GONE' || state === 'TASK_UNKNOWN');
  return launch.state !== undefined || !unknown;
}

function onAlive(turn: Turn, entry: Entry, launch: Launch, status: TaskStatus): void {
  const { unreachableSinceMs, ...rest } = launch;
  const news = launch.state !== status.state || unreachableSinceMs !== undefined;
  if (news) {
    entry.launch = { ...rest, state: status.state };
    turn.save(entry);
    turn.clearTimer(lostTimer(entry));
  }
  if (news || status.healthy !== undefined || status.data !== undefined) turn.tell(entry, launch, status);
  // A master that has just begun to lead did not know of it when the kill came.
  if (status.reason === 'REASON_RECONCILIATION' && status.state !== 'TASK_KILLING') sendKill(turn, entry);
}

function onUnreachable(turn: Turn, entry: Entry, launch: Launch, status: TaskStatus): void {
  if (launch.unreachableSinceMs !== undefined) return;
  if (entry.stopping) return endLaunch(turn, entry, status, true);
  entry.launch = { ...launch, state: status.state, unreachableSinceMs: turn.atMs };
  turn.save(entry);
  turn.tell(entry, launch, status);
  watchLost(turn, entry);
}

/** Also called after a restart, and when its timer fires. */
export function watchLost(turn: Turn, entry: Entry): void {
  const since = entry.launch?.unreachableSinceMs;
  if (since === undefined) return;
  const leftMs = since + entry.want.retry.unreachableMs - turn.atMs;
  if (leftMs > 0) return turn.timer(lostTimer(entry), leftMs);
  endLaunch(turn, entry, { state: 'TASK_LOST', message: 'its agent cannot be reached' }, true);
}
