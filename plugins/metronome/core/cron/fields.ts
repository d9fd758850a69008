/** The fields of Metronome's cron dialect: minute, hour, day of month, month, day of week and, optionally, year. */

/** Says what is wrong with a schedule, in a sentence for its author. */
export class ScheduleError extends Error {}

/** Days that a month decides on. `lastDay` counts back from its end. */
export type DayOfMonth =
  | { readonly kind: 'day'; readonly day: number }
  | { readonly kind: 'lastDay'; readonly back: number }
  /** The working day nearest to a day of the same month. */
  | { readonly kind: 'weekdayNear'; readonly day: number }
  | { readonly kind: 'lastWeekday' };

/** 0 is Sunday. */
export type DayOfWeek =
  | { readonly kind: 'every'; readonly weekday: number }
  | { readonly kind: 'nth'; readonly weekday: number; readonly nth: number }
  | { readonly kind: 'last'; readonly weekday: number };

export interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
  /** Value of the first name. */
  readonly firstName?: number;
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
export const MINUTE: Field = { name: 'minute', min: 0, max: 59 };
export const HOUR: Field = { name: 'hour', min: 0, max: 23 };
export const DAY: Field = { name: 'day of month', min: 1, max: 31 };
export const MONTH: Field = { name: 'month', min: 1, max: 12, names: MONTHS, firstName: 1 };
export const WEEKDAY: Field = { name: 'day of week', min: 0, max: 7, names: WEEKDAYS, firstName: 0 };
export const YEAR: Field = { name: 'year', min: 1970, max: 2099 };

const MAX_ITEMS = 200;

export function itemsOf(field: Field, text: string): string[] {
  const items = text.split(',');
  if (items.length > MAX_ITEMS) throw new ScheduleError(`${field.name}: more than ${MAX_ITEMS} items`);
  return items;
}

/** `*`, `5`, `1-5`, `*\/15`, `10-40/10`, `3/20` and lists of those: the values in order. */
export const parseNumbers = (field: Field, text: string): number[] =>
  [...new Set(itemsOf(field, text).flatMap((item) => parseItem(field, item)))].sort((a, b) => a - b);

export function parseItem(field: Field, item: string): number[] {
  const [, range = '', step] = /^([^/]+)(?:\/(\d{1,4}))?$/.exec(item) ?? [];
  const every = step === undefined ? 1 : Number(step);
  if (range === '' || every < 1) throw wrong(field, item);
  const [first, last] = parseRange(field, range, step !== undefined);
  const values: number[] = [];
  for (let value = first; value <= last; value += every) values.push(value);
  return values;
}

/** `3/20` goes from 3 to the end. */
function parseRange(field: Field, text: string, stepped: boolean): [first: number, last: number] {
  if (text === '*') return [field.min, field === WEEKDAY ? 6 : field.max];
  const ends = text.split('-');
  if (ends.length > 2) throw wrong(field, text);
  const first = parseValue(field, ends[0]!);
  if (ends.length === 1) return [first, stepped ? (field === WEEKDAY ? 6 : field.max) : first];
  const last = parseValue(field, ends[1]!);
  if (field === WEEKDAY && last === 0 && first > 0) return [first, 7];
  if (last < first) throw new ScheduleError(`${field.name}: ${text} goes backwards`);
  return [first, last];
}

export function parseValue(field: Field, text: string): number {
  const named = field.names?.indexOf(text.toUpperCase()) ?? -1;
  if (named >= 0) return named + (field.firstName ?? 0);
  const value = Number(text);
  if (!/^\d{1,4}$/.test(text) || value < field.min || value > field.max) throw wrong(field, text);
  return value;
}

export function parseDaysOfMonth(text: string): DayOfMonth[] {
  return itemsOf(DAY, text).flatMap((item): DayOfMonth[] => {
    if (/^LW$/i.test(item)) return [{ kind: 'lastWeekday' }];
    const [last, back = '0'] = /^L(?:-(\d{1,2}))?$/i.exec(item) ?? [];
    if (last !== undefined) {
      if (Number(back) > 30) throw wrong(DAY, item);
      return [{ kind: 'lastDay', back: Number(back) }];
    }
    const near = /^(\d{1,2})W$/i.exec(item)?.[1];
    if (near !== undefined) return [{ kind: 'weekdayNear', day: parseValue(DAY, near) }];
    return parseItem(DAY, item).map((day) => ({ kind: 'day', day }));
  });
}

export function parseDaysOfWeek(text: string): DayOfWeek[] {
  return itemsOf(WEEKDAY, text).flatMap((item): DayOfWeek[] => {
    const [, day = '', which] = /^(\w+?)(L|#[1-5])$/i.exec(item) ?? [];
    if (which === undefined || day === '')
      return parseItem(WEEKDAY, item).map((weekday) => ({ kind: 'every', weekday: weekday % 7 }));
    const weekday = parseValue(WEEKDAY, day) % 7;
    return which.startsWith('#') ? [{ kind: 'nth', weekday, nth: Number(which[1]) }] : [{ kind: 'last', weekday }];
  });
}

const wrong = (field: Field, text: string): ScheduleError =>
  new ScheduleError(`${field.name}: '${text}' is not one of its forms (values are ${field.min} to ${field.max})`);
