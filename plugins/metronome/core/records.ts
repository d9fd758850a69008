import type { StoreEntry } from '@mezzo/sdk/contract';
import type { Job } from './job.js';
import { recurrenceOf } from './recurrence.js';
import { newSummary } from './state.js';
import type { Cursor, FinishedRun, JobEntry, MetronomeState, Run, Summary } from './state.js';
import type { Turn } from './turn.js';

/** How the state lies in the store, one record for each thing that changes by itself. */

const SHARDS = 16;
/** Prefixes of all keys. */
export const RECORD_KINDS = ['job/', 'cursor/', 'summary/', 'run/', ...shards().map((shard) => `done/${shard}/`)];
const doneKey = (jobId: string, runId: string) => `done/${shardOf(jobId)}/${jobId}/${runId}`;

/** History is what grows largest, so it is asked for in parts. */
function shards(): number[] {
  return Array.from({ length: SHARDS }, (_, index) => index);
}

const shardOf = (jobId: string): number =>
  [...jobId].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 65_521, 0) % SHARDS;

interface CursorRecord {
  readonly cursors: Readonly<Record<string, Cursor>>;
  readonly marks: Readonly<Record<string, number>>;
}

export const saveJob = (turn: Turn, { job }: JobEntry): void => turn.put(`job/${job.id}`, job);

export function saveCursors(turn: Turn, { job, cursors, marks }: JobEntry): void {
  const record: CursorRecord = { cursors: Object.fromEntries(cursors), marks: Object.fromEntries(marks) };
  turn.put(`cursor/${job.id}`, record);
}

export const saveSummary = (turn: Turn, { job, summary }: JobEntry): void => turn.put(`summary/${job.id}`, summary);
export const saveRun = (turn: Turn, run: Run): void => turn.put(`run/${run.id}`, run);
export const dropRun = (turn: Turn, run: Run): void => turn.remove(`run/${run.id}`);
export const saveFinished = (turn: Turn, jobId: string, run: FinishedRun): void =>
  turn.put(doneKey(jobId, run.id), run);
export const dropFinished = (turn: Turn, jobId: string, run: FinishedRun): void => turn.remove(doneKey(jobId, run.id));

export function dropJob(turn: Turn, { job, finished }: JobEntry): void {
  for (const kind of ['job', 'cursor', 'summary']) turn.remove(`${kind}/${job.id}`);
  for (const run of [...finished.succeeded, ...finished.failed]) dropFinished(turn, job.id, run);
}

export function newEntry(job: Job): JobEntry {
  return {
    job,
    chars: lengthOf(job),
    recurrences: new Map(job.schedules.map((schedule) => [schedule.id, recurrenceOf(whenOf(schedule))])),
    cursors: new Map(),
    marks: new Map(),
    summary: newSummary(),
    active: new Map(),
    finished: { succeeded: [], failed: [] },
  };
}

export const lengthOf = (job: Job): number => JSON.stringify(job).length;

export const whenOf = ({ cron, iso8601, timezone, zoned, postedMs }: Job['schedules'][number]) =>
  iso8601 === undefined ? { cron: cron ?? '', timezone } : { iso8601, timezone, zoned: zoned ?? false, postedMs };

export function linkChildren(state: MetronomeState, { id, dependencies }: Job): void {
  for (const parent of dependencies) {
    const children = state.children.get(parent.id) ?? new Set();
    state.children.set(parent.id, children.add(id));
  }
}

export function unlinkChildren(state: MetronomeState, { id, dependencies }: Job): void {
  for (const parent of dependencies) {
    const children = state.children.get(parent.id);
    children?.delete(id);
    if (children?.size === 0) state.children.delete(parent.id);
  }
}

/** Rebuilds the state from all records. Their order does not matter. */
export function recover(state: MetronomeState, entries: readonly StoreEntry[]): void {
  const byKind = <T>(kind: string, use: (id: string, value: T) => void): void => {
    for (const { key, value } of entries) if (key.startsWith(kind)) use(key.slice(kind.length), JSON.parse(value) as T);
  };
  byKind<Job>('job/', (id, job) => {
    const entry = newEntry(job);
    state.jobs.set(id, entry);
    state.jobChars += entry.chars;
    linkChildren(state, job);
  });
  byKind<CursorRecord>('cursor/', (id, { cursors, marks }) => {
    const entry = state.jobs.get(id);
    if (entry === undefined) return void state.orphans.push(`cursor/${id}`);
    Object.assign(entry, { cursors: new Map(Object.entries(cursors)), marks: new Map(Object.entries(marks)) });
  });
  byKind<Summary>('summary/', (id, summary) => {
    const entry = state.jobs.get(id);
    if (entry === undefined) state.orphans.push(`summary/${id}`);
    else entry.summary = summary;
  });
  byKind<Run>('run/', (id, run) => {
    state.runs.set(id, run);
    state.runChars += run.chars;
    if (!run.orphaned) state.jobs.get(run.jobId)?.active.set(id, run);
  });
  byKind<FinishedRun>('done/', (path, run) => {
    const finished = state.jobs.get(path.split('/')[1] ?? '')?.finished;
    if (finished === undefined) state.orphans.push(`done/${path}`);
    else (run.succeeded ? finished.succeeded : finished.failed).push(run);
  });
  for (const { finished } of state.jobs.values())
    for (const runs of [finished.succeeded, finished.failed])
      runs.sort((a, b) => a.finishedAtMs - b.finishedAtMs || (a.id < b.id ? -1 : 1));
}
