import { compactTime } from './calendar.js';
import type { TaskChange } from './effects.js';
import { onEnd } from './dependencies.js';
import { dropFinished, dropRun, saveFinished, saveRun, saveSummary } from './records.js';
import type { FinishedRun, JobEntry, Lineage, MetronomeState, Run, TaskRecord } from './state.js';
import type { Turn } from './turn.js';

/** What a run goes through. It is stored before its task is wanted, and forgotten by the framework after its end is stored. */

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SUFFIXES = 62 ** 5;
/** Has no factor in common with 62, so that every suffix comes once before one comes again. */
const STRIDE = 387_420_489;
const RETRY_FIRST_MS = 1000;
const RETRY_MAX_MS = 60_000;
const RETRY_GROWTH = 1.5;
/** Of a run that is restarted again and again, the last ones are remembered. */
const MAX_TASKS = 5;
const MAX_MESSAGE = 500;
/** Of a run's record, beside what its job says. */
const RUN_CHARS = 1000;
/** A child may be so many rounds of its parents behind before it loses one. */
const MAX_RECENT = 16;
const WORD_MS = 30_000;

const startTimer = (run: Run): string => `start:${run.id}`;
const retryTimer = (run: Run): string => `retry:${run.id}`;
/** Known to the framework by this: each launch of a run is another. */
export const keyOf = ({ id, jobId, attempt }: Run): string => `${jobId.replaceAll(/[^\w.-]/g, '_')}_${id}.${attempt}`;

/** No room for another. */
export const isFull = ({ runs, runChars, settings }: MetronomeState): boolean =>
  runs.size >= settings.maxActiveRuns || runChars >= settings.maxChars;

function newRunId(state: MetronomeState, atMs: number): string {
  for (;;) {
    state.idState = (state.idState + STRIDE) % SUFFIXES;
    let rest = state.idState;
    let suffix = '';
    for (let digit = 0; digit < 5; digit++) [suffix, rest] = [suffix + ALPHABET[rest % 62]!, Math.floor(rest / 62)];
    const id = compactTime(atMs) + suffix;
    if (!state.runs.has(id)) return id;
  }
}

export interface NewRun {
  readonly dueMs?: number;
  readonly scheduleId?: string;
  readonly lineage?: Lineage;
  readonly arguments?: string;
  /** When it must run at the latest. */
  readonly startByMs?: number;
}

/** The run waits until `launch`. */
export function createRun(
  turn: Turn,
  entry: JobEntry,
  { dueMs = turn.atMs, lineage, startByMs = Infinity, ...rest }: NewRun,
): Run {
  const { state, atMs } = turn;
  const { id: jobId, run: spec, labels } = entry.job;
  const id = newRunId(state, atMs);
  const run: Run = {
    ...rest,
    id,
    jobId,
    dueMs,
    createdAtMs: atMs,
    run: spec,
    labels,
    lineage: lineage ?? { [jobId]: id },
    chars: entry.chars + RUN_CHARS,
    status: 'INITIAL',
    attempt: 0,
    startByMs: Math.min(startByMs, atMs + spec.maxLaunchDelay * 1000),
    tasks: [],
  };
  state.runs.set(id, run);
  state.runChars += run.chars;
  entry.active.set(id, run);
  state.agenda.set(startTimer(run), run.startByMs);
  saveRun(turn, run);
  return run;
}

export function launch(turn: Turn, run: Run): void {
  turn.chars += run.chars;
  run.attempt += 1;
  run.status = 'STARTING';
  run.retryAtMs = undefined;
  if (run.attempt > 1) run.startByMs = turn.atMs + run.run.maxLaunchDelay * 1000;
  turn.state.agenda.set(startTimer(run), run.startByMs);
  saveRun(turn, run);
  want(turn, run);
}

function want(turn: Turn, run: Run): void {
  const key = keyOf(run);
  turn.state.runsByKey.set(key, run);
  turn.add({ type: 'want', key, run });
}

/** Ends it: at once when nothing of it can live, otherwise when its task is known to be gone. */
export function stopRun(turn: Turn, run: Run, reason: string): void {
  if (run.stopping !== undefined) return;
  run.stopping = reason;
  if (run.attempt === 0 || run.retryAtMs !== undefined) return finish(turn, run, false, reason);
  turn.state.agenda.delete(startTimer(run));
  saveRun(turn, run);
  turn.add({ type: 'drop', key: keyOf(run) });
}

export function onTaskChanged(turn: Turn, key: string, change: TaskChange): void {
  const run = turn.state.runsByKey.get(key);
  if (run === undefined) return;
  const changed = recordTask(turn, run, change);
  if (change.state === 'ended') return onEnded(turn, run, change);
  if (change.state === 'running' && run.status !== 'ACTIVE') {
    run.status = 'ACTIVE';
    turn.state.agenda.delete(startTimer(run));
  } else if (!changed) return;
  saveRun(turn, run);
}

function recordTask({ atMs }: Turn, run: Run, { taskId, state, status }: TaskChange): boolean {
  if (taskId === undefined) return false;
  let task = run.tasks.find(({ id }) => id === taskId);
  if (task === undefined) {
    task = { id: taskId, createdAtMs: atMs, status: '' } satisfies TaskRecord;
    run.tasks = [...run.tasks, task].slice(-MAX_TASKS);
  }
  if (task.status === status) return false;
  task.status = status;
  if (state === 'running') task.startedAtMs ??= atMs;
  if (state === 'ended') task.completedAtMs ??= atMs;
  return true;
}

function onEnded(turn: Turn, run: Run, { succeeded = false, status, message }: TaskChange): void {
  const key = keyOf(run);
  turn.state.runsByKey.delete(key);
  turn.add({ type: 'drop', key });
  const reason =
    run.stopping ??
    [status, message]
      .filter((each) => each)
      .join(': ')
      .slice(0, MAX_MESSAGE);
  const delayMs = run.stopping === undefined && !succeeded ? retryDelayMs(turn, run) : undefined;
  if (delayMs === undefined) return finish(turn, run, succeeded, succeeded ? undefined : reason);
  run.status = 'STARTING';
  run.retryAtMs = turn.atMs + delayMs;
  turn.state.agenda.delete(startTimer(run));
  turn.state.agenda.set(retryTimer(run), run.retryAtMs);
  saveRun(turn, run);
}

/** Undefined: no more. */
function retryDelayMs({ atMs }: Turn, { attempt, createdAtMs, run: { restart, retries } }: Run): number | undefined {
  if (retries !== undefined) return attempt <= retries.times ? retries.delaySeconds * 1000 : undefined;
  if (restart.policy === 'NEVER') return undefined;
  const delayMs = Math.round(Math.min(RETRY_FIRST_MS * RETRY_GROWTH ** (attempt - 1), RETRY_MAX_MS));
  const untilMs = createdAtMs + (restart.activeDeadlineSeconds ?? Infinity) * 1000;
  return atMs + delayMs <= untilMs ? delayMs : undefined;
}

/** The run is history. Its job may be gone. */
export function finish(turn: Turn, run: Run, succeeded: boolean, message?: string): void {
  const { state, atMs } = turn;
  state.runs.delete(run.id);
  state.runChars -= run.chars;
  for (const timer of [startTimer(run), retryTimer(run)]) state.agenda.delete(timer);
  dropRun(turn, run);
  const entry = state.jobs.get(run.jobId);
  if (entry === undefined || !entry.active.delete(run.id)) return;
  const tasks = run.tasks.map(({ id }) => id);
  remember(turn, entry, { id: run.id, succeeded, createdAtMs: run.createdAtMs, finishedAtMs: atMs, tasks, message });
  countEnd(turn, entry, succeeded, run.lineage);
  releaseWaiting(turn, entry);
}

/** Counts for the summary, and for the children. */
export function countEnd(turn: Turn, entry: JobEntry, succeeded: boolean, lineage: Lineage): void {
  const { summary } = entry;
  if (succeeded) Object.assign(summary, { successCount: summary.successCount + 1, lastSuccessAtMs: turn.atMs });
  else Object.assign(summary, { failureCount: summary.failureCount + 1, lastFailureAtMs: turn.atMs });
  if (succeeded || entry.job.chronos?.softError) {
    summary.passes += 1;
    summary.recent = [...summary.recent, { number: summary.passes, lineage }].slice(-MAX_RECENT);
  }
  saveSummary(turn, entry);
  onEnd(turn, entry);
}

function remember(turn: Turn, entry: JobEntry, run: FinishedRun): void {
  const { settings, jobs } = turn.state;
  const runs = run.succeeded ? entry.finished.succeeded : entry.finished.failed;
  const most = Math.min(settings.historyPerJob, Math.max(1, Math.floor(settings.maxHistory / (2 * jobs.size))));
  runs.push(run);
  saveFinished(turn, entry.job.id, run);
  while (runs.length > most) dropFinished(turn, entry.job.id, runs.shift()!);
}

/** A run that replaces others begins when they are gone. */
function releaseWaiting(turn: Turn, entry: JobEntry): void {
  const runs = [...entry.active.values()];
  if (runs.length > 0 && runs.every(({ attempt }) => attempt === 0)) launch(turn, runs.at(-1)!);
}

export function onRunTimer(turn: Turn, kind: string, runId: string): void {
  const run = turn.state.runs.get(runId);
  if (run === undefined) return;
  if (kind === 'retry') return launch(turn, run);
  const seconds = Math.round((turn.atMs - run.createdAtMs) / 1000);
  stopRun(turn, run, `it did not start in time: ${seconds} s after it was created`);
}

/** In a new process: what was stored is wanted again, and what the framework knows of beyond that is dropped. */
export function resumeRuns(turn: Turn, keys: readonly string[]): void {
  const known = new Set(keys);
  for (const run of [...turn.state.runs.values()]) {
    resume(turn, run, known);
    if (!turn.state.jobs.has(run.jobId)) stopRun(turn, run, 'its job was removed');
  }
  for (const key of keys) if (!turn.state.runsByKey.has(key)) turn.add({ type: 'drop', key });
}

function resume(turn: Turn, run: Run, known: ReadonlySet<string>): void {
  const { agenda } = turn.state;
  const key = keyOf(run);
  if (run.retryAtMs !== undefined) return agenda.set(retryTimer(run), run.retryAtMs);
  // What the framework knows may have started in time while nobody listened: its word is waited for.
  const startByMs = known.has(key) ? Math.max(run.startByMs, turn.atMs + WORD_MS) : run.startByMs;
  if (run.status !== 'ACTIVE' && run.stopping === undefined) agenda.set(startTimer(run), startByMs);
  if (run.attempt === 0) return;
  if (run.stopping === undefined) return want(turn, run);
  if (!known.has(key)) return finish(turn, run, false, run.stopping);
  turn.state.runsByKey.set(key, run);
  turn.add({ type: 'drop', key });
}
