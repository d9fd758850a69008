import {
  CLUSTER,
  hasCode,
  LISTENERS,
  LOG,
  messageOf,
  MezzoError,
  PLUGIN_SKIPPED,
  type Binder,
  type Disposable,
  type ExtensionPoint,
  type Logger,
  type PluginContext,
  type PluginDefinition,
  type PluginManifest,
  type PluginState,
  type Token,
} from '../contract/index.js';
import { checkConfig } from './config.js';
import { withDeadline } from './deadline.js';
import { serviceId, type PluginContainer, type RootContainer } from './di.js';
import { DisposableList, type Owned } from './disposables.js';

export interface PhaseTimeouts {
  readonly loadMs: number;
  readonly activateMs: number;
  /** For each thing that the plugin owns. */
  readonly releaseMs: number;
}
export const DEFAULT_TIMEOUTS: PhaseTimeouts = { loadMs: 10_000, activateMs: 30_000, releaseMs: 10_000 };

export interface PluginRunOptions {
  readonly manifest: PluginManifest;
  /** Imports the entry module and answers its default export. */
  readonly load: () => Promise<unknown>;
  readonly config: unknown;
  readonly services: RootContainer;
  readonly log: Logger;
  readonly timeouts?: Partial<PhaseTimeouts>;
  /** Contributions of the other plugins in this process to a point. */
  readonly contributionsTo?: (pointId: string) => readonly unknown[];
  /** Puts to work what it contributes to points that no kernel calls; owned by the plugin from then on. */
  readonly drive?: (contributed: Contributed) => Disposable;
  readonly onState?: (state: PluginState, reason: string | undefined) => void;
  /** Each thing that went wrong while releasing. Default: logged. */
  readonly onReleaseError?: (error: unknown) => void;
}

/** What a plugin contributes, once it is about to be active. */
export interface Contributed {
  to<T>(point: ExtensionPoint<T>): readonly T[];
  /** As `degraded` of a plugin's context, with a reason for each thing that it is about. */
  trouble(about: string, reason: string | undefined): void;
}

const ALWAYS: ReadonlySet<Token<unknown>> = new Set<Token<unknown>>([CLUSTER, LISTENERS, LOG]);

/** One life of one plugin: load -> configure -> activate -> release. Nothing it does throws: the state tells. */
export class PluginRun {
  state: PluginState = 'discovered';
  reason: string | undefined;
  /** What made it fail. */
  error: unknown;
  private readonly container: PluginContainer;
  private readonly owned: DisposableList;
  private readonly abort = new AbortController();
  private readonly contributed = new Map<string, ExtensionPoint<unknown>>();
  private readonly timeouts: PhaseTimeouts;
  /** By what it is about; '' is what the plugin says itself. */
  private readonly troubles = new Map<string, string>();
  private stopping: Promise<void> | undefined;

  constructor(private readonly options: PluginRunOptions) {
    const { manifest, services, log } = options;
    this.timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
    this.container = services.forPlugin(
      manifest.id,
      (token) => ALWAYS.has(token) || manifest.requires.includes(serviceId(token)),
    );
    const onError =
      options.onReleaseError ??
      ((error) => log.error('a release failed', { plugin: manifest.id, error: messageOf(error) }));
    this.owned = new DisposableList(manifest.id, this.timeouts.releaseMs, onError);
  }

  /** Resolves when it is active, skipped or failed; in the latter cases all that it owned has been released. */
  async start(): Promise<void> {
    try {
      const definition = await this.load();
      if (this.stopping === undefined) await this.activate(definition, this.configure(definition));
      await this.stopping;
    } catch (error) {
      await this.unwind(error);
    }
  }

  /** Releases all, in reverse order. May be called at any time, also while it starts. */
  stop(): Promise<void> {
    this.stopping ??= this.release('stopped');
    return this.stopping;
  }

  /** Lets what was begun end, since another process serves in its place; then releases all. */
  async drain(timeoutMs: number): Promise<void> {
    this.setState('stopping');
    await this.owned.handOverAll(timeoutMs);
    await this.stop();
  }

  /** What it contributes to a point, built at the first call. */
  contributions<T>(point: ExtensionPoint<T>): readonly T[] {
    return this.serves ? this.container.resolveAll(point.token) : [];
  }

  private get serves(): boolean {
    return this.state === 'active' || this.state === 'degraded';
  }

  private async load(): Promise<PluginDefinition> {
    const { manifest, load } = this.options;
    const loaded = await this.phase('load', () => withDeadline(load(), this.timeouts.loadMs, 'loading'));
    if (!isDefinition(loaded))
      throw new MezzoError(
        'PLUGIN_ENTRY_INVALID',
        `plugin ${manifest.id}: ${manifest.entry} has no plugin definition as its default export`,
        { blame: 'plugin', next: 'export default definePlugin({ activate(ctx) { ... } })' },
      );
    if (this.stopping === undefined) this.setState('loaded');
    return loaded;
  }

  private configure(definition: PluginDefinition): Readonly<Record<string, unknown>> {
    const { manifest } = this.options;
    const config = checkConfig(manifest.id, manifest.config, this.options.config);
    try {
      definition.configure?.(this.binder(), config);
    } catch (error) {
      throw this.blamed('configure', error);
    }
    this.setState('configured');
    return config;
  }

  private async activate(definition: PluginDefinition, config: Readonly<Record<string, unknown>>): Promise<void> {
    await this.phase('activate', async () => {
      const work = Promise.resolve(definition.activate(this.context(), config));
      await withDeadline(work, this.timeouts.activateMs, 'activation');
      // A contribution that cannot be built fails here and not in the middle of the kernel's work.
      for (const point of this.contributed.values()) this.container.resolveAll(point.token);
      const drive = this.stopping === undefined ? this.options.drive : undefined;
      if (drive !== undefined && this.contributed.size > 0) this.owned.own(drive(this.contributedOnes()));
    });
    if (this.stopping === undefined) this.showHealth();
  }

  private async unwind(error: unknown): Promise<void> {
    this.error = error;
    if (this.stopping !== undefined) return this.stopping;
    await (this.stopping = this.release(hasCode(error, PLUGIN_SKIPPED) ? 'skipped' : 'failed', messageOf(error)));
  }

  private async release(end: PluginState, reason?: string): Promise<void> {
    this.setState('stopping', reason);
    this.abort.abort();
    await this.owned.releaseAll();
    this.setState(end, reason);
  }

  private async phase<T>(name: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw this.blamed(name, error);
    }
  }

  /** An expected failure keeps its code and says whose it is; anything else is the plugin's fault. */
  private blamed(phase: string, error: unknown): unknown {
    if (hasCode(error, PLUGIN_SKIPPED)) return error;
    const { code, blame, next } = error as Partial<MezzoError>;
    const known = typeof code === 'string' && blame !== undefined;
    const text = `plugin ${this.options.manifest.id} failed to ${phase}: ${messageOf(error)}`;
    return new MezzoError(known ? code : `PLUGIN_${phase.toUpperCase()}_FAILED`, next ? `${text} (${next})` : text, {
      blame: known ? blame : 'plugin',
      cause: error,
    });
  }

  private binder(): Binder {
    return {
      bind: (token, provider) => this.container.bind(token, provider),
      contribute: (point, provider) => {
        this.requireDeclared(['provides'], point.id, 'contributes to');
        this.contributed.set(point.id, point as ExtensionPoint<unknown>);
        this.container.contribute(point.token, provider);
      },
    };
  }

  private context(): PluginContext {
    return {
      log: this.options.log,
      signal: this.abort.signal,
      resolve: (token) => this.container.resolve(token),
      contributions: <T>(point: ExtensionPoint<T>) => {
        this.requireDeclared(['requires', 'uses'], point.id, 'takes contributions to');
        return (this.options.contributionsTo?.(point.id) ?? []) as readonly T[];
      },
      own: <T extends Owned>(thing: T) => this.owned.own(thing),
      degraded: (reason) => this.setTrouble('', reason),
    };
  }

  private contributedOnes(): Contributed {
    return {
      to: (point) => this.container.resolveAll(point.token),
      trouble: (about, reason) => this.setTrouble(about, reason),
    };
  }

  private setTrouble(about: string, reason: string | undefined): void {
    if (this.troubles.get(about) === reason) return;
    if (reason === undefined) this.troubles.delete(about);
    else this.troubles.set(about, reason);
    if (this.serves) this.showHealth();
  }

  private showHealth(): void {
    const reason = this.troubles.size === 0 ? undefined : [...this.troubles.values()].join('; ');
    this.setState(reason === undefined ? 'active' : 'degraded', reason);
  }

  private requireDeclared(keys: readonly ('requires' | 'uses' | 'provides')[], pointId: string, verb: string): void {
    const { manifest } = this.options;
    if (keys.some((key) => manifest[key].includes(pointId))) return;
    throw new MezzoError('PLUGIN_NOT_DECLARED', `plugin ${manifest.id} ${verb} ${pointId} without declaring it`, {
      blame: 'plugin',
      next: `add "${pointId}" to ${keys.map((key) => `"${key}"`).join(' or ')} in the mezzo field of its package.json`,
    });
  }

  private setState(state: PluginState, reason?: string): void {
    this.state = state;
    this.reason = reason;
    this.options.onState?.(state, reason);
  }
}

const isDefinition = (value: unknown): value is PluginDefinition =>
  typeof value === 'object' && value !== null && typeof (value as PluginDefinition).activate === 'function';
