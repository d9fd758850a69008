import { existsSync, statSync } from 'node:fs';
import type { Interfaces } from '@oclif/core';
import type { PluginManifest } from '@mezzo/sdk/contract';
import { requireForCluster } from '@mezzo/sdk/package';
import type { Cluster } from '../lib/cluster.js';
import { installedCommands } from './commands-index.js';
import { addCommands, builtInWords, requireNames, requireSigned } from './local-commands.js';
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
  /** Asked before a byte of it goes to the cluster, or stays here; rejects when it is not wanted. */
  readonly confirm: () => Promise<void>;
  /** Whose commands it may add to: those of this `mezzo`. Undefined: its commands are not wanted here. */
  readonly commandsOf: Interfaces.Config | undefined;
}

/**
 * From a file, or by its name from a registry: judged by what is said of it, fetched, verified, sent to the leader, watched. Commands that it
 * brings are added on this machine.
 */
export async function installPlugin(cluster: Cluster, wanted: string, options: InstallOptions): Promise<Installed> {
  const { commandsOf, allowUnsigned, say } = options;
  const packed = await choose(wanted, options);
  const { id, version, runsOn, cli } = packed.manifest;
  const forNodes = runsOn.length > 0;
  const signer = forNodes || allowUnsigned ? undefined : await requireSigned(cluster, packed);
  const from = forNodes ? undefined : installedCommands().find((one) => one.id === id)?.version;
  const here = {
    id,
    version,
    ...(from !== undefined && { from }),
    ...(signer !== undefined && { signer }),
    rollout: false,
  };
  const installed = forNodes ? await sendPlugin(cluster, packed, options) : here;
  if (cli === undefined || commandsOf === undefined) return installed;
  await addCommands(packed, builtInWords(commandsOf));
  say(`mezzo has ${Object.keys(cli.commands).join(', ')} on this machine`);
  return installed;
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

async function choose(name: string, { registry: where, say, confirm, commandsOf }: InstallOptions): Promise<Packed> {
  const ask = async ({ manifest }: { readonly manifest: PluginManifest }): Promise<void> => {
    const { cli } = manifest;
    requireForCluster(manifest);
    for (const line of describe(manifest)) say(line);
    if (commandsOf !== undefined) requireNames(manifest, builtInWords(commandsOf));
    if (cli !== undefined && commandsOf !== undefined)
      say('  its commands are added to mezzo on this machine, where they may do all that you may');
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
