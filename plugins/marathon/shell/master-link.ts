import { userInfo } from 'node:os';
import type { FrameworkInfo, SchedulerCall, SchedulerEvent } from '@mezzo/sdk/api';
import { hasCode, messageOf } from '@mezzo/sdk/contract';
import type { Logger } from '@mezzo/sdk/contract';
import type { SchedulerCalls, SchedulerClient, SchedulerClientFactory } from '@mezzo/sdk/framework';
import type { MarathonEvent } from '../core/effects.js';

const FAILOVER_TIMEOUT_SECONDS = 604_800;
const RETRY_REFUSED_MS = 5000;

export interface LinkOptions {
  readonly factory: SchedulerClientFactory;
  readonly roles: readonly string[];
  readonly webuiUrl: string;
  readonly hostname: string;
  readonly log: Logger;
  readonly frameworkId: () => string | undefined;
  readonly dispatch: (event: MarathonEvent) => void;
  /** Called with the reason while the master refuses it, and with undefined when it no longer does. */
  readonly onTrouble: (reason: string | undefined) => void;
}

/** The subscription to the master: turns its events into the machine's, and the machine's calls into requests. */
export class MasterLink {
  private client: SchedulerClient | undefined;
  private retry: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(private readonly options: LinkOptions) {}

  connect(): void {
    if (this.stopped) return;
    const { factory, roles } = this.options;
    const client = factory.connect({
      framework: this.frameworkInfo(),
      suppressedRoles: roles,
      onConnection: (connected) => {
        if (!connected && this.client === client && !this.stopped)
          this.options.dispatch({ type: 'disconnected', reason: 'the connection to the master broke' });
      },
    });
    this.client = client;
    void this.follow(client);
  }

  /** Calls keep their order. One that fails is not repeated here: the machine asks what became of it. */
  send(call: SchedulerCall): void {
    const { client } = this;
    const type = call.type as keyof SchedulerCalls;
    if (client === undefined || !client.connected) return;
    const property = type.toLowerCase() as keyof SchedulerCall;
    const body = call[property] as SchedulerCalls['MESSAGE'];
    client.call(type as 'MESSAGE', body).catch((error: unknown) => {
      this.options.log.warn(`${type} failed`, { error: messageOf(error) });
      if (client.connected && !this.stopped) this.options.dispatch({ type: 'callFailed' });
    });
  }

  async dispose(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.retry);
    await this.client?.close();
  }

  private frameworkInfo(): FrameworkInfo {
    const id = this.options.frameworkId();
    return {
      name: 'marathon',
      user: userName(),
      ...(id !== undefined && { id: { value: id } }),
      roles: [...this.options.roles],
      checkpoint: true,
      failoverTimeout: FAILOVER_TIMEOUT_SECONDS,
      hostname: this.options.hostname,
      webuiUrl: this.options.webuiUrl,
      capabilities: [
        { type: 'PARTITION_AWARE' },
        { type: 'MULTI_ROLE' },
        { type: 'RESERVATION_REFINEMENT' },
        { type: 'TASK_KILLING_STATE' },
        { type: 'GPU_RESOURCES' },
        { type: 'REGION_AWARE' },
      ],
    };
  }

  private async follow(client: SchedulerClient): Promise<void> {
    try {
      for await (const event of client) this.onEvent(event);
    } catch (error) {
      if (this.stopped || this.client !== client) return;
      await client.close();
      this.onRefused(error);
    }
  }

  private onRefused(error: unknown): void {
    const reason = messageOf(error);
    this.options.log.error('the master refuses this framework', { reason });
    this.options.onTrouble(reason);
    if (hasCode(error, 'SCHEDULER_REJECTED')) return this.options.dispatch({ type: 'refused', reason });
    this.options.dispatch({ type: 'disconnected', reason });
    this.retry = setTimeout(() => this.connect(), RETRY_REFUSED_MS);
  }

  private onEvent(event: SchedulerEvent): void {
    const { dispatch, log } = this.options;
    switch (event.type) {
      case 'SUBSCRIBED': {
        const frameworkId = event.subscribed?.frameworkId.value ?? '';
        this.options.onTrouble(undefined);
        log.info('subscribed', { frameworkId });
        return dispatch({ type: 'subscribed', frameworkId });
      }
      case 'OFFERS':
        return dispatch({ type: 'offersReceived', offers: event.offers?.offers ?? [] });
      case 'RESCIND':
        return dispatch({ type: 'offerRescinded', offerId: event.rescind?.offerId.value ?? '' });
      case 'UPDATE':
        return event.update && dispatch({ type: 'statusReceived', status: event.update.status });
      default:
        return;
    }
  }
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'root';
  }
}
