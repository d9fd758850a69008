import type { FrameworkInfo, OfferOperation, Resource, TaskInfo } from '@mezzo/sdk/api';
import type { Action } from '@mezzo/sdk/points/authorizer';
import { rolesOf } from './framework-validation.js';
import type { MasterState } from './state.js';

/** What frameworks may do. Each answers why not; undefined = they may. A framework acts in the name of its principal. */

/** `principal`: the framework's own, which an update of its description does not change. */
export function registrationDenied(
  { options }: MasterState,
  info: FrameworkInfo,
  id: string,
  principal = info.principal,
): string | undefined {
  const may = options.authorizer?.approver(subjectOf({ principal }), 'register_frameworks');
  const roles = rolesOf(info);
  if (may === undefined || (roles.length === 0 ? may() : roles.every((role) => may(role)))) return undefined;
  return `Not authorized to register framework ${id} with roles { ${roles.join(', ')} }`;
}

/** `executor` is that of a group. */
export function launchDenied(
  { options }: MasterState,
  framework: FrameworkInfo,
  { command, executor }: Pick<TaskInfo, 'command' | 'executor'>,
): string | undefined {
  const user = command?.user ?? executor?.command?.user ?? framework.user;
  return options.authorizer?.approver(subjectOf(framework), 'run_tasks')(user) === false
    ? `Not authorized to launch as user '${user}'`
    : undefined;
}

export function operationDenied(
  { options }: MasterState,
  framework: FrameworkInfo,
  operation: OfferOperation,
): string | undefined {
  const asked = askedBy(operation);
  if (options.authorizer === undefined || asked === undefined) return undefined;
  const may = options.authorizer.approver(subjectOf(framework), asked.action);
  if (asked.objects.every((object) => may(object))) return undefined;
  return `Not authorized to ${asked.verb} as '${framework.principal ?? 'ANY'}'`;
}

const subjectOf = ({ principal }: { readonly principal?: string | undefined }) =>
  principal === undefined ? undefined : { value: principal };

export interface Asked {
  readonly action: Action;
  readonly verb: string;
  readonly objects: readonly (string | undefined)[];
}

function askedBy({ type, reserve, unreserve, create, destroy, growVolume, shrinkVolume }: OfferOperation) {
  switch (type) {
    case 'RESERVE':
      return reserving(reserve?.resources);
    case 'UNRESERVE':
      return unreserving(unreserve?.resources);
    case 'CREATE':
      return creating(create?.volumes);
    case 'DESTROY':
      return destroying(destroy?.volumes);
    case 'GROW_VOLUME':
      return resizing(growVolume?.volume);
    case 'SHRINK_VOLUME':
      return resizing(shrinkVolume?.volume);
    default:
      return undefined;
  }
}

/** For operators' calls as well as for operations. */
export const reserving = (resources: readonly Resource[] = []): Asked => ({
  action: 'reserve_resources',
  verb: 'reserve resources',
  objects: resources.map(roleOf),
});

export const unreserving = (resources: readonly Resource[] = []): Asked => ({
  action: 'unreserve_resources',
  verb: 'unreserve resources',
  objects: resources.map(({ reservation, reservations }) => (reservations?.at(-1) ?? reservation)?.principal ?? ''),
});

export const creating = (volumes: readonly Resource[] = []): Asked => ({
  action: 'create_volumes',
  verb: 'create persistent volumes',
  objects: volumes.map(roleOf),
});

export const destroying = (volumes: readonly Resource[] = []): Asked => ({
  action: 'destroy_volumes',
  verb: 'destroy persistent volumes',
  objects: volumes.map(({ disk }) => disk?.persistence?.principal ?? ''),
});

export const resizing = (volume: Resource | undefined): Asked => ({
  action: 'resize_volumes',
  verb: 'resize volumes',
  objects: [volume && roleOf(volume)],
});

const roleOf = ({ role = '*', reservations }: Resource): string => reservations?.at(-1)?.role ?? role;
