import type { FrameworkInfo, SchedulerOfferConstraints } from '@mezzo/sdk/api';
import { roleError } from '../resources/index.js';
import { constraintsError } from './offer-constraints.js';
import { firstRepeated, idError } from './names.js';
import { mayUseRole, type MasterOptions } from './options.js';
import type { Framework } from './state.js';

/** Longest duration that fits 64 bits of nanoseconds. */
const MAX_DURATION_SECONDS = 9_223_372_036;

export const capabilitiesOf = (info: FrameworkInfo): ReadonlySet<string> =>
  new Set((info.capabilities ?? []).map((capability) => capability.type ?? 'UNKNOWN'));

export const rolesOf = (info: FrameworkInfo): readonly string[] =>
  capabilitiesOf(info).has('MULTI_ROLE') ? (info.roles ?? []) : [info.role ?? '*'];

export interface SubscriptionRequest {
  readonly frameworkInfo: FrameworkInfo;
  readonly suppressedRoles?: readonly string[];
  readonly offerConstraints?: SchedulerOfferConstraints;
}

/** Why this framework cannot subscribe. Undefined when it can. */
export function subscriptionError(request: SubscriptionRequest, options: MasterOptions): string | undefined {
  const info = request.frameworkInfo;
  return (
    infoError(info, options) ?? suppressedError(request) ?? constraintsError(request.offerConstraints, rolesOf(info))
  );
}

function infoError(info: FrameworkInfo, options: MasterOptions): string | undefined {
  const id = info.id?.value;
  const badId = id === undefined || id === '' ? undefined : idError(id);
  if (badId !== undefined) return `Invalid framework ID: ${badId}`;
  const timeout = info.failoverTimeout ?? 0;
  if (!(Math.abs(timeout) <= MAX_DURATION_SECONDS)) return `The framework failover_timeout (${timeout}) is invalid`;
  if (!options.rootSubmissions && info.user === 'root') return "User 'root' is not allowed to run frameworks";
  return rolesError(info, options);
}

function rolesError(info: FrameworkInfo, options: MasterOptions): string | undefined {
  const multiRole = capabilitiesOf(info).has('MULTI_ROLE');
  if (!multiRole && (info.roles?.length ?? 0) > 0) return "'FrameworkInfo.roles' needs the MULTI_ROLE capability";
  if (multiRole && info.role !== undefined && info.role !== '*') {
    return "'FrameworkInfo.role' must not be set by a framework with the MULTI_ROLE capability";
  }
  const roles = rolesOf(info);
  const twice = firstRepeated(roles);
  if (twice !== undefined) return `'FrameworkInfo.roles' contains duplicate items: { ${twice} }`;
  for (const role of roles) {
    const error = roleError(role);
    if (error !== undefined) return `'FrameworkInfo.roles' contains invalid role: ${error}`;
    if (!mayUseRole(options, role)) return `Role '${role}' is not present in the master's --roles`;
  }
  return undefined;
}

export function suppressedError(request: SubscriptionRequest): string | undefined {
  const roles = new Set(rolesOf(request.frameworkInfo));
  const stray = (request.suppressedRoles ?? []).filter((role) => !roles.has(role));
  return stray.length > 0
    ? `Suppressed roles { ${stray.join(', ')} } are not contained in the set of roles`
    : undefined;
}

export const changedPrincipal = (known: FrameworkInfo, info: FrameworkInfo): string | undefined =>
  (known.principal ?? '') === (info.principal ?? '') ? undefined : "Changing framework's principal is not allowed.";

/** Why a framework's description cannot become `info`. On re-subscription user and checkpoint are kept in silence instead. */
export function updateError(framework: Framework, info: FrameworkInfo): string | undefined {
  const changed = changedPrincipal(framework.info, info);
  if (changed !== undefined) return changed;
  if (framework.info.user !== info.user) return immutable('user', framework.info.user, info.user);
  const [was, is] = [framework.info.checkpoint ?? false, info.checkpoint ?? false];
  return was === is ? undefined : immutable('checkpoint', was, is);
}

const immutable = (field: string, was: unknown, is: unknown): string =>
  `Updating 'FrameworkInfo.${field}' is unsupported; attempted to update from '${String(was)}' to '${String(is)}'`;
