import type { Resource, ResourceReservationInfo } from '@mezzo/sdk/api';
import { MezzoError } from '@mezzo/sdk/contract';
import { roleError } from './roles.js';

/** Throws RESOURCES_INVALID that names the resource and the part that is wrong. */
export function assertValidResources(messages: readonly Resource[]): void {
  messages.forEach((message, index) => {
    const why = resourceError(message);
    if (why === undefined) return;
    const name = message.name.slice(0, 80);
    throw new MezzoError('RESOURCES_INVALID', `Resource '${name}' is invalid: ${why}`, {
      blame: 'user',
      details: { index, name },
    });
  });
}

/** What is wrong with a resource that came from outside; undefined = nothing. */
export function resourceError(message: Resource): string | undefined {
  return nameError(message) ?? valueError(message) ?? reservationError(message) ?? usageError(message);
}

function nameError({ name, allocationInfo }: Resource): string | undefined {
  if (name === '') return 'the name is empty';
  if (/[\s\u0000-\u001f\u007f]/.test(name)) return 'the name contains whitespace or control characters';
  return allocationInfo?.role === undefined ? undefined : roleError(allocationInfo.role);
}

function valueError(message: Resource): string | undefined {
  const { type, scalar, ranges, set } = message;
  const given = [scalar && 'scalar', ranges && 'ranges', set && 'set'].filter(Boolean).join(' and ');
  // An empty list may be gone from the wire, so ranges and sets may be missing; a scalar may not.
  if (type === 'SCALAR')
    return given === 'scalar' ? scalarError(message) : `a SCALAR cannot carry ${given || 'nothing'}`;
  if (type === 'RANGES') return given === 'ranges' || !given ? rangesError(message) : `RANGES cannot carry ${given}`;
  if (type !== 'SET') return `the type ${type} is not one of SCALAR, RANGES, SET`;
  if (given && given !== 'set') return `a SET cannot carry ${given}`;
  const items = set?.item ?? [];
  return new Set(items).size === items.length ? undefined : 'the set has the same item twice';
}

function scalarError({ name, scalar }: Resource): string | undefined {
  const value = scalar?.value ?? 0;
  if (!(value >= 0)) return `${value} is not a positive number`;
  if (!Number.isSafeInteger(Math.round(value * 1000))) return `${value} is too large`;
  return name === 'gpus' && !Number.isInteger(value) ? `${value} is not a whole number` : undefined;
}

function rangesError({ ranges }: Resource): string | undefined {
  for (const { begin, end } of ranges?.range ?? []) {
    if (begin > end) return `the range ${begin}-${end} ends before it begins`;
    if (begin < 0 || end > Number.MAX_SAFE_INTEGER) return `the range ${begin}-${end} is outside of 0 to 2^53`;
  }
  return undefined;
}

function reservationError({ role, reservation, reservations = [] }: Resource): string | undefined {
  if (reservations.length > 0) return stackError(reservations);
  if (role !== undefined && roleError(role)) return roleError(role);
  return reservation && (role ?? '*') === '*' ? "role '*' cannot be dynamically reserved" : undefined;
}

function stackError(stack: readonly ResourceReservationInfo[]): string | undefined {
  let parent: string | undefined;
  for (const { type, role } of stack) {
    if (type !== 'STATIC' && type !== 'DYNAMIC') return 'a reservation has no type';
    if (role === undefined || role === '*') return 'a reservation needs a role other than *';
    if (roleError(role)) return roleError(role);
    if (parent !== undefined && type === 'STATIC') return 'only the first reservation may be STATIC';
    if (parent !== undefined && !role.startsWith(`${parent}/`)) return `role '${role}' does not refine '${parent}'`;
    parent = role;
  }
  return undefined;
}

function usageError({ name, type, disk, revocable, shared }: Resource): string | undefined {
  if (disk && (name !== 'disk' || type !== 'SCALAR')) return 'only the scalar disk can have disk information';
  if (disk?.persistence && revocable) return 'a persistent volume cannot be revocable';
  return shared && !disk?.persistence ? 'only persistent volumes can be shared' : undefined;
}
