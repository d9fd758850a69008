import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
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
import { linkSdk, sdkPackage, type PhaseTimeouts } from '@mezzo/sdk/runtime';
import { Catalogue } from './catalogue.js';
import { EndpointDirectory } from './endpoint-directory.js';
import { PluginCgroups } from './cgroups.js';
import { API_SOCKET, HostFiles } from './host-files.js';
import { Keeper } from './keeper.js';
import { KernelPlugins, type Chosen } from './kernel-plugins.js';
import { KernelSide } from './kernel-side.js';
import { Life } from './life.js';
import { endOfLog, trimLog } from './log-file.js';
import { OwnPlugin, readRecord, SUPERVISION, type Supervision } from './own-plugin.js';
import { PluginApi } from './plugin-api.js';
import { noStore, type HostStore } from './plugin-store.js';
import { rowOf, type PluginPackage, type Shipped } from './registry.js';
import { permitted, prepareRun, renewKernelToken, type RunOptions } from './runs.js';
import { Sandbox } from './sandbox.js';
import { Trials } from './trials.js';
import { removeFile } from './whole-file.js';
import { configDigest, prunePackages, WantedFile, type Wanted } from './wanted.js';

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
  /** What operators installed, as it is known at the start. Default: as it was known the last time. `apply` tells what becomes of it. */
  readonly wanted?: Wanted | undefined;
  /** Ends this daemon so that somebody starts it again: how plugins of its own process change. Undefined: nobody would. */
  readonly restart?: (() => void) | undefined;
  /** What this daemon was told to use of what plugins bring. */
  readonly chosen?: readonly Chosen[];
  readonly timeouts?: Partial<PhaseTimeouts>;
  readonly supervision?: Partial<Supervision>;
}

/** What a plugin writes at its fastest in this time must not fill a disk. */
const TRIM_EVERY_MS = 1_000;
const RENEW_EVERY_MS = 12 * 3_600_000;

/** All plugins of one daemon. Knows none of them by name. */
export class PluginHost {
  readonly directory: EndpointDirectory;
  private readonly files: HostFiles;
  private readonly sdk = sdkPackage();
  private readonly api: PluginApi;
  private readonly kernel: KernelSide;
  private readonly own = new Map<string, OwnPlugin>();
  private readonly catalogue: Catalogue;
  /** Those that cannot even be started. */
  private readonly broken = new Map<string, PluginStatus>();
  private readonly trials: Trials;
  private readonly cgroups: PluginCgroups | undefined;
  /** Opened for the first plugin in a process of its own: most agents have none. */
  private sandbox: Promise<Sandbox> | undefined;
  /** By id: of what it was prepared to run. */
  private readonly prepared = new Map<string, string>();
  private readonly wantedFile: WantedFile;
  private readonly changed = new Set<() => void>();
  private readonly trimming: NodeJS.Timeout;
  private isTrimming = false;
  private readonly renewing: NodeJS.Timeout;
  private leading: boolean | undefined;
  /** The whole cluster is being stopped. */
  private halted = false;
  /** Installations, removals and changes of leadership happen one after the other. */
  private changes: Promise<unknown> = Promise.resolve();

  private constructor(private readonly options: PluginHostOptions) {
    const store = options.store ?? noStore;
    this.files = new HostFiles(options.workDir);
    this.wantedFile = new WantedFile(this.files.registry, options.log);
    this.catalogue = new Catalogue(options.registryDir, options.log, options.wanted ?? this.wantedFile.read());
    // By the work directory: several daemons of one machine have plugins of the same ids.
    this.cgroups = PluginCgroups.open(
      createHash('sha256').update(options.workDir).digest('hex').slice(0, 12),
      options.log,
    );
    this.trials = new Trials(this.files.registry, options.log);
    this.directory = new EndpointDirectory(options.log);
    this.api = new PluginApi(store, this.directory, options.log);
    this.kernel = new KernelSide(new KernelPlugins(store, options.log, options.timeouts, options.chosen), this.trials, {
      pluginsDir: this.files.plugins,
      sdkVersion: this.sdk.version,
      isDisabled: (id) => this.catalogue.isDisabled(id),
      givenTo: (id) => this.catalogue.wanted.config[id] ?? {},
      configOf: (id, given) => this.configOf(id, given),
      clusterOf: (id) => this.clusterOf(id),
      breakDown: (manifest, reason) => this.breakDown(manifest, reason),
      mend: (id) => this.broken.delete(id),
    });
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

  /** What ships with Mezzo. */
  get shipped(): Shipped {
    return this.catalogue.shipped;
  }

  statuses(): PluginStatus[] {
    const own = [...this.own.values()].map((plugin) => plugin.status());
    const rows = new Map([...own, ...this.kernel.statuses(), ...this.broken.values()].map((row) => [row.id, row]));
    return [...rows.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Calls after each change of what `statuses` answers. */
  onChange(listener: () => void): void {
    this.changed.add(listener);
  }

  endpoints(): EndpointAnnouncement[] {
    return this.directory.list();
  }

  /** Prometheus text of one plugin. */
  metrics(id: string): Promise<string> {
    return this.own.get(id)?.metrics() ?? this.kernel.metrics(id);
  }

  /** The last lines that a plugin in a process of its own wrote. Throws PLUGIN_NOT_FOUND. */
  log(id: string, bytes: number): string {
    if (this.own.has(id)) return endOfLog(this.files.of(id).log, bytes);
    const isHere = this.statuses().some((row) => row.id === id);
    throw new MezzoError(
      'PLUGIN_NOT_FOUND',
      isHere ? `plugin ${id} writes into the log of its daemon` : `there is no plugin ${id} here`,
      {
        blame: 'user',
        next: 'mezzo plugin list',
      },
    );
  }

  /** Starts or stops the plugins that run on the leading master only. Resolves when those that had to stop are gone. */
  setLeading(leading: boolean): Promise<void> {
    return this.inTurn(async () => {
      this.leading = leading;
      await Promise.all([...this.own.keys()].map((id) => this.place(id)));
    });
  }

  /**
   * What operators installed is to be this from now on; packages lie where it says. Those in processes of their own are started,
   * exchanged and stopped; for those of this process the daemon is started again, where somebody does that.
   */
  apply(wanted: Wanted): Promise<void> {
    return this.inTurn(async () => {
      this.catalogue.wanted = wanted;
      this.wantedFile.write(wanted);
      const here = this.catalogue.all().filter(({ manifest }) => this.runsHere(manifest));
      const own = here.filter(({ manifest }) => manifest.process === 'own');
      for (const id of [...this.own.keys(), ...this.broken.keys()])
        if (!own.some(({ manifest }) => manifest.id === id)) await this.drop(id);
      for (const pkg of own) await this.prepareOwn(pkg);
      this.claim(own);
      await Promise.all(own.map(({ manifest }) => this.place(manifest.id)));
      const isDue = await this.kernel.apply(here.filter(({ manifest }) => manifest.process === 'kernel'));
      this.prune();
      this.tell();
      if (isDue) this.options.restart?.();
    });
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
    if (!keepPlugins) this.cgroups?.close();
    await this.kernel.stop();
    await this.api.close();
  }

  private async begin(): Promise<void> {
    linkSdk(this.files.plugins, this.sdk.dir);
    this.wantedFile.write(this.catalogue.wanted);
    const here = this.catalogue.all().filter(({ manifest }) => this.runsHere(manifest));
    const inKernel = here.filter(({ manifest }) => manifest.process === 'kernel');
    for (const pkg of here) if (pkg.manifest.process === 'own') await this.prepareOwn(pkg);
    this.claim(here);
    // Who was announced stays announced: nobody can ask before we know what runs.
    await Promise.all([...[...this.own.values()].map((plugin) => plugin.adopt()), this.endStrangers()]);
    await this.api.listen(join(this.files.apiDir, API_SOCKET));
    for (const id of this.own.keys()) await this.place(id);
    await this.kernel.start(inKernel);
    this.requireEssential();
  }

  private inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.changes.then(change);
    this.changes = done.catch(() => {});
    return done;
  }

  private runsHere({ runsOn }: PluginManifest): boolean {
    return runsOn.includes(this.options.runsOn);
  }

  private async drop(id: string): Promise<void> {
    await this.own.get(id)?.stop();
    this.own.delete(id);
    this.prepared.delete(id);
    this.broken.delete(id);
    this.api.dismiss(id);
    this.files.forget(id);
  }

  private async prepareOwn(pkg: PluginPackage): Promise<void> {
    const { manifest } = pkg;
    const { id } = manifest;
    const from = JSON.stringify([pkg.integrity, this.configOf(id)]);
    if (this.prepared.get(id) === from && !this.broken.has(id)) return;
    try {
      const options = await this.runOptions();
      const { spec, launcher, token } = await prepareRun(pkg, this.configOf(id), this.clusterOf(id), options);
      this.prepared.set(id, from);
      this.api.admit(token, manifest);
      this.broken.delete(id);
      const running = this.own.get(id);
      if (running !== undefined) return await running.replace(spec, launcher);
      const onChange = () => {
        this.directory.set(id, permitted(plugin.manifest, plugin.endpoints, log));
        this.tell();
      };
      const supervision = { ...SUPERVISION, ...this.options.supervision };
      const log = this.options.log.child({ plugin: id });
      const plugin = new OwnPlugin(spec, launcher, this.files.of(id), log, onChange, supervision);
      this.own.set(id, plugin);
    } catch (error) {
      this.breakDown(manifest, messageOf(error));
    }
  }

  private breakDown(manifest: PluginManifest, reason: string): void {
    this.options.log.error(`plugin ${manifest.id} cannot be started: ${reason}`, { plugin: manifest.id });
    const config = configDigest(this.catalogue.wanted.config[manifest.id]);
    const row = rowOf(manifest, 'failed', reason);
    this.broken.set(manifest.id, manifest.process === 'kernel' ? { ...row, config } : row);
  }

  private claim(here: readonly PluginPackage[]): void {
    const wanted = here.filter(({ manifest }) => !this.catalogue.isDisabled(manifest.id));
    this.directory.claimsOf(wanted.map(({ manifest }) => manifest));
  }

  private tell(): void {
    for (const listener of this.changed) listener();
  }

  /** Of plugins that nobody may come back to. */
  private prune(): void {
    const { plugins, hold } = this.catalogue.wanted;
    const kept = [...plugins, ...hold, ...this.trials.kept()];
    prunePackages(this.files.registry, kept);
    const used = [...kept, ...this.catalogue.shipped.builtIns, ...this.kernel.loaded()].map(({ manifest }) => manifest);
    this.files.keepVersions(used.map(({ id, version }) => ({ id, version })));
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
    if (this.catalogue.isDisabled(id)) return plugin.stop('disabled by an operator');
    if (placement === 'every' || this.leading === true) plugin.start();
    else if (this.leading === false) await plugin.stop('runs on the leading master');
  }

  private configOf(id: string, given: unknown = this.catalogue.wanted.config[id]): unknown {
    return { ...Object(given), ...(this.options.config?.[id] as object) };
  }

  private clusterOf(id: string): ClusterInfo {
    return { ...this.options.cluster, host: this.options.runsOn, stateDir: this.files.stateDir(id) };
  }

  /** Processes of plugins that are no longer wanted at all. */
  private async endStrangers(): Promise<void> {
    const ids = new Set(readdirSync(this.files.run).map((name) => name.split('.')[0]!));
    const strangers = [...ids].filter((id) => !this.own.has(id));
    await Promise.all(
      strangers.map(async (id) => {
        const record = readRecord(this.files.of(id).record);
        if (record !== undefined)
          await Life.adopted(record, record.controlSocket, () => {}).stop(SUPERVISION.stopGraceMs);
        removeFile(this.files.of(id).record);
        await Keeper.end(this.files.keeper(id));
      }),
    );
    for (const id of this.cgroups?.ids() ?? []) if (!this.own.has(id)) await this.cgroups?.end(id);
  }

  private async runOptions(): Promise<RunOptions> {
    const { files, cgroups, sdk } = this;
    const { workDir, log, secretsDir, caFile, logLevel = 'info' } = this.options;
    const sandbox = await (this.sandbox ??= Sandbox.open({ workDir, sdk, cgroups, log }));
    return { files, sandbox, cgroups, sdk, secretsDir, caFile, logLevel, log };
  }

  private renewTokens(): void {
    for (const [id, { manifest }] of this.own)
      this.runOptions()
        .then((options) => renewKernelToken(manifest, options))
        .catch((error: unknown) =>
          this.options.log.error('the token of a plugin is not renewed', { plugin: id, reason: messageOf(error) }),
        );
  }

  private trimLogs(): void {
    if (this.isTrimming) return;
    this.isTrimming = true;
    const all = [...this.own.keys()].map((id) => trimLog(this.files.of(id).log));
    void Promise.all(all).then(() => (this.isTrimming = false));
  }
}
