import * as z from 'zod';

/** What jobs and schedules are made of: shapes, plain ranges and Metronome's defaults. Unknown fields are refused. */

const MAX_LIST = 1000;
const MAX_JOB_ID = 150;
/** Names of digits, lower-case letters and inner dashes. */
const NAME = '[a-z0-9]+(?:-+[a-z0-9]+)*';
export const JOB_ID = new RegExp(`^${NAME}(?:\\.${NAME})*$`);

const text = z.string().max(65_536);
const shortText = z.string().min(1).max(1024);
const labels = z.record(z.string().max(1024), text);
const list = <T extends z.ZodType>(item: T) => z.array(item).max(MAX_LIST);
const seconds = z.number().int().min(1).max(1_000_000_000);
const amount = z.number().max(1e9);

const jobId = z.string().max(MAX_JOB_ID).regex(JOB_ID);
const scheduleId = z
  .string()
  .max(100)
  .regex(new RegExp(`^${NAME}$`));

const constraint = z.strictObject({
  attribute: shortText,
  // EQ is the old name of IS.
  operator: z.enum(['IS', 'EQ', 'LIKE', 'UNLIKE']).transform((operator) => (operator === 'EQ' ? 'IS' : operator)),
  value: z.string().max(1024).optional(),
});

const runSchema = z.strictObject({
  cpus: amount.min(0.01).default(1),
  mem: amount.min(32).default(128),
  disk: amount.min(0).default(0),
  gpus: z.number().int().min(0).max(1000).default(0),
  cmd: text.min(1).optional(),
  args: list(text).optional(),
  user: shortText.optional(),
  env: z.record(shortText, z.union([text, z.strictObject({ secret: shortText })])).default({}),
  secrets: z.record(shortText, z.strictObject({ source: shortText })).default({}),
  placement: z.strictObject({ constraints: list(constraint).default([]) }).default({ constraints: [] }),
  artifacts: list(
    z.strictObject({
      uri: shortText,
      extract: z.boolean().default(true),
      executable: z.boolean().default(false),
      cache: z.boolean().default(false),
    }),
  ).default([]),
  maxLaunchDelay: seconds.default(3600),
  docker: z
    .strictObject({
      image: shortText,
      privileged: z.boolean().default(false),
      parameters: list(z.strictObject({ key: shortText, value: text })).default([]),
      forcePullImage: z.boolean().default(false),
    })
    .optional(),
  ucr: z
    .strictObject({
      image: z.strictObject({
        id: shortText,
        kind: z.enum(['docker', 'appc']).default('docker'),
        forcePull: z.boolean().default(false),
      }),
      privileged: z.boolean().default(false),
    })
    .optional(),
  volumes: list(
    z.strictObject({
      containerPath: shortText,
      hostPath: shortText.optional(),
      mode: z.enum(['RO', 'RW']).optional(),
      secret: shortText.optional(),
    }),
  ).default([]),
  networks: list(
    z.strictObject({
      mode: z.enum(['host', 'container', 'container/bridge']),
      name: shortText.optional(),
      labels: labels.optional(),
    }),
  ).default([]),
  restart: z
    .strictObject({
      policy: z.enum(['NEVER', 'ON_FAILURE']).default('NEVER'),
      activeDeadlineSeconds: seconds.optional(),
    })
    .default({ policy: 'NEVER' }),
  taskKillGracePeriodSeconds: z.number().min(0).max(86_400).optional(),
});

export const scheduleSchema = z
  .strictObject({
    id: scheduleId,
    cron: z.string().max(1000).optional(),
    /** Ours: `R[n]/[start]/P...` in place of `cron`. */
    iso8601: z.string().max(200).optional(),
    timezone: z.string().max(100).default('UTC'),
    startingDeadlineSeconds: seconds.default(900),
    concurrencyPolicy: z.enum(['ALLOW', 'FORBID', 'REPLACE']).default('ALLOW'),
    enabled: z.boolean().default(true),
    /** Ours: what becomes of firings that were missed while metronome was away. */
    catchUpPolicy: z.enum(['skip', 'latest', 'all']).default('latest'),
    /** Part of answers: passed over, so that an answer can be sent back. */
    nextRunAt: z.unknown().optional(),
  })
  .transform(({ nextRunAt: _, ...schedule }) => schedule);

const dependency = z.strictObject({ id: jobId });

export const jobSchema = z.strictObject({
  id: jobId,
  description: text.optional(),
  labels: labels.default({}),
  dependencies: z.array(dependency).max(100).default([]),
  schedules: z.array(scheduleSchema).max(100).default([]),
  run: runSchema,
});

export type PostedJob = z.output<typeof jobSchema>;
export type PostedSchedule = z.output<typeof scheduleSchema>;
type PostedRun = z.output<typeof runSchema>;

export interface RunSpec extends PostedRun {
  /** Chronos: how often a failure is repeated, and after how long. Without it, as long as the deadline allows, in growing steps. */
  readonly retries?: { readonly times: number; readonly delaySeconds: number };
}

export interface Schedule extends PostedSchedule {
  /** The zone was given with an ISO 8601 schedule, and goes before that of its start. */
  readonly zoned?: boolean;
  /** When the recurrence was given: an empty start means this. */
  readonly postedMs: number;
}

/** What Chronos knows of a job beyond Metronome. */
export interface ChronosPart {
  readonly disabled: boolean;
  /** Children run although it failed. */
  readonly softError: boolean;
  /** Shown as they were posted. */
  readonly shown: Readonly<Record<string, unknown>>;
}

export interface Job {
  readonly id: string;
  readonly description?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly dependencies: readonly { readonly id: string }[];
  readonly run: RunSpec;
  readonly schedules: readonly Schedule[];
  readonly chronos?: ChronosPart;
}
