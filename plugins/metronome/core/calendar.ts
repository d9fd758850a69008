/** The Gregorian calendar by arithmetic. A local time is the milliseconds since 1970-01-01T00:00 on that place's clock. */

export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

export interface Civil {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly milli: number;
}

const DAYS_BEFORE = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

export const isLeap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);

export const daysInMonth = (year: number, month: number): number =>
  month === 2 ? (isLeap(year) ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;

/** Days since 1970-01-01. `day` may be beyond the month's end. */
export function daysOf(year: number, month: number, day: number): number {
  const before = year - 1;
  const leaps = Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400) - 477;
  return (year - 1970) * 365 + leaps + DAYS_BEFORE[month - 1]! + (month > 2 && isLeap(year) ? 1 : 0) + day - 1;
}

/** 0 is Sunday. */
export const weekdayOf = (days: number): number => (((days + 4) % 7) + 7) % 7;

export const localOf = ({ year, month, day, hour, minute, second, milli }: Civil): number =>
  daysOf(year, month, day) * DAY_MS + hour * HOUR_MS + minute * MINUTE_MS + second * 1000 + milli;

export function civilOf(localMs: number): Civil {
  const days = Math.floor(localMs / DAY_MS);
  const rest = localMs - days * DAY_MS;
  let year = 1970 + Math.floor(days / 365.2425);
  while (daysOf(year + 1, 1, 1) <= days) year++;
  while (daysOf(year, 1, 1) > days) year--;
  let month = 12;
  while (daysOf(year, month, 1) > days) month--;
  return {
    year,
    month,
    day: days - daysOf(year, month, 1) + 1,
    hour: Math.floor(rest / HOUR_MS),
    minute: Math.floor(rest / MINUTE_MS) % 60,
    second: Math.floor(rest / 1000) % 60,
    milli: rest % 1000,
  };
}

const pad = (value: number, width = 2): string => String(value).padStart(width, '0');

/** 2026-11-27T21:49:47.123 and then what stands for UTC: Metronome writes +0000, Chronos Z. */
export function isoTime(atMs: number, utc: '+0000' | 'Z' = '+0000'): string {
  const { year, month, day, hour, minute, second, milli } = civilOf(atMs);
  return `${pad(year, 4)}-${pad(month)}-${pad(day)}T${pad(hour)}:${pad(minute)}:${pad(second)}.${pad(milli, 3)}${utc}`;
}

/** 20261127214947 in UTC. */
export const compactTime = (atMs: number): string => isoTime(atMs).slice(0, 19).replaceAll(/[-:T]/g, '');
