import { HOUR_MS } from './calendar.js';
import { parseCron } from './cron/cron.js';
import { ScheduleError } from './cron/fields.js';
import { nextFiring } from './cron/next.js';
import { nextRepetition, parseRepetition, type Repetition } from './iso8601.js';
import { zoneOf } from './zone.js';

/** When a schedule fires. */
export interface Recurrence {
  /** Strictly after an instant. Undefined: never again. */
  next(afterMs: number): number | undefined;
  readonly repetition?: Repetition;
}

export type When =
  | { readonly cron: string; readonly timezone: string }
  /** `zoned`: the time zone was given, and goes before that of the start. */
  | { readonly iso8601: string; readonly timezone: string; readonly zoned: boolean; readonly postedMs: number };

/** Throws a ScheduleError. */
export function recurrenceOf(when: When): Recurrence {
  const zone = zoneOf(when.timezone);
  if (zone === undefined) throw new ScheduleError(`no time zone is called '${when.timezone}'`);
  if ('cron' in when) {
    const cron = parseCron(when.cron);
    return { next: (afterMs) => nextFiring(cron, zone, afterMs) };
  }
  const repetition = parseRepetition(when.iso8601, when.postedMs, when.zoned ? zone : undefined);
  return { repetition, next: (afterMs) => nextRepetition(repetition, zone, afterMs) };
}

/** The last `most` firings after `fromMs` until and with `toMs`. The work grows with `most`, not with the time between. */
export function lastFirings(recurrence: Recurrence, fromMs: number, toMs: number, most: number): number[] {
  for (let windowMs = HOUR_MS; ; windowMs *= 2) {
    const startMs = Math.max(fromMs, toMs - windowMs);
    const found: number[] = [];
    for (let at = recurrence.next(startMs); at !== undefined && at <= toMs; at = recurrence.next(at)) found.push(at);
    if (found.length >= most || startMs <= fromMs) return found.slice(-most);
  }
}
