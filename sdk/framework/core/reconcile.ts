import type { SchedulerCall } from '../../api/messages.js';
import type { Turn } from './turn.js';

/** Learning what became of its tasks: after each subscription, of each launch until there is a word, and every now and then. */

export const RECONCILE_TIMER = 'reconcile';
const MAX_TASKS_PER_CALL = 1000;
const ASK_AFTER_FAILURE_MS = 1000;

/** Each task by name, then all that the master knows: the latter brings up strangers. */
export function askAll(turn: Turn): void {
  const { state } = turn;
  state.reconcileRounds = 0;
  state.askAllAtMs = turn.atMs + state.settings.reconcileEveryMs;
  for (const id of state.byTaskId.keys()) state.unanswered.add(id);
  askUnanswered(turn);
  turn.call({ type: 'RECONCILE', reconcile: {} });
}

/** Soon and then more and more seldom while answers are missing. */
function askUnanswered(turn: Turn): void {
  const { state } = turn;
  const { reconcileFirstMs, reconcileMaxMs } = state.settings;
  const tasks = [...state.unanswered].flatMap((id) => {
    const launch = state.byTaskId.get(id)?.launch;
    return launch ? [{ taskId: { value: id }, agentId: { value: launch.agentId } }] : [];
  });
  for (let from = 0; from < tasks.length; from += MAX_TASKS_PER_CALL)
    turn.call({ type: 'RECONCILE', reconcile: { tasks: tasks.slice(from, from + MAX_TASKS_PER_CALL) } });
  if (tasks.length === 0) state.reconcileRounds = 0;
  else askWithin(turn, Math.min(reconcileFirstMs * 2 ** state.reconcileRounds++, reconcileMaxMs));
  askWithin(turn, state.askAllAtMs - turn.atMs);
}

/** At the latest then. */
export function askWithin(turn: Turn, ms: number): void {
  const { state } = turn;
  if (turn.atMs + ms >= state.reconcileAtMs) return;
  state.reconcileAtMs = turn.atMs + ms;
  turn.timer(RECONCILE_TIMER, ms);
}

export function onReconcileTimer(turn: Turn): void {
  const { state } = turn;
  state.reconcileAtMs = Infinity;
  if (!state.connected) return;
  if (state.callFailed) sayAnew(turn);
  if (turn.atMs >= state.askAllAtMs) askAll(turn);
  else askUnanswered(turn);
}

/** It may have arrived all the same. Kills and acknowledgements are repeated anyway; the rest is said again, in a while. */
export function onCallFailed(turn: Turn, call: SchedulerCall): void {
  const { state } = turn;
  state.callFailed = true;
  state.undeclined.push(...(call.accept?.offerIds ?? call.decline?.offerIds ?? []));
  for (const taskId of state.byTaskId.keys()) state.unanswered.add(taskId);
  askWithin(turn, ASK_AFTER_FAILURE_MS);
}

/** An offer that was accepted and is declined now is declined in vain, or its tasks are dropped: either way the master says so. */
function sayAnew(turn: Turn): void {
  const { state } = turn;
  state.callFailed = false;
  for (const interest of state.roles.values()) interest.suppressed = interest.launchable.size > 0;
  const offerIds = state.undeclined.splice(0);
  if (offerIds.length > 0) turn.call({ type: 'DECLINE', decline: { offerIds } });
}
