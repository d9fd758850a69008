import type { Logger } from './services.js';
import type { ExtensionPoint, Token } from './tokens.js';

/** Anything that must be released. `dispose` is called once; it may fail, which is logged and blamed on the plugin. */
export interface Disposable {
  dispose(): void | Promise<void>;
  /**
   * Called before `dispose` when another process of the plugin serves in its place (see `listens` of the manifest): takes nothing new, and resolves when what
   * was begun has ended. It has a minute.
   */
  handOver?(): Promise<void>;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a constructor of any parameters is meant
export type Constructor<T> = new (...args: any[]) => T;

export type Provider<T> =
  | { readonly useValue: T }
  | { readonly useClass: Constructor<T> }
  | { readonly useFactory: (resolve: <U>(token: Token<U>) => U) => T };

/** What `configure` gets: bookkeeping only, nothing is built yet. */
export interface Binder {
  /** A binding of the plugin's own container. */
  bind<T>(token: Token<T>, provider: Provider<T>): void;
  /** Adds to an extension point that the manifest lists in `provides`. */
  contribute<T>(point: ExtensionPoint<T>, provider: Provider<T>): void;
}

export interface PluginContext {
  readonly log: Logger;
  /** Aborted when the plugin is asked to stop. */
  readonly signal: AbortSignal;
  /** Resolves a token bound by the plugin, or a service of the SDK listed in `requires`. */
  resolve<T>(token: Token<T>): T;
  /** What other plugins of this process contributed to a point that `requires` or `uses` lists, in the order of their activation. */
  contributions<T>(point: ExtensionPoint<T>): readonly T[];
  /** Hands over something to release: the host releases all in reverse order, also after a failed activation. */
  own<T extends Disposable | (() => void | Promise<void>)>(thing: T): T;
  /** Active, but not all of it works: shown in `plugin list`. Call with undefined when well again. */
  degraded(reason: string | undefined): void;
}

/** Thrown (as MezzoError with code PLUGIN_SKIPPED) from activate: not on this machine, which is no failure. */
export const PLUGIN_SKIPPED = 'PLUGIN_SKIPPED';

/** The default export of a plugin's entry module, made by `definePlugin` of the SDK's runtime. */
export interface PluginDefinition<Config = unknown> {
  /** Synchronous, no I/O. `config` has passed the manifest's schema, defaults filled in. */
  configure?(bind: Binder, config: Config): void;
  /** Does the work. Resolves when the plugin serves. */
  activate(ctx: PluginContext, config: Config): void | Promise<void>;
}
