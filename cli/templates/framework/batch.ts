import { createHash } from 'node:crypto';
import { Framework, type FrameworkOptions, type TaskRecord, type Want } from '@mezzo/sdk/framework';

/** What operators configure: the `config` of package.json. */
export interface BatchConfig {
  /** For the shell; finds its input in $INPUT. */
  readonly command: string;
  readonly inputs: readonly string[];
  readonly cpus: number;
  /** MiB */
  readonly mem: number;
  readonly retries: number;
}

/** Runs the command once for each input. What is done stays done over restarts, since the framework keeps it in its store. */
export async function startBatch(config: BatchConfig, options: Omit<FrameworkOptions, 'name'>): Promise<Framework> {
  const framework = await Framework.start({ name: '__ID__', ...options });
  const wants = config.inputs.map((input) => wantOf(input, config));
  const keys = new Set(wants.map(({ key }) => key));
  // Another configuration: what is not wanted any more is ended and forgotten.
  for (const { want } of framework.tasks) if (!keys.has(want.key)) framework.stop(want.key).catch(() => {});
  for (const want of wants) ensure(framework, want);
  return framework;
}

function ensure(framework: Framework, want: Want): void {
  // It may still be about to end, when the configuration went back and forth.
  if (framework.get(want.key)?.record.stopping) framework.stop(want.key).then(() => framework.run(want), console.error);
  else framework.run(want);
}

/** The key tells the framework whether it knows this work already, so all that makes the work goes into it. */
function wantOf(input: string, { command, cpus, mem, retries }: BatchConfig): Want {
  const task = { name: `__ID__ ${input.slice(0, 80)}`, command, env: { INPUT: input }, resources: { cpus, mem } };
  const retry = { times: retries, backoffMs: 1000 };
  const hash = createHash('sha256').update(JSON.stringify({ task, retry })).digest('hex').slice(0, 8);
  const label = input.replace(/[^\w-]+/g, '_').slice(0, 40);
  return { key: `${label}-${hash}`, task, retry };
}

export type Progress = 'waiting' | 'running' | 'done' | 'failed';

export function progressOf({ launch, outcome }: TaskRecord): Progress {
  if (outcome !== undefined) return outcome.succeeded ? 'done' : 'failed';
  return launch?.state === 'TASK_RUNNING' ? 'running' : 'waiting';
}

/** How it goes, for people and scripts. */
export function statusOf(framework: Framework) {
  const tasks = framework.tasks.map((record) => ({
    input: record.want.task.env?.['INPUT'] ?? '',
    progress: progressOf(record),
    attempts: record.attempt,
    taskId: record.outcome?.taskId ?? record.launch?.taskId,
  }));
  const count = (wanted: Progress) => tasks.filter(({ progress }) => progress === wanted).length;
  return {
    frameworkId: framework.frameworkId,
    ...{ inputs: tasks.length, waiting: count('waiting'), running: count('running') },
    ...{ done: count('done'), failed: count('failed') },
    tasks,
  };
}
