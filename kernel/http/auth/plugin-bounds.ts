import type { IncomingMessage } from 'node:http';
import type { FrameworkInfo, MessageName, SchedulerCall } from '@mezzo/sdk/api';
import type { PluginPermissions } from '@mezzo/sdk/contract';
import type { Principal } from '@mezzo/sdk/points/authenticator';
import type { TokenPayload } from '@mezzo/sdk/secrets';
import { principalOf } from './callers.js';

// A plugin shows a token that says what its manifest declares: it is held to that before anybody asks whether the principal may.

type Bounds = Pick<PluginPermissions, 'roles' | 'operator'>;

const CLAIM = 'mezzo/plugin';
const READS = /^(GET_|LIST_|READ_|SUBSCRIBE$)/;
/** Each call of these says what it is; all other paths are told apart by their methods. */
const CALLS = new Set(['/api/v1', '/api/v1/scheduler', '/api/v1/executor']);

/** What the token of a plugin says of it. One of a master from before there were bounds says nothing, and has none. */
export const pluginClaims = ({ scope, may }: TokenPayload): Pick<Principal, 'claims'> =>
  scope === 'plugin' && may !== undefined ? { claims: { [CLAIM]: JSON.stringify(may) } } : {};

function boundsOf(request: IncomingMessage): Bounds | undefined {
  const claim = principalOf(request)?.claims?.[CLAIM];
  return claim === undefined ? undefined : (JSON.parse(claim) as Bounds);
}

/** Whether a plugin asks for a path of the operators that its manifest does not give it. */
export function isPathBeyond(request: IncomingMessage, path: string): boolean {
  const bounds = boundsOf(request);
  if (bounds === undefined || CALLS.has(path) || bounds.operator === 'write') return false;
  return bounds.operator === 'none' || (request.method !== 'GET' && request.method !== 'HEAD');
}

/** Whether a plugin makes a call that its manifest does not give it. */
export function isCallBeyond(request: IncomingMessage, name: MessageName, call: object): boolean {
  const bounds = boundsOf(request);
  if (bounds === undefined) return false;
  if (name === 'mesos.v1.scheduler.Call') return isSchedulingBeyond(bounds, call);
  if (bounds.operator !== 'read') return bounds.operator === 'none';
  return !READS.test((call as { type?: string }).type ?? '');
}

function isSchedulingBeyond({ roles }: Bounds, { subscribe, updateFramework }: SchedulerCall): boolean {
  if (roles === 'any') return false;
  const info = subscribe?.frameworkInfo ?? updateFramework?.frameworkInfo;
  return roles.length === 0 || (info !== undefined && rolesOf(info).some((role) => !roles.includes(role)));
}

const rolesOf = ({ roles, role }: FrameworkInfo): readonly string[] =>
  roles !== undefined && roles.length > 0 ? roles : [role ?? '*'];
