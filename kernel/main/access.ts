import { MezzoError } from '@mezzo/sdk/contract';
import type { Authenticator } from '@mezzo/sdk/points/authenticator';
import type { Authorizer } from '@mezzo/sdk/points/authorizer';
import { BasicAuthenticator } from '../http/auth/basic.js';
import type { Credentials } from '../http/auth/credentials.js';
import { doorFinder } from '../http/auth/doors.js';
import { Gate, type Door } from '../http/auth/gate.js';
import type { RateLimiter } from '../http/auth/rate-limits.js';
import { clusterPrincipal, executorPrincipal, tokenReader } from '../http/auth/token-cache.js';
import { TokenAuthenticator } from '../http/auth/tokens.js';
import { AGENT_DOORS, AGENT_REALMS, type AgentPart } from '../http/agent/doors.js';
import { MASTER_DOORS, MASTER_REALMS, type MasterPart } from '../http/master/doors.js';
import type { FromFile } from './access-flags.js';
import type { AgentFlags } from './agent-flags.js';
import type { MasterFlags } from './master-flags.js';

/** Who may come in at a master. Throws INVALID_FLAG when nobody ever could. */
export function masterGate(
  flags: MasterFlags,
  clusterKey: Uint8Array,
  authorizer: Authorizer | undefined,
  limiter: RateLimiter | undefined,
): Gate {
  const doors = masterDoors(flags);
  const gate = new Gate({
    doors: Object.values(doors),
    doorOf: doorFinder(MASTER_DOORS, doors),
    authenticators: [...basic(flags.credentials), new TokenAuthenticator([tokenReader(clusterKey, clusterPrincipal)])],
    authorizer,
    limiter,
    needsValue: true,
  });
  requireCredentials(gate, 'credentials');
  return gate;
}

function masterDoors(flags: MasterFlags): Partial<Record<MasterPart, Door>> {
  const door = doorsOf(MASTER_REALMS);
  return {
    ...(flags.authenticate_http_readonly && door('readonly', flags.http_authenticators)),
    ...(flags.authenticate_http_readwrite && door('readwrite', flags.http_authenticators)),
    ...(flags.authenticate_http_frameworks && door('scheduler', flags.http_framework_authenticators)),
  };
}

const doorsOf =
  <Part extends string>(realms: Readonly<Record<Part, string>>) =>
  (part: Part, authenticators: readonly string[]): Partial<Record<Part, Door>> =>
    ({ [part]: { realm: realms[part], authenticators } }) as Partial<Record<Part, Door>>;

/** Who may come in at an agent. Executors show their tokens at their own API, and at the operators' to nest containers. */
export function agentGate(
  flags: AgentFlags,
  clusterKey: Uint8Array,
  executorKey: Uint8Array,
  authorizer: Authorizer | undefined,
): Gate {
  const executors = tokenReader(executorKey, executorPrincipal);
  const doors = agentDoors(flags);
  const gate = new Gate({
    doors: Object.values(doors),
    doorOf: doorFinder(AGENT_DOORS, doors),
    authenticators: [
      ...basic(flags.http_credentials),
      new TokenAuthenticator([executors, tokenReader(clusterKey, clusterPrincipal)]),
    ],
    authorizer,
    needsValue: false,
  });
  requireCredentials(gate, 'http_credentials');
  return gate;
}

function agentDoors(flags: AgentFlags): Partial<Record<AgentPart, Door>> {
  const door = doorsOf(AGENT_REALMS);
  return {
    ...(flags.authenticate_http_readonly && door('readonly', flags.http_authenticators)),
    ...(flags.authenticate_http_readwrite && door('readwrite', flags.http_authenticators)),
    ...(flags.authenticate_http_executors && door('executor', ['jwt'])),
  };
}

/** Every part of the API asks who calls. */
export const masterAsks = (flags: MasterFlags): boolean =>
  flags.authenticate_http_readonly && flags.authenticate_http_readwrite && flags.authenticate_http_frameworks;

export const agentAsks = (flags: AgentFlags): boolean =>
  flags.authenticate_http_readonly && flags.authenticate_http_readwrite && flags.authenticate_http_executors;

const basic = (credentials: FromFile<Credentials> | undefined): Authenticator[] =>
  credentials === undefined ? [] : [new BasicAuthenticator(credentials.value)];

function requireCredentials(gate: Gate, flag: string): void {
  if (!gate.missing().includes('basic')) return;
  throw new MezzoError('INVALID_FLAG', 'nobody could get in: the authenticator basic has no credentials', {
    blame: 'operator',
    next: `name a file of credentials with --${flag}, or other authenticators`,
  });
}
