import type { CommandInfo, ExecutorInfo, TaskInfo, TaskState } from '../../api/messages.js';
import { MezzoError } from '../../contract/errors.js';
import { isEnding } from './statuses.js';
import { constraintProblem, type Constraint } from './constraints.js';

/** cpus and gpus in units (offers with gpus need the capability GPU_RESOURCES), mem and disk in MiB. `ports`: how many host ports. */
export interface Amounts {
  readonly cpus: number;
  readonly mem: number;
  readonly disk?: number;
  readonly gpus?: number;
  readonly ports?: number;
}

/** What is to run. Either `command` (a text is given to the shell) or `executor`; whatever else a TaskInfo has goes along as it is. */
export interface TaskSpec extends Partial<
  Pick<TaskInfo, 'container' | 'healthCheck' | 'check' | 'killPolicy' | 'data' | 'discovery' | 'limits'>
> {
  /** Default: the key. */
  readonly name?: string;
  readonly command?: string | CommandInfo;
  /**
   * A program of its own that runs tasks (see `runExecutor`). Without an id each task has one for itself; tasks that name the same id
   * share one on each agent, and must describe it in the same words. Its resources are those of its tasks.
   */
  readonly executor?: Omit<ExecutorInfo, 'frameworkId' | 'executorId' | 'resources'> & { readonly id?: string };
  readonly resources: Amounts;
  readonly labels?: Readonly<Record<string, string>>;
  /** For commands. Host ports come as PORT0, PORT1, ... on top, and the first as PORT. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Placement {
  /** All must hold. Those that count (UNIQUE, MAX_PER, GROUP_BY, CLUSTER) look at launched tasks of the same group. */
  readonly constraints?: readonly Constraint[];
  /** Default: one group of all that name none. */
  readonly group?: string;
}

/** When a task is launched again that has ended without success. */
export interface Retry {
  /** How often at most; default 0. A launch that never started (its offer was gone, say) does not count and is always repeated. */
  readonly times?: number;
  /** Wait before the first retry; doubles with each. Default 1000. */
  readonly backoffMs?: number;
  /** Default 300000. */
  readonly maxBackoffMs?: number;
  /** Endings that are retried. Default: all but TASK_FINISHED and TASK_ERROR (the master will never have it). */
  readonly on?: readonly TaskState[];
  /**
   * A task whose agent cannot be reached may still run. After so long it counts as TASK_LOST; should it come back, it is killed.
   * Default 300000; Infinity waits for the master's last word.
   */
  readonly unreachableMs?: number;
}

/** A task that shall run to its end, once: by its key it is known, over restarts too. Plain data, since it is stored. */
export interface Want {
  /** Letters, digits and `_ . : @ -`, at most 200; begins the ids of its tasks. */
  readonly key: string;
  readonly task: TaskSpec;
  readonly placement?: Placement;
  readonly retry?: Retry;
  /** One of the framework's roles; default the first. */
  readonly role?: string;
}

/** A want with its defaults filled in. */
export interface FullWant extends Want {
  readonly retry: Required<Retry>;
  readonly role: string;
}

const RETRIED: readonly TaskState[] = [
  'TASK_FAILED',
  'TASK_KILLED',
  'TASK_LOST',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
  'TASK_UNKNOWN',
];
const MAX_WANT_CHARS = 256 * 1024;
const KEY = /^[\w.:@-]{1,200}$/;
/** JSON knows no Infinity. */
const finite = (value: number): number => Math.min(value, Number.MAX_SAFE_INTEGER);

/** Throws WANT_INVALID. */
export function fillIn(want: Want, roles: readonly string[]): FullWant {
  const {
    times = 0,
    backoffMs = 1000,
    maxBackoffMs = 300_000,
    on = RETRIED,
    unreachableMs = 300_000,
  } = want.retry ?? {};
  const full: FullWant = {
    ...want,
    role: want.role ?? roles[0] ?? '*',
    retry: { times: finite(times), backoffMs, maxBackoffMs, on, unreachableMs: finite(unreachableMs) },
  };
  const problem = problemOf(full, roles);
  if (problem === undefined) return full;
  throw new MezzoError('WANT_INVALID', `'${want.key.slice(0, 200)}': ${problem}`, { blame: 'user' });
}

function problemOf(want: FullWant, roles: readonly string[]): string | undefined {
  const { task, retry, placement } = want;
  const { cpus, mem, disk = 0, gpus = 0, ports = 0 } = task.resources;
  const numbers = [cpus, mem, disk, gpus, ports, retry.times, retry.backoffMs, retry.maxBackoffMs, retry.unreachableMs];
  if (!KEY.test(want.key) || want.key === '.' || want.key === '..')
    return 'the key has characters that an id cannot have';
  if (!numbers.every((each) => each >= 0)) return 'an amount, a number of times or a duration is negative';
  if (cpus + mem + disk + gpus === 0) return 'it takes no resources';
  if (!Number.isInteger(ports) || !Number.isInteger(gpus)) return 'ports and gpus come as wholes';
  if ((task.command === undefined) === (task.executor === undefined)) return 'it needs a command or an executor';
  if (task.executor && task.env) return 'an executor has its own environment, in its command';
  if (!roles.includes(want.role)) return `the framework has no role '${want.role}'`;
  if (retry.on.includes('TASK_FINISHED') || !retry.on.every(isEnding))
    return 'what is retried must be an ending without success';
  if (JSON.stringify(want).length > MAX_WANT_CHARS) return `it is larger than ${MAX_WANT_CHARS} characters`;
  return placement?.constraints?.map(constraintProblem).find((each) => each !== undefined);
}
