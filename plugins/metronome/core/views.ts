import { isoTime } from './calendar.js';
import { nextRunAtMs } from './firing.js';
import type { RunSpec, Schedule } from './job.js';
import type { FinishedRun, JobEntry, MetronomeState, Run, Summary } from './state.js';

/** Bodies as Metronome has them. What is not there is left out, save in runs, where it is null. */

export const EMBEDS = ['activeRuns', 'schedules', 'history', 'historySummary'] as const;
export type Embed = (typeof EMBEDS)[number];

const timeOrNull = (atMs: number | undefined): string | null => (atMs === undefined ? null : isoTime(atMs));

export function jobView(state: MetronomeState, entry: JobEntry, embeds: readonly Embed[]): Record<string, unknown> {
  const { id, description, labels, dependencies, run, schedules } = entry.job;
  const has = (embed: Embed) => embeds.includes(embed);
  return {
    id,
    ...(description !== undefined && { description }),
    labels,
    ...(dependencies.length > 0 && { dependencies }),
    run: runSpecView(run),
    ...(has('schedules') && { schedules: schedules.map((each) => scheduleView(state, entry, each)) }),
    ...(has('activeRuns') && { activeRuns: activeRunViews(entry) }),
    ...(has('history') && { history: historyView(entry) }),
    ...(has('historySummary') && { historySummary: summaryView(entry.summary) }),
  };
}

const runSpecView = ({ retries: _, ...run }: RunSpec): Record<string, unknown> => run;

export function scheduleView(state: MetronomeState, { job }: JobEntry, schedule: Schedule): Record<string, unknown> {
  const { zoned: _, postedMs: __, ...shown } = schedule;
  const nextMs = nextRunAtMs(state, job.id, schedule.id);
  return { ...shown, ...(nextMs !== undefined && { nextRunAt: isoTime(nextMs) }) };
}

export const activeRunViews = ({ active }: JobEntry): Record<string, unknown>[] => [...active.values()].map(runView);

export const runView = (run: Run): Record<string, unknown> => ({
  id: run.id,
  jobId: run.jobId,
  status: run.status,
  createdAt: isoTime(run.createdAtMs),
  completedAt: null,
  tasks: run.tasks.map((task) => ({
    id: task.id,
    createdAt: isoTime(task.createdAtMs),
    startedAt: timeOrNull(task.startedAtMs),
    completedAt: timeOrNull(task.completedAtMs),
    status: task.status,
  })),
});

const summaryView = (summary: Summary): Record<string, unknown> => ({
  successCount: summary.successCount,
  failureCount: summary.failureCount,
  lastSuccessAt: timeOrNull(summary.lastSuccessAtMs),
  lastFailureAt: timeOrNull(summary.lastFailureAtMs),
});

/** Newest first. */
function historyView({ summary, finished }: JobEntry): Record<string, unknown> {
  const view = (runs: readonly FinishedRun[]) => runs.map(finishedView).reverse();
  return {
    ...summaryView(summary),
    successfulFinishedRuns: view(finished.succeeded),
    failedFinishedRuns: view(finished.failed),
  };
}

const finishedView = ({ id, createdAtMs, finishedAtMs, tasks, message }: FinishedRun): Record<string, unknown> => ({
  id,
  createdAt: isoTime(createdAtMs),
  finishedAt: isoTime(finishedAtMs),
  tasks,
  ...(message !== undefined && { message }),
});

/** Of a run that has ended, as long as it is remembered. */
export function finishedRunView({ job, finished }: JobEntry, runId: string): Record<string, unknown> | undefined {
  const run = [...finished.succeeded, ...finished.failed].find(({ id }) => id === runId);
  return (
    run && {
      id: run.id,
      jobId: job.id,
      status: run.succeeded ? 'SUCCESS' : 'FAILED',
      createdAt: isoTime(run.createdAtMs),
      completedAt: isoTime(run.finishedAtMs),
      tasks: run.tasks.map((id) => ({ id })),
      ...(run.message !== undefined && { message: run.message }),
    }
  );
}

/** Runs that wait to be launched, by job. */
export function queueView(state: MetronomeState): Record<string, unknown>[] {
  const byJob = new Map<string, { runId: string }[]>();
  for (const { id, jobId, status, tasks } of state.runs.values()) {
    const waits = status !== 'ACTIVE' && tasks.every(({ completedAtMs }) => completedAtMs !== undefined);
    if (!waits) continue;
    const waiting = byJob.get(jobId) ?? [];
    byJob.set(jobId, waiting);
    waiting.push({ runId: id });
  }
  return [...byJob].map(([jobId, runs]) => ({ jobId, runs }));
}
