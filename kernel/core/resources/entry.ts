import type { Resource } from '@mezzo/sdk/api';
import {
  addRanges,
  addSets,
  coalesce,
  containsRanges,
  containsSets,
  setOf,
  subtractRanges,
  subtractSets,
  toMilli,
  type Ranges,
  type ValueSet,
} from '@mezzo/sdk/contract';
import { identityOf, type Identity } from './identity.js';

/** Thousandths (SCALAR), copies (what cannot be split), ranges or items, as the identity's type says. Never empty. */
export type Amount = number | Ranges | ValueSet;

export interface Entry {
  readonly id: Identity;
  readonly amount: Amount;
}

/** Thousandths that an entry stands for; 0 for ranges and sets. A shared volume counts once, however often it is held. */
export function milliOf({ id, amount }: Entry): number {
  if (id.type !== 'SCALAR') return 0;
  return id.unitMilli === undefined ? (amount as number) : id.unitMilli * (id.shared ? 1 : (amount as number));
}

export const isSomething = ({ amount }: Entry): boolean =>
  typeof amount === 'number' ? amount > 0 : amount.length > 0;

export function compare({ id: a }: Entry, { id: b }: Entry): number {
  if (a === b || a.key === b.key) return 0;
  return a.key < b.key ? -1 : 1;
}

export function sum({ id, amount: a }: Entry, { amount: b }: Entry): Entry {
  if (typeof a === 'number') return { id, amount: a + (b as number) };
  return {
    id,
    amount: id.type === 'SET' ? addSets(a as ValueSet, b as ValueSet) : addRanges(a as Ranges, b as Ranges),
  };
}

/** undefined = nothing is left. */
export function difference({ id, amount: a }: Entry, { amount: b }: Entry): Entry | undefined {
  let amount: Amount;
  if (typeof a === 'number') amount = a - (b as number);
  else if (id.type === 'SET') amount = subtractSets(a as ValueSet, b as ValueSet);
  else amount = subtractRanges(a as Ranges, b as Ranges);
  const rest = { id, amount };
  return isSomething(rest) ? rest : undefined;
}

export function covers({ id, amount: a }: Entry, { amount: b }: Entry): boolean {
  if (typeof a === 'number') return a >= (b as number);
  if (id.type === 'SET') return containsSets(a as ValueSet, b as ValueSet);
  return containsRanges(a as Ranges, b as Ranges);
}

/** Expects a valid message. */
export function entryOf(message: Resource): Entry {
  const milli = message.type === 'SCALAR' ? toMilli(message.scalar?.value ?? 0) : undefined;
  const id = identityOf(message, milli);
  if (milli !== undefined) return { id, amount: id.unitMilli === undefined ? milli : Math.min(milli, 1) };
  if (message.type === 'SET') return { id, amount: setOf(message.set?.item ?? []) };
  const pairs = (message.ranges?.range ?? []).map(({ begin, end }) => [Number(begin), Number(end)] as const);
  return { id, amount: coalesce(pairs) };
}
