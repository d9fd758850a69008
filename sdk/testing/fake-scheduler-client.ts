import type { FrameworkID, OperationStatus, SchedulerCall, SchedulerEvent, TaskStatus } from '../api/messages.js';
import { MezzoError } from '../contract/errors.js';
import { propertyOf } from '../framework/call-sender.js';
import type { SchedulerCalls, SchedulerClient, SchedulerClientFactory } from '../framework/scheduler-client.js';

export type ConnectOptions = Parameters<SchedulerClientFactory['connect']>[0];

export interface FakeMasterDoor {
  /** Called when it wants to subscribe, and again by the master's own choice. */
  subscribe(client: FakeSchedulerClient): void;
  receive(client: FakeSchedulerClient, call: SchedulerCall): void;
  leave(client: FakeSchedulerClient): void;
}

/** One scheduler's end of the stream. */
export class FakeSchedulerClient implements SchedulerClient {
  frameworkId: FrameworkID | undefined;
  connected = false;
  closed = false;
  private readonly events: SchedulerEvent[] = [];
  private wake = (): void => {};

  constructor(
    readonly options: ConnectOptions,
    private readonly door: FakeMasterDoor,
  ) {
    this.frameworkId = options.framework.id;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SchedulerEvent, void, undefined> {
    this.door.subscribe(this);
    while (!this.closed) {
      const event = this.events.shift();
      if (event === undefined) await new Promise<void>((resolve) => (this.wake = resolve));
      else yield event;
      if (event?.type === 'ERROR')
        throw new MezzoError('SCHEDULER_REJECTED', event.error?.message ?? '', { blame: 'user' });
    }
  }

  push(event: SchedulerEvent): void {
    if (event.type === 'SUBSCRIBED') {
      this.frameworkId = event.subscribed?.frameworkId;
      this.connected = true;
      this.options.onConnection?.(true);
    }
    this.events.push(event);
    this.wake();
  }

  /** What has not been read is lost. */
  cut(): void {
    if (!this.connected) return;
    this.connected = false;
    this.events.length = 0;
    this.options.onConnection?.(false);
  }

  async call<T extends keyof SchedulerCalls>(type: T, body?: SchedulerCalls[T]): Promise<void> {
    if (!this.connected || this.closed)
      throw new MezzoError('NOT_SUBSCRIBED', `${type} needs a subscription`, { blame: 'environment', retryable: true });
    this.door.receive(this, { type, [propertyOf(type)]: structuredClone(body) });
  }

  async acknowledge({ uuid, agentId, taskId }: TaskStatus): Promise<void> {
    if (uuid !== undefined && agentId !== undefined) await this.call('ACKNOWLEDGE', { agentId, taskId, uuid });
  }

  async acknowledgeOperation(_status: OperationStatus): Promise<void> {}

  async close(): Promise<void> {
    this.closed = true;
    this.connected = false;
    this.door.leave(this);
    this.wake();
  }
}
