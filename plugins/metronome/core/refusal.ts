import type { Answer } from './effects.js';

export interface Violation {
  readonly path: string;
  readonly error: string;
}

/** Thrown while a command is worked out, before anything has changed: becomes its answer. */
export class Refusal extends Error {
  constructor(readonly answer: Answer) {
    super((answer.body as { message?: string }).message);
  }
}

const refuse = (status: number, message: string, more: Record<string, unknown> = {}): Refusal =>
  new Refusal({ status, body: { message, ...more } });

export const jobNotFound = (id: string): Refusal => refuse(404, 'Job not found', { id });
export const scheduleNotFound = (id: string): Refusal => refuse(404, 'Schedule not found', { id });
export const runNotFound = (jobId: string, id: string): Refusal =>
  refuse(404, 'Job Run not found', { jobSpec: jobId, id });
export const conflict = (message: string): Refusal => refuse(409, message);
export const badRequest = (message: string): Refusal => refuse(400, message);
export const tooMany = (message: string): Refusal => refuse(503, message);

/** 422 with the violations grouped by path. */
export function invalid(violations: readonly Violation[]): Refusal {
  const errors = new Map<string, string[]>();
  for (const { path, error } of violations) errors.set(path, [...(errors.get(path) ?? []), error]);
  return refuse(422, 'Object is not valid', { details: [...errors].map(([path, each]) => ({ path, errors: each })) });
}
