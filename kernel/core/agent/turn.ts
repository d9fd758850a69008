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

/** A UUID that no other life made: the random one of this life with its last 32 bits counting. */
export function nextUuid(state: AgentState): string {
  state.counter += 1;
  return state.seed.slice(0, 28) + state.counter.toString(16).padStart(8, '0');
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** The 16 bytes of a UUID in base64, as status updates carry them. */
export function uuidToBase64(uuid: string): string {
  const hex = uuid.replaceAll('-', '') + '0000';
  let text = '';
  for (let at = 0; at < 36; at += 3) {
    const bits = parseInt(hex.slice(at, at + 3), 16);
    text += ALPHABET.charAt(bits >> 6) + ALPHABET.charAt(bits & 63);
  }
  return text.slice(0, 22) + '==';
}
