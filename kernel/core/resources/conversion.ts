import type { OfferOperation, Resource } from '@mezzo/sdk/api';
import { toMilli } from '@mezzo/sdk/contract';
import { reservationsOf } from './identity.js';
import { Resources } from './resources.js';
import { resourceError } from './validate.js';

/** What an operation takes away, and what it puts in its place: of the same agent, of the same amount. */
export interface Conversion {
  readonly from: Resources;
  readonly to: Resources;
}

const PAYLOADS: Partial<Record<NonNullable<OfferOperation['type']>, keyof OfferOperation>> = {
  RESERVE: 'reserve',
  UNRESERVE: 'unreserve',
  CREATE: 'create',
  DESTROY: 'destroy',
  GROW_VOLUME: 'growVolume',
  SHRINK_VOLUME: 'shrinkVolume',
};

/**
 * What a RESERVE, UNRESERVE, CREATE, DESTROY, GROW_VOLUME or SHRINK_VOLUME does, part by part; or why it cannot be done on any agent.
 * Whose the resources are, and who asks, is for the caller to check.
 */
export function conversionsOf(operation: OfferOperation): Conversion[] | string {
  const payload = PAYLOADS[operation.type ?? 'UNKNOWN'];
  if (payload === undefined) return `${operation.type} is not supported`;
  if (operation[payload] === undefined) return `Expecting '${operation.type!.toLowerCase()}' to be present`;
  const messages = resourcesOf(operation);
  for (const message of messages) {
    const error = resourceError(message);
    if (error !== undefined) return `Invalid resource '${message.name.slice(0, 80)}': ${error}`;
  }
  if (messages.length === 0) return 'No resources specified';
  switch (operation.type) {
    case 'RESERVE':
      return reserve(operation.reserve!.resources ?? [], operation.reserve!.source ?? []);
    case 'UNRESERVE':
      return eachOf(operation.unreserve!.resources, (one) => unreservable(one) ?? turn(one, reservedLess(one)));
    case 'CREATE':
      return eachOf(operation.create!.volumes, (one) => volumeError(one) ?? turn(withoutVolume(one), one));
    case 'DESTROY':
      return eachOf(operation.destroy!.volumes, (one) => volumeError(one) ?? turn(one, withoutVolume(one)));
    case 'GROW_VOLUME':
      return grow(operation.growVolume!.volume, operation.growVolume!.addition);
    case 'SHRINK_VOLUME':
      return shrink(operation.shrinkVolume!.volume, operation.shrinkVolume!.subtract.value);
    default:
      return `${operation.type} is not supported`;
  }
}

/** All resources that an operation names. */
export function resourcesOf({
  reserve,
  unreserve,
  create,
  destroy,
  growVolume,
  shrinkVolume,
}: OfferOperation): readonly Resource[] {
  return [
    ...(reserve?.source ?? []),
    ...(reserve?.resources ?? []),
    ...(unreserve?.resources ?? []),
    ...(create?.volumes ?? []),
    ...(destroy?.volumes ?? []),
    ...(growVolume ? [growVolume.volume, growVolume.addition] : []),
    ...(shrinkVolume ? [shrinkVolume.volume] : []),
  ];
}

/** What the machine itself has there: neither a dynamic reservation nor a volume. */
export function asGiven(message: Resource): Resource {
  const [outermost] = refined(message).reservations ?? [];
  const bare = withoutVolume(refined(message));
  return { ...bare, reservations: outermost?.type === 'STATIC' ? [outermost] : [] };
}

/** With its reservations as a stack, as frameworks of today write them, and allocated to nobody. */
export function refined(message: Resource): Resource {
  const { role: _, reservation: __, allocationInfo: ___, ...rest } = message;
  return { ...rest, reservations: [...reservationsOf(message)] };
}

/** The bag with the shared volumes left out: those can be held any number of times. */
export const exclusive = (resources: Resources): Resources => resources.filter((id) => !id.shared);

/** The bag with what may be taken away at any time left out. */
export const firm = (resources: Resources): Resources => resources.filter((id) => !id.revocable);

const turn = (from: Resource, to: Resource): Conversion => ({ from: Resources.of([from]), to: Resources.of([to]) });

function eachOf(messages: readonly Resource[] = [], one: (message: Resource) => Conversion | string) {
  const out: Conversion[] = [];
  for (const message of messages) {
    const conversion = one(refined(message));
    if (typeof conversion === 'string') return conversion;
    out.push(conversion);
  }
  return out;
}

/** With `source`, what is reserved already is reserved otherwise; without, one more reservation is laid on. */
function reserve(messages: readonly Resource[], source: readonly Resource[]): Conversion[] | string {
  const plain = eachOf(messages, (one) => reservable(one) ?? turn(reservedLess(one), one));
  if (typeof plain === 'string' || source.length === 0) return plain;
  const [from, to] = [Resources.of(source.map(refined)), Resources.of(messages.map(refined))];
  const bare = (bag: Resources) => Resources.of(bag.toMessages('post').map((one) => ({ ...one, reservations: [] })));
  return bare(from).equals(bare(to))
    ? [{ from, to }]
    : `The reserved resources ${String(to)} are not those of the source ${String(from)}`;
}

function reservable(message: Resource): string | undefined {
  if (message.disk?.persistence) return `A persistent volume ${text(message)} must not be reserved`;
  if (message.revocable) return `Resource ${text(message)} is revocable and cannot be reserved`;
  return message.reservations?.at(-1)?.type === 'DYNAMIC'
    ? undefined
    : `Resource ${text(message)} is not dynamically reserved`;
}

function unreservable(message: Resource): string | undefined {
  if (message.disk?.persistence)
    return `A dynamically reserved persistent volume ${text(message)} cannot be unreserved`;
  return reservable(message);
}

function volumeError(message: Resource): string | undefined {
  const { disk, reservations = [] } = message;
  if (!disk?.persistence) return `Resource ${text(message)} does not have DiskInfo with 'persistence' set`;
  if (!disk.volume) return `Expecting 'volume' to be set for persistent volume ${text(message)}`;
  if (disk.volume.hostPath !== undefined)
    return `Expecting 'host_path' to be unset for persistent volume ${text(message)}`;
  return reservations.length > 0 ? undefined : 'Persistent volumes cannot be created from unreserved resources';
}

function grow(volume: Resource, addition: Resource): Conversion[] | string {
  const [whole, more] = [refined(volume), refined(addition)];
  const error = resizeError(whole);
  if (error !== undefined) return error;
  if (more.disk?.persistence) return `The addition ${text(more)} is a persistent volume itself`;
  const same = Resources.of([{ ...withoutVolume(whole), scalar: { value: 1 } }]);
  if (!same.equals(Resources.of([{ ...more, scalar: { value: 1 } }])))
    return `Incompatible resources in the 'GrowVolume.volume' and 'GrowVolume.addition' fields`;
  const size = toMilli(whole.scalar?.value ?? 0) + toMilli(more.scalar?.value ?? 0);
  const from = Resources.of([whole]).add(Resources.of([more]));
  return [{ from, to: Resources.of([{ ...whole, scalar: { value: size / 1000 } }]) }];
}

function shrink(volume: Resource, subtract: number): Conversion[] | string {
  const whole = refined(volume);
  const error = resizeError(whole);
  if (error !== undefined) return error;
  const [size, less] = [toMilli(whole.scalar?.value ?? 0), toMilli(subtract)];
  if (!(less > 0)) return "Value of the 'ShrinkVolume.subtract' field must be greater than zero";
  if (!(less < size)) return "Value of the 'ShrinkVolume.subtract' field must be less than the volume";
  const rest: Resource = { ...whole, scalar: { value: (size - less) / 1000 } };
  const freed: Resource = { ...withoutVolume(whole), scalar: { value: less / 1000 } };
  return [{ from: Resources.of([whole]), to: Resources.of([rest, freed]) }];
}

function resizeError(volume: Resource): string | undefined {
  if (volume.shared) return 'Shared volumes cannot be resized';
  const { source } = volume.disk ?? {};
  if (source !== undefined && source.type !== 'PATH')
    return `Volumes on a disk of type ${source.type} cannot be resized`;
  return volumeError(volume);
}

const reservedLess = (message: Resource): Resource => ({
  ...message,
  reservations: message.reservations?.slice(0, -1) ?? [],
});

function withoutVolume({ disk, shared: _, ...rest }: Resource): Resource {
  return disk?.source === undefined ? rest : { ...rest, disk: { source: disk.source } };
}

const text = (message: Resource): string => String(Resources.of([message]));
