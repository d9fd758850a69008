import type { ClusterZone } from './cluster.js';
import type { DnsRecord, Zone, ZoneNode } from './zone.js';

/** The answers of the Mesos-DNS HTTP API: full names end in a dot, ports are text. */

export interface HostRow {
  readonly host: string;
  readonly ip: string;
}

export interface ServiceRow extends HostRow {
  readonly service: string;
  readonly port: string;
}

/** Never empty: clients of this API take the first row, and nothing found is a row of empty texts. */
export function hostRows(zone: Zone, host: string): HostRow[] {
  const node = named(zone, host);
  const ips = node ? [...node.distinct('A'), ...node.distinct('AAAA')] : [];
  return node && ips.length > 0 ? ips.map((ip) => ({ host: `${node.name}.`, ip })) : [{ host: '', ip: '' }];
}

export function serviceRows(zone: Zone, service: string): ServiceRow[] {
  const rows = (named(zone, service)?.distinct('SRV') ?? []).flatMap((value) => {
    const colon = value.lastIndexOf(':');
    const target = zone.named(value.slice(0, colon));
    const ips = [target?.distinct('A')[0], target?.distinct('AAAA')[0]].filter((ip) => ip !== undefined);
    return ips.map((ip) => ({ service, host: `${value.slice(0, colon)}.`, ip, port: value.slice(colon + 1) }));
  });
  return rows.length > 0 ? rows : [{ service: '', host: '', ip: '', port: '' }];
}

const named = (zone: Zone, name: string): ZoneNode | undefined =>
  zone.named(name.toLowerCase().replace(/\.$/, '').replaceAll('.*', ''));

export interface EnumeratedFramework {
  readonly name: string;
  readonly tasks: { name: string; id: string; records: { name: string; host: string; rtype: string }[] }[];
}

export function* enumerateFrameworks(cluster: ClusterZone, zone: Zone): Iterable<EnumeratedFramework> {
  const frameworks = new Map<string, EnumeratedFramework>();
  for (const { framework, name, id, owner } of cluster.enumerate()) {
    const entry = frameworks.get(framework) ?? { name: framework, tasks: [] };
    frameworks.set(framework, entry);
    entry.tasks.push({ name, id, records: zone.records(owner).map(enumerated) });
  }
  yield* frameworks.values();
}

const enumerated = ({ name, type, value }: DnsRecord) => ({
  name: `${name}.`,
  host: withDot(type, value),
  rtype: type,
});

const withDot = (type: string, value: string): string => (type === 'SRV' ? value.replace(/:(\d+)$/, '.:$1') : value);

/** `[name, values]` of one record type, as zone transfers list them. */
export function* transferRows(zone: Zone, type: 'A' | 'AAAA' | 'SRV'): Iterable<[string, string[]]> {
  for (const node of zone.all())
    if (node[type]) yield [`${node.name}.`, node.distinct(type).map((value) => withDot(type, value))];
}
