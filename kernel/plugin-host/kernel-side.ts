import {
  messageOf,
  type ClusterInfo,
  type ExtensionPoint,
  type PluginManifest,
  type PluginStatus,
} from '@mezzo/sdk/contract';
import { readPackage, requireSdk, unpackPackage } from '@mezzo/sdk/package';
import { checkConfig } from '@mezzo/sdk/runtime';
import type { KernelPlugin, KernelPlugins } from './kernel-plugins.js';
import { rowOf, type PluginPackage } from './registry.js';
import { keyOf, type Choice, type Trials } from './trials.js';
import { configDigest } from './wanted.js';

/** What the host knows of a plugin. */
export interface KernelSideHost {
  readonly pluginsDir: string;
  readonly sdkVersion: string;
  isDisabled(id: string): boolean;
  /** What operators gave it, and what that amounts to on this node. */
  givenTo(id: string): Choice['given'];
  configOf(id: string, given: Choice['given']): unknown;
  clusterOf(id: string): ClusterInfo;
  /** It cannot be started. */
  breakDown(manifest: PluginManifest, reason: string): void;
  /** It can after all. */
  mend(id: string): void;
}

/** The plugins of the daemon's own process: which versions are loaded, and which would be if it were started now. */
export class KernelSide {
  /** Versions that the next start brings. */
  private readonly next = new Map<string, string>();
  /** What the next start brings besides. */
  private readonly notes = new Map<string, string>();
  private wanted: readonly PluginPackage[] = [];

  constructor(
    private readonly plugins: KernelPlugins,
    private readonly trials: Trials,
    private readonly host: KernelSideHost,
  ) {}

  /** Loads them; resolves when they serve. One that ended this daemon the last times is left out for the one before it. */
  async start(packages: readonly PluginPackage[]): Promise<void> {
    this.wanted = packages;
    const chosen = packages.flatMap((pkg) => this.choose(pkg) ?? []);
    this.trials.begin(chosen);
    const ready: KernelPlugin[] = [];
    for (const choice of chosen)
      try {
        ready.push(await this.unpack(choice));
      } catch (error) {
        this.host.breakDown(choice.pkg.manifest, messageOf(error));
      }
    await this.plugins.start(ready);
  }

  contributions<T>(point: ExtensionPoint<T>): T[] {
    return this.plugins.contributions(point);
  }

  metrics(id: string): Promise<string> {
    return this.plugins.metrics(id);
  }

  statuses(): PluginStatus[] {
    const rows = new Map(this.plugins.statuses().map((row) => [row.id, row]));
    for (const { manifest } of this.wanted) {
      const { id } = manifest;
      if (rows.has(id)) continue;
      if (this.host.isDisabled(id)) rows.set(id, rowOf(manifest, 'stopped', 'disabled by an operator'));
      else rows.set(id, rowOf(manifest, 'discovered', 'waits for the next start of this daemon'));
    }
    const loaded = new Map(this.plugins.loaded().map(({ manifest, given }) => [manifest.id, given]));
    return [...rows.values()].map((row) => {
      const [next, note] = [this.next.get(row.id), this.notes.get(row.id)];
      const config = (next === undefined ? loaded.get(row.id) : undefined) ?? configDigest(this.host.givenTo(row.id));
      return { ...row, config, ...(next !== undefined && { next }), ...(note !== undefined && { reason: note }) };
    });
  }

  /** Versions that may still be imported from. */
  loaded(): readonly KernelPlugin[] {
    return this.plugins.loaded();
  }

  /**
   * What is to be loaded from now on. Answers whether the daemon has to be started again for another version or configuration: when that may be, somebody
   * has seen to who gives one to whom. What nobody sees to waits for a start that comes anyway.
   */
  async apply(packages: readonly PluginPackage[]): Promise<boolean> {
    const before = new Set(this.wanted.map(({ integrity }) => integrity));
    this.wanted = packages;
    this.next.clear();
    this.notes.clear();
    for (const loaded of this.plugins.loaded()) this.compare(loaded, packages);
    for (const pkg of packages) {
      const { id, version } = pkg.manifest;
      const isLoaded = this.plugins.loaded().some(({ manifest }) => manifest.id === id);
      // One that was disabled is no other version.
      if (!isLoaded && !this.host.isDisabled(id) && !before.has(pkg.integrity)) this.next.set(id, version);
      if (this.next.get(id) === version && !(await this.canBe(pkg))) this.next.delete(id);
    }
    return this.next.size > 0;
  }

  stop(): Promise<void> {
    this.trials.forgive();
    return this.plugins.stop();
  }

  private choose(pkg: PluginPackage): Choice | undefined {
    const { manifest } = pkg;
    if (this.host.isDisabled(manifest.id)) return undefined;
    const { load, refused } = this.trials.choose(this.wantedOf(pkg));
    if (!refused) return load;
    const instead = load === undefined ? 'it is left out' : `${nameOf(load, pkg)} runs in its place`;
    this.host.breakDown(manifest, `it ended this daemon when it was loaded: ${instead}`);
    return load;
  }

  private wantedOf = (pkg: PluginPackage): Choice => ({ pkg, given: this.host.givenTo(pkg.manifest.id) });

  private compare({ manifest: { id }, integrity, given }: KernelPlugin, packages: readonly PluginPackage[]): void {
    const pkg = packages.find(({ manifest }) => manifest.id === id);
    if (pkg === undefined) return void this.next.set(id, 'none');
    if (pkg.integrity !== integrity) return void this.next.set(id, pkg.manifest.version);
    this.host.mend(id);
    if (this.host.isDisabled(id)) this.notes.set(id, 'disabled by an operator: it ends with this daemon');
    else if (given !== configDigest(this.host.givenTo(id))) {
      this.notes.set(id, 'its configuration has changed: it is taken at the next start of this daemon');
      this.next.set(id, pkg.manifest.version);
    }
  }

  /** That it can be loaded is known before the daemon ends for it, and what ended the daemon before is not tried again. */
  private async canBe(pkg: PluginPackage): Promise<boolean> {
    try {
      const choice = this.choose(pkg);
      if (choice === undefined || keyOf(choice) !== keyOf(this.wantedOf(pkg))) return false;
      checkConfig(pkg.manifest.id, pkg.manifest.config, (await this.unpack(choice)).config);
      return true;
    } catch (error) {
      this.host.breakDown(pkg.manifest, messageOf(error));
      return false;
    }
  }

  private async unpack({ pkg: { manifest, file, integrity }, given }: Choice): Promise<KernelPlugin> {
    requireSdk(manifest, this.host.sdkVersion);
    const { id } = manifest;
    const dir = await unpackPackage(this.host.pluginsDir, manifest, readPackage(file), integrity);
    const config = this.host.configOf(id, given);
    return { manifest, integrity, dir, config, given: configDigest(given), cluster: this.host.clusterOf(id) };
  }
}

const nameOf = ({ pkg }: Choice, wanted: PluginPackage): string =>
  pkg.integrity === wanted.integrity ? `${pkg.manifest.version} as it was configured before` : pkg.manifest.version;
