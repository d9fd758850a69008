import { Resources } from '../resources/index.js';
import type { Executor, Offer, Task } from './state.js';

/** What tasks and executors hold: of an agent, or of a framework. */
export function usedBy({ tasks, executors }: Holder): Resources {
  const bags: Resources[] = [];
  for (const { holds, resources } of tasks.values()) if (holds) bags.push(resources);
  for (const { resources } of executors.values()) bags.push(resources);
  return Resources.sum(bags);
}

const PER_STEP = 1000;

/** The same bit by bit, for a framework of 100,000 tasks. */
export function* usedInSteps({ tasks, executors }: Holder): Generator<undefined, Resources> {
  let used = Resources.empty;
  let bags: Resources[] = [];
  for (const all of [tasks, executors])
    for (const one of all.values()) {
      if (!('holds' in one) || one.holds) bags.push(one.resources);
      if (bags.length < PER_STEP) continue;
      used = used.add(Resources.sum(bags));
      bags = [];
      yield;
    }
  return used.add(Resources.sum(bags));
}

export interface Holder {
  readonly tasks: { values(): Iterable<Task> };
  readonly executors: { values(): Iterable<Executor> };
  readonly offers: Iterable<Offer>;
}

export const offeredBy = ({ offers }: Holder): Resources =>
  Resources.sum([...offers].map(({ resources }) => resources));
