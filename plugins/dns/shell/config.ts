import { isIP } from 'node:net';
import { MezzoError, type ClusterInfo } from '@mezzo/sdk/contract';
import type { HostPort } from '../core/cluster.js';
import type { NamingRules } from '../core/records.js';

/** As the manifest's schema describes it, defaults filled in. */
export interface DnsConfig {
  readonly port?: number;
  readonly httpPort?: number;
  readonly listenIp?: string;
  readonly domain: string;
  readonly ttlSeconds: number;
  readonly srvWeight: number;
  readonly onlyHealthy: boolean;
  readonly ipSources: NamingRules['ipSources'];
  readonly enforceRfc952: boolean;
  readonly external: boolean;
  readonly resolvers: readonly string[];
  readonly forwardTimeoutMs: number;
  readonly forwardMaxInFlight: number;
  readonly udpMaxBytes: number;
  readonly tcpMaxConnections: number;
  readonly tcpIdleTimeoutMs: number;
  readonly enumeration: boolean;
  readonly masters: readonly string[];
}

export interface DnsPlaces {
  readonly listenIp: string;
  readonly port: number;
  readonly httpPort: number;
}

const DEFAULT_PORT = 8053;
const DEFAULT_HTTP_PORT = 8123;

/** A port that is configured is taken as it is; the defaults move with the cluster's offset. */
export function placesOf(config: DnsConfig, cluster: Pick<ClusterInfo, 'listenIp' | 'portOffset'>): DnsPlaces {
  return {
    listenIp: config.listenIp ?? cluster.listenIp,
    port: config.port ?? DEFAULT_PORT + cluster.portOffset,
    httpPort: config.httpPort ?? DEFAULT_HTTP_PORT + cluster.portOffset,
  };
}

export function parseHostPort(text: string): HostPort {
  const match = /^\[?([^\]]+?)\]?:(\d{1,5})$/.exec(text);
  if (match) return { host: match[1]!, port: Number(match[2]) };
  throw new MezzoError('DNS_MASTER_INVALID', `"${text}" is no master: host:port is needed`, {
    blame: 'operator',
    next: 'write plugins.dns.masters like ["10.0.0.1:5050"]',
  });
}

/** Where others reach a server: a wildcard address is no place to connect to. */
export const reachable = (listenIp: string, fallback: string): string =>
  listenIp === '0.0.0.0' || listenIp === '::' ? fallback : isIP(listenIp) === 6 ? `[${listenIp}]` : listenIp;
