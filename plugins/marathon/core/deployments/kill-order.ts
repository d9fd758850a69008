import type { AppDefinition } from '../app.js';
import type { Condition, Instance } from '../state.js';
import { fieldValue } from '@mezzo/sdk/framework';

/** The lower, the sooner it goes. */
const WEIGHT: Record<Condition, number> = {
  killing: 0,
  scheduled: 1,
  unreachableInactive: 2,
  unreachable: 3,
  provisioned: 4,
  staging: 5,
  starting: 6,
  running: 7,
};

/** Which `count` instances go: what runs least, then what unbalances a GROUP_BY, then by killSelection. */
export function pickSurplus(app: AppDefinition, instances: readonly Instance[], count: number): Instance[] {
  if (count <= 0) return [];
  const left = [...instances].sort((a, b) => compare(app, a, b));
  const field = app.constraints.find(([, operator]) => operator === 'GROUP_BY')?.[0];
  if (field === undefined || count >= left.length) return left.slice(0, count);
  return pickBalanced(left, count, field);
}

function compare(app: AppDefinition, a: Instance, b: Instance): number {
  const age = startOf(b) - startOf(a) || (a.id < b.id ? 1 : -1);
  return WEIGHT[a.condition] - WEIGHT[b.condition] || (app.killSelection === 'OLDEST_FIRST' ? -age : age);
}

const startOf = ({ task, sinceMs }: Instance): number => task?.startedAtMs ?? task?.stagedAtMs ?? sinceMs;

/** One by one from the fullest group; those without a place go first. `sorted` is the order within a group. */
function pickBalanced(sorted: readonly Instance[], count: number, field: string): Instance[] {
  const groups = new Map<string | undefined, Instance[]>();
  for (const instance of sorted) {
    const value = instance.task && fieldValue(instance.task.facts, field);
    groups.set(value, [...(groups.get(value) ?? []), instance]);
  }
  const picked: Instance[] = groups.get(undefined)?.slice(0, count) ?? [];
  groups.delete(undefined);
  while (picked.length < count) {
    const fullest = [...groups.values()].reduce((a, b) => (b.length > a.length ? b : a));
    const next = fullest.shift();
    if (next === undefined) break;
    picked.push(next);
  }
  return picked;
}
