import { messageToJson, parseMessageText } from '../api/codec.js';
import type * as api from '../api/messages.js';
import { MezzoError } from '../contract/errors.js';
import { CallSender, propertyOf, type CallOptions } from './call-sender.js';
import { EventFeed, type Reading } from './event-feed.js';

/** The calls of a subscribed scheduler, and what each carries. */
export interface SchedulerCalls {
  TEARDOWN: undefined;
  ACCEPT: api.SchedulerCallAccept;
  DECLINE: api.SchedulerCallDecline;
  ACCEPT_INVERSE_OFFERS: api.SchedulerCallAcceptInverseOffers;
  DECLINE_INVERSE_OFFERS: api.SchedulerCallDeclineInverseOffers;
  REVIVE: api.SchedulerCallRevive | undefined;
  KILL: api.SchedulerCallKill;
  SHUTDOWN: api.SchedulerCallShutdown;
  ACKNOWLEDGE: api.SchedulerCallAcknowledge;
  ACKNOWLEDGE_OPERATION_STATUS: api.SchedulerCallAcknowledgeOperationStatus;
  RECONCILE: api.SchedulerCallReconcile;
  RECONCILE_OPERATIONS: api.SchedulerCallReconcileOperations;
  MESSAGE: api.SchedulerCallMessage;
  REQUEST: api.SchedulerCallRequest;
  SUPPRESS: api.SchedulerCallSuppress | undefined;
  UPDATE_FRAMEWORK: api.SchedulerCallUpdateFramework;
}

export interface SchedulerOptions extends CallOptions {
  /** With an id: takes over the framework of that id (failover). */
  readonly framework: api.FrameworkInfo;
  readonly suppressedRoles?: readonly string[];
  readonly offerConstraints?: api.SchedulerOfferConstraints;
}

/**
 * A subscribed scheduler. Iterate over it for its events: SUBSCRIBED comes upon each (re)subscription, and makes all offers
 * seen before invalid; heartbeats are not shown. It resubscribes by itself under the same framework id. The iteration ends upon
 * close(), and throws MezzoError SCHEDULER_REJECTED after an ERROR event and SUBSCRIBE_REFUSED upon a 4xx answer.
 */
export interface SchedulerClient extends AsyncIterable<api.SchedulerEvent> {
  /** Known from the first SUBSCRIBED on. Keep it in durable state: it is what a restarted scheduler takes over. */
  readonly frameworkId: api.FrameworkID | undefined;
  readonly connected: boolean;
  /**
   * Calls arrive in the order in which they were made. Rejects with NOT_SUBSCRIBED or CALL_FAILED (both retryable, the second
   * may have arrived all the same) or CALL_REFUSED (4xx).
   */
  call<T extends keyof SchedulerCalls>(
    type: T,
    ...body: undefined extends SchedulerCalls[T] ? [SchedulerCalls[T]?] : [SchedulerCalls[T]]
  ): Promise<void>;
  /** For a status with a uuid; one without needs no acknowledgement and nothing is sent. */
  acknowledge(status: api.TaskStatus): Promise<void>;
  acknowledgeOperation(status: api.OperationStatus): Promise<void>;
  /** Disconnects; the framework lives on for its failover timeout. `call('TEARDOWN')` ends it. */
  close(): Promise<void>;
}

/** Connections that the host has prepared: where the masters are, and who we are. */
export interface SchedulerClientFactory {
  connect(options: Omit<SchedulerOptions, 'urls'>): SchedulerClient;
}

export const connectScheduler = (options: SchedulerOptions): SchedulerClient => new HttpSchedulerClient(options);

const PATH = '/api/v1/scheduler';

class HttpSchedulerClient implements SchedulerClient {
  private id: api.FrameworkID | undefined;
  private readonly feed: EventFeed<api.SchedulerEvent>;
  private readonly calls: CallSender;

  constructor(private readonly options: SchedulerOptions) {
    this.id = options.framework.id;
    this.calls = new CallSender(options);
    this.feed = new EventFeed({
      ...options,
      path: PATH,
      subscribe: () => this.subscribeCall(),
      decode: (record) => parseMessageText('mesos.v1.scheduler.Event', Buffer.from(record).toString()),
      read: (event) => this.read(event),
    });
  }

  get frameworkId(): api.FrameworkID | undefined {
    return this.id;
  }

  get connected(): boolean {
    return this.feed.subscription !== undefined;
  }

  [Symbol.asyncIterator](): AsyncIterator<api.SchedulerEvent> {
    return this.feed[Symbol.asyncIterator]();
  }

  async call<T extends keyof SchedulerCalls>(type: T, body?: SchedulerCalls[T]): Promise<void> {
    const call = { type, ...(this.id && { frameworkId: this.id }), [propertyOf(type)]: body };
    await this.calls.send(this.feed.subscription, type, messageToJson('mesos.v1.scheduler.Call', call));
  }

  async acknowledge({ uuid, agentId, taskId }: api.TaskStatus): Promise<void> {
    if (uuid !== undefined && agentId !== undefined) await this.call('ACKNOWLEDGE', { agentId, taskId, uuid });
  }

  async acknowledgeOperation(status: api.OperationStatus): Promise<void> {
    const { uuid, operationId, agentId, resourceProviderId } = status;
    if (uuid === undefined || operationId === undefined) return;
    const ids = { ...(agentId && { agentId }), ...(resourceProviderId && { resourceProviderId }) };
    await this.call('ACKNOWLEDGE_OPERATION_STATUS', { uuid: uuid.value, operationId, ...ids });
  }

  async close(): Promise<void> {
    await Promise.all([this.feed.close(), this.calls.close()]);
  }

  private subscribeCall(): string {
    const { framework, suppressedRoles, offerConstraints } = this.options;
    const id = this.id;
    return messageToJson('mesos.v1.scheduler.Call', {
      type: 'SUBSCRIBE',
      ...(id && { frameworkId: id }),
      subscribe: {
        frameworkInfo: { ...framework, ...(id && { id }) },
        ...(suppressedRoles && { suppressedRoles: [...suppressedRoles] }),
        ...(offerConstraints && { offerConstraints }),
      },
    });
  }

  private read(event: api.SchedulerEvent): Reading {
    switch (event.type) {
      case 'SUBSCRIBED': {
        const { frameworkId, heartbeatIntervalSeconds: seconds } = event.subscribed!;
        this.id = frameworkId;
        return { subscribed: { heartbeatMs: seconds === undefined ? undefined : seconds * 1000 } };
      }
      case 'HEARTBEAT':
        return { hidden: true };
      case 'ERROR':
        return { fatal: new MezzoError('SCHEDULER_REJECTED', event.error!.message, { blame: 'user' }) };
      default:
        return {};
    }
  }
}
