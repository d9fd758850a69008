import { HOUR_MS, MINUTE_MS, localOf } from './calendar.js';

/** What a place's clocks show. */
export interface Zone {
  readonly id: string;
  /** Local time minus UTC in milliseconds, at an instant. */
  offsetAt(instantMs: number): number;
}

/** No place is further from UTC than this, to either side. */
const FURTHEST_MS = 16 * HOUR_MS;
const MOST_ZONES = 1000;
const QUARTER_MS = 15 * MINUTE_MS;
const MOST_QUARTERS = 4096;
const known = new Map<string, Zone>();

/** The zone of an IANA name (`Europe/Berlin`, `UTC`), undefined when there is none. Asks no clock: instants are given. */
export function zoneOf(id: string): Zone | undefined {
  const found = known.get(id);
  if (found !== undefined) return found;
  const zone = id === 'UTC' ? { id, offsetAt: () => 0 } : intlZone(id);
  if (zone !== undefined && known.size < MOST_ZONES) known.set(id, zone);
  return zone;
}

function intlZone(id: string): Zone | undefined {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{1,63}$/.test(id)) return undefined;
  try {
    const format = new Intl.DateTimeFormat('en-u-ca-iso8601', {
      timeZone: id,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    return { id, offsetAt: remembering((instantMs) => offsetBy(format, instantMs)) };
  } catch {
    return undefined;
  }
}

/** Clocks change at quarters of an hour, and many ask for the same ones. */
function remembering(offsetAt: (instantMs: number) => number): (instantMs: number) => number {
  const offsets = new Map<number, number>();
  return (instantMs) => {
    const quarter = Math.floor(instantMs / QUARTER_MS);
    const known = offsets.get(quarter);
    if (known !== undefined) return known;
    if (offsets.size >= MOST_QUARTERS) offsets.clear();
    const offset = offsetAt(quarter * QUARTER_MS);
    offsets.set(quarter, offset);
    return offset;
  };
}

function offsetBy(format: Intl.DateTimeFormat, instantMs: number): number {
  const shown: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(instantMs)) shown[type] = Number(value);
  const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = shown;
  const wholeSecondsMs = Math.floor(instantMs / 1000) * 1000;
  return localOf({ year, month, day, hour, minute, second, milli: 0 }) - wholeSecondsMs;
}

/** When clocks showed, or would have shown, a local time. */
export type Instants =
  | { readonly kind: 'shown'; readonly firstMs: number }
  /** Clocks went from before it to beyond it at `endMs`, by `lengthMs`. */
  | { readonly kind: 'skipped'; readonly endMs: number; readonly lengthMs: number };

export function instantsOf(zone: Zone, localMs: number): Instants {
  const [fromMs, toMs] = [localMs - FURTHEST_MS, localMs + FURTHEST_MS];
  const [before, after] = [zone.offsetAt(fromMs), zone.offsetAt(toMs)];
  for (const offset of [Math.max(before, after), Math.min(before, after)])
    if (zone.offsetAt(localMs - offset) === offset) return { kind: 'shown', firstMs: localMs - offset };
  return { kind: 'skipped', endMs: changeBetween(zone, fromMs, toMs), lengthMs: after - before };
}

/** The first instant with another offset than at `fromMs`: at most one change lies in between. */
export function changeBetween(zone: Zone, fromMs: number, toMs: number): number {
  const before = zone.offsetAt(fromMs);
  let [low, high] = [fromMs, toMs];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (zone.offsetAt(middle) === before) low = middle;
    else high = middle;
  }
  return high;
}
