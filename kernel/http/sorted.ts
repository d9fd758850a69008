import type { Steps } from './slices.js';

const PER_STEP = 1000;

/** Like `toSorted`, which would take a big list at once. By default texts, by code units. */
export function* sorted<T>(items: readonly T[], compare: (a: T, b: T) => number = byCodeUnit): Steps<T[]> {
  let runs: T[][] = [];
  for (let at = 0; at < items.length; at += PER_STEP) {
    runs.push(items.slice(at, at + PER_STEP).sort(compare));
    yield;
  }
  while (runs.length > 1) {
    const longer: T[][] = [];
    for (let at = 0; at < runs.length; at += 2) longer.push(yield* merged(runs[at]!, runs[at + 1] ?? [], compare));
    runs = longer;
  }
  return runs[0] ?? [];
}

function* merged<T>(a: readonly T[], b: readonly T[], compare: (a: T, b: T) => number): Steps<T[]> {
  const both: T[] = [];
  for (let [i, j] = [0, 0]; i < a.length || j < b.length;) {
    both.push(i < a.length && (j === b.length || compare(a[i]!, b[j]!) <= 0) ? a[i++]! : b[j++]!);
    if (both.length % PER_STEP === 0) yield;
  }
  return both;
}

const byCodeUnit = (a: unknown, b: unknown): number => (a === b ? 0 : (a as string) < (b as string) ? -1 : 1);
