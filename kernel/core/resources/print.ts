import type { Resource, ResourceDiskInfo, ResourceReservationInfo } from '@mezzo/sdk/api';
import { addRanges, addSets, printRanges, printSet, type Ranges, type ValueSet } from '@mezzo/sdk/contract';
import { milliOf, type Entry } from './entry.js';
import type { Identity } from './identity.js';

export type ReservationFormat = 'post' | 'pre' | 'both';

export function messagesOf(entries: readonly Entry[], format: ReservationFormat): Resource[] {
  const out: Resource[] = [];
  for (const entry of entries) {
    const { id, amount } = entry;
    const copies = id.unitMilli === undefined || id.shared ? 1 : (amount as number);
    for (let i = 0; i < copies; i++) out.push(messageOf(entry, format));
  }
  return out;
}

function messageOf({ id, amount }: Entry, format: ReservationFormat): Resource {
  const message: Resource = { name: id.name, type: id.type };
  if (id.type === 'SCALAR') message.scalar = { value: (id.unitMilli ?? (amount as number)) / 1000 };
  else if (id.type === 'RANGES') message.ranges = { range: pairs(amount as Ranges) };
  else message.set = { item: [...(amount as ValueSet)] };
  if (id.providerId !== undefined) message.providerId = { value: id.providerId };
  if (id.allocationRole !== undefined) message.allocationInfo = { role: id.allocationRole };
  if (id.disk) message.disk = id.disk;
  if (id.revocable) message.revocable = {};
  if (id.shared) message.shared = {};
  writeReservations(message, id.reservations, format);
  return message;
}

/** A refined reservation has no form in the older format and keeps its stack. */
function writeReservations(
  message: Resource,
  stack: readonly ResourceReservationInfo[],
  format: ReservationFormat,
): void {
  if (stack.length > 0 && (format !== 'pre' || stack.length > 1)) message.reservations = [...stack];
  if (format === 'post' || stack.length > 1) return;
  const [only] = stack;
  message.role = only?.role ?? '*';
  if (only?.type !== 'DYNAMIC') return;
  message.reservation = {
    ...(only.principal !== undefined && { principal: only.principal }),
    ...(only.labels && { labels: only.labels }),
  };
}

function pairs(ranges: Ranges): { begin: number; end: number }[] {
  const out: { begin: number; end: number }[] = [];
  for (let i = 0; i < ranges.length; i += 2) out.push({ begin: ranges[i]!, end: ranges[i + 1]! });
  return out;
}

export function summaryOf(entries: readonly Entry[]): Record<string, number | string> {
  const scalars = new Map<string, number>(['cpus', 'gpus', 'mem', 'disk'].map((name) => [name, 0]));
  const ranges = new Map<string, Ranges>();
  const sets = new Map<string, ValueSet>();
  for (const entry of entries) {
    const name = entry.id.revocable ? `${entry.id.name}_revocable` : entry.id.name;
    if (entry.id.type === 'SCALAR') scalars.set(name, (scalars.get(name) ?? 0) + milliOf(entry));
    else if (entry.id.type === 'RANGES') ranges.set(name, addRanges(ranges.get(name) ?? [], entry.amount as Ranges));
    else sets.set(name, addSets(sets.get(name) ?? [], entry.amount as ValueSet));
  }
  return Object.fromEntries<number | string>([
    ...[...scalars].map(([name, milli]) => [name, milli / 1000] as const),
    ...[...ranges].map(([name, value]) => [name, printRanges(value)] as const),
    ...[...sets].map(([name, value]) => [name, printSet(value)] as const),
  ]);
}

export const textOf = (entries: readonly Entry[]): string =>
  entries.map((entry) => `${labelOf(entry.id)}:${amountText(entry)}`).join('; ');

function amountText(entry: Entry): string {
  if (entry.id.type === 'SCALAR') return String(milliOf(entry) / 1000);
  return entry.id.type === 'RANGES' ? printRanges(entry.amount as Ranges) : printSet(entry.amount as ValueSet);
}

function labelOf({ name, allocationRole, reservations, disk, revocable, shared }: Identity): string {
  const stack = reservations.map(
    ({ type, role, principal }) => `(${[type, role, principal].filter(Boolean).join(',')})`,
  );
  return [
    name,
    allocationRole !== undefined && `(allocated: ${allocationRole})`,
    stack.length > 0 && `(reservations: [${stack.join(',')}])`,
    disk && `[${diskText(disk)}]`,
    revocable && '{REV}',
    shared && '<SHARED>',
  ]
    .filter(Boolean)
    .join('');
}

const diskText = ({ persistence, volume, source }: ResourceDiskInfo): string =>
  [source?.type, persistence?.id, volume?.containerPath].filter(Boolean).join(':');
