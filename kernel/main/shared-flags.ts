import { execFileSync } from 'node:child_process';
import { isIP } from 'node:net';
import { messageToJson, parseMessageText, type DomainInfo } from '@mezzo/sdk/api';
import { MezzoError, messageOf } from '@mezzo/sdk/contract';
import { parseZookeeperUrl, withoutSecret, type ZookeeperAddress } from '../shell/zookeeper/address.js';
import { bool, duration, text, type Flag } from './flags.js';

/** Flags that master and agent have in common, and those that mean nothing here. */

const domain: Flag<DomainInfo | undefined> = {
  help: 'Region and zone: JSON of a DomainInfo. Agents of other regions are only offered to REGION_AWARE frameworks',
  default: undefined,
  parse: (given) => parseMessageText('mesos.v1.DomainInfo', given),
  show: (info) => messageToJson('mesos.v1.DomainInfo', info ?? {}),
};

export interface FirewallRules {
  readonly text: string;
  readonly disabledPaths: readonly string[];
}

const firewallRules: Flag<FirewallRules | undefined> = {
  help: 'Endpoints that nobody may use: {"disabled_endpoints": {"paths": ["/files/browse"]}}, or file://PATH of it',
  default: undefined,
  parse: (given) => {
    const rules = JSON.parse(given) as { disabled_endpoints?: { paths?: unknown } } | null;
    const paths = rules?.disabled_endpoints?.paths ?? [];
    if (!Array.isArray(paths) || paths.some((path) => typeof path !== 'string' || !path.startsWith('/')))
      throw new Error("'disabled_endpoints.paths' is no list of paths that begin with /");
    return { text: JSON.stringify(rules), disabledPaths: paths as string[] };
  },
  show: (rules) => rules?.text ?? '{}',
};

/** `text` is without what nobody else may read. */
export type ZookeeperFlag = ZookeeperAddress & { readonly text: string };

/** Throws INVALID_ZOOKEEPER_URL. */
export const zookeeperFlag = (given: string): ZookeeperFlag => ({
  ...parseZookeeperUrl(given),
  text: withoutSecret(given),
});

export const sharedFlags = {
  zk_session_timeout: duration('Without a word for so long, ZooKeeper takes a process as dead', '10secs'),
  domain,
  firewall_rules: firewallRules,
  ip_discovery_command: text('Command that prints the address to listen on, instead of --ip', undefined),
};

/** What `ip_discovery_command` says, where there is one. Throws INVALID_FLAG. */
export function withDiscoveredIp<T extends { readonly ip: string; readonly ip_discovery_command: string | undefined }>(
  flags: T,
): T {
  const { ip_discovery_command: command } = flags;
  if (command === undefined) return flags;
  try {
    const ip = execFileSync('/bin/sh', ['-c', command], { encoding: 'utf8', timeout: 10_000, stdio: 'pipe' }).trim();
    if (isIP(ip) === 0) throw new Error(`it printed '${ip.slice(0, 100)}', which is no address`);
    return { ...flags, ip };
  } catch (cause) {
    throw new MezzoError('INVALID_FLAG', `flag --ip_discovery_command: ${messageOf(cause)}`, {
      blame: 'operator',
      next: 'give a command that prints one address, or --ip',
      cause,
    });
  }
}

const NO_EFFECT = 'Of Mesos; has no effect here';
const optional = <T>(flag: Flag<T>): Flag<T | undefined> => ({ ...flag, default: undefined }) as Flag<T | undefined>;

/** Accepted, so that command lines of operators work, and without effect. */
export const idleFlags = (
  texts: readonly string[],
  switches: readonly string[],
  secrets: ReadonlySet<string> = new Set(),
): Readonly<Record<string, Flag<unknown>>> =>
  Object.fromEntries([
    ...texts.map((name) => [name, text(NO_EFFECT, undefined, { secret: secrets.has(name) })] as const),
    ...switches.map((name) => [name, optional(bool(NO_EFFECT, false))] as const),
  ]);

/** Of the idle ones, those that were given. */
export const idleGiven = (idle: object, flags: object): string[] =>
  Object.keys(idle)
    .filter((name) => (flags as Readonly<Record<string, unknown>>)[name] !== undefined)
    .sort();
