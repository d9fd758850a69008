import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { MezzoError, messageOf, type Logger, type PluginManifest } from '@mezzo/sdk/contract';
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

/** The plugins that run unless told otherwise: those of the directory's index.json that its distribution.json names. */
export function readRegistry(dir: string, log: Logger): PluginPackage[] {
  const index = readJson(join(dir, 'index.json'))['plugins'];
  const distribution = readJson(join(dir, 'distribution.json'))['plugins'];
  if (!Array.isArray(index) || !Array.isArray(distribution))
    throw damaged(dir, 'index.json and distribution.json hold no list of "plugins"');
  const packages = index.flatMap((entry) => packageOf(dir, entry, true, log) ?? []);
  for (const id of distribution)
    if (!packages.some(({ manifest }) => manifest.id === id)) log.error(`the registry holds no plugin ${String(id)}`);
  return packages.filter(({ manifest }) => distribution.includes(manifest.id));
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
