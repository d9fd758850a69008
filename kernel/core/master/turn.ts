import type { MasterEvent as OperatorEvent, SchedulerEvent, TimeInfo } from '@mezzo/sdk/api';
import type { ConnectionId } from '@mezzo/sdk/contract';
import type { DownMessage } from '../protocol.js';
import type { LogLevel, MasterEffect, RegistryWrite } from './effects.js';
import type { RequestId } from './events.js';
import { seenEvent } from './sight.js';
import type { Agent, Framework, MasterState } from './state.js';

/** One step under way: the state, the time, and what is to be done. */
export interface Turn {
  readonly state: MasterState;
  readonly atMs: number;
  readonly effects: MasterEffect[];
}

export const beginTurn = (state: MasterState, atMs: number): Turn => ({ state, atMs, effects: [] });

export const emit = (turn: Turn, effect: MasterEffect): void => void turn.effects.push(effect);

export const bump = (counts: Map<string, number>, name: string, by = 1): void =>
  void counts.set(name, (counts.get(name) ?? 0) + by);

export const count = (turn: Turn, name: string, by = 1): void => bump(turn.state.counts, name, by);

export const log = (turn: Turn, level: LogLevel, message: string, fields: Record<string, unknown> = {}): void =>
  emit(turn, { type: 'log', level, message, fields });

export const persist = (turn: Turn, ...writes: RegistryWrite[]): void => emit(turn, { type: 'persist', writes });

export const setTimer = (turn: Turn, id: string, atMs: number): void => emit(turn, { type: 'setTimer', id, atMs });

export const cancelTimer = (turn: Turn, id: string): void => emit(turn, { type: 'cancelTimer', id });

export const reply = (turn: Turn, request: RequestId, status: number, text?: string): void =>
  emit(turn, { type: 'reply', request, status, ...(text !== undefined && { text }) });

/** To a stream that belongs to no framework, or belongs no longer. */
export const sendTo = (turn: Turn, connection: ConnectionId, event: SchedulerEvent): void =>
  emit(turn, { type: 'sendScheduler', connection, event });

/** Drops the event when the framework is away: what it missed it learns by reconciling. */
export function sendScheduler(turn: Turn, framework: Framework, event: SchedulerEvent): void {
  if (framework.connection === undefined) return;
  bump(framework.counts, `events/${event.type!.toLowerCase()}`);
  sendTo(turn, framework.connection, event);
}

/** False when the agent is away. */
export function sendAgent(turn: Turn, agent: Agent | undefined, message: DownMessage): boolean {
  if (agent?.connection === undefined) return false;
  agent.downSeq += 1;
  emit(turn, { type: 'sendAgent', connection: agent.connection, record: { ...message, seq: agent.downSeq } });
  return true;
}

/** `build` is only called when somebody listens. Those who may not see everything get what they may see one by one. */
export function publish(turn: Turn, build: () => OperatorEvent): void {
  const { operators, sights } = turn.state;
  if (operators.size === 0) return;
  const event = build();
  if (operators.size > sights.size) emit(turn, { type: 'publish', event });
  for (const [connection, sight] of sights) {
    const seen = seenEvent(turn.state, sight, event);
    if (seen !== undefined) emit(turn, { type: 'sendOperator', connection, event: seen });
  }
}

export const seconds = (ms: number): number => ms / 1000;

/** Nanoseconds lie beyond what a double can count. */
export const timeInfo = (ms: number): TimeInfo => ({ nanoseconds: BigInt(Math.round(ms * 1000)) * 1000n });

/** Keeps a map at its bound by dropping what came first. Answers what was dropped. */
export function trim<K, V>(map: Map<K, V>, max: number): V[] {
  const dropped: V[] = [];
  for (const [key, value] of map) {
    if (map.size <= max) break;
    map.delete(key);
    dropped.push(value);
  }
  return dropped;
}
