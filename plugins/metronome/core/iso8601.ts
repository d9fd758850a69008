import { DAY_MS, HOUR_MS, MINUTE_MS, civilOf, daysInMonth, isoTime, localOf } from './calendar.js';
import { ScheduleError } from './cron/fields.js';
import { instantsOf, type Zone } from './zone.js';

/** `R[n]/[start]/P...`: how often, since when, how far apart. */
export interface Repetition {
  /** Undefined: for ever. */
  readonly count: number | undefined;
  /** The first firing. */
  readonly startMs: number;
  readonly period: Period;
}

/** Months and days go by the calendar of the schedule's zone, milliseconds by time. */
export interface Period {
  readonly text: string;
  readonly months: number;
  readonly days: number;
  readonly ms: number;
}

const MAX_COUNT = 1_000_000_000;
/** 2100-01-01: nothing is planned beyond. */
const HORIZON_MS = 4_102_444_800_000;
const MIN_PERIOD_MS = 1000;
const MONTH_MS = (365.2425 / 12) * DAY_MS;

/** An empty start means `nowMs`. With a `zone` of its own, what the start says of its zone is passed over, as Chronos does. */
export function parseRepetition(text: string, nowMs: number, zone: Zone | undefined): Repetition {
  const [, count, start = '', period = ''] = /^R(\d{0,10})\/([^/]{0,40})\/([^/]{2,60})$/.exec(text.trim()) ?? [];
  if (count === undefined) throw new ScheduleError(`'${text.slice(0, 100)}' is not of the form R[n]/[start]/P[period]`);
  if (Number(count) > MAX_COUNT) throw new ScheduleError(`more than ${MAX_COUNT} repetitions`);
  return {
    count: count === '' ? undefined : Number(count),
    startMs: start === '' ? nowMs : parseStart(start, zone),
    period: parsePeriod(period),
  };
}

const START = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?(?:(Z)|([+-])(\d\d):?(\d\d)?)?$/;

function parseStart(text: string, zone: Zone | undefined): number {
  const found = START.exec(text);
  if (found === null) throw new ScheduleError(`start '${text}' is no date and time of ISO 8601`);
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map((each) => Number(each ?? 0)) as number[];
  const milli = Math.floor(Number(`0.${found[7] ?? '0'}`) * 1000);
  const civil = { year: year!, month: month!, day: day!, hour: hour!, minute: minute!, second: second!, milli };
  const { year: inYear, month: inMonth } = civil;
  if (inYear < 1970 || inYear > 2099) throw new ScheduleError('start must be in the years 1970 to 2099');
  const real =
    inMonth >= 1 && inMonth <= 12 && civil.day >= 1 && civil.day <= daysInMonth(inYear, inMonth) && civil.hour < 24;
  if (!real || civil.minute > 59 || civil.second > 59) throw new ScheduleError(`start '${text}' does not exist`);
  const localMs = localOf(civil);
  if (zone !== undefined) return instantOf(zone, localMs);
  const offset = (Number(found[10] ?? 0) * 60 + Number(found[11] ?? 0)) * MINUTE_MS;
  return localMs - (found[9] === '-' ? -offset : offset);
}

const PERIOD =
  /^P(?:(\d{1,4})Y)?(?:(\d{1,5})M)?(?:(\d{1,5})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,7})H)?(?:(\d{1,8})M)?(?:(\d{1,9})(?:[.,](\d{1,3}))?S)?)?$/;

export function parsePeriod(text: string): Period {
  const found = PERIOD.exec(text);
  if (found === null || text.endsWith('T')) throw new ScheduleError(`'${text}' is no period of ISO 8601`);
  const [years, months, weeks, days, hours, minutes, seconds] = found.slice(1, 8).map((each) => Number(each ?? 0));
  const milli = Number((found[8] ?? '0').padEnd(3, '0'));
  const period = {
    text,
    months: years! * 12 + months!,
    days: weeks! * 7 + days!,
    ms: hours! * HOUR_MS + minutes! * MINUTE_MS + seconds! * 1000 + milli,
  };
  if (about(period) < MIN_PERIOD_MS) throw new ScheduleError(`period '${text}' is shorter than a second`);
  return period;
}

const about = ({ months, days, ms }: Omit<Period, 'text'>): number => months * MONTH_MS + days * DAY_MS + ms;

function instantOf(zone: Zone, localMs: number): number {
  const instants = instantsOf(zone, localMs);
  return instants.kind === 'shown' ? instants.firstMs : instants.endMs;
}

/**
 * The n-th repetition, counted from the start itself, so that a month after 31 January is the end of February and two months are
 * 31 March again.
 */
export function nthRepetition({ startMs, period }: Repetition, zone: Zone, n: number): number {
  if (period.months === 0 && period.days === 0) return startMs + n * period.ms;
  const startLocalMs = startMs + zone.offsetAt(startMs);
  const start = civilOf(startLocalMs);
  const months = start.year * 12 + start.month - 1 + n * period.months;
  const [year, month] = [Math.floor(months / 12), (months % 12) + 1];
  const day = Math.min(start.day, daysInMonth(year, month));
  const localMs = localOf({ ...start, year, month, day }) + n * period.days * DAY_MS;
  return instantOf(zone, localMs) + n * period.ms;
}

/** The first repetition after an instant; whether any are left to be done is for the caller to know. */
export function nextRepetition(repetition: Repetition, zone: Zone, afterMs: number): number | undefined {
  if (afterMs < repetition.startMs) return repetition.startMs;
  let n = Math.max(0, Math.floor(((afterMs - repetition.startMs) / about(repetition.period)) * 0.99) - 2);
  let step = 1;
  const at = (index: number) => nthRepetition(repetition, zone, index);
  while (at(n + step) <= afterMs) [n, step] = [n + step, step * 2];
  let high = n + step;
  while (high - n > 1) {
    const middle = Math.floor((n + high) / 2);
    if (at(middle) <= afterMs) n = middle;
    else high = middle;
  }
  const found = at(n) > afterMs ? at(n) : at(high);
  return found < HORIZON_MS ? found : undefined;
}

export const formatRepetition = (count: number | undefined, nextMs: number, period: Period): string =>
  `R${count ?? ''}/${isoTime(nextMs, 'Z')}/${period.text}`;
