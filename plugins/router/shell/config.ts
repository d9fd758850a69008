import { isIP } from 'node:net';

/** As the manifest's schema describes it, defaults filled in. */
export interface RouterConfig {
  readonly port?: number;
  readonly listenIp?: string;
  readonly tlsPort?: number;
  /** Path prefixes that need no token. */
  readonly public: readonly string[];
  /** Names of frameworks whose tasks are apps. */
  readonly appFrameworks: readonly string[];
  readonly tokenTtlSeconds: number;
  readonly connectTimeoutMs: number;
  readonly responseTimeoutMs: number;
  readonly bodyMaxMib: number;
  readonly maxConnections: number;
}

/** Host part of a URL under which the router is reached: a wildcard address is no place to connect to. */
export function reachableHost(listenIp: string, kernelUrl: string): string {
  if (listenIp === '0.0.0.0' || listenIp === '::') return new URL(kernelUrl).hostname;
  return isIP(listenIp) === 6 ? `[${listenIp}]` : listenIp;
}
