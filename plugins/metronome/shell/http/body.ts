import type { IncomingMessage } from 'node:http';
import { readText } from '@mezzo/sdk/runtime';
import type { Context } from 'koa';
import type * as z from 'zod';
import { Refusal, badRequest, invalid } from '../../core/refusal.js';

const MAX_BYTES = 256 * 1024;
const MAX_DEPTH = 64;

/** Reads and checks a body. Throws a Refusal: 400 for what is no JSON, 413, or 422 with all that is wrong with it. */
export async function readBody<T>(ctx: Context, schema: z.ZodType<T>): Promise<T> {
  const result = schema.safeParse(parseJson(await boundedText(ctx.req)), { reportInput: true });
  if (result.success) return result.data;
  throw invalid(result.error.issues.flatMap(violationsOf));
}

async function boundedText(request: IncomingMessage): Promise<string> {
  const text = await readText(request, MAX_BYTES);
  if (text !== undefined) return text;
  throw new Refusal({ status: 413, body: { message: `The body is larger than ${MAX_BYTES} bytes` } });
}

function parseJson(text: string): unknown {
  try {
    return withoutNulls(JSON.parse(text));
  } catch (error) {
    throw badRequest(`Invalid JSON: ${error instanceof Error ? error.message : String(error)}`);
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

function violationsOf(issue: z.core.$ZodIssue): { path: string; error: string }[] {
  const path = renderPath(issue.path);
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => ({ path, error: `unknown field '${key}'` }));
  if (issue.code === 'invalid_type' && issue.input === undefined) return [{ path, error: 'is missing' }];
  return [{ path, error: issue.message }];
}

function renderPath(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === 'number' ? `(${part})` : `/${String(part)}`)).join('');
  return text === '' ? '/' : text;
}
