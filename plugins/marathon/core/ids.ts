import { safePath } from './path-id.js';
import type { MarathonState } from './state.js';

/** 100 ns ticks between the start of the Gregorian calendar and the epoch. */
const GREGORIAN_OFFSET = 0x01b21dd213814000n;

/**
 * A time-based UUID: time, a counter, and the nonce of this process. Unique although nothing random is drawn here.
 */
export function newUuid(state: MarathonState, atMs: number): string {
  const count = state.idCounter++;
  const ticks = BigInt(atMs) * 10_000n + BigInt(count % 10_000) + GREGORIAN_OFFSET;
  const time = ticks.toString(16).padStart(15, '0');
  const clock = (0x8000 | ((parseInt(state.nonce.slice(0, 4), 16) + Math.floor(count / 10_000)) & 0x3fff)).toString(16);
  return `${time.slice(7)}-${time.slice(3, 7)}-1${time.slice(0, 3)}-${clock}-${state.nonce.slice(4, 16)}`;
}

export const newInstanceId = (state: MarathonState, appId: string, atMs: number): string =>
  `${safePath(appId)}.instance-${newUuid(state, atMs)}`;

export const taskIdOf = (instanceId: string, incarnation: number): string => `${instanceId}._app.${incarnation}`;

const TASK_ID = /^([^/]{1,200})\.(instance-|marathon-)?([0-9a-f-]{36})(?:[._][^.]{1,63})?(?:\.\d{1,9})?$/;

/** The app a task id of Marathon's form was made for. Older forms are read too. */
export function appIdOfTask(taskId: string): string | undefined {
  const match = TASK_ID.exec(taskId);
  return match?.[1] === undefined ? undefined : `/${match[1].replaceAll('_', '/')}`;
}

/** Unique and growing over all apps, so that versions can be compared as text. */
export function newVersion(state: MarathonState, atMs: number): string {
  state.lastVersionMs = Math.max(atMs, state.lastVersionMs + 1);
  return isoTime(state.lastVersionMs);
}

/** ISO 8601 in UTC with milliseconds; years 1970 to 9999. */
export function isoTime(atMs: number): string {
  const days = Math.floor(atMs / 86_400_000);
  const [year, month, day] = civilFromDays(days);
  const rest = atMs - days * 86_400_000;
  const two = (value: number) => String(value).padStart(2, '0');
  const [hours, minutes, seconds] = [
    Math.floor(rest / 3_600_000),
    Math.floor(rest / 60_000) % 60,
    Math.floor(rest / 1000) % 60,
  ];
  const millis = String(rest % 1000).padStart(3, '0');
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}T${two(hours)}:${two(minutes)}:${two(seconds)}.${millis}Z`;
}

/** Date is out of bounds in the core: this is the usual era-based calendar arithmetic. */
function civilFromDays(days: number): [year: number, month: number, day: number] {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  return [
    yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1,
  ];
}
