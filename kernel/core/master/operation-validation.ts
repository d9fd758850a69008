import type { OfferOperation, Resource } from '@mezzo/sdk/api';
import { refined, Resources, resourcesOf } from '../resources/index.js';
import { firstRepeated, idError } from './names.js';
import type { Agent, Framework } from './state.js';
import { pidOf } from './views.js';

/** Who wants an operation carried out: a framework in a role, or an operator. */
export interface Asker {
  readonly framework?: Framework;
  readonly role?: string;
  readonly principal?: string | undefined;
}

/** What is wrong with a well-formed operation on this agent. Undefined = nothing. */
export function operationError(agent: Agent, operation: OfferOperation, asker: Asker): string | undefined {
  const all = resourcesOf(operation);
  const stray = all.find(({ allocationInfo }) => allocationInfo !== undefined && allocationInfo.role !== asker.role);
  if (stray !== undefined) return `Resource '${stray.name}' is allocated to role '${stray.allocationInfo?.role}'`;
  const messages = all.map(refined);
  switch (operation.type) {
    case 'RESERVE':
      return messages.map((one) => reservationError(one, asker)).find(Boolean);
    case 'CREATE':
      return messages.map((one) => volumeError(one, asker)).find(Boolean) ?? notUnique(agent, messages);
    case 'DESTROY':
      return destroyError(agent, messages);
    default:
      return undefined;
  }
}

/** For an operator whose operation cannot be carried out. */
export const whyNot = (agent: Agent, { type }: OfferOperation, error: string): string =>
  type === 'DESTROY'
    ? `Invalid DESTROY operation: ${error}`
    : `Invalid ${type} operation on agent ${agent.id} at ${pidOf(agent)} (${agent.info.hostname}): ${error}`;

function reservationError({ reservations = [] }: Resource, asker: Asker): string | undefined {
  const { role, principal } = reservations.at(-1) ?? {};
  if (asker.framework !== undefined && !asker.framework.roles.includes(role ?? '')) {
    const roles = asker.framework.roles.join(', ');
    return `A reserve operation was attempted for a resource with role '${role}', but the framework can only reserve resources with roles '${roles}'`;
  }
  if (asker.role !== undefined && role !== asker.role)
    return `A reserve operation was attempted for a resource with role '${role}' that is allocated to role '${asker.role}'`;
  return principalError('reserved resource', principal, asker);
}

function volumeError({ disk, shared }: Resource, asker: Asker): string | undefined {
  const { id = '', principal } = disk?.persistence ?? {};
  const badId = idError(id);
  if (badId !== undefined) return `Persistence ID: ${badId}`;
  if (shared && asker.framework?.capabilities.has('SHARED_RESOURCES') === false)
    return 'Create volume operation has been attempted by a framework without SHARED_RESOURCES capability';
  return principalError('volume', principal, asker);
}

function principalError(what: string, principal: string | undefined, asker: Asker): string | undefined {
  if (asker.principal === undefined || principal === asker.principal) return undefined;
  return principal === undefined
    ? `The principal '${asker.principal}' asks for a ${what} with no principal set`
    : `The principal '${asker.principal}' does not match the ${what}'s principal '${principal}'`;
}

const volumeKey = (role: string | undefined, id: string): string => `${role}/${id}`;

function notUnique(agent: Agent, messages: readonly Resource[]): string | undefined {
  const taken = agent.total.entries.flatMap(({ id }) =>
    id.disk?.persistence ? [volumeKey(id.reservedRole, id.disk.persistence.id)] : [],
  );
  const wanted = messages.map(({ reservations = [], disk }) =>
    volumeKey(reservations.at(-1)?.role, disk?.persistence?.id ?? ''),
  );
  const twice = firstRepeated([...new Set(taken), ...wanted]);
  return twice && `Persistence ID '${twice.slice(twice.lastIndexOf('/') + 1)}' is not unique`;
}

function destroyError(agent: Agent, messages: readonly Resource[]): string | undefined {
  const volumes = Resources.of(messages).unallocate();
  if (!agent.total.contains(volumes)) return 'Persistent volumes not found';
  const holders = [...[...agent.tasks].filter(({ holds }) => holds), ...agent.executors.values()];
  return holders.some(holdsAnyOf(volumes)) ? 'Persistent volumes in use' : undefined;
}

/** Whether a task, an executor or an offer has one of the volumes. */
export function holdsAnyOf(volumes: Resources): (holder: { readonly resources: Resources }) => boolean {
  const keys = new Set(volumes.entries.map(({ id }) => id.base.key));
  return ({ resources }) => resources.entries.some(({ id }) => keys.has(id.base.key));
}
