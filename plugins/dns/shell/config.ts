import { isIP } from 'node:net';
import { MezzoError, type Listener } from '@mezzo/sdk/contract';
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

/** Where it listens, as the manifest's `listens` names them. */
export interface DnsPlaces {
  readonly dns: Listener;
  readonly http: Listener;
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
