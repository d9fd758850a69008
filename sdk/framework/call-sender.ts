import { request, type Agent } from 'undici';
import { MezzoError, messageOf } from '../contract/errors.js';
import { headersOf, newAgent, refusal, shortText, type ConnectionOptions, type Subscription } from './event-feed.js';

export interface CallOptions extends ConnectionOptions {
  /** Default 30000. */
  readonly callTimeoutMs?: number;
}

const MAX_WAITING_CALLS = 10_000;

/** Sends calls beside a subscription, over one connection, so that they arrive in order. */
export class CallSender {
  private readonly agent: Agent;
  private waiting = 0;

  constructor(private readonly options: CallOptions) {
    this.agent = newAgent(options.ca, 1);
  }

  /** Rejects with NOT_SUBSCRIBED, CALL_FAILED (both retryable; the second may have arrived all the same) or CALL_REFUSED. */
  async send(subscription: Subscription | undefined, type: string, body: string): Promise<void> {
    if (subscription === undefined) throw retryable('NOT_SUBSCRIBED', `${type} needs a subscription`);
    if (this.waiting >= MAX_WAITING_CALLS) {
      throw retryable('CALL_FAILED', `${type} failed: ${MAX_WAITING_CALLS} calls are waiting already`);
    }
    this.waiting++;
    try {
      await this.post(subscription, type, body);
    } finally {
      this.waiting--;
    }
  }

  close(): Promise<void> {
    return this.agent.destroy();
  }

  private async post({ url, streamId }: Subscription, type: string, body: string): Promise<void> {
    const { callTimeoutMs = 30_000 } = this.options;
    const json = { 'content-type': 'application/json', accept: 'application/json' };
    const answer = await request(url, {
      method: 'POST',
      dispatcher: this.agent,
      signal: AbortSignal.timeout(callTimeoutMs),
      headers: { ...headersOf(this.options), ...json, ...(streamId !== undefined && { 'mesos-stream-id': streamId }) },
      body,
    }).catch((error: unknown) => {
      throw retryable('CALL_FAILED', `${type} failed: ${messageOf(error)}`);
    });
    const text = await shortText(answer.body);
    const status = answer.statusCode;
    if (status >= 400 && status < 500 && status !== 429) throw refusal('CALL_REFUSED', `call ${type}`, status, text);
    if (status >= 300) throw retryable('CALL_FAILED', `${type} failed: ${status} ${text}`);
  }
}

const retryable = (code: string, message: string): MezzoError =>
  new MezzoError(code, message, { blame: 'environment', retryable: true });

/** `ACCEPT_INVERSE_OFFERS` -> `acceptInverseOffers` */
export const propertyOf = (type: string): string =>
  type.toLowerCase().replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
