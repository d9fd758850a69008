import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { messageToJson, parseMessageText } from '../api/codec.js';
import type * as api from '../api/messages.js';
import { MezzoError } from '../contract/errors.js';
import { CallSender, type CallOptions } from './call-sender.js';
import { EventFeed, type Reading } from './event-feed.js';

export interface ExecutorOptions extends CallOptions {
  readonly frameworkId: api.FrameworkID;
  readonly executorId: api.ExecutorID;
  /** How long to try to get back to a restarting agent. Zero, for frameworks that do not checkpoint: not at all. */
  readonly recoveryTimeoutMs: number;
}

/**
 * A subscribed executor. Iterate over it for its events; the iteration ends upon close() and throws SUBSCRIPTION_LOST when the
 * agent stays away. What the scheduler has not acknowledged yet is sent again upon each resubscription.
 */
export interface ExecutorClient extends AsyncIterable<api.ExecutorEvent> {
  readonly connected: boolean;
  /** How many statuses the scheduler has not acknowledged yet. */
  readonly unacknowledged: number;
  /**
   * Reports a status; uuid, source and time are filled in. Kept until it is acknowledged, so a failure to send needs no retry;
   * rejects with CALL_REFUSED (4xx) only, and then forgets it.
   */
  update(status: Omit<api.TaskStatus, 'uuid' | 'source'>): Promise<void>;
  /** Base64. Not kept: rejects with NOT_SUBSCRIBED or CALL_FAILED (both retryable) or CALL_REFUSED. */
  message(data: string): Promise<void>;
  close(): Promise<void>;
}

export const connectExecutor = (options: ExecutorOptions): ExecutorClient => new HttpExecutorClient(options);

const PATH = '/api/v1/executor';

class HttpExecutorClient implements ExecutorClient {
  private readonly feed: EventFeed<api.ExecutorEvent>;
  private readonly calls: CallSender;
  private readonly tasks = new Map<string, api.TaskInfo>();
  private readonly updates = new Map<string, api.TaskStatus>();

  constructor(private readonly options: ExecutorOptions) {
    this.calls = new CallSender(options);
    this.feed = new EventFeed({
      ...options,
      path: PATH,
      giveUpAfterMs: options.recoveryTimeoutMs,
      subscribe: () => this.subscribeCall(),
      decode: (record) => parseMessageText('mesos.v1.executor.Event', Buffer.from(record).toString()),
      read: (event) => this.read(event),
    });
  }

  get connected(): boolean {
    return this.feed.subscription !== undefined;
  }

  get unacknowledged(): number {
    return this.updates.size;
  }

  [Symbol.asyncIterator](): AsyncIterator<api.ExecutorEvent> {
    return this.feed[Symbol.asyncIterator]();
  }

  async update(status: Omit<api.TaskStatus, 'uuid' | 'source'>): Promise<void> {
    const uuid = newUuid();
    const { executorId } = this.options;
    const full: api.TaskStatus = {
      timestamp: Date.now() / 1000,
      ...status,
      executorId,
      uuid,
      source: 'SOURCE_EXECUTOR',
    };
    this.updates.set(uuid, full);
    try {
      await this.call({ type: 'UPDATE', update: { status: full } });
    } catch (error) {
      if (!(error instanceof MezzoError) || error.retryable) return; // goes out with the next subscription
      this.updates.delete(uuid);
      throw error;
    }
  }

  message(data: string): Promise<void> {
    return this.call({ type: 'MESSAGE', message: { data } });
  }

  async close(): Promise<void> {
    await Promise.all([this.feed.close(), this.calls.close()]);
  }

  private subscribeCall(): string {
    const { frameworkId, executorId } = this.options;
    return messageToJson('mesos.v1.executor.Call', {
      type: 'SUBSCRIBE',
      frameworkId,
      executorId,
      subscribe: {
        unacknowledgedTasks: [...this.tasks.values()],
        unacknowledgedUpdates: [...this.updates.values()].map((status) => ({ status })),
      },
    });
  }

  private read(event: api.ExecutorEvent): Reading {
    switch (event.type) {
      case 'SUBSCRIBED':
        return { subscribed: { heartbeatMs: undefined } };
      case 'LAUNCH':
        this.launched(event.launch!.task);
        return {};
      case 'LAUNCH_GROUP':
        event.launchGroup!.taskGroup.tasks?.forEach((task) => this.launched(task));
        return {};
      case 'ACKNOWLEDGED':
        this.updates.delete(event.acknowledged!.uuid);
        this.tasks.delete(event.acknowledged!.taskId.value);
        return {};
      default:
        return { hidden: event.type === 'HEARTBEAT' };
    }
  }

  private launched(task: api.TaskInfo): void {
    this.tasks.set(task.taskId.value, task);
  }

  private async call(part: Omit<api.ExecutorCall, 'frameworkId' | 'executorId'>): Promise<void> {
    const { frameworkId, executorId } = this.options;
    const body = messageToJson('mesos.v1.executor.Call', { ...part, frameworkId, executorId });
    await this.calls.send(this.feed.subscription, part.type ?? 'UNKNOWN', body);
  }
}

/** A random (version 4) UUID, as the wire wants it: base64 of its bytes. */
function newUuid(): string {
  const bytes = randomBytes(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('base64');
}

const UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  ms: 1,
  secs: 1e3,
  mins: 60e3,
  hrs: 3600e3,
  days: 86400e3,
  weeks: 604800e3,
};

/** `15mins`, `2secs` -> milliseconds. */
export function durationMs(text: string | undefined, fallbackMs: number): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ns|us|ms|secs|mins|hrs|days|weeks)$/.exec(text ?? '') ?? [];
  return unit === undefined ? fallbackMs : Number(amount) * UNITS_MS[unit]!;
}

/** What an agent tells the executors that it starts. Throws NOT_AN_EXECUTOR outside of one. */
export function executorOptions(env: Readonly<Record<string, string | undefined>>): ExecutorOptions {
  const { MESOS_AGENT_ENDPOINT: endpoint, MESOS_FRAMEWORK_ID: framework, MESOS_EXECUTOR_ID: executor } = env;
  if (!endpoint || !framework || !executor) {
    throw new MezzoError(
      'NOT_AN_EXECUTOR',
      'MESOS_AGENT_ENDPOINT, MESOS_FRAMEWORK_ID or MESOS_EXECUTOR_ID is not set',
      {
        blame: 'user',
        next: 'Let an agent start this program, as the executor of a task.',
      },
    );
  }
  const token = env['MESOS_EXECUTOR_AUTHENTICATION_TOKEN'];
  const tls = /^(1|true)$/i.test(env['LIBPROCESS_SSL_ENABLED'] ?? '');
  const caFile = env['LIBPROCESS_SSL_CA_FILE'];
  const ca = tls && caFile ? readFileSync(caFile, 'utf8') : '';
  return {
    urls: [`${tls ? 'https' : 'http'}://${endpoint}`],
    ...(ca !== '' && { ca }),
    frameworkId: { value: framework },
    executorId: { value: executor },
    recoveryTimeoutMs: env['MESOS_CHECKPOINT'] === '1' ? durationMs(env['MESOS_RECOVERY_TIMEOUT'], 900_000) : 0,
    backoff: { maxMs: durationMs(env['MESOS_SUBSCRIPTION_BACKOFF_MAX'], 2_000) },
    ...(token && { headers: { authorization: `Bearer ${token}` } }),
  };
}
