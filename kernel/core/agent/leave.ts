import { forgetAgent } from './checkpoint.js';
import { dropEndedIn } from './containers.js';
import { dropContainer } from './ends.js';
import { shutdownFramework } from './frameworks.js';
import { killVessel } from './kill.js';
import type { Container } from './state.js';
import { emit, type Turn } from './turn.js';

export const LEAVE_TIMER = 'leave';
const LEAVE_MAX_MS = 60_000;

/** Ends all tasks, forgets the agent's id and exits: asked for by the operator, or refused by the master for ever. */
export function leave(turn: Turn, exitCode: number, reason: string): void {
  const { state } = turn;
  if (state.phase === 'leaving' || state.phase === 'left') return;
  if (state.link.phase === 'registered' && exitCode === 0)
    emit(turn, { type: 'sendMaster', call: { type: 'unregister' } });
  Object.assign(state, { phase: 'leaving', exitCode, exitReason: reason });
  emit(turn, { type: 'setTimer', key: LEAVE_TIMER, delayMs: LEAVE_MAX_MS });
  forgetAgent(turn);
  for (const frameworkId of [...state.frameworks.keys()]) shutdownFramework(turn, frameworkId);
  for (const container of [...state.containers.values()]) if (container.parent === undefined) end(turn, container);
}

function end(turn: Turn, container: Container): void {
  if (container.phase === 'launching' || container.phase === 'running') return killVessel(turn, container, 0);
  dropEndedIn(turn, container.containerId);
  dropContainer(turn, container);
}

/** The last effect of all, once nothing runs any more. */
export function leaveWhenIdle(turn: Turn): void {
  const { phase, runs, containers, exitCode, exitReason } = turn.state;
  if (phase !== 'leaving' || runs.size > 0 || containers.size > 0) return;
  turn.state.phase = 'left';
  emit(turn, { type: 'exit', code: exitCode, reason: exitReason });
}

export function leaveOverdue(turn: Turn): void {
  const { state } = turn;
  if (state.phase !== 'leaving') return;
  state.phase = 'left';
  const reason = `${state.exitReason}; ${state.runs.size} containers did not end in time`;
  emit(turn, { type: 'exit', code: state.exitCode || 1, reason });
}
