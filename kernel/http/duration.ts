import { MezzoError } from '@mezzo/sdk/contract';

const UNITS: readonly (readonly [name: string, ms: number])[] = [
  ['weeks', 604_800_000],
  ['days', 86_400_000],
  ['hrs', 3_600_000],
  ['mins', 60_000],
  ['secs', 1_000],
  ['ms', 1],
  ['us', 1e-3],
  ['ns', 1e-6],
];

/** Milliseconds of a text such as `15secs`. Throws INVALID_DURATION. */
export function parseDuration(text: string): number {
  const match = /^([+-]?\d+(?:\.\d+)?)\s*([a-z]+)$/.exec(text.trim());
  const unit = UNITS.find(([name]) => name === match?.[2]);
  if (match === null || unit === undefined) {
    throw new MezzoError('INVALID_DURATION', `'${text}' is not a duration`, {
      blame: 'operator',
      next: `write a number and one of ${UNITS.map(([name]) => name).join(', ')}, for example 15secs`,
    });
  }
  return Number(match[1]) * unit[1];
}

/** The text of a duration in its largest whole unit: 90000 is `90secs`, 600000 is `10mins`. */
export function durationText(ms: number): string {
  const [name, size] = UNITS.find(([, size]) => ms !== 0 && Number.isInteger(ms / size)) ?? ['secs', 1000];
  return `${ms / size}${name}`;
}
