import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  MezzoError,
  messageOf,
  type Logger,
  type PluginManifest,
  type PluginState,
  type PluginStatus,
} from '@mezzo/sdk/contract';
import { manifestOfEntry } from '@mezzo/sdk/package';

/** One plugin of a registry: what it says about itself, and the tarball with its code. */
export interface PluginPackage {
  readonly manifest: PluginManifest;
  /** Path of the tarball. */
  readonly file: string;
  /** `sha512-<base64>` */
  readonly integrity: string;
  /** Shipped with Mezzo, as against installed by an operator. */
  readonly builtIn: boolean;
}

/** What ships with Mezzo: a directory of packages with an index as registries of npm have it. */
export interface Shipped {
  /** Those that run unless told otherwise: its distribution.json names them. */
  readonly builtIns: readonly PluginPackage[];
  /** Those that wait to be installed. */
  readonly others: readonly PluginPackage[];
}

export function readRegistry(dir: string, log: Logger): Shipped {
  const index = readJson(join(dir, 'index.json'))['packages'];
  const distribution = readJson(join(dir, 'distribution.json'))['plugins'];
  if (typeof index !== 'object' || index === null || !Array.isArray(distribution))
    throw damaged(dir, 'index.json holds no "packages", or distribution.json no list of "plugins"');
  const packages = Object.values(index as Record<string, Packument>).flatMap(
    (packument) => latestOf(dir, packument, log) ?? [],
  );
  const ids: readonly unknown[] = distribution;
  for (const id of ids)
    if (!packages.some(({ manifest }) => manifest.id === id)) log.error(`the registry holds no plugin ${String(id)}`);
  const runs = ({ manifest }: PluginPackage): boolean => ids.includes(manifest.id);
  return { builtIns: packages.filter(runs), others: packages.filter((pkg) => !runs(pkg)) };
}

interface Packument {
  readonly 'dist-tags'?: { readonly latest?: string };
  readonly versions?: Readonly<Record<string, Record<string, unknown>>>;
}

function latestOf(dir: string, packument: Packument, log: Logger): PluginPackage | undefined {
  const { name, version, description, mezzo, dist } = packument.versions?.[packument['dist-tags']?.latest ?? ''] ?? {};
  const { tarball: file, integrity } = Object(dist) as Record<string, unknown>;
  const manifest = { name, version, ...(description !== undefined && { description }), ...(mezzo as object) };
  return packageOf(dir, { manifest, file, integrity }, true, log);
}

/** From an index or a record of an installation. Undefined, with a word in the log, when it is wrong. */
export function packageOf(dir: string, entry: unknown, builtIn: boolean, log: Logger): PluginPackage | undefined {
  const { manifest, file, integrity } = (entry ?? {}) as Record<string, unknown>;
  try {
    if (typeof file !== 'string' || file !== basename(file) || typeof integrity !== 'string')
      throw damaged(dir, '"file" is no name of a file, or "integrity" is missing');
    return { manifest: manifestOfEntry(manifest), file: join(dir, file), integrity, builtIn };
  } catch (error) {
    log.error(`a plugin of the registry is left out: ${messageOf(error)}`);
    return undefined;
  }
}

/** Of a plugin that does not run. */
export const rowOf = (manifest: PluginManifest, state: PluginState, reason: string): PluginStatus => {
  const { id, version, process, runsOn } = manifest;
  return { id, version, state, reason, process, runsOn, restarts: 0, endpoints: {} };
};

/** The form of an index, for files and for the wire. */
export const entryOf = ({ manifest, file, integrity }: PluginPackage) => ({
  manifest,
  file: basename(file),
  integrity,
});

function readJson(file: string): Record<string, unknown> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  } catch (error) {
    throw damaged(file, messageOf(error));
  }
}

const damaged = (where: string, problem: string): MezzoError =>
  new MezzoError('PLUGIN_REGISTRY_INVALID', `the plugin registry ${where} cannot be used: ${problem}`, {
    blame: 'operator',
    next: 'build Mezzo again, or give another directory with --plugins-registry',
  });
