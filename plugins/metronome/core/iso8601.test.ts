import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isoTime } from './calendar.js';
import { formatRepetition, nextRepetition, nthRepetition, parsePeriod, parseRepetition } from './iso8601.js';
import { lastFirings, recurrenceOf } from './recurrence.js';
import { zoneOf } from './zone.js';

const NOW = Date.parse('2026-11-27T12:00:00Z');
const zone = (id: string) => zoneOf(id)!;
const parse = (text: string, zoneId?: string) =>
  parseRepetition(text, NOW, zoneId === undefined ? undefined : zone(zoneId));
const firings = (text: string, from: string, count: number, zoneId?: string): string[] => {
  const repetition = parse(text, zoneId);
  const found: string[] = [];
  for (let at: number | undefined = Date.parse(from); found.length < count && at !== undefined;) {
    at = nextRepetition(repetition, zone(zoneId ?? 'UTC'), at);
    if (at !== undefined) found.push(isoTime(at, 'Z').slice(0, 16));
  }
  return found;
};

describe('an ISO 8601 schedule', () => {
  it('has a count, a start and a period', () => {
    expect(parse('R5/2026-01-01T00:00:00.5+01:30/P1DT2H')).toEqual({
      count: 5,
      startMs: Date.parse('2025-12-31T22:30:00.500Z'),
      period: { text: 'P1DT2H', months: 0, days: 1, ms: 7_200_000 },
    });
    expect(parse('R/2026-01-01/P1W')).toMatchObject({ count: undefined, startMs: Date.parse('2026-01-01T00:00:00Z') });
    expect(parse('R0//PT10M')).toMatchObject({ count: 0, startMs: NOW });
    expect(formatRepetition(4, NOW, parsePeriod('PT10M'))).toBe('R4/2026-11-27T12:00:00.000Z/PT10M');
  });

  it('is told in the zone given beside it, whatever its start says', () => {
    expect(isoTime(parse('R/2026-07-01T10:00:00Z/P1D', 'America/New_York').startMs)).toContain('2026-07-01T14:00');
  });

  it.each([
    'R/2026-01-01T00:00:00Z',
    'X/2026-01-01T00:00:00Z/P1D',
    'R/2026-02-30T00:00:00Z/P1D',
    'R/1969-01-01T00:00:00Z/P1D',
    'R/2026-01-01T25:00:00Z/P1D',
    'R/2026-01-01T00:00:00Z/P',
    'R/2026-01-01T00:00:00Z/PT',
    'R/2026-01-01T00:00:00Z/PT0S',
    'R/2026-01-01T00:00:00Z/P1H',
    'R-1/2026-01-01T00:00:00Z/P1D',
    'R99999999999/2026-01-01T00:00:00Z/P1D',
  ])("'%s' is refused", (text) => {
    expect(() => parse(text)).toThrow();
  });

  it('counts months from the start, so that the 31st comes back', () => {
    expect(firings('R/2026-01-31T10:00:00Z/P1M', '2026-01-01T00:00Z', 4)).toEqual([
      '2026-01-31T10:00',
      '2026-02-28T10:00',
      '2026-03-31T10:00',
      '2026-04-30T10:00',
    ]);
    expect(firings('R/2024-02-29T00:00:00Z/P1Y', '2027-03-01T00:00Z', 1)).toEqual(['2028-02-29T00:00']);
  });

  it('keeps the time of day over a change of clocks with days, and the distance with hours', () => {
    const from = '2026-03-28T13:00Z';
    expect(firings('R/2026-03-01T09:00:00/P1D', from, 2, 'Europe/Berlin')).toEqual([
      '2026-03-29T07:00',
      '2026-03-30T07:00',
    ]);
    expect(firings('R/2026-03-01T09:00:00/PT24H', from, 2, 'Europe/Berlin')).toEqual([
      '2026-03-29T08:00',
      '2026-03-30T08:00',
    ]);
    expect(firings('R/2026-03-01T02:30:00/P1D', from, 2, 'Europe/Berlin')).toEqual([
      '2026-03-29T01:00',
      '2026-03-30T00:30',
    ]);
  });

  it('comes next at the first of its repetitions that is later', () => {
    const periods = fc.constantFrom('PT1S', 'PT10M', 'P1D', 'P1W', 'P1M', 'P3M', 'P1Y', 'P1M1DT1H', 'PT36H');
    const places = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York');
    fc.assert(
      fc.property(
        periods,
        places,
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 0, max: 86_400_000 }),
        (period, id, n, moreMs) => {
          const repetition = parse(`R/2025-01-31T02:30:00Z/${period}`);
          const afterMs = nthRepetition(repetition, zone(id), n) + moreMs;
          const next = nextRepetition(repetition, zone(id), afterMs)!;
          let index = n;
          while (nthRepetition(repetition, zone(id), index) <= afterMs) index++;
          expect(isoTime(next)).toBe(isoTime(nthRepetition(repetition, zone(id), index)));
        },
      ),
    );
  });
});

describe('the last firings before a time', () => {
  it('are the same as all of them, cut', () => {
    const crons = fc.constantFrom('*/7 * * * *', '0 3 * * *', '0 0 1 * *', '30 2 29 2 *', '0 9 * * MON#1');
    fc.assert(
      fc.property(crons, fc.integer({ min: 0, max: 100 }), fc.integer({ min: 1, max: 20 }), (cron, days, most) => {
        const recurrence = recurrenceOf({ cron, timezone: 'Europe/Berlin' });
        const fromMs = NOW - days * 86_400_000;
        const all: number[] = [];
        for (let at = recurrence.next(fromMs); at !== undefined && at <= NOW; at = recurrence.next(at)) all.push(at);
        expect(lastFirings(recurrence, fromMs, NOW, most)).toEqual(all.slice(-most));
      }),
      { numRuns: 25 },
    );
  });

  it('no zone of that name is a sentence', () => {
    for (const timezone of ['Mars/Olympus', '+01:00', '', 'x'.repeat(100)])
      expect(() => recurrenceOf({ cron: '* * * * *', timezone })).toThrow('no time zone');
  });
});
