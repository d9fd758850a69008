import type { ExecutorEvent, ExecutorEventSubscribed, TaskInfo, TaskState, TaskStatus } from '../api/messages.js';
import { MezzoError, messageOf } from '../contract/errors.js';
import { systemClock, type Clock } from './clock.js';
import { connectExecutor, durationMs, executorOptions, type ExecutorClient } from './executor-client.js';

/** What may be said of a task beside its state. `data` is base64. */
export type TaskReport = Pick<TaskStatus, 'message' | 'data' | 'healthy' | 'labels' | 'checkStatus'>;

export interface TaskContext {
  /** Aborted when the task is to end: it was killed, or the executor is. Then there is its grace period to clean up. */
  readonly signal: AbortSignal;
  /** Where it runs and for whom, as the agent told last. */
  readonly surroundings: ExecutorEventSubscribed;
  /** Says it to the framework, with TASK_RUNNING, reliably. */
  report(more: TaskReport): void;
  /** A message to the framework, base64. It may be lost. Rejects with NOT_SUBSCRIBED or CALL_FAILED. */
  send(data: string): Promise<void>;
}

export interface ExecutorHandlers {
  /** Runs a task. When it resolves, the task has finished; when it rejects, it has failed with that message. */
  launch(task: TaskInfo, context: TaskContext): Promise<TaskReport | void>;
  /** The grace period of a killed task is over: end it by force. A second later it counts as killed. */
  kill?(task: TaskInfo): void;
  /** From the framework, base64. */
  message?(data: string): void;
}

export interface RunExecutorOptions {
  /** Default: that of this process, which the agent has started. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: connects as `env` says. */
  readonly client?: ExecutorClient;
  readonly clock?: Clock;
  /** What to do when all tasks have ended and their statuses are acknowledged: `end` (default), or wait for more. */
  readonly whenIdle?: 'end' | 'stay';
}

/**
 * The main program of an executor: runs the tasks that its agent gives it, and tells what becomes of them. It comes back to a
 * restarted agent, if the framework checkpoints. Resolves when the agent says so, or when there is nothing left to do (see `whenIdle`);
 * rejects with NOT_AN_EXECUTOR, SUBSCRIPTION_LOST or SUBSCRIBE_REFUSED (its tasks have been ended then), EXECUTOR_REJECTED.
 *
 *     await runExecutor({ launch: async (task, { signal }) => ({ message: await compute(task.data, signal) }) });
 */
export async function runExecutor(handlers: ExecutorHandlers, options: RunExecutorOptions = {}): Promise<void> {
  const { env = process.env, clock = systemClock, whenIdle = 'end' } = options;
  const client = options.client ?? connectExecutor(executorOptions(env));
  const graceMs = durationMs(env['MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD'], DEFAULT_GRACE_MS);
  await new Executor(handlers, client, clock, graceMs, whenIdle === 'end').run();
}

const DEFAULT_GRACE_MS = 5000;
const KILL_GRACE_MS = 3000;
const FORCE_MS = 1000;

interface RunningTask {
  readonly info: TaskInfo;
  readonly controller: AbortController;
  cancelKill?: () => void;
}

class Executor {
  private readonly tasks = new Map<string, RunningTask>();
  private surroundings: ExecutorEventSubscribed | undefined;
  private readonly forceMs: number;
  private busyOnce = false;
  private stopping = false;
  private whenEmpty = (): void => {};

  constructor(
    private readonly handlers: ExecutorHandlers,
    private readonly client: ExecutorClient,
    private readonly clock: Clock,
    private readonly graceMs: number,
    private readonly endsIdle: boolean,
  ) {
    this.forceMs = Math.min(FORCE_MS, graceMs / 4);
  }

  async run(): Promise<void> {
    try {
      for await (const event of this.client) this.obey(event);
    } finally {
      await this.endAll();
      await this.client.close();
    }
  }

  private obey(event: ExecutorEvent): void {
    switch (event.type) {
      case 'SUBSCRIBED':
        this.surroundings = event.subscribed;
        break;
      case 'LAUNCH':
        if (event.launch) this.launch(event.launch.task);
        break;
      case 'LAUNCH_GROUP':
        event.launchGroup?.taskGroup.tasks?.forEach((task) => this.launch(task));
        break;
      case 'KILL':
        this.kill(event.kill?.taskId.value ?? '', event.kill?.killPolicy?.gracePeriod?.nanoseconds);
        break;
      case 'MESSAGE':
        this.handlers.message?.(event.message?.data ?? '');
        break;
      case 'SHUTDOWN':
        void this.endAll().then(() => this.leave());
        break;
      case 'ERROR':
        throw new MezzoError('EXECUTOR_REJECTED', event.error?.message ?? '', { blame: 'user' });
    }
    this.endIfIdle();
  }

  private launch(info: TaskInfo): void {
    const id = info.taskId.value;
    if (this.tasks.has(id) || this.stopping) return;
    this.busyOnce = true;
    const task: RunningTask = { info, controller: new AbortController() };
    this.tasks.set(id, task);
    this.say(info, 'TASK_RUNNING');
    void this.follow(task);
  }

  private async follow(task: RunningTask): Promise<void> {
    try {
      const more = await this.handlers.launch(task.info, this.contextOf(task));
      this.ended(task, 'TASK_FINISHED', more ?? {});
    } catch (error) {
      this.ended(task, 'TASK_FAILED', { message: messageOf(error) });
    }
  }

  private contextOf({ info, controller }: RunningTask): TaskContext {
    return {
      signal: controller.signal,
      surroundings: this.surroundings!,
      report: (more) => {
        if (this.tasks.has(info.taskId.value) && !controller.signal.aborted) this.say(info, 'TASK_RUNNING', more);
      },
      send: (data) => this.client.message(data),
    };
  }

  /** The first kill sets the time. */
  private kill(id: string, graceNs: number | bigint | undefined): void {
    const task = this.tasks.get(id);
    if (task === undefined || task.controller.signal.aborted) return;
    const ns = graceNs ?? task.info.killPolicy?.gracePeriod?.nanoseconds;
    this.say(task.info, 'TASK_KILLING');
    this.end(task, ns === undefined ? KILL_GRACE_MS : Number(ns) / 1e6);
  }

  private end(task: RunningTask, graceMs: number): void {
    task.cancelKill = this.clock.after(graceMs, () => {
      this.handlers.kill?.(task.info);
      task.cancelKill = this.clock.after(this.forceMs, () => this.ended(task, 'TASK_KILLED', {}));
    });
    task.controller.abort();
  }

  /** What was told to end counts as killed, however it ended. */
  private ended({ info, controller, cancelKill }: RunningTask, state: TaskState, more: TaskReport): void {
    if (!this.tasks.delete(info.taskId.value)) return;
    cancelKill?.();
    this.say(info, controller.signal.aborted ? 'TASK_KILLED' : state, more);
    if (this.tasks.size === 0) this.whenEmpty();
  }

  /** The client repeats it until it is acknowledged. One that the agent refuses is of no use to anybody. */
  private say({ taskId }: TaskInfo, state: TaskState, more: TaskReport = {}): void {
    this.client.update({ taskId, state, ...more }).catch(() => this.endIfIdle());
  }

  /** The agent's patience is the grace period: half of it is for the tasks, a quarter to end them by force, the rest for the last words. */
  private async endAll(): Promise<void> {
    this.stopping = true;
    for (const task of this.tasks.values()) if (!task.controller.signal.aborted) this.end(task, this.graceMs / 2);
    if (this.tasks.size > 0) await new Promise<void>((resolve) => (this.whenEmpty = resolve));
  }

  private leave(): void {
    this.clock.after(this.graceMs / 4, () => void this.client.close());
    this.endIfIdle();
  }

  private endIfIdle(): void {
    const idle = this.tasks.size === 0 && this.client.unacknowledged === 0;
    if (idle && (this.stopping || (this.endsIdle && this.busyOnce))) void this.client.close();
  }
}
