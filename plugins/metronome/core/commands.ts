import { lineageByHand, markParents } from './dependencies.js';
import type { Answer } from './effects.js';
import { applySchedules, forgetSchedule, stamped } from './firing.js';
import type { Job, Schedule } from './job.js';
import {
  dropJob,
  lengthOf,
  linkChildren,
  newEntry,
  saveCursors,
  saveJob,
  saveRun,
  saveSummary,
  unlinkChildren,
} from './records.js';
import { conflict, jobNotFound, runNotFound, scheduleNotFound, tooMany } from './refusal.js';
import { countEnd, createRun, isFull, launch, stopRun } from './runs.js';
import type { JobEntry, MetronomeState, Run } from './state.js';
import type { Turn } from './turn.js';
import { checkJob, checkSchedule } from './validate.js';
import { jobView, runView, scheduleView } from './views.js';

export type NewSchedule = Omit<Schedule, 'postedMs'>;
export type NewJob = Omit<Job, 'schedules'> & { readonly schedules: readonly NewSchedule[] };

/** What the APIs ask for. */
export type Command =
  | { readonly kind: 'createJob'; readonly job: NewJob; readonly withSchedules?: boolean }
  /** Without `withSchedules` those that it has stay. */
  | { readonly kind: 'updateJob'; readonly job: NewJob; readonly withSchedules: boolean }
  | { readonly kind: 'putJob'; readonly job: NewJob }
  | { readonly kind: 'removeJob'; readonly id: string; readonly stopRuns: boolean }
  | { readonly kind: 'createSchedule'; readonly jobId: string; readonly schedule: NewSchedule }
  | { readonly kind: 'updateSchedule'; readonly jobId: string; readonly id: string; readonly schedule: NewSchedule }
  | { readonly kind: 'removeSchedule'; readonly jobId: string; readonly id: string }
  | { readonly kind: 'startRun'; readonly jobId: string; readonly arguments?: string }
  | { readonly kind: 'stopRun'; readonly jobId: string; readonly runId: string }
  | { readonly kind: 'stopRuns'; readonly jobId: string }
  | { readonly kind: 'markSuccess'; readonly jobId: string };

const MAX_SCHEDULES = 100;

/** Throws a Refusal before anything has changed. */
export function carryOut(turn: Turn, command: Command): Answer {
  const { state } = turn;
  switch (command.kind) {
    case 'createJob':
      return createJob(turn, command.job, command.withSchedules ?? false);
    case 'updateJob':
      return updateJob(turn, entryOf(state, command.job.id), command.job, command.withSchedules);
    case 'putJob': {
      const entry = state.jobs.get(command.job.id);
      return entry === undefined ? createJob(turn, command.job, true) : updateJob(turn, entry, command.job, true);
    }
    case 'removeJob':
      return removeJob(turn, entryOf(state, command.id), command.stopRuns);
    case 'createSchedule':
      return createSchedule(turn, entryOf(state, command.jobId), command.schedule);
    case 'updateSchedule':
      return updateSchedule(turn, entryOf(state, command.jobId), command.id, command.schedule);
    case 'removeSchedule':
      return removeSchedule(turn, entryOf(state, command.jobId), command.id);
    case 'startRun':
      return startRun(turn, entryOf(state, command.jobId), command.arguments);
    case 'stopRun':
      return stopOne(turn, entryOf(state, command.jobId), command.runId);
    case 'stopRuns':
      for (const run of [...entryOf(state, command.jobId).active.values()]) stopRun(turn, run, 'stopped');
      return { status: 204 };
    case 'markSuccess':
      return markSuccess(turn, entryOf(state, command.jobId));
  }
}

export function entryOf(state: MetronomeState, id: string): JobEntry {
  const entry = state.jobs.get(id);
  if (entry === undefined) throw jobNotFound(id);
  return entry;
}

const stampedJob = (job: NewJob, was: Job | undefined, atMs: number): Job => ({
  ...job,
  schedules: job.schedules.map((each) =>
    stamped(
      each,
      was?.schedules.find(({ id }) => id === each.id),
      atMs,
    ),
  ),
});

/** All that is stored must be read again in one go. */
function checkRoom({ jobs, jobChars, settings }: MetronomeState, entry: JobEntry | undefined, job: Job): void {
  if (entry === undefined && jobs.size >= settings.maxJobs)
    throw tooMany(`There are ${jobs.size} jobs: no more are taken`);
  const more = lengthOf(job) - (entry?.chars ?? 0);
  if (more > 0 && jobChars + more > settings.maxChars) throw tooMany('Jobs are too large together: remove some');
}

function createJob(turn: Turn, wanted: NewJob, withSchedules: boolean): Answer {
  const { state, atMs } = turn;
  if (state.jobs.has(wanted.id)) throw conflict('Job with this id already exists');
  const job = stampedJob(wanted, undefined, atMs);
  checkJob(state, job);
  checkRoom(state, undefined, job);
  const entry = newEntry(job);
  state.jobs.set(job.id, entry);
  linkChildren(state, job);
  state.jobChars += entry.chars;
  settle(turn, entry, undefined);
  saveSummary(turn, entry);
  return { status: 201, body: jobView(state, entry, withSchedules ? ['schedules'] : []) };
}

function updateJob(turn: Turn, entry: JobEntry, wanted: NewJob, withSchedules: boolean): Answer {
  const { state, atMs } = turn;
  const before = entry.job;
  if (before.chronos && !wanted.chronos) throw conflict(`'${before.id}' came by Chronos' API: change it there`);
  const stampedOne = stampedJob(wanted, before, atMs);
  const job: Job = withSchedules ? stampedOne : { ...stampedOne, schedules: before.schedules };
  checkJob(state, job);
  checkRoom(state, entry, job);
  unlinkChildren(state, before);
  entry.job = job;
  linkChildren(state, job);
  settle(turn, entry, before);
  return { status: 200, body: jobView(state, entry, withSchedules ? ['schedules'] : []) };
}

/** Follows a change of the job's definition. */
function settle(turn: Turn, entry: JobEntry, before: Job | undefined): void {
  const chars = lengthOf(entry.job);
  turn.state.jobChars += chars - entry.chars;
  entry.chars = chars;
  markParents(turn.state, entry);
  applySchedules(turn, entry, before);
  saveJob(turn, entry);
  saveCursors(turn, entry);
}

function removeJob(turn: Turn, entry: JobEntry, stopRuns: boolean): Answer {
  const { state } = turn;
  const { job } = entry;
  const children = [...(state.children.get(job.id) ?? [])];
  if (children.length > 0) throw conflict(`There are jobs that depend on it: ${children.sort().join(', ')}`);
  if (entry.active.size > 0 && !stopRuns)
    throw conflict('There are active job runs. Override with stopCurrentJobRuns=true');
  const body = jobView(state, entry, []);
  const runs = [...entry.active.values()];
  state.jobs.delete(job.id);
  state.jobChars -= entry.chars;
  unlinkChildren(state, job);
  for (const { id } of job.schedules) forgetSchedule(turn, entry, job.id, id);
  dropJob(turn, entry);
  for (const run of runs) orphan(turn, run);
  return { status: 200, body };
}

function orphan(turn: Turn, run: Run): void {
  run.orphaned = true;
  saveRun(turn, run);
  stopRun(turn, run, 'its job was removed');
}

function withSchedules(turn: Turn, entry: JobEntry, schedules: readonly Schedule[]): void {
  const before = entry.job;
  entry.job = { ...before, schedules };
  settle(turn, entry, before);
}

function createSchedule(turn: Turn, entry: JobEntry, wanted: NewSchedule): Answer {
  const schedule = stamped(wanted, undefined, turn.atMs);
  checkSchedule(schedule);
  if (entry.job.schedules.some(({ id }) => id === schedule.id))
    throw conflict('Can only create a non existing schedule');
  const schedules = [...entry.job.schedules, schedule];
  checkJob(turn.state, { ...entry.job, schedules });
  if (schedules.length > MAX_SCHEDULES) throw conflict(`A job has at most ${MAX_SCHEDULES} schedules`);
  checkRoom(turn.state, entry, { ...entry.job, schedules });
  withSchedules(turn, entry, schedules);
  return { status: 201, body: scheduleView(turn.state, entry, schedule) };
}

function updateSchedule(turn: Turn, entry: JobEntry, id: string, wanted: NewSchedule): Answer {
  const was = entry.job.schedules.find((each) => each.id === id);
  const schedule = stamped({ ...wanted, id }, was, turn.atMs);
  checkSchedule(schedule);
  if (was === undefined) throw scheduleNotFound(id);
  withSchedules(
    turn,
    entry,
    entry.job.schedules.map((each) => (each === was ? schedule : each)),
  );
  return { status: 200, body: scheduleView(turn.state, entry, schedule) };
}

function removeSchedule(turn: Turn, entry: JobEntry, id: string): Answer {
  const left = entry.job.schedules.filter((each) => each.id !== id);
  if (left.length === entry.job.schedules.length) throw scheduleNotFound(id);
  withSchedules(turn, entry, left);
  return { status: 200 };
}

function startRun(turn: Turn, entry: JobEntry, args: string | undefined): Answer {
  const { state } = turn;
  if (isFull(state)) throw tooMany(`There are ${state.runs.size} active runs: no more are taken`);
  const run = createRun(turn, entry, {
    lineage: lineageByHand(state, entry),
    ...(args !== undefined && { arguments: args }),
  });
  const body = runView(run);
  launch(turn, run);
  return { status: 201, body };
}

function stopOne(turn: Turn, entry: JobEntry, runId: string): Answer {
  const run = entry.active.get(runId);
  if (run === undefined) throw runNotFound(entry.job.id, runId);
  stopRun(turn, run, 'stopped');
  return { status: 200, body: runView(run) };
}

function markSuccess(turn: Turn, entry: JobEntry): Answer {
  const lineage = lineageByHand(turn.state, entry) ?? { [entry.job.id]: `marked-${turn.atMs}` };
  countEnd(turn, entry, true, lineage);
  return { status: 200, body: true };
}
