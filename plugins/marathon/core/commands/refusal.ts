import type { Answer } from '../effects.js';
import type { Violation } from '../update.js';

/** Thrown while a command is worked out, before anything has changed: becomes its answer. */
export class Refusal extends Error {
  constructor(readonly answer: Answer) {
    super((answer.body as { message?: string }).message);
  }
}

const refuse = (status: number, message: string, more: Record<string, unknown> = {}): Refusal =>
  new Refusal({ status, body: { message, ...more } });

export const notFound = (what: string): Refusal => refuse(404, what);
export const appNotFound = (id: string, version?: string): Refusal =>
  notFound(`App '${id}' does not exist${version === undefined ? '' : ` in version ${version}`}`);
export const badRequest = (message: string): Refusal => refuse(400, message);
export const unprocessable = (message: string): Refusal => refuse(422, message);

/** 422 with the violations grouped by path. */
export function invalid(violations: readonly Violation[]): Refusal {
  const errors = new Map<string, string[]>();
  for (const { path, error } of violations) errors.set(path, [...(errors.get(path) ?? []), error]);
  return refuse(422, 'Object is not valid', { details: [...errors].map(([path, each]) => ({ path, errors: each })) });
}

export const alreadyExists = (id: string): Refusal => refuse(409, `An app with id [${id}] already exists.`);

export const groupExists = (id: string, isApp: boolean): Refusal =>
  refuse(
    409,
    isApp
      ? `An app with the path ${id} already exists.`
      : `Group ${id} is already created. Use PUT to change this group.`,
  );

export function locked(deploymentIds: readonly string[]): Refusal {
  const message =
    "App is locked by one or more deployments. Override with the option '?force=true'. " +
    "View details at '/v2/deployments/<DEPLOYMENT_ID>'.";
  return refuse(409, message, { deployments: deploymentIds.map((id) => ({ id })) });
}

export const tooManyDeployments = (limit: number): Refusal =>
  refuse(403, `Max number (${limit}) of running deployments is achieved. Wait for one to end, or stop one.`);
