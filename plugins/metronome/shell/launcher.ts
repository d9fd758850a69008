import { hasCode, messageOf, type Logger } from '@mezzo/sdk/contract';
import type { Clock, Framework, Outcome, TaskEvent } from '@mezzo/sdk/framework';
import type { TaskChange } from '../core/effects.js';
import type { Run } from '../core/state.js';
import { wantOf } from '../core/task.js';

const RETRY_MS = 1000;
const FINISHED_STATE = 'TASK_FINISHED';
const RETRYABLE = ['STORE_BEHIND', 'TOO_MANY_TASKS', 'KEY_TAKEN'];

export interface LauncherOptions {
  readonly framework: () => Framework;
  readonly clock: Clock;
  readonly log: Logger;
  readonly changed: (key: string, change: TaskChange) => void;
}

/** Between the machine and the framework: what runs is wanted by key, what became of it is told, and nothing is forgotten untold. */
export class Launcher {
  private readonly followed = new Set<string>();
  private readonly retries = new Map<string, () => void>();

  constructor(private readonly options: LauncherOptions) {}

  /** All that the framework knows. */
  get keys(): string[] {
    return this.options.framework().tasks.map(({ want }) => want.key);
  }

  want(key: string, run: Run): void {
    this.cancelRetry(key);
    const known = this.options.framework().get(key);
    if (known !== undefined && !known.record.stopping) return this.follow(key);
    try {
      this.options.framework().run(wantOf(key, run));
      this.follow(key);
    } catch (error) {
      this.onRefused(key, run, error);
    }
  }

  drop(key: string): void {
    this.cancelRetry(key);
    const framework = this.options.framework();
    if (framework.get(key) === undefined) return this.ended(key, { state: 'TASK_KILLED', succeeded: false });
    this.follow(key);
    framework.stop(key).catch((error: unknown) => {
      if (!hasCode(error, 'FRAMEWORK_ENDED')) throw error;
    });
  }

  /** For `onTask` of the framework. Ends are told by `finished`, once they are stored. */
  onTask({ key, taskId, state }: TaskEvent): void {
    if (state === 'TASK_RUNNING') this.options.changed(key, { state: 'running', taskId, status: state });
    if (state === 'TASK_STAGING' || state === 'TASK_STARTING')
      this.options.changed(key, { state: 'staging', taskId, status: state });
  }

  dispose(): void {
    for (const cancel of this.retries.values()) cancel();
    this.retries.clear();
  }

  private follow(key: string): void {
    if (this.followed.has(key)) return;
    this.followed.add(key);
    const handle = this.options.framework().get(key);
    if (handle === undefined) return;
    const { launch } = handle.record;
    if (launch?.state === 'TASK_RUNNING')
      this.options.changed(key, { state: 'running', taskId: launch.taskId, status: launch.state });
    void handle.finished.then((outcome) => this.ended(key, outcome));
  }

  private ended(key: string, outcome: Pick<Outcome, 'state' | 'succeeded' | 'taskId' | 'message'>): void {
    this.followed.delete(key);
    const { taskId, state, message } = outcome;
    const succeeded = state === FINISHED_STATE;
    this.options.changed(key, { state: 'ended', status: state, succeeded, taskId, message });
  }

  private onRefused(key: string, run: Run, error: unknown): void {
    if (RETRYABLE.some((code) => hasCode(error, code))) {
      const { clock } = this.options;
      return void this.retries.set(
        key,
        clock.after(RETRY_MS, () => this.want(key, run)),
      );
    }
    if (hasCode(error, 'FRAMEWORK_ENDED')) return;
    this.options.log.warn('a run cannot be launched', { key, error: messageOf(error) });
    this.options.changed(key, { state: 'ended', status: 'TASK_ERROR', succeeded: false, message: messageOf(error) });
  }

  private cancelRetry(key: string): void {
    this.retries.get(key)?.();
    this.retries.delete(key);
  }
}
