import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MezzoError, type Logger, type PluginManifest } from '@mezzo/sdk/contract';
import type { HostStore } from './plugin-store.js';
import { entryOf, packageOf, readRegistry, type PluginPackage } from './registry.js';

const INSTALLED = 'kernel/plugins/';

export interface CatalogueOptions {
  /** The built-in plugins; undefined = there are none. */
  readonly registryDir: string | undefined;
  /** Where the tarballs of installed plugins are kept. */
  readonly installedDir: string;
  readonly store: HostStore;
  readonly log: Logger;
}

/** Which plugins this cluster has: the built-in ones and, before them, what operators installed. */
export class Catalogue {
  private readonly builtIns: readonly PluginPackage[];
  private readonly installedById = new Map<string, PluginPackage>();

  constructor(private readonly options: CatalogueOptions) {
    const { registryDir, log } = options;
    this.builtIns = registryDir === undefined ? [] : readRegistry(registryDir, log);
  }

  /** `known` instead of what the store holds: for agents, which have no store. */
  load(known?: readonly PluginPackage[]): void {
    const { store, installedDir, log } = this.options;
    const stored = () =>
      store.list(INSTALLED).flatMap(({ value }) => packageOf(installedDir, parse(value), false, log) ?? []);
    for (const pkg of known ?? stored()) this.installedById.set(pkg.manifest.id, pkg);
  }

  all(): PluginPackage[] {
    return [...this.builtIns.filter(({ manifest }) => !this.installedById.has(manifest.id)), ...this.installed()];
  }

  get(id: string): PluginPackage | undefined {
    return this.installedById.get(id) ?? this.builtIns.find(({ manifest }) => manifest.id === id);
  }

  installed(): PluginPackage[] {
    return [...this.installedById.values()];
  }

  /** Throws PLUGIN_VERSION_EXISTS: a version never changes. */
  requireNew({ id, version }: PluginManifest, integrity: string): void {
    const known = [...this.builtIns, ...this.installed()].find(
      ({ manifest }) => manifest.id === id && manifest.version === version,
    );
    if (known === undefined || known.integrity === integrity) return;
    throw new MezzoError(
      'PLUGIN_VERSION_EXISTS',
      `there is another ${id} ${version} already: a version never changes`,
      {
        blame: 'user',
        next: 'raise the version in package.json and pack it again',
      },
    );
  }

  async add(manifest: PluginManifest, bytes: Uint8Array, integrity: string): Promise<PluginPackage> {
    const { id, version } = manifest;
    const file = join(this.options.installedDir, `${id}-${version}.tgz`);
    const pkg = { manifest, integrity, file, builtIn: false };
    const earlier = this.installedById.get(id);
    writeFileSync(`${file}.tmp`, bytes, { mode: 0o600 });
    renameSync(`${file}.tmp`, file);
    await this.options.store.commit([{ op: 'put', key: INSTALLED + id, value: JSON.stringify(entryOf(pkg)) }]);
    if (earlier !== undefined && earlier.file !== file) rmSync(earlier.file, { force: true });
    this.installedById.set(id, pkg);
    return pkg;
  }

  /** Answers what comes in its place. Rejects with PLUGIN_NOT_FOUND or PLUGIN_BUILT_IN. */
  async remove(id: string): Promise<PluginPackage | undefined> {
    const pkg = this.get(id);
    if (pkg === undefined)
      throw new MezzoError('PLUGIN_NOT_FOUND', `there is no plugin ${id}`, {
        blame: 'user',
        next: 'mezzo plugin list',
      });
    if (pkg.builtIn)
      throw new MezzoError('PLUGIN_BUILT_IN', `plugin ${id} ships with Mezzo and cannot be removed`, {
        blame: 'user',
        next: 'leave it out of distribution.json of the registry that --plugins-registry names',
      });
    await this.options.store.commit([{ op: 'delete', key: INSTALLED + id }]);
    this.installedById.delete(id);
    rmSync(pkg.file, { force: true });
    return this.get(id);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
