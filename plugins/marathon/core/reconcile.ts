import { startProbes } from './health.js';
import { sendKill } from './instances.js';
import type { Turn } from './turn.js';

/** Learning what became of its tasks, before it acts and every now and then. */

export const RECONCILE_TIMER = 'reconcile';
const MAX_TASKS_PER_CALL = 1000;

/** A new stream to the master: everything said before may be lost on either side. */
export function startReconciling(turn: Turn): void {
  const { state } = turn;
  state.phase = 'reconciling';
  state.reconcileRounds = 0;
  state.heldOffers.clear();
  state.unreconciled.clear();
  for (const id of state.instancesByTask.keys()) state.unreconciled.add(id);
  askAll(turn);
  if (state.unreconciled.size === 0) startActing(turn);
  else turn.timer(RECONCILE_TIMER, state.settings.reconcileTimeoutMs);
}

/** Each task by name, then all that the master knows: the latter brings up strangers. */
function askAll(turn: Turn): void {
  ask(turn, turn.state.instancesByTask.keys());
  turn.call({ type: 'RECONCILE', reconcile: {} });
}

function ask(turn: Turn, taskIds: Iterable<string>): void {
  const tasks = [...taskIds].flatMap((id) => {
    const task = turn.state.instancesByTask.get(id)?.task;
    return task ? [{ taskId: { value: task.id }, agentId: { value: task.agentId } }] : [];
  });
  for (let from = 0; from < tasks.length; from += MAX_TASKS_PER_CALL)
    turn.call({ type: 'RECONCILE', reconcile: { tasks: tasks.slice(from, from + MAX_TASKS_PER_CALL) } });
}

export function noteAnswered(turn: Turn, taskId: string): void {
  const { state } = turn;
  state.unreconciled.delete(taskId);
  if (state.phase === 'reconciling' && state.unreconciled.size === 0) startActing(turn);
}

/** Those that got no answer (their agent is on its way back) count as alive, and are asked for again. */
export function onReconcileTimer(turn: Turn): void {
  const { state } = turn;
  if (state.phase === 'offline') return;
  if (state.phase === 'reconciling') return startActing(turn);
  if (state.unreconciled.size > 0) ask(turn, state.unreconciled);
  else askAll(turn);
  askAgainLater(turn);
  reviveAnew(turn);
}

/** What was said about roles may be lost: it is said again if anything is wanted. */
function reviveAnew(turn: Turn): void {
  for (const interest of turn.state.roles.values()) interest.filtered = true;
  turn.needsChanged = true;
}

/** Soon and then more and more seldom while answers are missing; else now and then. */
function askAgainLater(turn: Turn): void {
  const { state } = turn;
  const { reconcileTimeoutMs, reconcileIntervalMs } = state.settings;
  const soonMs = Math.min(reconcileTimeoutMs * 2 ** state.reconcileRounds++, reconcileIntervalMs);
  turn.timer(RECONCILE_TIMER, state.unreconciled.size > 0 ? soonMs : reconcileIntervalMs);
}

function startActing(turn: Turn): void {
  const { state } = turn;
  state.phase = 'acting';
  askAgainLater(turn);
  for (const instance of state.instancesByTask.values()) {
    if (instance.condition === 'killing') sendKill(turn, instance);
    if (instance.condition === 'running') startProbes(turn, instance);
  }
  for (const id of [...state.apps.keys(), ...state.locks.keys()]) turn.touched.add(id);
  reviveAnew(turn);
}
