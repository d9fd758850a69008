import { MezzoError, type PluginManifest } from '@mezzo/sdk/contract';
import {
  inspectPackage,
  integrityOf,
  requireForCluster,
  requireSdk,
  routeConflicts,
  signerOf,
  unmetDependencies,
  type PackageSignature,
} from '@mezzo/sdk/package';
import { checkConfig, OWN_PROCESS_SERVICES } from '@mezzo/sdk/runtime';
import type { Fleet } from './fleet.js';
import { packageFile, type PluginRecord, type PluginRecords } from './records.js';
import type { PluginPackage } from './registry.js';
import { configDigest } from './wanted.js';
import { writeWhole } from './whole-file.js';

export interface InstallerOptions {
  readonly records: PluginRecords;
  readonly fleet: Fleet;
  readonly builtIns: readonly PluginPackage[];
  /** Shipped, and not run unless they are installed: as good as signed. */
  readonly others: readonly PluginPackage[];
  readonly sdkVersion: string;
  /** Where packages lie. */
  readonly dir: string;
  /** From local configuration: it goes before what operators give over the API. */
  readonly localConfig: Readonly<Record<string, unknown>>;
}

type Json = Readonly<Record<string, unknown>>;

/** Of nodes that need a plugin. */
const MAX_NAMED = 3;

/** What operators ask of the plugins of a cluster, judged here and written down; the fleet brings it about. */
export class Installer {
  /** One after the other. */
  private changes: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: InstallerOptions) {}

  /** All plugins of the cluster as operators see them, by id. */
  list() {
    const { records, fleet, builtIns } = this.options;
    const ids = new Set([...builtIns.map(({ manifest }) => manifest.id), ...records.plugins.keys()]);
    const [disabled, config] = [records.disabled(), records.config()];
    return [...ids].sort().map((id) => {
      const record = records.plugins.get(id);
      const manifest = (this.current(id) ?? record?.rollout?.to)?.manifest;
      return {
        id,
        version: this.current(id)?.manifest.version,
        builtIn: this.isBuiltIn(id),
        enabled: !disabled.includes(id),
        manifest,
        config: config[id] ?? {},
        rollout: fleet.progress(id),
        failure: record?.failure,
      };
    });
  }

  /**
   * Takes the bytes of a tarball in; answers what is installed, and whether it is brought to the nodes one after the other. Rejects with
   * PLUGIN_PACKAGE_INVALID, PLUGIN_MANIFEST_INVALID, PLUGIN_FOR_NO_NODE, PLUGIN_LOCAL_ONLY, PLUGIN_SDK_MISMATCH, PLUGIN_UNSIGNED, PLUGIN_VERSION_EXISTS,
   * PLUGIN_BUSY, PLUGIN_DEPENDENCY, PLUGIN_ROUTE_TAKEN or PLUGIN_CONFIG_INVALID; nothing has changed then.
   */
  install(bytes: Buffer, signatures: readonly PackageSignature[], allowUnsigned: boolean) {
    return this.inTurn(async () => {
      const { records, fleet, dir, sdkVersion, others } = this.options;
      const manifest = await inspectPackage(bytes);
      const { id, name, version, process } = manifest;
      if (manifest.runsOn.length === 0) throw forNoNode(manifest);
      requireForCluster(manifest);
      const integrity = integrityOf(bytes);
      requireSdk(manifest, sdkVersion);
      const isShipped = others.some((one) => one.integrity === integrity);
      const signer = isShipped ? 'Mezzo' : signerOf({ name, version, integrity }, signatures, records.keys())?.name;
      if (signer === undefined && !allowUnsigned) throw unsigned(manifest, signatures);
      const pkg = { manifest, integrity, file: packageFile(dir, id, version), builtIn: false };
      const current = this.current(id);
      const answer = { id, version, from: current?.manifest.version, signer };
      if (current?.integrity === integrity) return { ...answer, rollout: false };
      const record = this.idle(id);
      this.requireNew(pkg);
      this.requireMet([manifest], id);
      checkConfig(id, manifest.config, this.configOf(id));
      writeWhole(pkg.file, bytes);
      const isRollout = current !== undefined || process === 'kernel';
      await records.put(
        id,
        isRollout
          ? { current: record?.current, rollout: { to: pkg, phase: 'forward', pending: [] } }
          : { current: pkg },
      );
      fleet.recordChanged(id);
      return { ...answer, rollout: isRollout };
    });
  }

  /** Rejects with PLUGIN_NOT_FOUND, PLUGIN_BUILT_IN, PLUGIN_BUSY, or PLUGIN_NEEDED, which says by whom. */
  remove(id: string): Promise<void> {
    return this.inTurn(async () => {
      const { records, fleet, builtIns } = this.options;
      const record = this.idle(id);
      if (this.isBuiltIn(id)) throw builtIn(id);
      if (record === undefined) throw notFound(id);
      const instead = builtIns.find(({ manifest }) => manifest.id === id)?.manifest;
      this.requireNotNeeded(id, instead);
      const { current } = record;
      const isRollout = current?.manifest.process === 'kernel';
      await records.put(
        id,
        isRollout ? { current, rollout: { to: undefined, phase: 'forward', pending: [] } } : undefined,
      );
      fleet.recordChanged(id);
    });
  }

  /** Rejects with PLUGIN_NOT_FOUND, or PLUGIN_NEEDED, which says by whom. */
  setEnabled(id: string, isEnabled: boolean): Promise<void> {
    return this.inTurn(async () => {
      if (this.current(id) === undefined) throw notFound(id);
      if (!isEnabled) this.requireNotNeeded(id, undefined);
      await this.options.records.setDisabled(id, !isEnabled);
      this.options.fleet.recordChanged(id);
    });
  }

  /**
   * All that operators give it; `{}` takes it back. Answers what it amounts to, and whether it is brought to the nodes one after the other, as it is where
   * their daemons have to be started again for it. Rejects with PLUGIN_CONFIG_INVALID, PLUGIN_BUSY or PLUGIN_NOT_FOUND.
   */
  configure(id: string, given: Json): Promise<{ readonly config: Json; readonly rollout: boolean }> {
    return this.inTurn(async () => {
      const { records, fleet } = this.options;
      const current = this.current(id);
      if (current === undefined) throw notFound(id);
      const whole = checkConfig(id, current.manifest.config, { ...given, ...this.local(id) });
      const was = records.config()[id] ?? {};
      const { version, process, runsOn } = current.manifest;
      const installed = process === 'kernel' ? this.idle(id)?.current : undefined;
      const isOther = !records.disabled().includes(id) && configDigest(given) !== configDigest(was);
      const rollout = isOther && process === 'kernel';
      const config = { of: { id, version, process, runsOn }, was };
      const way = { to: installed, config, phase: 'forward' as const, pending: [] };
      if (rollout) await records.put(id, { current: installed, rollout: way }, given);
      else await records.setConfig(id, given);
      fleet.recordChanged(id);
      return { config: whole, rollout };
    });
  }

  /** Takes a version that is being rolled out back. Rejects with PLUGIN_NOT_ROLLING. */
  rollBack(id: string, by: string): void {
    if (this.options.fleet.turnBack(id, `taken back by ${by}`)) return;
    throw new MezzoError('PLUGIN_NOT_ROLLING', `no version of plugin ${id} is on its way to the nodes`, {
      blame: 'user',
      next: `install the version that you want back: \`mezzo plugin install ${id}@VERSION\``,
    });
  }

  private inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.changes.then(change);
    this.changes = done.catch(() => {});
    return done;
  }

  /** It ships, and nothing was installed in its place. */
  private isBuiltIn(id: string): boolean {
    const current = this.current(id);
    return current?.builtIn === true && this.options.records.plugins.get(id)?.rollout?.to === undefined;
  }

  /** What nodes run that no rollout has reached. */
  private current(id: string): PluginPackage | undefined {
    const { records, builtIns } = this.options;
    return records.plugins.get(id)?.current ?? builtIns.find(({ manifest }) => manifest.id === id);
  }

  private local = (id: string): Json => Object(this.options.localConfig[id]) as Json;
  private configOf = (id: string): Json => ({ ...this.options.records.config()[id], ...this.local(id) });

  /** The record of a plugin of which nothing is on its way. */
  private idle(id: string): PluginRecord | undefined {
    const record = this.options.records.plugins.get(id);
    if (record?.rollout === undefined) return record;
    const { to, config } = record.rollout;
    const what = config ? 'another configuration' : (to?.manifest.version ?? 'its removal');
    throw new MezzoError('PLUGIN_BUSY', `plugin ${id}: ${what} is on its way to the nodes`, {
      blame: 'user',
      retryable: true,
      next: `wait for it, or take it back: \`mezzo plugin rollback ${id}\``,
    });
  }

  /** A version never changes. */
  private requireNew({ manifest: { id, version }, integrity }: PluginPackage): void {
    const all = [...this.options.builtIns, ...this.options.records.packages()];
    const known = all.find(({ manifest }) => manifest.id === id && manifest.version === version);
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

  /** All that would be there when `id` were these. */
  private manifestsWith(instead: readonly PluginManifest[], id: string): PluginManifest[] {
    const { records, builtIns } = this.options;
    const ids = new Set([...records.plugins.keys(), ...builtIns.map(({ manifest }) => manifest.id)]);
    ids.delete(id);
    return [...instead, ...[...ids].flatMap((other) => this.current(other)?.manifest ?? [])];
  }

  private requireMet(instead: readonly PluginManifest[], id: string): void {
    const all = this.manifestsWith(instead, id);
    const problems = unmetDependencies(all);
    const taken = routeConflicts(all).find((problem) => problem.id === id);
    if (taken !== undefined)
      throw new MezzoError('PLUGIN_ROUTE_TAKEN', taken.problem, {
        blame: 'user',
        next: 'one of them has to claim another path, or to be removed first',
      });
    if (problems.length === 0) return;
    throw new MezzoError('PLUGIN_DEPENDENCY', problems.map(({ problem }) => problem).join('; '), {
      blame: 'user',
      next: 'install or upgrade what it depends on first',
    });
  }

  private requireNotNeeded(id: string, instead: PluginManifest | undefined): void {
    const there = this.manifestsWith(instead ? [instead] : [], id);
    const provided = new Set(there.flatMap(({ provides }) => provides));
    const lost = (this.current(id)?.manifest.provides ?? []).filter((point) => !provided.has(point));
    const needs = [
      ...unmetDependencies(there).map(({ problem }) => problem),
      ...there.flatMap(({ id: other, requires }) =>
        requires
          .filter((point) => lost.includes(point) && !isService(point))
          .map((point) => `${other} requires ${point}, which nobody else provides`),
      ),
      ...(instead ? [] : this.chosenOn(id)),
    ];
    if (needs.length === 0) return;
    throw new MezzoError('PLUGIN_NEEDED', `plugin ${id} is needed: ${needs.join('; ')}`, {
      blame: 'user',
      next: 'remove what needs it first, or start the daemons without the flag that names it',
    });
  }

  private chosenOn(id: string): string[] {
    const nodes = this.options.fleet
      .rows()
      .flatMap(({ node, plugins }) => plugins.flatMap((one) => (one.id === id && one.needed ? { node, ...one } : [])));
    const more = nodes.length > MAX_NAMED ? [`and ${nodes.length - MAX_NAMED} more`] : [];
    return [...nodes.slice(0, MAX_NAMED).map(({ node, needed }) => `${node} was started with ${needed}`), ...more];
  }
}

const isService = (id: string): boolean => (OWN_PROCESS_SERVICES as readonly string[]).includes(id);

const forNoNode = ({ id }: PluginManifest): MezzoError =>
  new MezzoError('PLUGIN_FOR_NO_NODE', `plugin ${id} brings commands alone, which are for people's machines`, {
    blame: 'user',
    next: 'install it with `mezzo plugin install` where they are wanted',
  });

const notFound = (id: string): MezzoError =>
  new MezzoError('PLUGIN_NOT_FOUND', `there is no plugin ${id}`, { blame: 'user', next: 'mezzo plugin list' });

const builtIn = (id: string): MezzoError =>
  new MezzoError('PLUGIN_BUILT_IN', `plugin ${id} ships with Mezzo and cannot be removed`, {
    blame: 'user',
    next: `\`mezzo plugin disable ${id}\`, or leave it out of distribution.json of the registry that --plugins-registry names`,
  });

function unsigned({ id, version }: PluginManifest, signatures: readonly PackageSignature[]): MezzoError {
  const why =
    signatures.length === 0
      ? 'is not signed'
      : `is signed by ${signatures.map(({ keyid }) => keyid).join(', ')}, whom nobody here trusts`;
  return new MezzoError('PLUGIN_UNSIGNED', `plugin ${id} ${version} ${why}`, {
    blame: 'user',
    next: 'trust the key of its author with `mezzo plugin key trust FILE`, or say --allow-unsigned',
  });
}
