import { userInfo } from 'node:os';
import type { FrameworkInfo } from '../api/messages.js';
import { MezzoError, assert, messageOf } from '../contract/errors.js';
import type { StoreWrite } from '../contract/services.js';
import { systemClock, type Clock } from './clock.js';
import type { FrameworkEffect, FrameworkInput } from './core/events.js';
import { ENTRIES, ID_KEY, entryKey, recover } from './core/records.js';
import { createState, type Entry, type FrameworkState } from './core/state.js';
import { step } from './core/step.js';
import { fillIn, type FullWant, type Want } from './core/want.js';
import { EffectQueue, type Outward } from './effect-queue.js';
import type { ConnectionState, FrameworkOptions, TaskHandle, TaskRecord } from './framework-options.js';
import { SchedulerLink } from './scheduler-link.js';
import { StoreWriter } from './store-writer.js';
import { Later, TaskWatches } from './task-watches.js';

const MAX_WAITING_EFFECTS = 20_000;
/** Well below what the store answers at once. */
const MAX_STORED_CHARS = 32 * 1024 * 1024;

/**
 * A framework: says what shall run, and it will, once, with retries, over restarts of anything.
 *
 *     const framework = await Framework.start({ name: 'sums', scheduler, store });
 *     const { finished } = framework.run({ key: 'sum-1', task: { command: 'expr 1 + 1', resources: { cpus: 0.1, mem: 32 } } });
 *     const { succeeded, message } = await finished;
 *
 * In a plugin, `scheduler`, `store` and `log` are `ctx.resolve(SCHEDULER)`, `ctx.resolve(STORE)` and `ctx.log` (the manifest requires
 * `scheduler` and `store`), and `ctx.own(() => framework.close())` lets its tasks run on when the plugin stops.
 *
 * What is wanted is stored, and a launch is stored before the master hears of it; a status is acknowledged when what it means is
 * stored. So after a crash nothing is launched twice or forgotten, and `run` with the same want finds what there is: a task that has
 * ended is not launched again until `stop` has forgotten its key.
 */
export class Framework {
  private readonly state: FrameworkState;
  private readonly clock: Clock;
  private readonly writer: StoreWriter;
  private readonly link: SchedulerLink;
  private readonly watches = new TaskWatches();
  private readonly queue: EffectQueue<FrameworkEffect>;
  private readonly timers = new Map<string, () => void>();
  private readonly end = new Later<Error | undefined>();
  /** Takes no more input. */
  private over = false;
  private ending = false;

  /** Reads what is stored, then connects. Rejects when the store cannot be read. */
  static async start(options: FrameworkOptions): Promise<Framework> {
    const { store, prefix = 'framework/' } = options;
    const id = await store.get(`${prefix}${ID_KEY}`);
    const entries = await store.list(`${prefix}${ENTRIES}`);
    const stored = [...(id ? [id] : []), ...entries].map(({ key, value }) => ({
      key: key.slice(prefix.length),
      value,
    }));
    return new Framework(options, stored);
  }

  private constructor(
    private readonly options: FrameworkOptions,
    stored: readonly { readonly key: string; readonly value: string }[],
  ) {
    const { clock = systemClock, log, store, whenRemoved, roles, refuseSeconds, accepts } = options;
    this.clock = clock;
    this.state = createState({
      startAnew: whenRemoved === 'startAnew',
      ...(roles && { roles }),
      ...(refuseSeconds !== undefined && { refuseSeconds }),
      ...(accepts && { accepts }),
    });
    recover(this.state, stored);
    for (const entry of this.state.entries.values()) this.watches.of(entry).stored.resolve();
    const failed = (cause: unknown) =>
      void this.finish(
        new MezzoError('STORE_FAILED', 'The store takes nothing any more', { blame: 'environment', cause }),
      );
    this.writer = new StoreWriter(store, log, failed, clock);
    this.queue = new EffectQueue(
      (writes, landed) => this.write(writes, landed),
      (effect) => this.carryOut(effect),
    );
    this.link = new SchedulerLink({
      factory: options.scheduler,
      log,
      clock,
      info: () => this.frameworkInfo(),
      dispatch: (input) => this.dispatch(input),
      onMessage: (data, agentId, executorId) => options.onMessage?.(data, { agentId, executorId }),
      onTrouble: (error) => this.tellState('connecting', error),
      onBug: (error) => void this.finish(error),
    });
    this.dispatch({ type: 'started' });
    this.link.connect();
  }

  /** Known from the first subscription on. */
  get frameworkId(): string | undefined {
    return this.state.frameworkId;
  }

  /** Resolves when it has ended: with an error when it gave up (see ConnectionState), without one after `close` or `teardown`. */
  get ended(): Promise<Error | undefined> {
    return this.end.promise;
  }

  /**
   * Wants a task. With a key that is known and the same want it answers what there is. Throws WANT_INVALID; KEY_TAKEN (something else is
   * wanted under it, or is being stopped); TOO_MANY_TASKS; STORE_BEHIND (retryable); FRAMEWORK_ENDED.
   */
  run(want: Want): TaskHandle {
    const full = fillIn(want, this.state.settings.roles);
    const { key } = full;
    if (this.over) throw refused('FRAMEWORK_ENDED', 'the framework has ended');
    const known = this.state.entries.get(key);
    if (known?.stopping) throw refused('KEY_TAKEN', `'${key}' is being stopped`);
    if (known && JSON.stringify(known.want) !== JSON.stringify(full))
      throw refused('KEY_TAKEN', `'${key}' names another task`);
    return this.handle(known ?? this.add(full));
  }

  /** Kills it if it runs, and forgets it. Resolves when that is stored and it has ended (or its agent cannot be reached). Rejects with FRAMEWORK_ENDED. */
  async stop(key: string): Promise<void> {
    if (this.over) throw refused('FRAMEWORK_ENDED', 'the framework has ended');
    const entry = this.state.entries.get(key);
    if (entry === undefined) return;
    const { forgotten } = this.watches.of(entry);
    this.dispatch({ type: 'unwanted', key });
    if (!(await forgotten.promise)) throw refused('FRAMEWORK_ENDED', `the framework ended before '${key}' was gone`);
  }

  /** Undefined for a key that is not known. */
  get(key: string): TaskHandle | undefined {
    const entry = this.state.entries.get(key);
    return entry && this.handle(entry);
  }

  /** All that it knows, finished ones too. */
  get tasks(): TaskRecord[] {
    return [...this.state.entries.values()].map(recordOf);
  }

  /** To the executor of a running task; `data` is base64. It may be lost. Rejects with NOT_SUBSCRIBED, CALL_FAILED or TASK_NOT_RUNNING. */
  async message(key: string, data: string): Promise<void> {
    const { launch, want } = this.state.entries.get(key) ?? {};
    if (launch === undefined || want?.task.executor === undefined)
      throw refused('TASK_NOT_RUNNING', `'${key}' runs on no executor of its own`);
    const executorId = { value: want.task.executor.id ?? launch.taskId };
    await this.link.call({ type: 'MESSAGE', message: { agentId: { value: launch.agentId }, executorId, data } });
  }

  /** Ends the framework and all of its tasks in the cluster, and forgets everything. Rejects with NOT_SUBSCRIBED or CALL_FAILED. */
  async teardown(): Promise<void> {
    await this.link.call({ type: 'TEARDOWN' });
    this.over = true;
    const keys = [ID_KEY, ...[...this.state.entries.keys()].map(entryKey)];
    const gone = new Later<void>();
    this.write(
      keys.map((key) => ({ op: 'delete', key })),
      gone.resolve,
    );
    await gone.promise;
    await this.finish(undefined);
  }

  /** Disconnects. Its tasks run on; the next start with the same store goes on with them. */
  close(): Promise<void> {
    return this.finish(undefined);
  }

  private add(want: FullWant): Entry {
    const { maxTasks = 10_000 } = this.options;
    const { entries, size } = this.state;
    if (entries.size >= maxTasks || size > MAX_STORED_CHARS)
      throw refused('TOO_MANY_TASKS', `${entries.size} tasks are known already`, 'Stop the keys that are done with.');
    if (this.behind)
      throw new MezzoError('STORE_BEHIND', 'the store does not keep up', { blame: 'environment', retryable: true });
    this.dispatch({ type: 'wanted', want });
    const entry = this.state.entries.get(want.key);
    assert(entry, 'what is wanted is known');
    return entry;
  }

  private handle(entry: Entry): TaskHandle {
    const { stored, finished } = this.watches.of(entry);
    return {
      key: entry.want.key,
      stored: stored.promise,
      finished: finished.promise,
      get record() {
        return recordOf(entry);
      },
    };
  }

  private get behind(): boolean {
    return this.queue.length > MAX_WAITING_EFFECTS;
  }

  private dispatch(input: FrameworkInput): void {
    // Agents repeat what is not acknowledged.
    if (this.over || (this.behind && input.type === 'statusReceived')) return;
    this.queue.push(step(this.state, input, this.clock.now()));
  }

  private write(writes: readonly StoreWrite[], landed: () => void): void {
    const { prefix = 'framework/' } = this.options;
    this.writer.write(
      writes.map((write) => ({ ...write, key: prefix + write.key })),
      landed,
    );
  }

  private carryOut(effect: Outward<FrameworkEffect>): void {
    switch (effect.type) {
      case 'call':
        return this.link.send(effect.call);
      case 'tell':
        return this.guarded(() => this.options.onTask?.(effect.event));
      case 'stored':
        return this.watches.stored(effect.serial);
      case 'ended':
        return this.watches.ended(effect.serial, effect.outcome);
      case 'forgotten':
        return this.watches.forgotten(effect.serial);
      case 'setTimer':
        return this.setTimer(effect.key, effect.afterMs);
      case 'clearTimer':
        return this.clearTimer(effect.key);
      case 'connected':
        return this.tellState('connected');
      case 'startAnew':
        this.tellState('connecting', rejection(effect.reason, true));
        return this.link.connect();
      case 'giveUp':
        return void this.finish(rejection(effect.reason, effect.removed));
    }
  }

  private setTimer(key: string, afterMs: number): void {
    this.clearTimer(key);
    const fire = () => {
      this.timers.delete(key);
      this.dispatch({ type: 'timerFired', key });
    };
    this.timers.set(key, this.clock.after(afterMs, fire));
  }

  private clearTimer(key: string): void {
    this.timers.get(key)?.();
    this.timers.delete(key);
  }

  private tellState(phase: ConnectionState['phase'], error?: Error): void {
    this.guarded(() => this.options.onState?.({ phase, frameworkId: this.state.frameworkId, ...(error && { error }) }));
  }

  /** A listener that throws harms nobody else. */
  private guarded(listener: () => void): void {
    try {
      listener();
    } catch (error) {
      this.options.log?.error('a listener failed', { error: messageOf(error) });
    }
  }

  private async finish(error: Error | undefined): Promise<void> {
    if (!this.ending) {
      this.ending = true;
      this.over = true;
      this.queue.stop();
      this.watches.close();
      this.writer.dispose();
      for (const cancel of this.timers.values()) cancel();
      if (error) this.options.log?.error('the framework has ended', { error: error.message });
      this.tellState('ended', error);
      this.end.resolve(error);
    }
    await this.link.close();
  }

  private frameworkInfo(): FrameworkInfo {
    const {
      name,
      user = userName(),
      failoverTimeoutMs = 604_800_000,
      capabilities = [],
      webuiUrl,
      hostname,
    } = this.options;
    const { frameworkId, settings } = this.state;
    return {
      name,
      user,
      ...(frameworkId !== undefined && { id: { value: frameworkId } }),
      roles: [...settings.roles],
      checkpoint: true,
      failoverTimeout: failoverTimeoutMs / 1000,
      capabilities: [...new Set([...CAPABILITIES, ...capabilities])].map((type) => ({ type })),
      ...(webuiUrl !== undefined && { webuiUrl }),
      ...(hostname !== undefined && { hostname }),
    };
  }
}

const CAPABILITIES = ['PARTITION_AWARE', 'MULTI_ROLE', 'RESERVATION_REFINEMENT', 'TASK_KILLING_STATE'] as const;

const recordOf = ({ want, attempt, failures, retryAtMs, launch, outcome, stopping = false }: Entry): TaskRecord => ({
  ...{ want, attempt, failures, stopping, retryAtMs, launch, outcome },
});

const refused = (code: string, message: string, next?: string): MezzoError =>
  new MezzoError(code, message, { blame: 'user', ...(next !== undefined && { next }) });

const rejection = (reason: string, removed: boolean): MezzoError =>
  removed
    ? new MezzoError('FRAMEWORK_REMOVED', reason, {
        blame: 'operator',
        next: "Its tasks were ended with it. With whenRemoved: 'startAnew' it begins anew with what is wanted.",
      })
    : new MezzoError('FRAMEWORK_REJECTED', reason, { blame: 'user' });

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'root';
  }
}
