import { Agenda } from './agenda.js';
import type { Job, RunSpec } from './job.js';
import type { Recurrence } from './recurrence.js';

export interface Settings {
  readonly maxJobs: number;
  /** Of all jobs together. */
  readonly maxActiveRuns: number;
  /** Finished runs remembered of a job, successful and failed each. */
  readonly historyPerJob: number;
  /** Of all jobs together: with many jobs, fewer are kept of each. */
  readonly maxHistory: number;
  /** Of all jobs together, and of all active runs together: the store's answers are bounded. */
  readonly maxChars: number;
  readonly catchUpMax: number;
  /** Things that are due and worked out in one step, and what their records may have together; the rest follow in the next. */
  readonly maxDuePerStep: number;
  readonly maxCharsPerStep: number;
}

export const DEFAULT_SETTINGS: Settings = {
  maxJobs: 10_000,
  maxActiveRuns: 10_000,
  historyPerJob: 1000,
  maxHistory: 100_000,
  catchUpMax: 100,
  maxChars: 16_000_000,
  maxDuePerStep: 200,
  // What one step writes must fit into one batch of the store: a firing's run and its cursor land together.
  maxCharsPerStep: 2_000_000,
};

export interface TaskRecord {
  readonly id: string;
  readonly createdAtMs: number;
  startedAtMs?: number;
  completedAtMs?: number;
  status: string;
}

/** INITIAL: waits for another run of its job to end. STARTING: to be launched, or launched. ACTIVE: runs. */
export type RunStatus = 'INITIAL' | 'STARTING' | 'ACTIVE';

/** A run of a job that has not ended. What it runs is the job's definition of when it was created. */
export interface Run {
  readonly id: string;
  readonly jobId: string;
  readonly scheduleId?: string;
  /** When it should have started; of runs that nobody scheduled, when they were asked for. */
  readonly dueMs: number;
  readonly createdAtMs: number;
  readonly run: RunSpec;
  readonly labels: Readonly<Record<string, string>>;
  /** Chronos: appended to the command's arguments. */
  readonly arguments?: string;
  /** Which run of each job without parents it goes back to. */
  readonly lineage: Lineage;
  /** About how long its record is. */
  readonly chars: number;
  status: RunStatus;
  /** Launches so far; 0 while it waits. */
  attempt: number;
  /** It fails unless it runs by then. */
  startByMs: number;
  /** The last attempt failed; the next one comes then. */
  retryAtMs?: number;
  /** It is being ended; why. */
  stopping?: string;
  /** Its job was removed. */
  orphaned?: boolean;
  tasks: TaskRecord[];
}

/** By job without parents: the id of its run. */
export type Lineage = Readonly<Record<string, string>>;

export interface FinishedRun {
  readonly id: string;
  readonly succeeded: boolean;
  readonly createdAtMs: number;
  readonly finishedAtMs: number;
  readonly tasks: readonly string[];
  readonly message?: string;
}

export interface Summary {
  successCount: number;
  failureCount: number;
  lastSuccessAtMs?: number;
  lastFailureAtMs?: number;
  /** Ends that children may build on: successes, and failures that do not count. */
  passes: number;
  /** The latest of them, oldest first. */
  recent: readonly Pass[];
}

export interface Pass {
  /** Counted from 1. */
  readonly number: number;
  readonly lineage: Lineage;
}

export interface Cursor {
  /** All firings until then are decided. */
  lastMs: number;
  /** Of `R[n]`: firings left. */
  remaining?: number;
}

export interface JobEntry {
  job: Job;
  /** How long its record is. */
  chars: number;
  recurrences: Map<string, Recurrence>;
  cursors: Map<string, Cursor>;
  /** By parent: number of its pass that this job last fired for. */
  marks: Map<string, number>;
  summary: Summary;
  readonly active: Map<string, Run>;
  /** Oldest first. */
  readonly finished: { readonly succeeded: FinishedRun[]; readonly failed: FinishedRun[] };
}

export interface MetronomeState {
  readonly settings: Settings;
  readonly jobs: Map<string, JobEntry>;
  /** By parent: the jobs that depend on it. */
  readonly children: Map<string, Set<string>>;
  /** By id, over all jobs: also of jobs that are gone while their tasks are being ended. */
  readonly runs: Map<string, Run>;
  /** By key of its present launch. */
  readonly runsByKey: Map<string, Run>;
  readonly agenda: Agenda;
  /** Firings until then were missed by a process that was away. */
  startedAtMs: number;
  idState: number;
  wakeAtMs: number | undefined;
  jobChars: number;
  runChars: number;
  /** Keys of records whose job is gone: what a removal that was cut short left behind. */
  readonly orphans: string[];
  skipped: number;
}

export const createState = (settings: Partial<Settings> = {}): MetronomeState => ({
  settings: { ...DEFAULT_SETTINGS, ...settings },
  jobs: new Map(),
  children: new Map(),
  runs: new Map(),
  runsByKey: new Map(),
  agenda: new Agenda(),
  startedAtMs: 0,
  idState: 0,
  wakeAtMs: undefined,
  jobChars: 0,
  runChars: 0,
  orphans: [],
  skipped: 0,
});

export const newSummary = (): Summary => ({ successCount: 0, failureCount: 0, passes: 0, recent: [] });
