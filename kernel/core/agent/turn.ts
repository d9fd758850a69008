import { countedUuid } from '../uuid.js';
import type { AgentEffect } from './effects.js';
import type { AgentState, Run } from './state.js';

/** One step in the making. */
export interface Turn {
  readonly state: AgentState;
  readonly atMs: number;
  readonly effects: AgentEffect[];
  /** Pods of which a task ended in this step: what becomes of the others is decided when all else is. */
  readonly pods: Set<Run>;
}

export const emit = (turn: Turn, ...effects: AgentEffect[]): void => void turn.effects.push(...effects);

export const count = (state: AgentState, name: string): void =>
  void state.counters.set(name, (state.counters.get(name) ?? 0) + 1);

export function nextUuid(state: AgentState): string {
  state.counter += 1;
  return countedUuid(state.seed, state.counter);
}
