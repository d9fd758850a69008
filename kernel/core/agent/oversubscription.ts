import type { Resource } from '@mezzo/sdk/api';
import type { Correction } from '@mezzo/sdk/points/oversubscription';
import { Resources } from '../resources/index.js';
import { saveRun } from './checkpoint.js';
import { neverRan } from './ends.js';
import { killVessel } from './kill.js';
import { tellResources } from './operations.js';
import type { AgentState, Run, TaskEnd } from './state.js';
import { count, emit, type Turn } from './turn.js';
import { usedBy } from './views.js';

/** What is there on top of what the machine has, for those who can be ended at any time; and their end. */

const PREEMPTED: TaskEnd = {
  state: 'TASK_GONE',
  reason: 'REASON_CONTAINER_PREEMPTED',
  message: 'Container preempted by QoS correction',
};

/** The estimator's word: so much beyond what is in use may be used. Told when it is another than before. */
export function estimated(turn: Turn, spare: readonly Resource[]): void {
  const { state } = turn;
  const total = Resources.of(spare).add(revocableUse(state));
  if (total.equals(Resources.of(state.oversubscribed))) return;
  state.oversubscribed = total.toMessages('post');
  if (state.link.phase === 'registered') tellOversubscribed(turn);
}

/** If it is another than the master was told last. */
export function tellOversubscribed(turn: Turn): void {
  const { state } = turn;
  if (state.link.oversubscribed === state.oversubscribed) return;
  state.link.oversubscribed = state.oversubscribed;
  tellResources(turn);
}

/** After a restart, until the estimator speaks: no less than what is in use. */
export function recoverOversubscribed({ state }: Turn): void {
  state.oversubscribed = revocableUse(state).toMessages('post');
}

export function revocableUse(state: AgentState): Resources {
  return Resources.sum([...state.runs.values()].map(revocableOf));
}

export const revocableOf = (run: Run): Resources =>
  Resources.of(usedBy(run).filter(({ revocable }) => revocable !== undefined)).unallocate();

/** Ends containers at once. Only those that use revocable resources: to others nobody said that it could happen. */
export function corrected(turn: Turn, corrections: readonly Correction[]): void {
  for (const { frameworkId, executorId, containerId } of corrections) {
    const runs = turn.state.frameworks.get(frameworkId)?.runs.values() ?? [];
    const isMeant = (run: Run) => run.executorId === executorId && (containerId ?? run.containerId) === run.containerId;
    for (const run of [...runs].filter(isMeant)) preempt(turn, run);
  }
}

function preempt(turn: Turn, run: Run): void {
  if (run.phase === 'ended' || run.ended !== undefined || revocableOf(run).isEmpty) return;
  const { frameworkId, executorId } = run;
  count(turn.state, 'slave/executors_preempted');
  emit(turn, { type: 'log', level: 'info', message: 'executor preempted', fields: { frameworkId, executorId } });
  run.ended = PREEMPTED;
  if (run.phase === 'preparing') return neverRan(turn, run, PREEMPTED);
  saveRun(turn, run);
  killVessel(turn, run, 0);
}
