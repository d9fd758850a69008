import type { Offer, Resource } from '../../api/messages.js';
import { fromMilli, toMilli } from '../../contract/values.js';

/** Of which reservations (`*`: of none) resources are taken. Undefined: of all that the offer has. */
type Roles = readonly string[] | undefined;
const serves = (roles: Roles, role: string): boolean => roles === undefined || roles.includes(role);

export interface Needs {
  readonly cpusMilli: number;
  readonly memMilli: number;
  readonly diskMilli: number;
  readonly gpusMilli: number;
}

type ScalarName = 'cpus' | 'mem' | 'disk' | 'gpus';
interface Range {
  begin: number;
  end: number;
}

interface ScalarSlot {
  readonly resource: Resource;
  readonly role: string;
  leftMilli: number;
}
interface PortSlot {
  readonly resource: Resource;
  readonly role: string;
  left: Range[];
}

export interface TakenPort {
  readonly port: number;
  readonly resource: Resource;
}

/** What is left of an offer while tasks are placed on it. Nothing is ever handed out twice. */
export class OfferPool {
  private readonly scalars = new Map<string, ScalarSlot[]>();
  private readonly ports: PortSlot[] = [];

  constructor(readonly offer: Offer) {
    for (const resource of offer.resources ?? []) if (isPlain(resource)) this.add(resource);
  }

  private add(resource: Resource): void {
    const role = roleOf(resource);
    if (resource.name === 'ports' && resource.ranges) {
      const left = (resource.ranges.range ?? []).map(({ begin, end }) => ({ begin: Number(begin), end: Number(end) }));
      this.ports.push({ resource, role, left: left.sort((a, b) => a.begin - b.begin) });
    } else if (resource.scalar) {
      const slots = this.scalars.get(resource.name) ?? [];
      slots.push({ resource, role, leftMilli: toMilli(resource.scalar.value) });
      this.scalars.set(resource.name, slots);
    }
  }

  /** How much of a scalar is left for these roles, in thousandths. */
  leftMilli(name: ScalarName, roles?: Roles): number {
    let sum = 0;
    for (const slot of this.scalars.get(name) ?? []) if (serves(roles, slot.role)) sum += slot.leftMilli;
    return sum;
  }

  hasRole(roles: Roles): boolean {
    const usable = (slots: readonly { role: string }[]) => slots.some(({ role }) => serves(roles, role));
    return usable(this.ports) || [...this.scalars.values()].some(usable);
  }

  /** Takes scalars that were seen to be there; reserved resources go first. */
  takeScalars(needs: Needs, roles?: Roles): Resource[] {
    return [
      ...this.take('cpus', needs.cpusMilli, roles),
      ...this.take('mem', needs.memMilli, roles),
      ...this.take('disk', needs.diskMilli, roles),
      ...this.take('gpus', needs.gpusMilli, roles),
    ];
  }

  private take(name: ScalarName, amountMilli: number, roles: Roles): Resource[] {
    const slots = (this.scalars.get(name) ?? []).filter(({ role }) => serves(roles, role));
    slots.sort((a, b) => Number(a.role === '*') - Number(b.role === '*'));
    const taken: Resource[] = [];
    let missing = amountMilli;
    for (const slot of slots) {
      const part = Math.min(missing, slot.leftMilli);
      if (part <= 0) continue;
      slot.leftMilli -= part;
      missing -= part;
      taken.push({ ...slot.resource, scalar: { value: fromMilli(part) } });
    }
    return taken;
  }

  /**
   * Finds a host port for each wish (0: any, from `cursor` on, so that a freed port is not reused at once). Takes nothing
   * unless all wishes come true.
   */
  takePorts(wishes: readonly number[], roles: Roles, cursor: number): TakenPort[] | undefined {
    const slots = this.ports.filter(({ role }) => serves(roles, role));
    const before = slots.map(({ left }) => left);
    const fixed = wishes.map((wish) => (wish === 0 ? undefined : takePort(slots, wish)));
    const all = wishes.map((wish, index) => (wish === 0 ? takeAnyPort(slots, cursor) : fixed[index]));
    if (all.every((each) => each !== undefined)) return all;
    slots.forEach((slot, index) => (slot.left = before[index] ?? []));
    return undefined;
  }

  portsLeft(roles: Roles): number {
    let sum = 0;
    for (const { role, left } of this.ports)
      if (serves(roles, role)) for (const { begin, end } of left) sum += end - begin + 1;
    return sum;
  }
}

/** The reservation a resource is under, or `*`. Both wire formats are read. */
export const roleOf = (resource: Resource): string => resource.reservations?.at(-1)?.role ?? resource.role ?? '*';

/** Volumes, special disks, shared and revocable resources are for those who ask for them by name. */
const isPlain = (resource: Resource): boolean =>
  !(resource.disk || resource.revocable || resource.shared || resource.providerId);

function takePort(slots: readonly PortSlot[], port: number): TakenPort | undefined {
  for (const slot of slots) {
    const index = slot.left.findIndex(({ begin, end }) => begin <= port && port <= end);
    const range = slot.left[index];
    if (range === undefined) continue;
    const rest = [
      { begin: range.begin, end: port - 1 },
      { begin: port + 1, end: range.end },
    ].filter(({ begin, end }) => begin <= end);
    slot.left = [...slot.left.slice(0, index), ...rest, ...slot.left.slice(index + 1)];
    return { port, resource: slot.resource };
  }
  return undefined;
}

function takeAnyPort(slots: readonly PortSlot[], cursor: number): TakenPort | undefined {
  const ranges = slots.flatMap(({ left }) => left).sort((a, b) => a.begin - b.begin);
  const next = ranges.find(({ end }) => end >= cursor) ?? ranges[0];
  if (next === undefined) return undefined;
  return takePort(slots, next.end >= cursor ? Math.max(next.begin, cursor) : next.begin);
}

/** One `ports` resource for each resource that ports were taken from. */
export function portResources(taken: readonly TakenPort[]): Resource[] {
  const bySource = new Map<Resource, number[]>();
  for (const { port, resource } of taken) bySource.set(resource, [...(bySource.get(resource) ?? []), port]);
  return [...bySource].map(([resource, ports]) => ({ ...resource, ranges: { range: toRanges(ports) } }));
}

function toRanges(ports: readonly number[]): Range[] {
  const ranges: Range[] = [];
  for (const port of [...ports].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last && last.end + 1 === port) last.end = port;
    else ranges.push({ begin: port, end: port });
  }
  return ranges;
}
