import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MINUTE_MS, DAY_MS, civilOf, daysInMonth, daysOf, isoTime, localOf } from '../calendar.js';
import { zoneOf } from '../zone.js';
import { daysOfMonth, parseCron, type Cron } from './cron.js';
import { nextFiring } from './next.js';

const zone = (id: string) => zoneOf(id)!;
/** Firings in UTC, shortened to the minute. */
function firings(text: string, from: string, count: number, zoneId = 'UTC'): string[] {
  const cron = parseCron(text);
  const found: string[] = [];
  let at: number | undefined = Date.parse(from);
  while (found.length < count) {
    at = nextFiring(cron, zone(zoneId), at);
    if (at === undefined) break;
    found.push(isoTime(at).slice(0, 16));
  }
  return found;
}
const problem = (text: string): string => {
  try {
    parseCron(text);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
};

describe('the calendar', () => {
  it('agrees with that of the machine', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_102_444_799_999 }), (atMs) => {
        expect(isoTime(atMs, 'Z')).toBe(new Date(atMs).toISOString());
        expect(localOf(civilOf(atMs))).toBe(atMs);
      }),
    );
  });
});

describe('the cron dialect', () => {
  it('knows lists, ranges, steps and names', () => {
    expect(parseCron('0-10/5,30 3/8 * JAN,MAR-apr mon-WED')).toMatchObject({
      minutes: [0, 5, 10, 30],
      hours: [3, 11, 19],
      months: [1, 3, 4],
    });
    expect(parseCron('0 0 * * SAT-SUN').daysOfWeek).toEqual([
      { kind: 'every', weekday: 6 },
      { kind: 'every', weekday: 0 },
    ]);
    for (const sunday of ['0', '7', 'SUN'])
      expect(firings(`0 0 * * ${sunday}`, '2026-11-27T00:00Z', 2)).toEqual(['2026-11-29T00:00', '2026-12-06T00:00']);
  });

  it('means days that match the day of month and the day of week', () => {
    expect(firings('0 12 13 * 5', '2026-01-01T00:00Z', 3)).toEqual([
      '2026-02-13T12:00',
      '2026-03-13T12:00',
      '2026-11-13T12:00',
    ]);
  });

  it.each([
    ['0 0 L * *', ['2026-01-31', '2026-02-28', '2026-03-31']],
    ['0 0 L-3 * *', ['2026-01-28', '2026-02-25', '2026-03-28']],
    // 31 January is a Saturday, and so is 28 February.
    ['0 0 LW * *', ['2026-01-30', '2026-02-27', '2026-03-31']],
    ['0 0 15W * *', ['2026-01-15', '2026-02-16', '2026-03-16']],
    // 1 February and 1 March are Sundays, 1 August is a Saturday: the month is not left.
    [
      '0 0 1W 2-8 *',
      ['2026-02-02', '2026-03-02', '2026-04-01', '2026-05-01', '2026-06-01', '2026-07-01', '2026-08-03'],
    ],
    ['0 0 31W * *', ['2026-01-30', '2026-03-31', '2026-05-29']],
    ['0 0 * * 5L', ['2026-01-30', '2026-02-27', '2026-03-27']],
    ['0 0 * * FRI#3', ['2026-01-16', '2026-02-20', '2026-03-20']],
    ['0 0 * * 1#5', ['2026-03-30', '2026-06-29', '2026-08-31']],
    ['0 0 29 2 *', ['2028-02-29', '2032-02-29', '2036-02-29']],
    ['0 0 29 2 1', ['2044-02-29', '2072-02-29']],
    ['0 0 29 2 * 2030-2033', ['2032-02-29']],
    ['0 0 1 1 * 2027', ['2027-01-01']],
    ['0 0 1 1 * 2020', []],
  ])('%s falls on %j', (text, days) => {
    expect(firings(text, '2026-01-01T00:00Z', Math.max(3, days.length))).toEqual(days.map((day) => `${day}T00:00`));
  });

  it.each([
    '* * * *',
    '* * * * * * *',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * 32 * *',
    '* * * 13 *',
    '* * * * 8',
    '* * * * * 1969',
    '*/0 * * * *',
    '5-1 * * * *',
    '1-2-3 * * * *',
    '1,,2 * * * *',
    'a * * * *',
    '* * L-31 * *',
    '* * * * L',
    '* * * * 1#6',
    '* * ? * *',
    '-1 * * * *',
    '1.5 * * * *',
    '',
    '@daily',
  ])("'%s' is refused with a sentence", (text) => {
    expect(problem(text)).not.toBe('');
  });

  it('refuses dates that do not exist', () => {
    for (const text of ['0 0 31 2 *', '0 0 30 FEB *', '0 0 31 4,6,9,11 *', '0 0 29 2 * 2027'])
      expect(problem(text)).toContain('no such day');
  });
});

/** By looking at every minute of the clock: the oracle of the property below. */
function matchesAt(cron: Cron, localMs: number): boolean {
  const { year, month, day, hour, minute } = civilOf(localMs);
  return (
    cron.minutes.includes(minute) &&
    cron.hours.includes(hour) &&
    cron.months.includes(month) &&
    (cron.years?.includes(year) ?? true) &&
    daysOfMonth(cron, year, month).includes(day)
  );
}

const field = (min: number, max: number) => {
  const value = fc.integer({ min, max });
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant('*') },
    value.map(String),
    fc.tuple(value, value).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
    fc.integer({ min: 1, max: max - min }).map((step) => `*/${step}`),
    fc.array(value, { minLength: 1, maxLength: 3 }).map((list) => list.join(',')),
  );
};
const expressions = fc
  .tuple(
    field(0, 59),
    field(0, 23),
    fc.oneof(field(1, 28), fc.constantFrom('L', 'LW', '10W', 'L-2')),
    fc.oneof({ weight: 4, arbitrary: fc.constant('*') }, field(1, 12)),
    fc.oneof({ weight: 4, arbitrary: fc.constant('*') }, field(0, 7), fc.constantFrom('2#2', '4L')),
  )
  .map((fields) => fields.join(' '))
  .filter((text) => problem(text) === '');
const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'Africa/Casablanca',
];
/** From here two days are looked at: around changes of clocks, mostly. */
const starts = fc.oneof(
  fc.constantFrom(
    ...['2026-03-28', '2026-10-24', '2026-03-07', '2026-10-31', '2026-04-04', '2026-10-03', '2026-02-14'].map((day) =>
      Date.parse(`${day}T12:34:56.789Z`),
    ),
  ),
  fc.integer({ min: Date.parse('2024-01-01'), max: Date.parse('2030-01-01') }),
);

describe('the next firing', () => {
  it('is what looking at every minute finds, at any time and place', () => {
    fc.assert(
      fc.property(expressions, fc.constantFrom(...ZONES), starts, (text, zoneId, fromMs) => {
        const cron = parseCron(text);
        const place = zone(zoneId);
        const found: number[] = [];
        const toMs = fromMs + 2 * DAY_MS;
        for (
          let at = nextFiring(cron, place, fromMs);
          at !== undefined && at <= toMs;
          at = nextFiring(cron, place, at)
        ) {
          found.push(at);
        }
        expect(found.map((at) => isoTime(at))).toEqual(bruteForce(text, zoneId, fromMs, toMs).map((at) => isoTime(at)));
      }),
      { numRuns: 150 },
    );
  });

  it('far away is later, matches, and has nothing between on its way', () => {
    fc.assert(
      fc.property(expressions, starts, (text, fromMs) => {
        const cron = parseCron(text);
        const at = nextFiring(cron, zone('UTC'), fromMs);
        if (at === undefined) return;
        expect(at).toBeGreaterThan(fromMs);
        expect(matchesAt(cron, at)).toBe(true);
        const middle = fromMs + Math.floor((at - fromMs) / 2);
        expect(nextFiring(cron, zone('UTC'), middle)).toBe(at);
      }),
      { numRuns: 200 },
    );
  });
});

/** Every minute of time, with the rules of the README for clocks that change. */
function bruteForce(text: string, zoneId: string, fromMs: number, toMs: number): number[] {
  const place = zone(zoneId);
  const cron = parseCron(text);
  const fixed = new Set<number>();
  const all = new Set<number>();
  const seen = new Set<number>();
  const start = Math.floor(fromMs / MINUTE_MS) * MINUTE_MS - DAY_MS;
  let lastLocal = start + place.offsetAt(start) - MINUTE_MS;
  let offset = 0;
  for (let at = start; at <= toMs; at += MINUTE_MS) {
    if (at % (15 * MINUTE_MS) === 0 || at === start) offset = place.offsetAt(at);
    const local = at + offset;
    for (let skipped = lastLocal + MINUTE_MS; skipped < local; skipped += MINUTE_MS)
      if (matchesAt(cron, skipped)) fixed.add(at);
    if (matchesAt(cron, local)) {
      all.add(at);
      if (!seen.has(local)) fixed.add(at);
    }
    seen.add(local);
    lastLocal = local;
  }
  return [...(cron.intervalLike ? all : fixed)].filter((at) => at > fromMs && at <= toMs);
}

describe('when clocks change', () => {
  it.each([
    // Spring: 02:00 to 03:00 is not shown in New York on 8 March 2026.
    ['30 2 * * *', 'America/New_York', '2026-03-07T12:00Z', ['2026-03-08T07:00', '2026-03-09T06:30']],
    ['0,30 2 * * *', 'America/New_York', '2026-03-07T12:00Z', ['2026-03-08T07:00', '2026-03-09T06:00']],
    ['0 3 * * *', 'America/New_York', '2026-03-07T12:00Z', ['2026-03-08T07:00', '2026-03-09T07:00']],
    ['*/30 2 * * *', 'America/New_York', '2026-03-07T12:00Z', ['2026-03-09T06:00', '2026-03-09T06:30']],
    [
      '0 * * * *',
      'America/New_York',
      '2026-03-08T05:30Z',
      ['2026-03-08T06:00', '2026-03-08T07:00', '2026-03-08T08:00'],
    ],
    ['0 */2 * * *', 'America/New_York', '2026-03-08T04:30Z', ['2026-03-08T05:00', '2026-03-08T08:00']],
    // Autumn: 01:00 to 02:00 is shown twice on 1 November 2026.
    ['30 1 * * *', 'America/New_York', '2026-10-31T12:00Z', ['2026-11-01T05:30', '2026-11-02T06:30']],
    [
      '30 * * * *',
      'America/New_York',
      '2026-11-01T05:00Z',
      ['2026-11-01T05:30', '2026-11-01T06:30', '2026-11-01T07:30'],
    ],
    [
      '*/30 1 * * *',
      'America/New_York',
      '2026-11-01T04:00Z',
      ['05:00', '05:30', '06:00', '06:30'].map((at) => `2026-11-01T${at}`),
    ],
    // At 05:45 UTC 01:45 is shown for the first time: the second 01:00 to 01:30 are still to come.
    [
      '0-30/15 */1 * * *',
      'America/New_York',
      '2026-11-01T05:45Z',
      ['2026-11-01T06:00', '2026-11-01T06:15', '2026-11-01T06:30'],
    ],
    ['30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', ['2026-03-29T01:00', '2026-03-30T00:30']],
    ['30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00Z', ['2026-10-25T00:30', '2026-10-26T01:30']],
    // Half an hour only.
    ['15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T00:00Z', ['2026-10-03T15:30', '2026-10-04T15:15']],
    // At midnight.
    ['0 0 * * *', 'America/Sao_Paulo', '2018-11-03T12:00Z', ['2018-11-04T03:00', '2018-11-05T02:00']],
    // South of the equator, and a place without summer time.
    ['30 2 * * *', 'Australia/Sydney', '2026-10-03T00:00Z', ['2026-10-03T16:00', '2026-10-04T15:30']],
    ['30 2 * * *', 'Asia/Kolkata', '2026-03-28T12:00Z', ['2026-03-28T21:00', '2026-03-29T21:00']],
    // 30 December 2011 was no day in Samoa: nobody waits for a time of it.
    ['0 12 * * *', 'Pacific/Apia', '2011-12-29T00:00Z', ['2011-12-29T22:00', '2011-12-30T22:00']],
    ['30 2 * 3 0#2', 'America/New_York', '2025-04-01T00:00Z', ['2026-03-08T07:00', '2027-03-14T07:00']],
  ])('%s in %s', (text, zoneId, from, expected) => {
    expect(firings(text, from, expected.length, zoneId)).toEqual(expected);
  });

  it('a year has as many firings as it has hours, or days', () => {
    const year = (text: string) => {
      const cron = parseCron(text);
      let count = 0;
      for (
        let at = nextFiring(cron, zone('Europe/Berlin'), Date.parse('2025-12-31T22:59Z'))!;
        at < Date.parse('2026-12-31T23:00Z');
        count++
      )
        at = nextFiring(cron, zone('Europe/Berlin'), at)!;
      return count;
    };
    expect(year('0 * * * *')).toBe(365 * 24);
    expect(year('30 2 * * *')).toBe(365);
    expect(daysInMonth(2026, 2)).toBe(28);
    expect(daysOf(1970, 1, 1)).toBe(0);
  });
});
