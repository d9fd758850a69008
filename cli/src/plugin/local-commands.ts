import { rmSync } from 'node:fs';
import type { Interfaces } from '@oclif/core';
import { MezzoError, type PluginManifest } from '@mezzo/sdk/contract';
import { inspectPackage, integrityOf, requireSdk, signerOf, unpackPackage, type TrustedKey } from '@mezzo/sdk/package';
import { linkSdk, sdkPackage } from '@mezzo/sdk/runtime';
import type { Cluster } from '../lib/cluster.js';
import { writeJson } from '../lib/workdir.js';
import {
  commandsDir,
  firstWord,
  indexFile,
  installedCommands,
  packageDir,
  type InstalledCommands,
} from './commands-index.js';
import type { Packed } from './pack.js';
import { callPlugins, findEntry } from './plugins.js';

type BuiltInWords = ReadonlySet<string>;

/** What commands of plugins may not begin with, besides what oclif may have one day. */
export const builtInWords = ({ plugins }: Interfaces.Config): BuiltInWords =>
  new Set(
    [...plugins.values()]
      .filter(({ isRoot }) => isRoot)
      .flatMap(({ commandIDs }) => commandIDs.map((id) => id.split(':', 1)[0]!)),
  );

const RESERVED = ['help', 'version', 'commands', 'autocomplete', 'update', 'plugins'];

/**
 * Their names are on this machine's `mezzo` from here on. Nothing of the package is run for it. `spare`: what is not to be deleted, to be put
 * back later. Rejects as `requireNames`, and with PLUGIN_SDK_MISMATCH.
 */
export async function addCommands(
  { manifest, bytes, integrity }: Pick<Packed, 'manifest' | 'bytes' | 'integrity'>,
  builtIn: BuiltInWords,
  spare?: InstalledCommands,
): Promise<InstalledCommands> {
  const { id, name, version, cli } = manifest;
  requireNames(manifest, builtIn);
  if (cli === undefined) throw noCommands(id, version);
  const sdk = sdkPackage();
  requireSdk(manifest, sdk.version);
  await unpackPackage(commandsDir(), manifest, bytes, integrity);
  linkSdk(commandsDir(), sdk.dir);
  const added = { id, name, version, integrity, sdk: manifest.sdk, ...cli };
  keep([...installedCommands().filter((one) => one.id !== id), added], spare);
  return added;
}

/** Undefined: there are none of that plugin. */
export function removeCommands(id: string): InstalledCommands | undefined {
  const found = installedCommands().find((one) => one.id === id);
  if (found !== undefined) putBackCommands(id, undefined);
  return found;
}

/** Those of another version, which must still lie there, in the place of what the plugin has now. */
export function putBackCommands(id: string, before: InstalledCommands | undefined): void {
  keep([...installedCommands().filter((one) => one.id !== id), ...(before ? [before] : [])]);
}

/** The index is what counts: packages that it does not name go, but for one to be put back. */
function keep(plugins: readonly InstalledCommands[], spare?: InstalledCommands): void {
  const gone = installedCommands().filter(
    ({ id, version }) => ![...plugins, spare].some((one) => one?.id === id && one.version === version),
  );
  writeJson(indexFile(), { format: 1, plugins });
  for (const one of gone) rmSync(packageDir(one), { recursive: true, force: true });
}

/** Throws COMMAND_TAKEN when a command would stand in the way of one of Mezzo's, or of another plugin's. */
export function requireNames({ id, version, cli }: PluginManifest, builtIn: BuiltInWords): void {
  for (const name of Object.keys(cli?.commands ?? {})) {
    const word = firstWord(name);
    const holder = installedCommands().find(
      (one) => one.id !== id && Object.keys(one.commands).some((other) => firstWord(other) === word),
    );
    const isOwn = builtIn.has(word) || RESERVED.includes(word);
    if (holder === undefined && !isOwn) continue;
    throw new MezzoError(
      'COMMAND_TAKEN',
      `plugin ${id} ${version} brings the command "${name}", and "${word}" belongs to ${isOwn ? 'Mezzo' : `plugin ${holder?.id}`}`,
      {
        blame: 'plugin',
        next: isOwn
          ? 'its author has to name it otherwise; to install the plugin without its commands: --no-commands'
          : `remove the others first: \`mezzo plugin commands remove ${holder?.id}\`; or install it with --no-commands`,
      },
    );
  }
}

/** Of a package that no leader judges. Answers the trusted key's name. Rejects with PLUGIN_UNSIGNED. */
export async function requireSigned(
  cluster: Cluster,
  { manifest: { id, name, version }, integrity, signatures }: Packed,
): Promise<string> {
  const { keys } = await callPlugins<{ keys: readonly TrustedKey[] }>(cluster, '/keys');
  const signer = signerOf({ name, version, integrity }, signatures, keys);
  if (signer !== undefined) return signer.name;
  throw new MezzoError('PLUGIN_UNSIGNED', `plugin ${id} ${version} is not signed by a key that the cluster trusts`, {
    blame: 'user',
    next: 'trust the key of its author with `mezzo plugin key trust FILE`, or say --allow-unsigned',
  });
}

/** The package that the cluster runs. The leader has judged it when it came in. */
export async function packageOfCluster(
  cluster: Cluster,
  id: string,
): Promise<Pick<Packed, 'manifest' | 'bytes' | 'integrity'>> {
  const { version = '', manifest: said } = await findEntry(cluster, id);
  if (said?.cli === undefined) throw noCommands(id, version);
  const bytes = await cluster.bytes(`/mesos/plugins/v1/packages/${encodeURIComponent(`${id}-${version}.tgz`)}`);
  const manifest = await inspectPackage(bytes);
  return { manifest, bytes, integrity: integrityOf(bytes) };
}

const noCommands = (id: string, version: string): MezzoError =>
  new MezzoError('NO_COMMANDS', `plugin ${id} ${version} brings no commands`, {
    blame: 'user',
    next: 'those that do are marked by `mezzo plugin show ID`',
  });
