import { MezzoError } from '../contract/errors.js';
import type { Int64 } from './messages.js';

/** What the generated readers share. Synchronous, so one flag and one count serve all. */
export const reading = { missing: false, messages: 0 };

export const MAX_DEPTH = 100;
/** In protobuf an empty message takes two bytes, and hundreds in memory. */
export const MAX_MESSAGES = 2_000_000;

export function invalid(message: string, details?: Record<string, unknown>): MezzoError {
  return new MezzoError('INVALID_MESSAGE', message, { blame: 'user', ...(details && { details }) });
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'bigint' ? 'number' : typeof value;
}

const unexpected = (value: unknown, field: string): MezzoError =>
  invalid(`Not expecting a JSON ${kindOf(value)} for field '${field}'`, { field });

const notA = (kind: string, text: string, field: string): MezzoError =>
  invalid(
    `Failed to parse '${text.slice(0, 100)}' as a JSON ${kind} for field '${field}': ` +
      `syntax error at line 1 near: ${text.slice(0, 100)}`,
    { field },
  );

/** The slow half of each reader: values that are not at once of the field's own type. */
export const slow = {
  object(value: unknown, field: string | undefined): never {
    throw field === undefined ? invalid('Expecting a JSON object') : unexpected(value, field);
  },

  tooDeep(): never {
    throw invalid(`Nested deeper than ${MAX_DEPTH} messages`);
  },

  tooMany(): never {
    throw invalid(`More than ${MAX_MESSAGES} messages in one`);
  },

  noField(): never {
    throw invalid('Not a protobuf message');
  },

  string(value: unknown, field: string): never {
    throw unexpected(value, field);
  },

  bool(value: unknown, field: string): boolean {
    if (typeof value !== 'string') throw unexpected(value, field);
    if (value !== 'true' && value !== 'false') throw notA('boolean', value, field);
    return value === 'true';
  },

  double(value: unknown, field: string): number {
    if (typeof value === 'bigint') return Number(value);
    if (typeof value !== 'string') throw unexpected(value, field);
    if (value === 'NaN') return NaN;
    const number = Number(value);
    if (Number.isNaN(number) || value.trim() === '') throw notA('number', value, field);
    return number;
  },

  /** Fractions are cut off, as Mesos does. */
  int(value: unknown, field: string, least: number, most: number): number {
    const number = Math.trunc(slow.number(value, field));
    if (number >= least && number <= most) return number;
    throw invalid(`Value ${String(value)} is out of range for field '${field}'`, { field });
  },

  int64(value: unknown, field: string, signed: boolean): Int64 {
    const wide = typeof value === 'bigint' ? value : wideOf(value, field);
    const [least, most] = signed ? [-(2n ** 63n), 2n ** 63n - 1n] : [0n, 2n ** 64n - 1n];
    if (wide < least || wide > most) throw invalid(`Value ${wide} is out of range for field '${field}'`, { field });
    return narrow(wide);
  },

  number(value: unknown, field: string): number {
    return typeof value === 'number' ? value : slow.double(value, field);
  },

  /** Undefined drops the field: a newer client may know more names than we do. */
  enumName(value: unknown, field: string, required: boolean): undefined {
    if (typeof value !== 'string') throw unexpected(value, field);
    if (required) throw invalid(`Failed to find enum for '${value.slice(0, 100)}'`, { field });
    return undefined;
  },

  bytes(value: unknown, field: string): string {
    if (typeof value !== 'string') throw unexpected(value, field);
    if (value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value)) return value;
    const wrong = /[^A-Za-z0-9+/=\s]/.exec(value);
    if (!wrong) return Buffer.from(value, 'base64').toString('base64');
    throw invalid(`Failed to base64 decode bytes field '${field}': Invalid character '${wrong[0]}'`, { field });
  },
};

function wideOf(value: unknown, field: string): bigint {
  if (typeof value === 'string' && /^-?\d+$/.test(value)) return BigInt(value);
  const number = Math.trunc(slow.number(value, field));
  if (Number.isFinite(number)) return BigInt(number);
  throw invalid(`Value ${String(value)} is out of range for field '${field}'`, { field });
}

/** A number where it is exact. */
export const narrow = (wide: bigint): Int64 => {
  const number = Number(wide);
  return Number.isSafeInteger(number) ? number : wide;
};
