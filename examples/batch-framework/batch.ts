import { createHash } from 'node:crypto';
import { hasCode } from '@mezzo/sdk/contract';
import { Framework, type FrameworkOptions, type TaskRecord, type Want } from '@mezzo/sdk/framework';

/** What operators configure: the `config` of package.json. */
export interface BatchConfig {
  /** For the shell; finds its input in $INPUT. */
  readonly command: string;
  readonly cpus: number;
  /** MiB */
  readonly mem: number;
  readonly retries: number;
  /** Before the first retry; doubles. */
  readonly backoffMs: number;
  /** Inputs that are known at once, done ones too. */
  readonly maxTasks: number;
}

export type Progress = 'waiting' | 'running' | 'done' | 'failed';

export interface InputStatus {
  readonly key: string;
  readonly input: string;
  readonly progress: Progress;
  readonly attempts: number;
  readonly taskId: string | undefined;
  readonly host: string | undefined;
  /** Why it has failed. */
  readonly message?: string | undefined;
}

/** Runs the command once for each input. What is wanted, and what is done, lies in the store: it survives this process. */
export class Batch {
  private constructor(
    private readonly framework: Framework,
    private readonly config: BatchConfig,
  ) {}

  static async start(config: BatchConfig, options: Omit<FrameworkOptions, 'name'>): Promise<Batch> {
    const { maxTasks } = config;
    return new Batch(await Framework.start({ name: 'batch', maxTasks, whenRemoved: 'startAnew', ...options }), config);
  }

  /** Rejects in the framework's words; those before the one that it does not take are wanted then. */
  async add(inputs: readonly string[]): Promise<InputStatus[]> {
    const handles = inputs.map((input) => this.framework.run(this.wantOf(input)));
    // Whoever is answered may forget about it: it will be done.
    await Promise.all(handles.map(({ stored }) => stored));
    return handles.map(({ record }) => statusOf(record));
  }

  /** Ends what runs, and forgets it. False when the key is not known. */
  async remove(key: string): Promise<boolean> {
    if (this.framework.get(key) === undefined) return false;
    await this.framework.stop(key);
    return true;
  }

  get inputs(): InputStatus[] {
    return this.framework.tasks.map(statusOf);
  }

  get frameworkId(): string | undefined {
    return this.framework.frameworkId;
  }

  get ended(): Promise<Error | undefined> {
    return this.framework.ended;
  }

  close(): Promise<void> {
    return this.framework.close();
  }

  /** The key tells the framework whether it knows this work already, so all that makes the work goes into it. */
  private wantOf(input: string): Want {
    const { command, cpus, mem, retries, backoffMs } = this.config;
    const task = { name: `batch ${input.slice(0, 80)}`, command, env: { INPUT: input }, resources: { cpus, mem } };
    const retry = { times: retries, backoffMs };
    const hash = createHash('sha256').update(JSON.stringify({ task, retry })).digest('hex').slice(0, 8);
    const label = input.replace(/[^\w-]+/g, '_').slice(0, 40);
    return { key: `${label}-${hash}`, task, retry };
  }
}

export function statusOf({ want, attempt, launch, outcome }: TaskRecord): InputStatus {
  const ended = outcome && (outcome.succeeded ? 'done' : 'failed');
  return {
    key: want.key,
    input: want.task.env?.['INPUT'] ?? '',
    progress: ended ?? (launch?.state === 'TASK_RUNNING' ? 'running' : 'waiting'),
    attempts: attempt,
    taskId: outcome?.taskId ?? launch?.taskId,
    host: outcome?.hostname ?? launch?.facts.hostname,
    ...(ended === 'failed' && { message: outcome?.message ?? outcome?.reason }),
  };
}

/** The status of HTTP for what the framework says. */
export const httpStatusOf = (error: unknown): number => (hasCode(error, 'WANT_INVALID') ? 400 : 503);
