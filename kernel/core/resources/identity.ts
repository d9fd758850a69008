import type { Labels, Resource, ResourceDiskInfo, ResourceReservationInfo, ValueType } from '@mezzo/sdk/api';

export const KNOWN_SCALARS: readonly string[] = ['cpus', 'gpus', 'mem', 'disk'];

export interface IdentityFields {
  readonly name: string;
  readonly type: ValueType;
  /** Post-refinement stack, outermost first; empty = unreserved. */
  readonly reservations: readonly ResourceReservationInfo[];
  readonly disk: ResourceDiskInfo | undefined;
  readonly revocable: boolean;
  readonly shared: boolean;
  readonly providerId: string | undefined;
  /**
   * Set for what cannot be split or joined (persistent volumes, whole disks): the size in thousandths of one copy; the
   * amount then counts copies.
   */
  readonly unitMilli: number | undefined;
}

/** What makes two resource objects the same kind of thing, so that their amounts add up. Compare by `key`. */
export class Identity implements IdentityFields {
  readonly name: string;
  readonly type: ValueType;
  readonly reservations: readonly ResourceReservationInfo[];
  readonly disk: ResourceDiskInfo | undefined;
  readonly revocable: boolean;
  readonly shared: boolean;
  readonly providerId: string | undefined;
  readonly unitMilli: number | undefined;
  /** The role it is reserved for; undefined = unreserved. */
  readonly reservedRole: string | undefined;
  /** This identity without an allocation role. */
  readonly base: Identity;
  /** Place of cpus, gpus, mem and disk in a fixed order; -1 for other names. */
  readonly knownIndex: number;
  #allocated: Map<string, Identity> | undefined;
  #lastAllocated: Identity | undefined;

  constructor(
    fields: IdentityFields,
    readonly key: string,
    readonly allocationRole?: string,
    base?: Identity,
  ) {
    this.name = fields.name;
    this.type = fields.type;
    this.reservations = fields.reservations;
    this.disk = fields.disk;
    this.revocable = fields.revocable;
    this.shared = fields.shared;
    this.providerId = fields.providerId;
    this.unitMilli = fields.unitMilli;
    this.reservedRole = fields.reservations.at(-1)?.role;
    this.knownIndex = fields.type === 'SCALAR' ? KNOWN_SCALARS.indexOf(fields.name) : -1;
    this.base = base ?? this;
  }

  /** Anybody may have it: neither reserved nor revocable nor shared. */
  get isPlain(): boolean {
    return this.reservedRole === undefined && !this.revocable && !this.shared;
  }

  /** What quota bounds. */
  get isQuotaBound(): boolean {
    return this.type === 'SCALAR' && this.isPlain;
  }

  allocated(role: string): Identity {
    const { base } = this;
    if (base.#lastAllocated?.allocationRole === role) return base.#lastAllocated;
    return (base.#lastAllocated = base.#allocatedTo(role));
  }

  #allocatedTo(role: string): Identity {
    const { base } = this;
    base.#allocated ??= new Map();
    const known = base.#allocated.get(role);
    if (known) return known;
    if (base.#allocated.size >= MAX_CACHED) base.#allocated.clear();
    const identity = new Identity(base, `${base.key}${role}`, role, base);
    base.#allocated.set(role, identity);
    return identity;
  }
}

/** Identities are shared so that most comparisons are of pointers. Only a cache: emptied when full, since names come from outside. */
const MAX_CACHED = 4096;
const cache = new Map<string, Identity>();

/** In every list the well-known come first, in this order. */
const RANKS = new Map([...KNOWN_SCALARS, 'ports'].map((name, rank) => [name, String(rank)]));
/** Lower than anything a name may contain: the order of keys is the order of their parts. */
const SEPARATOR = '\u0001';

/** `scalarMilli`: its amount, if it is a scalar. Expects a valid message in either reservation format. */
export function identityOf(message: Resource, scalarMilli: number | undefined): Identity {
  const disk = message.disk;
  const fields: IdentityFields = {
    name: message.name,
    type: message.type,
    reservations: reservationsOf(message),
    disk,
    revocable: message.revocable !== undefined,
    shared: message.shared !== undefined,
    providerId: message.providerId?.value,
    unitMilli: isIndivisible(message) ? scalarMilli : undefined,
  };
  const key = keyOf(fields);
  const role = message.allocationInfo?.role;
  // The volume of a disk says how it is used and is no part of the key: such identities are not shared.
  let identity = disk ? new Identity(fields, key) : cache.get(key);
  if (!identity) {
    if (cache.size >= MAX_CACHED) cache.clear();
    cache.set(key, (identity = new Identity(fields, key)));
  }
  return role === undefined ? identity : identity.allocated(role);
}

/** The stack of reservations, outermost first, whichever format the message has. */
export function reservationsOf(message: Resource): readonly ResourceReservationInfo[] {
  if (message.reservations?.length) return message.reservations;
  const role = message.role ?? '*';
  if (role === '*') return [];
  return message.reservation ? [{ ...message.reservation, type: 'DYNAMIC', role }] : [{ type: 'STATIC', role }];
}

function isIndivisible({ disk, shared }: Resource): boolean {
  if (!disk) return shared !== undefined;
  const source = disk.source;
  return (
    disk.persistence !== undefined || (source !== undefined && (source.type !== 'PATH' || source.id !== undefined))
  );
}

function keyOf(fields: IdentityFields): string {
  const { name, type, reservations, disk, revocable, shared, providerId, unitMilli } = fields;
  const plain = !disk && reservations.length === 0 && providerId === undefined && unitMilli === undefined;
  const details = plain ? '' : JSON.stringify([reservations.map(reservationKey), diskKey(disk), providerId, unitMilli]);
  const flags = `${revocable ? 'r' : ''}${shared ? 's' : ''}`;
  return [`${RANKS.get(name) ?? '9'}${name}`, type, details, flags, ''].join(SEPARATOR);
}

const reservationKey = ({ type, role, principal, labels }: ResourceReservationInfo) => [
  type,
  role,
  principal,
  labelsKey(labels),
];

const diskKey = (disk: ResourceDiskInfo | undefined) =>
  disk && [
    disk.persistence?.id,
    disk.source && [
      disk.source.type,
      disk.source.path?.root,
      disk.source.mount?.root,
      disk.source.vendor,
      disk.source.id,
      disk.source.profile,
      labelsKey(disk.source.metadata),
    ],
  ];

const labelsKey = (labels: Labels | undefined) =>
  labels?.labels?.map(({ key, value }) => JSON.stringify([key, value])).sort();
