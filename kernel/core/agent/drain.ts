import { isTerminal } from '@mezzo/sdk/contract';
import type { AgentDrain } from '../protocol.js';
import { saveAgent } from './checkpoint.js';
import { graceOf, killTask } from './kill.js';
import type { Turn } from './turn.js';
import { tasksOf } from './views.js';

/** Ends all tasks, each within its own grace and the operator's bound. Said twice, it does no harm. */
export function drain(turn: Turn, wanted: AgentDrain): void {
  const { state } = turn;
  state.drain = wanted;
  saveAgent(turn, state);
  const boundNs = wanted.config.maxGracePeriod?.nanoseconds;
  for (const [frameworkId, framework] of state.frameworks) {
    for (const { run, task } of tasksOf(framework)) {
      if (isTerminal(task.state)) continue;
      const ownNs = BigInt(graceOf(state, run, task, undefined)) * 1_000_000n;
      const isBounded = boundNs !== undefined && BigInt(boundNs) < ownNs;
      const policy = isBounded ? { gracePeriod: { nanoseconds: BigInt(boundNs) } } : undefined;
      killTask(turn, frameworkId, task.info.taskId.value, policy);
    }
  }
}

export function drainLifted(turn: Turn): void {
  const { state } = turn;
  if (state.drain === undefined) return;
  state.drain = undefined;
  saveAgent(turn, state);
}
