import type { FrameworkInfo, SchedulerCall, SchedulerEvent } from '../api/messages.js';
import { hasCode, messageOf } from '../contract/errors.js';
import type { Logger } from '../contract/services.js';
import type { Clock } from './clock.js';
import type { FrameworkInput } from './core/events.js';
import { propertyOf } from './call-sender.js';
import type { SchedulerCalls, SchedulerClient, SchedulerClientFactory } from './scheduler-client.js';

interface LinkOptions {
  readonly factory: SchedulerClientFactory;
  readonly log: Logger | undefined;
  readonly clock: Clock;
  readonly info: () => FrameworkInfo;
  readonly dispatch: (input: FrameworkInput) => void;
  readonly onMessage: (data: string, agentId: string, executorId: string) => void;
  /** Not connected, for a reason that may pass. */
  readonly onTrouble: (error: Error) => void;
  readonly onBug: (error: Error) => void;
}

const RETRY_REFUSED_MS = 5000;

/** The subscription to the master: turns its events into inputs of the framework, and the framework's calls into requests. */
export class SchedulerLink {
  private client: SchedulerClient | undefined;
  private cancelRetry = (): void => {};
  private closed = false;

  constructor(private readonly options: LinkOptions) {}

  /** Every role is suppressed upon every subscription: offers come when something is wanted. */
  connect(): void {
    if (this.closed) return;
    const framework = this.options.info();
    const client = this.options.factory.connect({
      framework,
      suppressedRoles: framework.roles ?? [],
      onConnection: (connected) => {
        if (!connected && this.client === client) this.options.dispatch({ type: 'disconnected' });
      },
    });
    this.client = client;
    void this.follow(client);
  }

  /** Calls keep their order. One that fails is not repeated here: the framework asks what became of it. */
  send(call: SchedulerCall): void {
    const { client } = this;
    if (client?.connected !== true) return;
    this.call(call).catch((error: unknown) => {
      this.options.log?.warn(`${call.type} failed`, { error: messageOf(error) });
      if (client.connected && this.client === client) this.options.dispatch({ type: 'callFailed', call });
    });
  }

  /** Rejects as a SchedulerClient's does. */
  async call(call: SchedulerCall): Promise<void> {
    const type = call.type as 'MESSAGE';
    await this.client?.call(type, call[propertyOf(type) as keyof SchedulerCall] as SchedulerCalls['MESSAGE']);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.cancelRetry();
    const { client } = this;
    this.client = undefined;
    await client?.close();
  }

  private async follow(client: SchedulerClient): Promise<void> {
    try {
      for await (const event of client) if (this.client === client) this.onEvent(event);
    } catch (error) {
      if (this.client !== client) return;
      await client.close();
      this.onBroken(error instanceof Error ? error : new Error(String(error)));
    }
  }

  private onBroken(error: Error): void {
    const { dispatch, clock, onTrouble, onBug } = this.options;
    if (hasCode(error, 'SCHEDULER_REJECTED')) return dispatch({ type: 'rejected', reason: error.message });
    if (!hasCode(error, 'SUBSCRIBE_REFUSED')) return onBug(error);
    dispatch({ type: 'disconnected' });
    onTrouble(error);
    this.cancelRetry = clock.after(RETRY_REFUSED_MS, () => this.connect());
  }

  private onEvent(event: SchedulerEvent): void {
    const { dispatch, onMessage } = this.options;
    switch (event.type) {
      case 'SUBSCRIBED':
        return dispatch({ type: 'subscribed', frameworkId: event.subscribed?.frameworkId.value ?? '' });
      case 'OFFERS':
        return dispatch({ type: 'offered', offers: event.offers?.offers ?? [] });
      case 'INVERSE_OFFERS':
        return dispatch({ type: 'inverseOffered', offers: event.inverseOffers?.inverseOffers ?? [] });
      case 'UPDATE':
        return event.update && dispatch({ type: 'statusReceived', status: event.update.status });
      case 'FAILURE':
        return dispatch({ type: 'agentFailed', agentId: event.failure?.agentId?.value ?? '' });
      case 'MESSAGE':
        return (
          event.message && onMessage(event.message.data, event.message.agentId.value, event.message.executorId.value)
        );
      default:
        return;
    }
  }
}
