import { existsSync, statSync } from 'node:fs';
import type { PluginManifest } from '@mezzo/sdk/contract';
import type { Cluster } from '../lib/cluster.js';
import { readPacked, type Packed } from './pack.js';
import { callPlugins, describe, watchVersion } from './plugins.js';
import { fetchPlugin, findPlugin, openRegistry } from './registry.js';

const INSTALL_TIMEOUT_MS = 60_000;

export interface Installed {
  readonly id: string;
  readonly version: string;
  readonly from?: string;
  /** The trusted key's name. */
  readonly signer?: string;
  readonly rollout: boolean;
}

export interface InstallOptions {
  readonly registry: string | undefined;
  readonly allowUnsigned: boolean;
  readonly wait: boolean;
  readonly timeoutMs: number;
  readonly say: (line: string) => void;
  /** Asked before a byte of it goes to the cluster; rejects when it is not wanted. */
  readonly confirm: () => Promise<void>;
}

/** From a file, or by its name from a registry: judged by what is said of it, fetched, verified, sent to the leader, watched. */
export async function installPlugin(cluster: Cluster, wanted: string, options: InstallOptions): Promise<Installed> {
  return sendPlugin(cluster, await choose(wanted, options), options);
}

/** To the leader, and watched on its way to the nodes. */
export async function sendPlugin(
  cluster: Cluster,
  packed: Pick<Packed, 'bytes' | 'signatures'>,
  { allowUnsigned, wait, timeoutMs, say }: Pick<InstallOptions, 'allowUnsigned' | 'wait' | 'timeoutMs' | 'say'>,
): Promise<Installed> {
  const installed = await callPlugins<Installed>(cluster, `/plugins${allowUnsigned ? '?allowUnsigned=true' : ''}`, {
    method: 'POST',
    body: packed.bytes,
    headers: { 'mezzo-signatures': JSON.stringify(packed.signatures) },
    timeoutMs: INSTALL_TIMEOUT_MS,
  });
  const { id, version, from, signer } = installed;
  say(
    `${id} ${version} is accepted, ${signer === undefined ? 'unsigned' : `signed by ${signer}`}${from === undefined ? '' : ` (${from} so far)`}`,
  );
  if (!wait) return installed;
  const rows = await watchVersion(cluster, id, version, say, timeoutMs);
  if (rows.length === 0) say(`${id} ${version} waits for nodes that it is for`);
  return installed;
}

async function choose(name: string, { registry: where, say, confirm }: InstallOptions): Promise<Packed> {
  const ask = async ({ manifest }: { readonly manifest: PluginManifest }): Promise<void> => {
    for (const line of describe(manifest)) say(line);
    await confirm();
  };
  if (/\.t(ar\.)?gz$/.test(name) || (existsSync(name) && statSync(name).isFile())) {
    const packed = await readPacked(name);
    await ask(packed);
    return packed;
  }
  const registry = openRegistry(where);
  const found = await findPlugin(registry, name);
  await ask(found);
  return fetchPlugin(registry, found);
}
