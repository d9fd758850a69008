import { Agent, request, type Dispatcher } from 'undici';
import { RecordDecoder } from '../api/recordio.js';
import { MezzoError, messageOf } from '../contract/errors.js';

export interface Backoff {
  /** Default 250. */
  readonly initialMs?: number;
  /** Default 15000. */
  readonly maxMs?: number;
  /** Uniform in [0, 1); default Math.random. */
  readonly random?: () => number;
}

export type RequestHeaders = Readonly<Record<string, string>>;

export const headersOf = ({ headers }: Pick<ConnectionOptions, 'headers'>): RequestHeaders =>
  typeof headers === 'function' ? headers() : (headers ?? {});

export interface ConnectionOptions {
  /** Base URLs, tried in turn: one of a single daemon, or of each master. Redirects to the leader are followed. */
  readonly urls: readonly string[];
  /** Sent with each request: `Authorization` and the like. A function is asked anew each time: tokens expire. */
  readonly headers?: RequestHeaders | (() => RequestHeaders);
  /** PEM of the authority that signed the servers' certificates. */
  readonly ca?: string;
  readonly backoff?: Backoff;
  /** Called with true upon each subscription and with false when it is lost. */
  readonly onConnection?: (connected: boolean) => void;
}

/** What an event means for the subscription itself. */
export interface Reading {
  /** The subscription stands. Milliseconds between heartbeats, when the server sends them. */
  readonly subscribed?: { readonly heartbeatMs: number | undefined };
  /** Not for the reader: a heartbeat. */
  readonly hidden?: boolean;
  /** The reader gets the event, and then this error: there is no point in subscribing again. */
  readonly fatal?: MezzoError;
}

export interface FeedOptions<E> extends ConnectionOptions {
  readonly path: string;
  /** Body of the next SUBSCRIBE call. */
  readonly subscribe: () => string;
  readonly decode: (record: Uint8Array) => E;
  readonly read: (event: E) => Reading;
  /** Default 64 MiB. A record beyond it ends the reading: RECORD_TOO_LARGE. */
  readonly maxRecordBytes?: number;
  /** Throw instead of retrying when a subscription that stood has been away for longer. Default: never. */
  readonly giveUpAfterMs?: number;
}

const MISSED_HEARTBEATS = 5;
const ANSWER_TIMEOUT_MS = 30_000;
/** With `giveUpAfterMs`: the patience before the first subscription stands. */
const FIRST_GIVE_UP_AFTER_MS = 60_000;
const CONNECT_TIMEOUT_MS = 10_000;
const MAX_REDIRECTS = 5;
const MAX_ERROR_CHARS = 1_000;

export const newAgent = (ca: string | undefined, connections?: number): Agent =>
  new Agent({
    connect: { timeout: CONNECT_TIMEOUT_MS, ...(ca !== undefined && { ca }) },
    headersTimeout: ANSWER_TIMEOUT_MS,
    bodyTimeout: 0,
    ...(connections !== undefined && { connections }),
  });

/** Where the current subscription lives. */
export interface Subscription {
  /** The URL that answered, after redirects. */
  readonly url: string;
  readonly streamId: string | undefined;
}

interface OpenStream extends Subscription {
  readonly body: Dispatcher.ResponseData['body'];
}

/**
 * A stream of events that subscribes anew, with back-off, whenever it breaks. The reader pulls: a slow reader slows the sender
 * down, and nothing is queued here. One reader at a time; when it stops, the subscription ends.
 */
export class EventFeed<E> implements AsyncIterable<E> {
  private readonly agent: Agent;
  private readonly aborted = new AbortController();
  private attempts = 0;
  private failures = 0;
  private awaySinceMs: number | undefined;
  private stood = false;
  private current: Subscription | undefined;

  constructor(private readonly options: FeedOptions<E>) {
    this.agent = newAgent(options.ca);
  }

  /** Undefined while there is no subscription. */
  get subscription(): Subscription | undefined {
    return this.current;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<E, void, undefined> {
    try {
      while (!this.aborted.signal.aborted) {
        yield* this.subscribeOnce();
        this.lost();
        await this.waitBeforeRetry();
      }
    } finally {
      this.lost();
      await this.close();
    }
  }

  async close(): Promise<void> {
    this.aborted.abort();
    await this.agent.destroy();
  }

  /** Returns when the stream breaks or is refused for now, throws when there is no point in trying again. */
  private async *subscribeOnce(): AsyncGenerator<E, void, undefined> {
    const stream = await this.open();
    if (stream === undefined) return;
    const decoder = new RecordDecoder(this.options.maxRecordBytes);
    let silenceMs = ANSWER_TIMEOUT_MS;
    try {
      for await (const chunk of chunks(stream.body, () => silenceMs)) {
        for (const record of decoder.push(chunk)) {
          const event = this.options.decode(record);
          const reading = this.options.read(event);
          if (reading.subscribed) {
            const { heartbeatMs } = reading.subscribed;
            silenceMs = heartbeatMs === undefined ? Infinity : heartbeatMs * MISSED_HEARTBEATS;
            this.stands(stream);
          }
          if (!reading.hidden) yield event;
          if (reading.fatal) throw reading.fatal;
        }
      }
    } finally {
      stream.body.on('error', () => {}).destroy();
    }
  }

  private stands(stream: OpenStream): void {
    this.failures = 0;
    this.awaySinceMs = undefined;
    this.stood = true;
    this.current = { url: stream.url, streamId: stream.streamId };
    this.options.onConnection?.(true);
  }

  private lost(): void {
    this.awaySinceMs ??= performance.now();
    if (this.current === undefined) return;
    this.current = undefined;
    this.options.onConnection?.(false);
  }

  private async open(): Promise<OpenStream | undefined> {
    const { urls, path } = this.options;
    let url = new URL(path, urls[this.attempts++ % urls.length]);
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const answer = await this.post(url);
      if (answer === undefined) return undefined;
      const { statusCode, headers, body } = answer;
      if (statusCode === 200) {
        const streamId = headers['mesos-stream-id'];
        return { url: url.href, streamId: Array.isArray(streamId) ? streamId[0] : streamId, body };
      }
      const text = await shortText(body);
      const location = headers['location'];
      if (statusCode < 300 || statusCode >= 400 || typeof location !== 'string') return this.refused(statusCode, text);
      url = new URL(location, url);
    }
    return undefined;
  }

  private async post(url: URL): Promise<Dispatcher.ResponseData | undefined> {
    // Outside of the try: a call that cannot be written is a bug, and no outage.
    const body = this.options.subscribe();
    try {
      return await request(url, {
        method: 'POST',
        dispatcher: this.agent,
        signal: this.aborted.signal,
        headers: { ...headersOf(this.options), 'content-type': 'application/json', accept: 'application/json' },
        body,
      });
    } catch {
      return undefined; // no connection: the next try may find one
    }
  }

  private refused(status: number, text: string): undefined {
    if (status >= 500 || status === 408 || status === 429) return undefined;
    throw refusal('SUBSCRIBE_REFUSED', 'subscription', status, text);
  }

  private async waitBeforeRetry(): Promise<void> {
    const { initialMs = 250, maxMs = 15_000, random = Math.random } = this.options.backoff ?? {};
    // Another master is no second try of the same: patience grows once all have been asked.
    const rounds = Math.floor(this.failures++ / this.options.urls.length);
    const delayMs = Math.min(maxMs, initialMs * 2 ** rounds) * (0.5 + random() / 2);
    if (!this.aborted.signal.aborted) this.checkPatience(delayMs);
    await sleep(delayMs, this.aborted.signal);
  }

  private checkPatience(delayMs: number): void {
    const { giveUpAfterMs } = this.options;
    if (giveUpAfterMs === undefined) return;
    const limitMs = this.stood ? giveUpAfterMs : Math.max(giveUpAfterMs, FIRST_GIVE_UP_AFTER_MS);
    const awayMs = performance.now() - (this.awaySinceMs ?? performance.now());
    if (awayMs + delayMs <= limitMs) return;
    throw new MezzoError('SUBSCRIPTION_LOST', `There was no subscription for ${limitMs} ms`, { blame: 'environment' });
  }
}

export const refusal = (code: string, what: string, status: number, text: string): MezzoError =>
  new MezzoError(code, `The ${what} was refused with ${status}: ${text}`, {
    blame: 'user',
    details: { status, text },
  });

/** Chunks until the body ends, breaks, or is silent for too long: all three mean to subscribe anew. */
async function* chunks(
  body: AsyncIterable<Uint8Array>,
  silenceMs: () => number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = body[Symbol.asyncIterator]();
  for (;;) {
    const next = await within(reader.next(), silenceMs());
    if (next === undefined || next.done) return;
    yield next.value;
  }
}

/** Undefined when it fails or takes too long. */
async function within<T>(work: Promise<T>, limitMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    if (Number.isFinite(limitMs)) timer = setTimeout(() => resolve(undefined), limitMs);
  });
  try {
    return await Promise.race([work.catch(() => undefined), late]);
  } finally {
    clearTimeout(timer);
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}

/** The beginning of an error's body. */
export async function shortText(body: Dispatcher.ResponseData['body']): Promise<string> {
  try {
    let text = '';
    for await (const chunk of body) {
      text += String(chunk);
      if (text.length > MAX_ERROR_CHARS) break;
    }
    return text.slice(0, MAX_ERROR_CHARS).trim();
  } catch (error) {
    return messageOf(error);
  }
}
