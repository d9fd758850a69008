import { MezzoError } from '@mezzo/sdk/contract';
import { textAnswer, type Answer } from '../answer.js';
import { operatorJson } from '../../core/operator-json.js';

/** So many requests a second, and as many at once. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

export interface RateLimits {
  /** By principal; undefined = that one is not limited. */
  readonly limits: ReadonlyMap<string, Rate | undefined>;
  /** All other frameworks together; undefined = they are not limited. */
  readonly others: Rate | undefined;
}

const MAX_LIMITS = 10_000;

/**
 * Mesos' form: `{"limits": [{"principal": "a", "qps": 50, "capacity": 100}], "aggregate_default_qps": 10}`. Throws INVALID_RATE_LIMITS,
 * which names the place.
 */
export function parseRateLimits(text: string): RateLimits {
  const { limits = [], ...others } = objectOf(parsed(text), 'the rate limits');
  const { aggregate_default_qps: qps, aggregate_default_capacity: capacity, ...stray } = others;
  requireNone(stray, 'the rate limits');
  if (!Array.isArray(limits) || limits.length > MAX_LIMITS)
    throw invalid(`"limits" must be a list of at most ${MAX_LIMITS}`);
  const rates = limits.map((limit: unknown, i): [string, Rate | undefined] => {
    const { principal, qps, capacity, ...more } = objectOf(limit, `limits[${i}]`);
    requireNone(more, `limits[${i}]`);
    if (typeof principal !== 'string' || principal === '') throw invalid(`limits[${i}].principal must be a text`);
    return [principal, rateOf(qps, capacity, `limits[${i}].`)];
  });
  const twice = rates.find(([principal], i) => rates.findIndex(([other]) => other === principal) !== i);
  if (twice !== undefined) throw invalid(`the principal '${twice[0]}' is there twice`);
  return { limits: new Map(rates), others: rateOf(qps, capacity, 'aggregate_default_') };
}

function rateOf(qps: unknown, capacity: unknown, where: string): Rate | undefined {
  if (qps === undefined && capacity === undefined) return undefined;
  if (typeof qps !== 'number' || !(qps > 0 && qps <= 1e9)) throw invalid(`${where}qps must be a positive number`);
  const burst = capacity ?? Math.max(1, qps);
  if (typeof burst !== 'number' || !(burst >= 1 && burst <= 1e9)) throw invalid(`${where}capacity must be 1 or more`);
  return { perSecond: qps, burst };
}

/** Refills over time. */
export class TokenBucket {
  private left: number;

  constructor(
    readonly rate: Rate,
    private filledAtMs: number,
  ) {
    this.left = rate.burst;
  }

  /** Milliseconds to wait; 0 = one was taken. */
  take(nowMs: number): number {
    const { perSecond, burst } = this.rate;
    this.left = Math.min(burst, this.left + (Math.max(0, nowMs - this.filledAtMs) * perSecond) / 1000);
    this.filledAtMs = nowMs;
    if (this.left < 1) return Math.ceil(((1 - this.left) * 1000) / perSecond);
    this.left -= 1;
    return 0;
  }
}

/** One bucket for each principal that is named and one for the rest: strangers cost no memory. */
export class RateLimiter {
  private readonly buckets = new Map<string, TokenBucket | undefined>();
  private readonly others: TokenBucket | undefined;

  constructor(
    limits: RateLimits,
    private readonly nowMs: () => number = () => performance.now(),
  ) {
    for (const [principal, rate] of limits.limits) this.buckets.set(principal, rate && new TokenBucket(rate, nowMs()));
    this.others = limits.others && new TokenBucket(limits.others, nowMs());
  }

  /** Undefined: go on. Else 429, and when to come again. What is not a framework's request is limited only where its principal is named. */
  check(principal: string | undefined, isFramework: boolean): Answer | undefined {
    const known = principal !== undefined && this.buckets.has(principal);
    const bucket = known ? this.buckets.get(principal) : isFramework ? this.others : undefined;
    const waitMs = bucket?.take(this.nowMs()) ?? 0;
    if (bucket === undefined || waitMs === 0) return undefined;
    const who = known ? `Principal '${principal}'` : 'Frameworks without a limit of their own together';
    const seconds = Math.ceil(waitMs / 1000);
    const text = `${who} may make ${bucket.rate.perSecond} requests a second: come again in ${seconds} s`;
    return textAnswer(429, text, { 'Retry-After': String(seconds) });
  }
}

function requireNone(stray: object, where: string): void {
  const [name] = Object.keys(stray);
  if (name !== undefined) throw invalid(`${where}: "${name}" is not known`);
}

const invalid = (why: string): MezzoError =>
  new MezzoError('INVALID_RATE_LIMITS', `the rate limits cannot be used: ${why}`, {
    blame: 'operator',
    next: 'write {"limits": [{"principal": "name", "qps": 50, "capacity": 100}], "aggregate_default_qps": 10}',
  });

const { parsed, objectOf } = operatorJson(invalid);
