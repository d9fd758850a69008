import { DAY_MS, HOUR_MS, MINUTE_MS, civilOf, daysInMonth, daysOf, weekdayOf } from '../calendar.js';
import {
  HOUR,
  MINUTE,
  MONTH,
  ScheduleError,
  YEAR,
  parseDaysOfMonth,
  parseDaysOfWeek,
  parseNumbers,
  type DayOfMonth,
  type DayOfWeek,
} from './fields.js';

export interface Cron {
  readonly text: string;
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly months: readonly number[];
  /** Both must match a day. */
  readonly daysOfMonth: readonly DayOfMonth[];
  readonly daysOfWeek: readonly DayOfWeek[];
  /** Undefined: any. */
  readonly years: readonly number[] | undefined;
  /** Minute or hour begin with `*`: it follows the clock's hands, whatever is done to the clock. */
  readonly intervalLike: boolean;
}

const MAX_LENGTH = 1000;
/** Monday 29 February may be 40 years away. */
const HORIZON_YEARS = 41;

/** Throws a ScheduleError, which says what is wrong. */
export function parseCron(text: string): Cron {
  const fields = text.trim().split(/\s+/);
  if (text.length > MAX_LENGTH) throw new ScheduleError(`it is longer than ${MAX_LENGTH} characters`);
  if (fields.length < 5 || fields.length > 6)
    throw new ScheduleError(`it needs five fields, or six with the year, and has ${fields.length}`);
  const [minute = '', hour = '', day = '', month = '', weekday = '', year] = fields;
  const cron: Cron = {
    text: fields.join(' '),
    minutes: parseNumbers(MINUTE, minute),
    hours: parseNumbers(HOUR, hour),
    daysOfMonth: parseDaysOfMonth(day),
    months: parseNumbers(MONTH, month),
    daysOfWeek: parseDaysOfWeek(weekday),
    years: year === undefined ? undefined : parseNumbers(YEAR, year),
    intervalLike: minute.startsWith('*') || hour.startsWith('*'),
  };
  const possible = cron.years?.some((each) => yearHasDay(cron, each)) ?? firstLocal(cron, 0) !== undefined;
  if (!possible) throw new ScheduleError('no such day: it must exist in one of the months and years');
  return cron;
}

/** The days of a month that are meant, in order. */
export function daysOfMonth(cron: Cron, year: number, month: number): number[] {
  const length = daysInMonth(year, month);
  const first = weekdayOf(daysOf(year, month, 1));
  const byDate = new Set(cron.daysOfMonth.map((day) => dateOf(day, length, first)));
  const days: number[] = [];
  for (let day = 1; day <= length; day++) {
    const weekday = (first + day - 1) % 7;
    if (byDate.has(day) && cron.daysOfWeek.some((each) => isMeant(each, day, weekday, length))) days.push(day);
  }
  return days;
}

function dateOf(day: DayOfMonth, length: number, first: number): number {
  switch (day.kind) {
    case 'day':
      return day.day;
    case 'lastDay':
      return length - day.back;
    case 'lastWeekday':
      return nearestWeekday(length, length, first);
    case 'weekdayNear':
      return day.day > length ? 0 : nearestWeekday(day.day, length, first);
  }
}

/** Never leaves the month. */
function nearestWeekday(day: number, length: number, first: number): number {
  const weekday = (first + day - 1) % 7;
  if (weekday === 6) return day === 1 ? 3 : day - 1;
  if (weekday === 0) return day === length ? day - 2 : day + 1;
  return day;
}

function isMeant(meant: DayOfWeek, day: number, weekday: number, length: number): boolean {
  if (meant.weekday !== weekday) return false;
  if (meant.kind === 'nth') return Math.ceil(day / 7) === meant.nth;
  return meant.kind === 'every' || day + 7 > length;
}

const yearHasDay = (cron: Cron, year: number): boolean =>
  cron.months.some((month) => daysOfMonth(cron, year, month).length > 0);

/** The first matching minute at or after a local time. Undefined: none in the next 41 years. */
export function firstLocal(cron: Cron, fromLocalMs: number): number | undefined {
  const fromMs = Math.ceil(fromLocalMs / MINUTE_MS) * MINUTE_MS;
  const start = civilOf(fromMs);
  const today = daysOf(start.year, start.month, start.day);
  for (let year = start.year; year <= Math.min(start.year + HORIZON_YEARS, YEAR.max); year++) {
    if (cron.years !== undefined && !cron.years.includes(year)) continue;
    for (const month of cron.months) {
      if (year === start.year && month < start.month) continue;
      for (const day of daysOfMonth(cron, year, month)) {
        const days = daysOf(year, month, day);
        const found = days < today ? undefined : minuteOfDay(cron, days === today ? fromMs - today * DAY_MS : 0);
        if (found !== undefined) return days * DAY_MS + found;
      }
    }
  }
  return undefined;
}

function minuteOfDay(cron: Cron, fromMs: number): number | undefined {
  for (const hour of cron.hours) {
    if ((hour + 1) * HOUR_MS <= fromMs) continue;
    for (const minute of cron.minutes) {
      const atMs = hour * HOUR_MS + minute * MINUTE_MS;
      if (atMs >= fromMs) return atMs;
    }
  }
  return undefined;
}
