import { messageOf } from '@mezzo/sdk/contract';
import { textAnswer, type Answer } from './answer.js';
import { parseDuration } from './duration.js';

export interface LogSite {
  readonly log: { level: string };
  readonly flags: Readonly<Record<string, string>>;
}

const MAX_LEVEL_MS = 24 * 3_600_000;
const resets = new WeakMap<object, NodeJS.Timeout>();

/** The field's levels: 0 is what the flag says, 1 and more are all that there is to say. */
export const logLevelOf = ({ log }: LogSite): number => (log.level.toLowerCase() === 'debug' ? 1 : 0);

/** Raises the level for a time; the latest call counts. */
export function setLogLevel({ log, flags }: LogSite, level: number, durationMs: number): void {
  const reset = (): void => void (log.level = flags.logging_level ?? 'INFO');
  clearTimeout(resets.get(log));
  if (level < 1) return reset();
  log.level = 'DEBUG';
  resets.set(log, setTimeout(reset, Math.min(Math.max(durationMs, 0), MAX_LEVEL_MS)).unref());
}

/** `/logging/toggle`: tells the level, or sets it with `level` and `duration`. */
export function toggleLogging(site: LogSite, query: URLSearchParams): Answer {
  const [level, duration] = [query.get('level'), query.get('duration')];
  if (level === null && duration === null) return textAnswer(200, `${logLevelOf(site)}\n`);
  if (duration === null) return textAnswer(400, "Expecting 'duration=value' in query.\n");
  if (level === null) return textAnswer(400, "Expecting 'level=value' in query.\n");
  if (!/^\d{1,3}$/.test(level)) return textAnswer(400, `Invalid level '${level}'.\n`);
  try {
    setLogLevel(site, Number(level), parseDuration(duration));
  } catch (error) {
    return textAnswer(400, `${messageOf(error)}.\n`);
  }
  return { status: 200 };
}
