import {
  CLUSTER,
  extensionPoint,
  LOG,
  METRICS,
  messageOf,
  STORE,
  type ClusterInfo,
  type ExtensionPoint,
  type Logger,
  type PluginManifest,
  type PluginState,
  type PluginStatus,
} from '@mezzo/sdk/contract';
import { loadEntry, PluginRun, promMetrics, RootContainer, type PhaseTimeouts } from '@mezzo/sdk/runtime';
import { planGraph } from './graph.js';
import { asPlugin, containStrayErrors, guarded } from './guard.js';
import { scopedStore, type HostStore } from './plugin-store.js';

/** What plugins in the kernel's process may require besides extension points. */
const SERVICES = new Set(['store', 'metrics']);

export interface KernelPlugin {
  readonly manifest: PluginManifest;
  readonly integrity: string;
  /** Where it is unpacked. */
  readonly dir: string;
  readonly config: unknown;
  /** Digest of what operators gave it of that. */
  readonly given: string;
  /** Undefined: it is loaded before anything of the cluster is known. */
  readonly cluster: ClusterInfo | undefined;
}

/** What a flag of the daemon names of what plugins contribute. */
export interface Chosen {
  /** '--allocator=tiers' */
  readonly flag: string;
  /** Id of the extension point. */
  readonly point: string;
  readonly name: string;
}

/** The trusted plugins that live in the daemon's own process. Loaded once; another version needs another process. */
export class KernelPlugins {
  private readonly runs = new Map<string, PluginRun>();
  private given: readonly KernelPlugin[] = [];
  private readonly rows = new Map<
    string,
    { manifest: PluginManifest; state: PluginState; reason?: string | undefined }
  >();
  private readonly metricsTexts = new Map<string, () => Promise<string>>();
  private readonly order: string[] = [];
  private readonly guards = new WeakMap<object, unknown>();
  private uncontain: (() => void) | undefined;

  constructor(
    private readonly store: HostStore,
    private readonly log: Logger,
    private readonly timeouts?: Partial<PhaseTimeouts>,
    private readonly chosen: readonly Chosen[] = [],
  ) {}

  /** Starts them in the order of what they require. One that fails leaves the others alone. */
  async start(plugins: readonly KernelPlugin[]): Promise<void> {
    this.given = plugins;
    this.uncontain ??= plugins.length > 0 ? containStrayErrors((id, error) => this.stray(id, error)) : undefined;
    const { order, refused } = planGraph(
      plugins.map(({ manifest }) => manifest),
      SERVICES,
    );
    for (const { manifest } of plugins)
      this.rows.set(manifest.id, {
        manifest,
        state: refused.has(manifest.id) ? 'failed' : 'discovered',
        reason: refused.get(manifest.id),
      });
    for (const { id } of order) await this.startOne(plugins.find(({ manifest }) => manifest.id === id)!);
  }

  /** What was started, whatever became of it. */
  loaded(): readonly KernelPlugin[] {
    return this.given;
  }

  contributions<T>(point: ExtensionPoint<T>): T[] {
    return this.order.flatMap((id) =>
      (this.runs.get(id)?.contributions(point) ?? []).map((contribution) => this.guard(id, contribution)),
    );
  }

  statuses(): PluginStatus[] {
    return [...this.rows.values()].map(({ manifest, state, reason }) => ({
      id: manifest.id,
      version: manifest.version,
      state,
      ...(reason !== undefined && { reason }),
      ...this.needed(manifest.id),
      process: manifest.process,
      runsOn: manifest.runsOn,
      restarts: 0,
      endpoints: {},
    }));
  }

  async metrics(id: string): Promise<string> {
    return (await this.metricsTexts.get(id)?.()) ?? '';
  }

  /** Those that require others first. */
  async stop(): Promise<void> {
    for (const id of this.order.reverse()) await this.runs.get(id)?.stop();
    this.uncontain?.();
  }

  private needed(id: string): Pick<PluginStatus, 'needed'> {
    const found = this.chosen.find(({ point, name }) =>
      this.runs
        .get(id)
        ?.contributions(extensionPoint<{ name?: unknown }>(point))
        .some((one) => one.name === name),
    );
    return found ? { needed: found.flag } : {};
  }

  private async startOne({ manifest, dir, config, cluster }: KernelPlugin): Promise<void> {
    const { id } = manifest;
    const row = this.rows.get(id)!;
    const log = this.log.child({ plugin: id });
    const metrics = await promMetrics();
    this.metricsTexts.set(id, () => metrics.text());
    const services = new RootContainer()
      .value(LOG, log)
      .value(STORE, scopedStore(this.store, id))
      .value(METRICS, metrics);
    if (cluster !== undefined) services.value(CLUSTER, cluster);
    const run = new PluginRun({
      manifest,
      config,
      log,
      ...(this.timeouts && { timeouts: this.timeouts }),
      load: () => loadEntry(dir, manifest.entry),
      services,
      contributionsTo: (pointId) => this.contributionsById(pointId),
      onState: (state, reason) => {
        Object.assign(row, { state, reason });
        log[state === 'failed' ? 'error' : 'info'](`plugin ${state}`, reason === undefined ? {} : { reason });
      },
    });
    this.runs.set(id, run);
    this.order.push(id);
    await asPlugin(id, () => run.start());
  }

  private contributionsById(pointId: string): readonly unknown[] {
    return this.contributions(extensionPoint(pointId));
  }

  private guard<T>(id: string, contribution: T): T {
    if (typeof contribution !== 'object' || contribution === null) return contribution;
    if (!this.guards.has(contribution)) this.guards.set(contribution, guarded(id, contribution, this.log));
    return this.guards.get(contribution) as T;
  }

  private stray(id: string, error: unknown): void {
    this.log.error(`plugin ${id} let an error go astray: ${messageOf(error)}`, { plugin: id, error });
    const row = this.rows.get(id);
    if (row?.state === 'active')
      Object.assign(row, { state: 'degraded', reason: `an error went astray: ${messageOf(error)}` });
  }
}
