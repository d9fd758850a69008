import { createHash } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  MezzoError,
  messageOf,
  type ClusterInfo,
  type EndpointAnnouncement,
  type ExtensionPoint,
  type Logger,
  type PluginManifest,
  type PluginStatus,
  type RunsOn,
} from '@mezzo/sdk/contract';
import { checkConfig, sdkPackage, type PhaseTimeouts, type RunSpec } from '@mezzo/sdk/runtime';
import { clusterKey, mintToken, writeSecret } from '@mezzo/sdk/secrets';
import { Catalogue } from './catalogue.js';
import { EndpointDirectory } from './endpoint-directory.js';
import { HostFiles } from './host-files.js';
import { KernelPlugins, type KernelPlugin } from './kernel-plugins.js';
import { Life } from './life.js';
import { trimLog } from './log-file.js';
import { requireSdk } from './manifest.js';
import { OwnPlugin, readRecord, SUPERVISION, type Supervision } from './own-plugin.js';
import { PluginApi } from './plugin-api.js';
import { noStore, type HostStore } from './plugin-store.js';
import type { PluginPackage } from './registry.js';
import { inspectPackage, integrityOf, readPackage, unpackPackage } from './unpack.js';

export interface PluginHostOptions {
  readonly runsOn: RunsOn;
  /** Of the daemon: plugins/, registry/, run/ and logs/ are below it. */
  readonly workDir: string;
  /** The built-in plugins; undefined = there are none. */
  readonly registryDir: string | undefined;
  /** Holds cluster.key. */
  readonly secretsDir: string;
  readonly cluster: Omit<ClusterInfo, 'host' | 'stateDir'>;
  /** PEM of the authority that the kernel's certificates come from, for plugins in processes of their own. */
  readonly caFile?: string | undefined;
  readonly log: Logger;
  /** Of plugins in processes of their own: debug, info (default), warn, error. */
  readonly logLevel?: string;
  /** Masters only. */
  readonly store?: HostStore;
  /** By plugin id; goes before what the store holds. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Installed on the cluster: a master knows them from its store, an agent from its master. */
  readonly installed?: readonly PluginPackage[];
  readonly timeouts?: Partial<PhaseTimeouts>;
  readonly supervision?: Partial<Supervision>;
}

const CONFIG = 'kernel/plugin-config/';
const TRIM_EVERY_MS = 30_000;
const SETTLE_TIMEOUT_MS = 15_000;
const KERNEL_TOKEN_SECONDS = 3 * 24 * 3600;
const RENEW_EVERY_MS = 12 * 3_600_000;

/** All plugins of one daemon. Knows none of them by name. */
export class PluginHost {
  readonly directory: EndpointDirectory;
  private readonly files: HostFiles;
  private readonly sdk = sdkPackage();
  private readonly api: PluginApi;
  private readonly kernel: KernelPlugins;
  private readonly own = new Map<string, OwnPlugin>();
  private readonly catalogue: Catalogue;
  /** Those that cannot even be started. */
  private readonly broken = new Map<string, PluginStatus>();
  private readonly trimming: NodeJS.Timeout;
  private readonly renewing: NodeJS.Timeout;
  private leading: boolean | undefined;
  /** The whole cluster is being stopped. */
  private halted = false;
  /** Installations, removals and changes of leadership happen one after the other. */
  private changes: Promise<unknown> = Promise.resolve();

  private constructor(private readonly options: PluginHostOptions) {
    const store = options.store ?? noStore;
    this.files = new HostFiles(options.workDir);
    this.catalogue = new Catalogue({
      registryDir: options.registryDir,
      installedDir: this.files.registry,
      store,
      log: options.log,
    });
    this.directory = new EndpointDirectory(options.log);
    this.api = new PluginApi(store, this.directory, options.log);
    this.kernel = new KernelPlugins(store, options.log, options.timeouts);
    this.trimming = setInterval(() => this.trimLogs(), TRIM_EVERY_MS);
    this.trimming.unref();
    this.renewing = setInterval(() => this.renewTokens(), RENEW_EVERY_MS);
    this.renewing.unref();
  }

  /**
   * Adopts what an earlier host left running, loads the plugins of this process (resolves when they serve) and starts the others
   * (does not wait for them). Rejects with PLUGIN_REGISTRY_INVALID, or with PLUGIN_REQUIRED when a plugin of this process fails
   * whose manifest says that the daemon must not run without it.
   */
  static async start(options: PluginHostOptions): Promise<PluginHost> {
    const host = new PluginHost(options);
    try {
      await host.begin();
      return host;
    } catch (error) {
      await host.shutdown({ keepPlugins: true });
      throw error;
    }
  }

  /** What the plugins of this process contribute to a point. */
  contributions<T>(point: ExtensionPoint<T>): T[] {
    return this.kernel.contributions(point);
  }

  statuses(): PluginStatus[] {
    const own = [...this.own.values()].map((plugin) => plugin.status());
    const all = [...own, ...this.kernel.statuses(), ...this.broken.values()];
    return all.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  endpoints(): EndpointAnnouncement[] {
    return this.directory.list();
  }

  /** Prometheus text of one plugin. */
  metrics(id: string): Promise<string> {
    return this.own.get(id)?.metrics() ?? this.kernel.metrics(id);
  }

  /** Starts or stops the plugins that run on the leading master only. Resolves when those that had to stop are gone. */
  setLeading(leading: boolean): Promise<void> {
    return this.inTurn(async () => {
      this.leading = leading;
      await Promise.all([...this.own.keys()].map((id) => this.place(id)));
    });
  }

  /** Installs or upgrades from the bytes of a tarball. Those in processes of their own run when it resolves, or say why not. */
  async install(bytes: Buffer): Promise<{ plugin: PluginStatus; message: string }> {
    const manifest = await this.inTurn(() => this.add(bytes));
    const plugin = await this.settled(manifest);
    return { plugin, message: messageAfterInstall(plugin) };
  }

  /** Takes an installed plugin away; where it had replaced a built-in one, that one comes back. */
  remove(id: string): Promise<void> {
    return this.inTurn(async () => {
      const instead = await this.catalogue.remove(id);
      if (instead?.manifest.process === 'own' && this.runsHere(instead.manifest)) return this.upsert(instead);
      await this.own.get(id)?.stop();
      this.own.delete(id);
      this.broken.delete(id);
      this.api.dismiss(id);
      this.files.forget(id);
    });
  }

  /** What operators installed, for agents to fetch. */
  installed(): PluginPackage[] {
    return this.catalogue.installed();
  }

  /** Ends the plugins in processes of their own and starts none from now on: the whole cluster is about to stop. */
  async stopPlugins(): Promise<void> {
    this.halted = true;
    await Promise.all([...this.own.values()].map((plugin) => plugin.stop()));
  }

  /** `keepPlugins`: those in processes of their own run on, for the next host to adopt. */
  async shutdown({ keepPlugins }: { readonly keepPlugins: boolean }): Promise<void> {
    clearInterval(this.trimming);
    clearInterval(this.renewing);
    if (keepPlugins) for (const plugin of this.own.values()) plugin.detach();
    else await this.stopPlugins();
    await this.kernel.stop();
    await this.api.close();
  }

  private async begin(): Promise<void> {
    this.files.linkSdk(this.sdk.dir);
    this.catalogue.load(this.options.installed ?? (this.options.store === undefined ? [] : undefined));
    const here = this.catalogue.all().filter(({ manifest }) => this.runsHere(manifest));
    const inKernel = here.filter(({ manifest }) => manifest.process === 'kernel');
    for (const pkg of here) if (pkg.manifest.process === 'own') await this.prepareOwn(pkg);
    // Who was announced stays announced: nobody can ask before we know what runs.
    await Promise.all([...[...this.own.values()].map((plugin) => plugin.adopt()), this.endStrangers()]);
    await this.api.listen(this.files.apiSocket);
    for (const id of this.own.keys()) await this.place(id);
    await this.kernel.start(await this.prepareKernel(inKernel));
    this.requireEssential();
  }

  private async add(bytes: Buffer): Promise<PluginManifest> {
    const manifest = await inspectPackage(bytes);
    const { id } = manifest;
    const integrity = integrityOf(bytes);
    requireSdk(manifest, this.sdk.version);
    this.catalogue.requireNew(manifest, integrity);
    await unpackPackage(this.files.plugins, manifest, bytes, integrity);
    // One that cannot run as it is configured does not replace one that does.
    checkConfig(id, manifest.config, this.configOf(id));
    const pkg = await this.catalogue.add(manifest, bytes, integrity);
    if (this.runsHere(manifest) && manifest.process === 'own') await this.upsert(pkg);
    return manifest;
  }

  private inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.changes.then(change);
    this.changes = done.catch(() => {});
    return done;
  }

  private runsHere({ runsOn }: PluginManifest): boolean {
    return runsOn.includes(this.options.runsOn);
  }

  /** Unpacks it and makes it known; an installed one that runs is exchanged. */
  private async upsert(pkg: PluginPackage): Promise<void> {
    await this.prepareOwn(pkg);
    await this.place(pkg.manifest.id);
  }

  private async prepareOwn(pkg: PluginPackage): Promise<void> {
    const { manifest } = pkg;
    const { id } = manifest;
    try {
      const spec = await this.specOf(pkg);
      this.broken.delete(id);
      const running = this.own.get(id);
      if (running !== undefined) return await running.replace(spec);
      const onChange = () => this.directory.set(id, plugin.endpoints);
      const supervision = { ...SUPERVISION, ...this.options.supervision };
      const log = this.options.log.child({ plugin: id });
      const plugin = new OwnPlugin(spec, this.files.of(id), this.sdk.runner, log, onChange, supervision);
      this.own.set(id, plugin);
    } catch (error) {
      this.breakDown(manifest, error);
    }
  }

  private async prepareKernel(packages: readonly PluginPackage[]): Promise<KernelPlugin[]> {
    const ready: KernelPlugin[] = [];
    for (const { manifest, file, integrity } of packages)
      try {
        requireSdk(manifest, this.sdk.version);
        const dir = await unpackPackage(this.files.plugins, manifest, readPackage(file), integrity);
        ready.push({ manifest, dir, config: this.configOf(manifest.id), cluster: this.clusterOf(manifest.id) });
      } catch (error) {
        this.breakDown(manifest, error);
      }
    return ready;
  }

  private breakDown(manifest: PluginManifest, error: unknown): void {
    this.options.log.error(`plugin ${manifest.id} cannot be started: ${messageOf(error)}`, { plugin: manifest.id });
    const { id, version, process, runsOn } = manifest;
    this.broken.set(id, {
      id,
      version,
      state: 'failed',
      reason: messageOf(error),
      process,
      runsOn,
      restarts: 0,
      endpoints: {},
    });
  }

  private requireEssential(): void {
    for (const { id, state, reason } of this.statuses())
      if (state === 'failed' && this.catalogue.get(id)?.manifest.onFailure === 'abort')
        throw new MezzoError('PLUGIN_REQUIRED', `this daemon must not run without plugin ${id}: ${reason ?? state}`, {
          blame: 'plugin',
        });
  }

  private async place(id: string): Promise<void> {
    const plugin = this.own.get(id);
    const placement = this.catalogue.get(id)?.manifest.placement;
    if (plugin === undefined || this.halted) return;
    if (placement === 'every' || this.leading === true) plugin.start();
    else if (this.leading === false) await plugin.stop('runs on the leading master');
  }

  private async specOf({ manifest, file, integrity }: PluginPackage): Promise<RunSpec> {
    const { id } = manifest;
    requireSdk(manifest, this.sdk.version);
    const { file: tokenFile, token } = this.files.token(id);
    this.api.admit(token, manifest);
    await this.writeKernelToken(id);
    const spec = {
      format: 1 as const,
      pluginDir: await unpackPackage(this.files.plugins, manifest, readPackage(file), integrity),
      manifest,
      config: checkConfig(id, manifest.config, this.configOf(id)),
      cluster: this.clusterOf(id),
      apiSocket: this.files.apiSocket,
      tokenFile,
      kernelTokenFile: this.files.kernelToken(id),
      ...(this.options.caFile !== undefined && { caFile: this.options.caFile }),
      controlSocket: this.files.controlSocket(id),
      logLevel: this.options.logLevel ?? 'info',
      ...(manifest.requires.includes('cluster-key') && {
        clusterKeyFile: join(this.options.secretsDir, 'cluster.key'),
      }),
    };
    return {
      ...spec,
      digest: createHash('sha256')
        .update(JSON.stringify([spec, integrity, this.sdk]))
        .digest('hex'),
    };
  }

  private async writeKernelToken(id: string): Promise<void> {
    const key = clusterKey(this.options.secretsDir);
    writeSecret(this.files.kernelToken(id), await mintToken(key, { uid: id, scope: 'plugin' }, KERNEL_TOKEN_SECONDS));
  }

  private configOf(id: string): unknown {
    const stored = this.options.store?.get(CONFIG + id)?.value;
    return {
      ...(stored === undefined ? {} : (JSON.parse(stored) as object)),
      ...(this.options.config?.[id] as object),
    };
  }

  private clusterOf(id: string): ClusterInfo {
    return { ...this.options.cluster, host: this.options.runsOn, stateDir: this.files.stateDir(id) };
  }

  private async settled({ id, version, process, runsOn }: PluginManifest): Promise<PluginStatus> {
    const now = () => this.statuses().find((status) => status.id === id && status.process === 'own');
    const settled = () => ['active', 'degraded', 'failed', 'skipped', 'stopped'].includes(now()?.state ?? 'stopped');
    for (const deadline = Date.now() + SETTLE_TIMEOUT_MS; !settled() && Date.now() < deadline;)
      await new Promise((resolve) => setTimeout(resolve, 50));
    return now() ?? { id, version, state: 'discovered', process, runsOn, restarts: 0, endpoints: {} };
  }

  /** Processes of plugins that are no longer wanted at all. */
  private async endStrangers(): Promise<void> {
    const names = readdirSync(this.files.run).filter(
      (name) => name.endsWith('.json') && !this.own.has(name.slice(0, -5)),
    );
    await Promise.all(
      names.map(async (name) => {
        const file = join(this.files.run, name);
        const record = readRecord(file);
        if (record !== undefined)
          await Life.adopted(record, record.controlSocket, () => {}).stop(SUPERVISION.stopGraceMs);
        rmSync(file, { force: true });
      }),
    );
  }

  private renewTokens(): void {
    for (const id of this.own.keys())
      this.writeKernelToken(id).catch((error: unknown) =>
        this.options.log.error('the token of a plugin is not renewed', { plugin: id, reason: messageOf(error) }),
      );
  }

  private trimLogs(): void {
    for (const id of this.own.keys()) void trimLog(this.files.of(id).log);
  }
}

function messageAfterInstall({ id, version, state, reason, process, runsOn }: PluginStatus): string {
  const name = `${id} ${version}`;
  if (process === 'kernel')
    return `${name} is installed: ${runsOn.join('s and ')}s take it when they are restarted, tasks run on`;
  if (!runsOn.includes('master')) return `${name} is installed: agents take it when they are restarted, tasks run on`;
  return `${name} is ${state}${reason === undefined ? '' : `: ${reason}`}`;
}
