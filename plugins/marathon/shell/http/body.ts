import type { IncomingMessage } from 'node:http';
import { readText } from '@mezzo/sdk/runtime';
import type { Context } from 'koa';
import type * as z from 'zod';
import { Refusal } from '../../core/commands/refusal.js';

/** One app. Lists of apps may be larger. */
export const MAX_APP_BYTES = 1024 * 1024;
export const MAX_LIST_BYTES = 8 * 1024 * 1024;
const MAX_DEPTH = 64;

/** Reads and checks a body. Throws a Refusal with what the field answers. */
export async function readBody<T>(ctx: Context, schema: z.ZodType<T>, maxBytes = MAX_APP_BYTES): Promise<T> {
  const value = parseJson(await boundedText(ctx.req, maxBytes));
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  throw invalidJson(result.error.issues);
}

async function boundedText(request: IncomingMessage, maxBytes: number): Promise<string> {
  const text = await readText(request, maxBytes);
  if (text !== undefined) return text;
  throw new Refusal({ status: 413, body: { message: `The body is larger than ${maxBytes} bytes` } });
}

function parseJson(text: string): unknown {
  try {
    return withoutNulls(JSON.parse(text));
  } catch (error) {
    const details = error instanceof Error ? error.message : String(error);
    throw new Refusal({ status: 400, body: { message: 'Invalid JSON', details } });
  }
}

/** Clients send null for what they do not want to say. */
function withoutNulls(value: unknown, depth = 0): unknown {
  if (depth > MAX_DEPTH) throw new Error(`nested deeper than ${MAX_DEPTH} levels`);
  if (Array.isArray(value)) return value.map((each) => withoutNulls(each, depth + 1));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, each]) => each !== null);
  return Object.fromEntries(entries.map(([key, each]) => [key, withoutNulls(each, depth + 1)]));
}

function invalidJson(issues: readonly z.core.$ZodIssue[]): Refusal {
  const errors = new Map<string, string[]>();
  for (const issue of issues.flatMap(innermost)) {
    const path = renderPath(issue.path);
    errors.set(path, [...new Set([...(errors.get(path) ?? []), errorCode(issue)])]);
  }
  const details = [...errors].map(([path, each]) => ({ path, errors: each }));
  return new Refusal({ status: 422, body: { message: 'Invalid JSON', details } });
}

/** Of several possible shapes the last is the one with fields: it is meant by whoever sends an object. */
function innermost(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const meant = issue.errors.at(typeof issue.input === 'object' ? -1 : 0) ?? [];
  return meant.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })).flatMap(innermost);
}

function renderPath(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === 'number' ? `(${part})` : `/${String(part)}`)).join('');
  return text === '' ? '/' : text;
}

const EXPECTED: Record<string, string> = {
  string: 'error.expected.jsstring',
  number: 'error.expected.jsnumber',
  int: 'error.expected.int',
  boolean: 'error.expected.jsboolean',
  array: 'error.expected.jsarray',
  object: 'error.expected.jsobject',
  record: 'error.expected.jsobject',
};

/** The names that clients of the original know. */
function errorCode(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'error.path.missing' : (EXPECTED[issue.expected] ?? 'error.invalid');
    case 'too_small':
      return issue.origin === 'number' ? 'error.min' : 'error.minLength';
    case 'too_big':
      return issue.origin === 'number' || issue.origin === 'int' ? 'error.max' : 'error.maxLength';
    case 'invalid_value':
      return issue.input === undefined ? 'error.path.missing' : 'error.unknown.enum.literal';
    case 'invalid_format':
      return 'error.pattern';
    default:
      return 'error.invalid';
  }
}
