import { readFileSync } from 'node:fs';
import { MezzoError, messageOf, type ClusterInfo } from '@mezzo/sdk/contract';

/** Reads `--plugin-config FILE`: `{ "<plugin id>": { ... } }`. Throws INVALID_FLAG. */
export function readPluginConfig(file: string | undefined): Readonly<Record<string, unknown>> {
  if (file === undefined) return {};
  try {
    const json: unknown = JSON.parse(readFileSync(file, 'utf8'));
    const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
    if (isObject(json) && Object.values(json as object).every(isObject)) return json as Record<string, unknown>;
    throw new Error('it holds no object of objects');
  } catch (error) {
    throw new MezzoError('INVALID_FLAG', `cannot read --plugin-config ${file}: ${messageOf(error)}`, {
      blame: 'operator',
      next: 'write { "<plugin id>": { <its configuration> } }',
    });
  }
}

export interface ClusterFlags {
  readonly cluster_id: string | undefined;
  readonly cluster?: string | undefined;
  readonly ip: string;
  readonly port_offset: number;
  readonly tls: boolean;
}

/** What plugins are told about the cluster that they serve. */
export const clusterInfo = (flags: ClusterFlags, port: number): Omit<ClusterInfo, 'host' | 'stateDir'> => ({
  clusterId: flags.cluster_id ?? flags.cluster ?? 'mezzo',
  clusterName: flags.cluster ?? 'mezzo',
  kernelUrl: `${flags.tls ? 'https' : 'http'}://${localAddress(flags.ip)}:${port}`,
  listenIp: flags.ip,
  portOffset: flags.port_offset,
});

/** Where a daemon that listens on this address is reached from its own machine. */
function localAddress(ip: string): string {
  if (ip === '0.0.0.0') return '127.0.0.1';
  if (ip === '::') return '[::1]';
  return ip.includes(':') ? `[${ip}]` : ip;
}
