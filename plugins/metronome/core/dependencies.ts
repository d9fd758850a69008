import type { Job } from './job.js';
import type { Violation } from './refusal.js';
import { saveCursors } from './records.js';
import { createRun, isFull, launch } from './runs.js';
import type { JobEntry, Lineage, MetronomeState, Pass } from './state.js';
import type { Turn } from './turn.js';

/**
 * Jobs that run after others. A job fires when each of its parents ended well since it fired last, in runs that go back to the same run
 * of each ancestor that they share: a join never mixes two rounds.
 */

/** They are looked at in steps of their own: a parent may have many. */
export function onEnd({ state, atMs }: Turn, { job }: JobEntry): void {
  for (const id of state.children.get(job.id) ?? []) state.agenda.set(`ready:${id}`, atMs);
  if (job.dependencies.length > 0) state.agenda.set(`ready:${job.id}`, atMs);
}

/** Never beside another run of the same job: that one's end asks again. */
export function fireWhenReady(turn: Turn, entry: JobEntry | undefined): void {
  if (entry === undefined || entry.job.dependencies.length === 0 || entry.active.size > 0) return;
  const round = completeRound(turn.state, entry);
  if (round === undefined) return;
  entry.job.dependencies.forEach(({ id }, index) => entry.marks.set(id, round.passes[index]!.number));
  saveCursors(turn, entry);
  if (entry.job.chronos?.disabled) return;
  if (isFull(turn.state)) {
    turn.state.skipped += 1;
    return turn.warn('too many runs are active: a job is skipped', { job: entry.job.id });
  }
  launch(turn, createRun(turn, entry, { lineage: round.lineage }));
}

interface Round {
  readonly lineage: Lineage;
  /** One of each parent. */
  readonly passes: readonly Pass[];
}

/** The latest in which all parents have ended well. A parent may be ahead of the others. */
function completeRound({ jobs }: MetronomeState, { job, marks }: JobEntry): Round | undefined {
  const candidates = job.dependencies.map(({ id }) =>
    (jobs.get(id)?.summary.recent ?? []).filter(({ number }) => number > (marks.get(id) ?? 0)).reverse(),
  );
  const [first = [], ...others] = candidates;
  for (const pass of first) {
    let round: Round | undefined = { lineage: pass.lineage, passes: [pass] };
    for (const passes of others) round = round && joined(round, passes);
    if (round) return round;
  }
  return undefined;
}

function joined({ lineage, passes }: Round, candidates: readonly Pass[]): Round | undefined {
  for (const pass of candidates) {
    const both = merged([lineage, pass.lineage]);
    if (both) return { lineage: both, passes: [...passes, pass] };
  }
  return undefined;
}

/** Undefined when they speak of different runs of the same job. */
function merged(lineages: readonly Lineage[]): Lineage | undefined {
  const all: Record<string, string> = {};
  for (const lineage of lineages)
    for (const [root, runId] of Object.entries(lineage)) {
      if (all[root] !== undefined && all[root] !== runId) return undefined;
      all[root] = runId;
    }
  return all;
}

/** A run by hand stands in for one that failed: it goes back to the same runs as the parents' latest. */
export function lineageByHand(state: MetronomeState, { job }: JobEntry): Lineage | undefined {
  if (job.dependencies.length === 0) return undefined;
  const lineages = job.dependencies.map(({ id }) => state.jobs.get(id)?.summary.recent.at(-1)?.lineage ?? {});
  const all = merged(lineages);
  return all === undefined || Object.keys(all).length === 0 ? undefined : all;
}

/** What already is counts as seen: a new child waits for what comes. */
export function markParents(state: MetronomeState, entry: JobEntry): void {
  const before = entry.marks;
  entry.marks = new Map(
    entry.job.dependencies.map(({ id }) => [id, before.get(id) ?? state.jobs.get(id)?.summary.passes ?? 0]),
  );
}

export function dependencyViolations(state: MetronomeState, { id, dependencies, schedules }: Job): Violation[] {
  const found: Violation[] = dependencies.flatMap((parent, index) =>
    state.jobs.has(parent.id) || parent.id === id
      ? []
      : [{ path: `/dependencies(${index})`, error: `there is no job '${parent.id}'` }],
  );
  if (dependencies.length > 0 && schedules.length > 0)
    found.push({ path: '/dependencies', error: 'a job has schedules or dependencies, not both' });
  const circle = circleThrough(state, id, dependencies);
  if (circle !== undefined) found.push({ path: '/dependencies', error: `they go in a circle: ${circle.join(' -> ')}` });
  return found;
}

/** The way from the job over its parents back to itself. */
function circleThrough(state: MetronomeState, id: string, dependencies: Job['dependencies']): string[] | undefined {
  const cameFrom = new Map<string, string>();
  const open = dependencies.map((parent) => [parent.id, id] as const);
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [at, from] = next;
    if (at === id) return wayBack(cameFrom, from, id);
    if (cameFrom.has(at)) continue;
    cameFrom.set(at, from);
    for (const parent of state.jobs.get(at)?.job.dependencies ?? []) open.push([parent.id, at]);
  }
  return undefined;
}

function wayBack(cameFrom: ReadonlyMap<string, string>, from: string, id: string): string[] {
  const way = [id];
  for (let at = from; at !== id; at = cameFrom.get(at) ?? id) way.unshift(at);
  return [id, ...way];
}
