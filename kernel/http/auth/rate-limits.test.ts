import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseRateLimits, RateLimiter } from './rate-limits.js';

const limits = {
  limits: [{ principal: 'fast', qps: 10, capacity: 20 }, { principal: 'slow', qps: 0.5 }, { principal: 'free' }],
  aggregate_default_qps: 2,
};

function limiter(json: object = limits) {
  const clock = { ms: 1000 };
  const limiter = new RateLimiter(parseRateLimits(JSON.stringify(json)), () => clock.ms);
  const passes = (principal: string | undefined, times: number, isFramework = true): number =>
    Array.from({ length: times }, () => limiter.check(principal, isFramework)).filter((one) => one === undefined)
      .length;
  return { clock, limiter, passes };
}

test('the capacity may come at once, then the rate holds', () => {
  const { clock, passes } = limiter();
  expect(passes('fast', 50)).toBe(20);
  clock.ms += 1000;
  expect(passes('fast', 50)).toBe(10);
  clock.ms += 100_000;
  expect(passes('fast', 50)).toBe(20);
});

test('one principal costs no other, and strangers share what is left to them', () => {
  const { passes } = limiter();
  expect(passes('fast', 1000)).toBe(20);
  expect(passes('slow', 10)).toBe(1);
  expect(passes('free', 1000)).toBe(1000);
  expect(passes('a', 2)).toBe(2);
  expect(passes('b', 2)).toBe(0);
  expect(passes(undefined, 2)).toBe(0);
  expect(passes('b', 1000, false)).toBe(1000);
});

test('the answer is 429 and tells when to come again', () => {
  const { clock, limiter: one } = limiter();
  one.check('slow', true);
  const answer = one.check('slow', true)!;
  expect(answer).toMatchObject({ status: 429, headers: { 'Retry-After': '2' } });
  expect(answer.body).toBe("Principal 'slow' may make 0.5 requests a second: come again in 2 s");
  clock.ms += 2000;
  expect(one.check('slow', true)).toBeUndefined();
});

test('over any time no more pass than the burst and the rate allow, and who waits as told passes', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 60 }), (gaps) => {
      const { clock, limiter: one } = limiter({ limits: [{ principal: 'p', qps: 3, capacity: 5 }] });
      let passed = 0;
      for (const gap of gaps) {
        clock.ms += gap;
        const refusal = one.check('p', true);
        if (refusal === undefined) passed++;
        else {
          clock.ms += 1000 * Number(refusal.headers!['Retry-After']);
          expect(one.check('p', true)).toBeUndefined();
          passed++;
        }
      }
      expect(passed).toBeLessThanOrEqual(5 + (3 * (clock.ms - 1000)) / 1000 + 1e-6);
    }),
  );
});

test.each([
  ['[]', /must be an object/],
  ['{"limit": []}', /"limit" is not known/],
  ['{"limits": {}}', /"limits" must be a list/],
  ['{"limits": [{"qps": 1}]}', /limits\[0\].principal/],
  ['{"limits": [{"principal": "a", "qps": 0}]}', /limits\[0\].qps must be a positive number/],
  ['{"limits": [{"principal": "a", "capacity": 3}]}', /limits\[0\].qps/],
  ['{"limits": [{"principal": "a", "qps": 1, "capacity": 0.5}]}', /limits\[0\].capacity/],
  ['{"limits": [{"principal": "a"}, {"principal": "a"}]}', /'a' is there twice/],
  ['{"aggregate_default_qps": "1"}', /aggregate_default_qps/],
])('%s is refused, and the place is named', (text, message) => {
  expect(() => parseRateLimits(text)).toThrow(message);
});
