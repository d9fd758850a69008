import { ip4Bytes, isIp } from '@mezzo/sdk/contract';
import { shortHash } from './hash.js';
import { domainFragment, type LabelRule } from './labels.js';
import type { DiscoveryPort, IpSource, NamedTask } from '@mezzo/sdk/framework';
import type { DnsRecord } from './zone.js';

export interface NamingRules {
  readonly domain: string;
  readonly label: LabelRule;
  /** Tried in order; the first that yields an address wins. `auto`: the agent's unless the task is on a network of its own. */
  readonly ipSources: 'auto' | readonly IpSource[];
  /** Leave tasks out that failed their health check. */
  readonly onlyHealthy: boolean;
}

const BOTH = ['tcp', 'udp'] as const;

export function addresses(name: string, ips: readonly string[]): DnsRecord[] {
  return ips.filter(isIp).map((value) => ({ name, type: ip4Bytes(value) ? 'A' : 'AAAA', value }));
}

export const service = (name: string, target: string, port: number): DnsRecord => ({
  name,
  type: 'SRV',
  value: `${target}:${port}`,
});

/** All records of one task; none while it does not run, is unhealthy, or its agent has no known address. */
export function taskRecords(
  task: NamedTask,
  frameworkName: string,
  agentIps: readonly string[],
  rules: NamingRules,
): DnsRecord[] {
  if (!task.running || (rules.onlyHealthy && task.healthy === false)) return [];
  const framework = domainFragment(frameworkName, rules.label);
  const own = rules.label(task.discovery?.name ?? task.name);
  // A discovery name counts as it is too, with its dots: that is how such tasks were named first.
  const raw = task.discovery?.name.toLowerCase();
  const names = new Set([own, ...(raw ? [raw] : [])].filter(Boolean));
  if (framework === '') return [];
  return [...names].flatMap((name) => namedRecords(task, name, framework, agentIps, rules));
}

function namedRecords(
  task: NamedTask,
  name: string,
  framework: string,
  agentIps: readonly string[],
  { domain, ipSources }: NamingRules,
): DnsRecord[] {
  const canonical = `${name}-${shortHash(task.id)}-${agentTail(task.agentId)}.${framework}`;
  const ips = taskIps(task, agentIps, ipSources);
  const onAgent = `${canonical}.slave.${domain}`;
  const records = [
    ...addresses(`${name}.${framework}.${domain}`, ips),
    ...addresses(`${canonical}.${domain}`, ips),
    ...addresses(`${name}.${framework}.slave.${domain}`, agentIps),
    ...addresses(onAgent, agentIps),
  ];
  const services = task.ports.map((port) => `${onAgent}:${port}`);
  for (const proto of BOTH) {
    const names = [`_${name}._${proto}.${framework}.slave.${domain}`];
    if (!task.discovery) names.push(`_${name}._${proto}.${framework}.${domain}`);
    for (const of of names) for (const value of services) records.push({ name: of, type: 'SRV', value });
  }
  const target = `${canonical}.${domain}`;
  return [
    ...records,
    ...(task.discovery?.ports ?? []).flatMap((port) => portRecords(port, `_${name}`, `${framework}.${domain}`, target)),
  ];
}

function portRecords(port: DiscoveryPort, name: string, under: string, target: string): DnsRecord[] {
  const protocols = port.protocol === '' ? BOTH : [port.protocol];
  return protocols.flatMap((proto) => [
    service(`${name}._${proto}.${under}`, target, port.number),
    ...(port.name ? [service(`_${port.name.toLowerCase()}.${name}._${proto}.${under}`, target, port.number)] : []),
  ]);
}

function taskIps(task: NamedTask, agentIps: readonly string[], sources: NamingRules['ipSources']): readonly string[] {
  const order = sources === 'auto' ? (task.ownNetwork ? OWN_FIRST : AGENT_FIRST) : sources;
  for (const source of order) {
    const ips = source === 'host' ? agentIps : (task.ips[source] ?? []);
    if (ips.length > 0) return ips;
  }
  return [];
}

const OWN_FIRST: readonly IpSource[] = ['netinfo', 'docker', 'mesos', 'host'];
const AGENT_FIRST: readonly IpSource[] = ['host', 'netinfo'];

const agentTail = (agentId: string): string => agentId.slice(agentId.lastIndexOf('-') + 1).toLowerCase();

export interface MasterAddress {
  readonly ips: readonly string[];
  readonly port: number;
}

export function masterRecords(
  leader: MasterAddress | undefined,
  masters: readonly MasterAddress[],
  { domain }: NamingRules,
): DnsRecord[] {
  const same = (a: MasterAddress, b: MasterAddress): boolean => a.port === b.port && a.ips[0] === b.ips[0];
  const listed = masters.filter((master, i) => masters.findIndex((other) => same(other, master)) === i);
  const all = leader && !listed.some((master) => same(master, leader)) ? [...listed, leader] : listed;
  return [
    ...(leader ? addresses(`leader.${domain}`, leader.ips) : []),
    ...(leader ? BOTH.map((proto) => service(`_leader._${proto}.${domain}`, `leader.${domain}`, leader.port)) : []),
    ...addresses(`master.${domain}`, [...new Set(all.flatMap((master) => master.ips))]),
    ...all.flatMap((master, i) => addresses(`master${i}.${domain}`, master.ips)),
  ];
}

export function agentRecords(ips: readonly string[], port: number, { domain }: NamingRules): DnsRecord[] {
  return [...addresses(`slave.${domain}`, ips), service(`_slave._tcp.${domain}`, `slave.${domain}`, port)];
}

export function frameworkRecords(
  name: string,
  ips: readonly string[],
  port: number | undefined,
  rules: NamingRules,
): DnsRecord[] {
  const fragment = domainFragment(name, rules.label);
  if (fragment === '') return [];
  const host = `${fragment}.${rules.domain}`;
  return [...addresses(host, ips), ...(port === undefined ? [] : [service(`_framework._tcp.${host}`, host, port)])];
}
