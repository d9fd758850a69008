import type { Job, Schedule } from './job.js';
import { lastFirings, recurrenceOf } from './recurrence.js';
import { saveCursors, whenOf } from './records.js';
import { createRun, isFull, launch, stopRun } from './runs.js';
import type { Cursor, JobEntry, MetronomeState } from './state.js';
import type { Turn } from './turn.js';

const timerOf = (jobId: string, scheduleId: string): string => `fire:${jobId}/${scheduleId}`;

/** Sets when a schedule fires next. */
export function plan(turn: Turn, entry: JobEntry, { id, enabled }: Schedule): void {
  const timer = timerOf(entry.job.id, id);
  const cursor = entry.cursors.get(id);
  const live = enabled && cursor !== undefined && cursor.remaining !== 0 && !entry.job.chronos?.disabled;
  const atMs = live ? entry.recurrences.get(id)?.next(cursor.lastMs) : undefined;
  if (atMs === undefined) turn.state.agenda.delete(timer);
  else turn.state.agenda.set(timer, atMs);
}

/** Undefined: never, or not as things are. */
export const nextRunAtMs = ({ agenda }: MetronomeState, jobId: string, scheduleId: string): number | undefined =>
  agenda.timeOf(timerOf(jobId, scheduleId));

/** A schedule's time has come, just now or while nobody was there. */
export function onFiringTimer(turn: Turn, path: string, dueMs: number): void {
  const slash = path.lastIndexOf('/');
  const entry = turn.state.jobs.get(path.slice(0, slash));
  const schedule = entry?.job.schedules.find(({ id }) => id === path.slice(slash + 1));
  const cursor = entry?.cursors.get(schedule?.id ?? '');
  if (entry === undefined || schedule === undefined || cursor === undefined) return;
  const dues = duesOf(turn, entry, schedule, cursor, dueMs);
  cursor.lastMs = turn.atMs;
  for (const [index, each] of dues.entries()) {
    // What is too much for this step is due again in the next.
    if (index > 0 && turn.chars > turn.state.settings.maxCharsPerStep) {
      cursor.lastMs = dues[index - 1]!;
      break;
    }
    fire(turn, entry, schedule, cursor, each);
  }
  if (dues.length === 0) skip(turn, entry, 'a firing was missed', { scheduleId: schedule.id, dueMs });
  saveCursors(turn, entry);
  plan(turn, entry, schedule);
}

/** Which of the firings that are not decided yet are to become runs. None is later than its starting deadline. */
function duesOf({ state, atMs }: Turn, entry: JobEntry, schedule: Schedule, cursor: Cursor, dueMs: number): number[] {
  const missed = dueMs <= state.startedAtMs;
  if (missed && schedule.catchUpPolicy === 'skip') return [];
  const most = missed && schedule.catchUpPolicy === 'all' ? state.settings.catchUpMax : 1;
  const fromMs = Math.max(cursor.lastMs, atMs - schedule.startingDeadlineSeconds * 1000 - 1);
  const recurrence = entry.recurrences.get(schedule.id);
  const dues = recurrence === undefined ? [] : lastFirings(recurrence, fromMs, atMs, most);
  return cursor.remaining === undefined ? dues : dues.slice(0, cursor.remaining);
}

function fire(turn: Turn, entry: JobEntry, schedule: Schedule, cursor: Cursor, dueMs: number): void {
  const { id: scheduleId, concurrencyPolicy, startingDeadlineSeconds } = schedule;
  const busy = entry.active.size > 0;
  if (busy && concurrencyPolicy === 'FORBID')
    return skip(turn, entry, 'a run is active, and another is forbidden', { scheduleId, dueMs });
  if (isFull(turn.state)) return skip(turn, entry, 'too many runs are active', { scheduleId, dueMs });
  if (cursor.remaining !== undefined) cursor.remaining -= 1;
  const before = [...entry.active.values()];
  const run = createRun(turn, entry, { dueMs, scheduleId, startByMs: dueMs + startingDeadlineSeconds * 1000 });
  if (!busy || concurrencyPolicy === 'ALLOW') return launch(turn, run);
  for (const each of before) stopRun(turn, each, `run ${run.id} takes its place`);
}

function skip(turn: Turn, entry: JobEntry, why: string, fields: Record<string, unknown>): void {
  turn.state.skipped += 1;
  turn.warn(`a job is skipped: ${why}`, { job: entry.job.id, ...fields });
}

/** The schedules of a job as they are to be: one whose recurrence stays the same goes on where it was. */
export function applySchedules(turn: Turn, entry: JobEntry, before: Job | undefined): void {
  const { schedules, id: jobId } = entry.job;
  const old = new Map(before?.schedules.map((each) => [each.id, each]));
  for (const { id } of old.values())
    if (!schedules.some((each) => each.id === id)) forgetSchedule(turn, entry, jobId, id);
  for (const schedule of schedules) {
    const was = old.get(schedule.id);
    const same = was !== undefined && was.enabled && schedule.postedMs === was.postedMs && !before?.chronos?.disabled;
    if (!same || !entry.cursors.has(schedule.id)) {
      const recurrence = recurrenceOf(whenOf(schedule));
      entry.recurrences.set(schedule.id, recurrence);
      const remaining = recurrence.repetition?.count;
      // Now itself is not over yet: an ISO 8601 schedule may begin with it.
      entry.cursors.set(schedule.id, { lastMs: turn.atMs - 1, ...(remaining !== undefined && { remaining }) });
    }
    plan(turn, entry, schedule);
  }
}

export function forgetSchedule(turn: Turn, entry: JobEntry, jobId: string, scheduleId: string): void {
  turn.state.agenda.delete(timerOf(jobId, scheduleId));
  entry.cursors.delete(scheduleId);
  entry.recurrences.delete(scheduleId);
}

/** A changed recurrence begins now; any other change leaves it alone. */
export function stamped(schedule: Omit<Schedule, 'postedMs'>, was: Schedule | undefined, atMs: number): Schedule {
  const same =
    was !== undefined &&
    was.cron === schedule.cron &&
    was.iso8601 === schedule.iso8601 &&
    was.timezone === schedule.timezone &&
    was.zoned === schedule.zoned;
  return { ...schedule, postedMs: same ? was.postedMs : atMs };
}
