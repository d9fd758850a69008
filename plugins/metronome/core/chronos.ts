import * as z from 'zod';
import { isoTime } from './calendar.js';
import type { NewJob } from './commands.js';
import { ScheduleError } from './cron/fields.js';
import { formatRepetition, parsePeriod } from './iso8601.js';
import { nextRunAtMs } from './firing.js';
import type { RunSpec } from './job.js';
import { invalid } from './refusal.js';
import type { JobEntry, MetronomeState } from './state.js';

/** Jobs as Chronos says them, and what becomes of them here. Fields that nothing depends on are passed over, or shown as they came. */

const RETRY_SECONDS = 60;
const DEADLINE_SECONDS = 900;
export const SCHEDULE_ID = 'default';

const text = z.string().max(65_536);
const shortText = z.string().max(1024);
const list = <T extends z.ZodType>(item: T) => z.array(item).max(1000);
/** Its own documentation has "cpus": "0.5". */
const amount = z.coerce.number().min(0).max(1e9);

export const chronosSchema = z.object({
  name: z
    .string()
    .min(1)
    .max(150)
    .regex(/^[\w.-]+$/),
  command: text.default(''),
  arguments: list(text).default([]),
  shell: z.boolean().default(true),
  description: text.default(''),
  owner: shortText.default(''),
  ownerName: shortText.default(''),
  runAsUser: shortText.default(''),
  cpus: amount.default(0.1),
  mem: amount.default(128),
  disk: amount.default(256),
  gpus: z.coerce.number().int().min(0).max(1000).default(0),
  retries: z.coerce.number().int().min(0).max(1000).default(2),
  disabled: z.boolean().default(false),
  softError: z.boolean().default(false),
  concurrent: z.boolean().default(false),
  highPriority: z.boolean().default(false),
  epsilon: shortText.optional(),
  environmentVariables: list(z.object({ name: shortText, value: text })).default([]),
  fetch: list(
    z.object({
      uri: shortText,
      extract: z.boolean().default(true),
      executable: z.boolean().default(false),
      cache: z.boolean().default(false),
    }),
  ).default([]),
  uris: list(shortText).default([]),
  constraints: list(list(shortText)).default([]),
  container: z
    .object({
      type: z.string().default('DOCKER'),
      image: shortText.min(1),
      network: z.string().default('HOST'),
      networkName: shortText.optional(),
      forcePullImage: z.boolean().default(false),
      volumes: list(
        z.object({
          containerPath: shortText,
          hostPath: shortText.optional(),
          mode: z
            .string()
            .transform((mode) => mode.toUpperCase())
            .pipe(z.enum(['RO', 'RW']))
            .default('RW'),
        }),
      ).default([]),
      parameters: list(z.object({ key: shortText, value: text })).default([]),
    })
    .optional(),
  /** Seconds; promised nowhere here. */
  maxCompletionTime: z.number().optional(),
  schedule: shortText.optional(),
  scheduleTimeZone: z.string().max(100).default(''),
  parents: z.array(shortText).max(100).optional(),
});

export type ChronosJob = z.output<typeof chronosSchema>;

/** Throws a Refusal. */
export function jobOfChronos(posted: ChronosJob, kind: 'iso8601' | 'dependency'): NewJob {
  const { name, description, disabled, softError, parents = [], schedule, ...rest } = posted;
  const refuse = (path: string, error: string) => invalid([{ path, error }]);
  if (kind === 'iso8601' && schedule === undefined) throw refuse('/schedule', 'is missing');
  if (kind === 'dependency' && parents.length === 0) throw refuse('/parents', 'is missing');
  if (posted.maxCompletionTime !== undefined) throw refuse('/maxCompletionTime', 'is not supported yet');
  if (posted.container && !['DOCKER', 'MESOS'].includes(posted.container.type))
    throw refuse('/container/type', 'must be DOCKER or MESOS');
  return {
    id: name,
    ...(description !== '' && { description }),
    labels: {},
    dependencies: kind === 'dependency' ? [...new Set(parents)].map((id) => ({ id })) : [],
    run: runOf(posted),
    schedules: kind === 'dependency' ? [] : [scheduleOf(posted, schedule ?? '')],
    chronos: { disabled, softError, shown: { ...rest, description } },
  };
}

function scheduleOf(
  { scheduleTimeZone, concurrent, epsilon }: ChronosJob,
  iso8601: string,
): NewJob['schedules'][number] {
  return {
    id: SCHEDULE_ID,
    iso8601,
    timezone: scheduleTimeZone || 'UTC',
    zoned: scheduleTimeZone !== '',
    startingDeadlineSeconds: epsilon ? secondsOf(epsilon) : DEADLINE_SECONDS,
    concurrencyPolicy: concurrent ? 'ALLOW' : 'FORBID',
    enabled: true,
    catchUpPolicy: 'latest',
  };
}

function secondsOf(epsilon: string): number {
  try {
    const { months, days, ms } = parsePeriod(epsilon);
    return Math.max(1, months * 2_629_746 + days * 86_400 + Math.round(ms / 1000));
  } catch (error) {
    if (error instanceof ScheduleError) throw invalid([{ path: '/epsilon', error: error.message }]);
    throw error;
  }
}

function runOf(posted: ChronosJob): RunSpec {
  const { command, arguments: args, shell, runAsUser, cpus, mem, disk, gpus, container } = posted;
  const image = container?.image ?? '';
  const network = container?.network.toUpperCase();
  const mode = network === 'BRIDGE' ? 'container/bridge' : network === 'USER' ? 'container' : 'host';
  return {
    cpus: Math.max(cpus, 0.01),
    mem,
    disk,
    gpus,
    ...(shell && command !== '' && { cmd: command }),
    ...(!shell && { args: [...(command === '' ? [] : [command]), ...args] }),
    ...(runAsUser !== '' && { user: runAsUser }),
    env: Object.fromEntries(posted.environmentVariables.map(({ name, value }) => [name, value])),
    secrets: {},
    placement: { constraints: posted.constraints.map(constraintOf) },
    artifacts: [
      ...posted.fetch,
      ...posted.uris.map((uri) => ({ uri, extract: true, executable: false, cache: false })),
    ],
    maxLaunchDelay: 3600,
    ...(container?.type === 'DOCKER' && {
      docker: { image, privileged: false, parameters: container.parameters, forcePullImage: container.forcePullImage },
    }),
    ...(container?.type === 'MESOS' && {
      ucr: { image: { id: image, kind: 'docker', forcePull: container.forcePullImage }, privileged: false },
    }),
    volumes: container?.volumes ?? [],
    networks: container ? [{ mode, ...(container.networkName && { name: container.networkName }) }] : [],
    restart: { policy: 'NEVER' },
    retries: { times: posted.retries, delaySeconds: RETRY_SECONDS },
  };
}

const OPERATORS = { EQUALS: 'IS', LIKE: 'LIKE', UNLIKE: 'UNLIKE' } as const;

function constraintOf(
  [attribute = '', name = '', value]: readonly string[],
  index: number,
): RunSpec['placement']['constraints'][number] {
  const operator = OPERATORS[name.toUpperCase() as keyof typeof OPERATORS];
  if (operator === undefined || attribute === '')
    throw invalid([{ path: `/constraints(${index})`, error: 'must be [attribute, EQUALS, LIKE or UNLIKE, value]' }]);
  return { attribute, operator, value };
}

export const isChronos = ({ job }: JobEntry): boolean => job.chronos !== undefined;

const timeOrNothing = (atMs: number | undefined): string => (atMs === undefined ? '' : isoTime(atMs, 'Z'));

export function chronosView(state: MetronomeState, entry: JobEntry): Record<string, unknown> {
  const { job, summary } = entry;
  const { dependencies, chronos } = job;
  return {
    name: job.id,
    ...chronos?.shown,
    executor: '',
    executorFlags: '',
    taskInfoData: '',
    dataProcessingJobType: false,
    softError: chronos?.softError ?? false,
    disabled: (chronos?.disabled ?? false) || entry.cursors.get(SCHEDULE_ID)?.remaining === 0,
    successCount: summary.successCount,
    errorCount: summary.failureCount,
    errorsSinceLastSuccess: errorsSinceSuccess(entry),
    lastSuccess: timeOrNothing(summary.lastSuccessAtMs),
    lastError: timeOrNothing(summary.lastFailureAtMs),
    ...(dependencies.length > 0
      ? { parents: dependencies.map(({ id }) => id) }
      : { schedule: scheduleText(state, entry) }),
  };
}

function errorsSinceSuccess({ summary, finished }: JobEntry): number {
  const since = summary.lastSuccessAtMs ?? 0;
  return finished.failed.filter(({ finishedAtMs }) => finishedAtMs > since).length;
}

/** As Chronos shows it: what is left of it. */
function scheduleText(state: MetronomeState, { job, recurrences, cursors }: JobEntry): string {
  const repetition = recurrences.get(SCHEDULE_ID)?.repetition;
  if (repetition === undefined) return '';
  const nextMs = nextRunAtMs(state, job.id, SCHEDULE_ID) ?? repetition.startMs;
  return formatRepetition(cursors.get(SCHEDULE_ID)?.remaining, nextMs, repetition.period);
}

export function chronosSummary(state: MetronomeState, entry: JobEntry): Record<string, unknown> {
  const { disabled, schedule = '', parents = [] } = chronosView(state, entry);
  return { name: entry.job.id, status: lastEndOf(entry), state: stateOf(entry), schedule, parents, disabled };
}

function lastEndOf({ summary: { lastSuccessAtMs = 0, lastFailureAtMs = 0 } }: JobEntry): string {
  if (lastSuccessAtMs === 0 && lastFailureAtMs === 0) return 'fresh';
  return lastSuccessAtMs >= lastFailureAtMs ? 'success' : 'failure';
}

function stateOf({ active }: JobEntry): string {
  const running = [...active.values()].filter(({ status }) => status === 'ACTIVE').length;
  return running > 0 ? `${running} running` : active.size > 0 ? 'queued' : 'idle';
}

export function graphCsv(entries: readonly JobEntry[]): string {
  const nodes = entries.map((entry) => `node,${entry.job.id},${lastEndOf(entry)},${stateOf(entry)}`);
  const links = entries.flatMap(({ job }) => job.dependencies.map(({ id }) => `link,${id},${job.id}`));
  return [...nodes, ...links, ''].join('\n');
}

export function graphDot(entries: readonly JobEntry[]): string {
  const nodes = entries.map(({ job }) => `  "${job.id}"`);
  const links = entries.flatMap(({ job }) => job.dependencies.map(({ id }) => `  "${id}" -> "${job.id}"`));
  return ['digraph G {', ...nodes, ...links, '}', ''].join('\n');
}

const PERCENTILES: Readonly<Record<string, number>> = {
  '50thPercentile': 0.5,
  '75thPercentile': 0.75,
  '95thPercentile': 0.95,
  '98thPercentile': 0.98,
  '99thPercentile': 0.99,
};

/** Seconds from creation to success, of the runs that are remembered. */
export function durationOf({ finished }: JobEntry, percentile: string): number | undefined {
  const share = PERCENTILES[percentile];
  if (share === undefined) return undefined;
  const sorted = finished.succeeded.map((run) => (run.finishedAtMs - run.createdAtMs) / 1000).sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

export function statView(entry: JobEntry): Record<string, unknown> {
  const seconds = Object.keys(PERCENTILES).map((name) => [name, durationOf(entry, name)]);
  return { count: entry.finished.succeeded.length, ...Object.fromEntries(seconds) };
}
