import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { MasterInfo } from '@mezzo/sdk/api';
import { Agent, request as ask } from 'undici';
import { isRead, type Answer } from '../answer.js';
import { addressOf } from './standby.js';

/** What operators look at; an answer that is a little old does no harm. */
const READS =
  /^\/(?:frameworks|maintenance\/(?:schedule|status)|priorities|quota|roles|slaves|state|state-summary|tasks|weights)$/;
/** The leader is not asked again for as long. */
const FRESH_MS = 1000;
/** Who may have an old answer waits for a new one for as long. */
const PATIENCE_MS = 500;
/** Nothing is older than this, whatever the caller would take: by then its credentials may be worth nothing. */
const KEPT_MS = 600_000;
const ANSWER_TIMEOUT_MS = 30_000;
const MAX_ASKING = 32;
const MAX_COPIES = 256;
const MAX_BYTES = 512 * 2 ** 20;

export interface StandbyCopiesOptions {
  readonly leader: () => MasterInfo | undefined;
  /** How leaders are reached by https; undefined = by http. */
  readonly tls?: (() => object | undefined) | undefined;
  readonly nowMs?: () => number;
  readonly maxBytes?: number;
}

interface Copy {
  readonly status: number;
  readonly type: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly atMs: number;
}

/**
 * Answers of the leader that a standby passes on, and keeps for those who say that they take old ones: `Cache-Control: max-stale`
 * (RFC 9111). Each is marked by `Age` (seconds) and `Cache-Status` (RFC 9211). Who asks with other credentials has other copies.
 */
export class StandbyCopies {
  /** The one that nobody has asked for longest comes first. */
  private readonly copies = new Map<string, Copy>();
  private readonly asking = new Map<string, Promise<Copy | undefined>>();
  private bytes = 0;
  private http: Agent | undefined;
  private readonly maxBytes: number;
  private readonly nowMs: () => number;

  constructor(private readonly options: StandbyCopiesOptions) {
    this.maxBytes = options.maxBytes ?? MAX_BYTES;
    this.nowMs = options.nowMs ?? (() => performance.now());
  }

  /** Undefined = not a request that it may answer; a promise of undefined = there is no answer that would do. */
  answer(request: IncomingMessage): Promise<Answer | undefined> | undefined {
    const url = request.url ?? '/';
    const maxStaleMs = maxStaleOf(request.headers['cache-control']);
    if (maxStaleMs === undefined || !isRead(request.method ?? '') || !READS.test(url.split('?', 1)[0]!))
      return undefined;
    return this.read(url, request.headers.authorization, FRESH_MS + Math.min(maxStaleMs, KEPT_MS));
  }

  /** Connections are made anew, with the certificates of now. */
  renew(): void {
    void this.http?.close();
    this.http = undefined;
  }

  /** Nothing is kept any more: it ends, or leads and answers itself. */
  close(): void {
    void this.http?.destroy();
    this.http = undefined;
    this.copies.clear();
    this.bytes = 0;
  }

  private async read(url: string, authorization: string | undefined, oldestMs: number): Promise<Answer | undefined> {
    const key = createHash('sha256')
      .update(`${url}\n${authorization ?? ''}`)
      .digest('base64');
    const copy = this.copyOf(key, oldestMs);
    if (copy !== undefined && this.ageMs(copy) <= FRESH_MS) return this.told(copy, 'hit');
    const newer = this.askLeader(key, url, authorization);
    const answer = await (copy ? Promise.race([newer, delay(PATIENCE_MS, undefined, { ref: false })]) : newer);
    if (answer !== undefined) return this.told(answer, copy ? 'fwd=stale' : 'fwd=uri-miss');
    return copy && this.told(copy, `hit; ttl=${FRESH_MS / 1000 - this.ageS(copy)}`);
  }

  private copyOf(key: string, oldestMs: number): Copy | undefined {
    const copy = this.copies.get(key);
    if (copy === undefined || this.ageMs(copy) > oldestMs) return undefined;
    this.copies.delete(key);
    this.copies.set(key, copy);
    return copy;
  }

  /** All who ask for the same share one answer. Undefined = there is none. */
  private askLeader(key: string, url: string, authorization: string | undefined): Promise<Copy | undefined> {
    const others = this.asking.get(key);
    if (others !== undefined) return others;
    const leader = this.options.leader();
    if (leader === undefined || this.asking.size >= MAX_ASKING) return Promise.resolve(undefined);
    const answer = this.fetch(leader, url, authorization)
      .then((copy) => this.keep(key, copy))
      .catch(() => undefined)
      .finally(() => this.asking.delete(key));
    this.asking.set(key, answer);
    return answer;
  }

  private async fetch(leader: MasterInfo, url: string, authorization: string | undefined): Promise<Copy | undefined> {
    const tls = this.options.tls?.();
    this.http ??= new Agent({ connect: { timeout: 2000, ...tls }, connections: MAX_ASKING });
    const atMs = this.nowMs();
    const { statusCode, headers, body } = await ask(`${tls ? 'https' : 'http'}://${addressOf(leader)}/master${url}`, {
      dispatcher: this.http,
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      ...(authorization !== undefined && { headers: { authorization } }),
    });
    // It leads no more, or not yet; or it is too much to keep: the caller may ask the leader itself.
    const isNone =
      statusCode === 307 || statusCode >= 500 || Number(headers['content-length'] ?? 0) > this.maxBytes / 4;
    if (isNone) return void body.on('error', () => undefined).destroy();
    const challenge = headers['www-authenticate'];
    return {
      status: statusCode,
      type: headers['content-type']?.toString(),
      headers: challenge === undefined ? {} : { 'WWW-Authenticate': String(challenge) },
      body: await body.bytes(),
      atMs,
    };
  }

  /** A refusal takes the place of what was told before, and is not kept itself. */
  private keep(key: string, copy: Copy | undefined): Copy | undefined {
    if (copy === undefined) return undefined;
    this.drop(key);
    if (copy.status !== 200) return copy;
    this.copies.set(key, copy);
    this.bytes += copy.body.length;
    for (const oldest of this.copies.keys()) {
      if (this.copies.size <= MAX_COPIES && this.bytes <= this.maxBytes) break;
      this.drop(oldest);
    }
    return copy;
  }

  private drop(key: string): void {
    this.bytes -= this.copies.get(key)?.body.length ?? 0;
    this.copies.delete(key);
  }

  private told({ status, type, headers, body, ...copy }: Copy, how: string): Answer {
    const marks = { Age: String(this.ageS(copy)), 'Cache-Status': `mezzo-standby; ${how}` };
    return { status, ...(type !== undefined && { type }), body, headers: { ...headers, ...marks } };
  }

  private ageMs({ atMs }: Pick<Copy, 'atMs'>): number {
    return this.nowMs() - atMs;
  }

  private ageS(copy: Pick<Copy, 'atMs'>): number {
    return Math.floor(this.ageMs(copy) / 1000);
  }
}

/** In milliseconds; without a number any age will do. Undefined = the caller wants what the leader says. */
function maxStaleOf(header: string | undefined): number | undefined {
  const found = /(?:^|,)\s*max-stale\s*(?:=\s*"?(\d{1,9})"?\s*)?(?=,|$)/i.exec(header ?? '');
  if (found === null) return undefined;
  return found[1] === undefined ? Infinity : Number(found[1]) * 1000;
}
