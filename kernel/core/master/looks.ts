import { Resources } from '../resources/index.js';
import { offeredBy, usedBy } from './holdings.js';
import type { Agent } from './state.js';

/** An agent as it is shown: the same object for as long as it looks the same. */
export interface Look {
  readonly agent: Agent;
  /** All that views of agents are made of. */
  readonly parts: readonly unknown[];
}

const looks = new WeakMap<Agent, Look>();

/** Agents change in many places: whether this one has is found out when somebody looks. */
export function lookOf(agent: Agent): Look {
  const parts = partsOf(agent);
  const known = looks.get(agent);
  if (known?.parts.every((part, i) => isSame(part, parts[i]))) return known;
  const look = { agent, parts };
  looks.set(agent, look);
  return look;
}

const partsOf = (agent: Agent): unknown[] => [
  agent.info,
  agent.address,
  agent.version,
  agent.total,
  agent.deactivated,
  agent.drain,
  agent.connection !== undefined,
  agent.reregisteredAtMs,
  usedBy(agent),
  offeredBy(agent),
];

const isSame = (a: unknown, b: unknown): boolean =>
  a === b || (a instanceof Resources && b instanceof Resources && a.equals(b));
