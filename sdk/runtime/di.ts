import 'reflect-metadata';
import {
  container as globalContainer,
  inject as injectByTsyringe,
  injectable as injectableByTsyringe,
  instanceCachingFactory,
  Lifecycle,
  type DependencyContainer,
} from 'tsyringe';
import { MezzoError, messageOf, type Provider, type Token } from '../contract/index.js';

// The house rules of dependency injection live here, and nothing else imports tsyringe: the root holds values only (a class there
// would be built from, and die with, the first child that asks); one child per plugin; symbols as tokens, since an unregistered
// class is built silently; what is to be released goes through PluginContext.own, since tsyringe disposes in no order.

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- any class is meant
type AnyClass = new (...args: any[]) => unknown;

/** Marks a class whose constructor parameters carry `@inject(TOKEN)`, each of them. */
export const injectable = (): (<C extends AnyClass>(target: C) => void) => injectableByTsyringe();

/** Names what a constructor parameter gets. A token of another type than the parameter's does not compile. */
export const inject =
  <T>(token: Token<T>) =>
  <C extends AnyClass, I extends number>(
    target: T extends ConstructorParameters<C>[I] ? C : never,
    key: undefined,
    index: I,
  ): void => {
    injectByTsyringe(token)(target, key, index);
  };

/** The kernel's or runner's services, as values. */
export class RootContainer {
  private readonly container = globalContainer.createChildContainer();
  private readonly tokens = new Set<Token<unknown>>();

  value<T>(token: Token<T>, value: T): this {
    this.container.register(token, { useValue: value });
    this.tokens.add(token);
    return this;
  }

  /** A service that exists, but not for these plugins: who asks is told that it was not declared. */
  withhold(...tokens: readonly Token<unknown>[]): this {
    for (const token of tokens) this.tokens.add(token);
    return this;
  }

  /** The container of one plugin, which may resolve what it binds itself and those services of the root that `mayUse` allows. */
  forPlugin(pluginId: string, mayUse: (token: Token<unknown>) => boolean): PluginContainer {
    const child = this.container.createChildContainer();
    const refused = [...this.tokens].filter((token) => !mayUse(token));
    return new PluginContainer(pluginId, child, refused);
  }
}

export class PluginContainer {
  private refusal: MezzoError | undefined;

  constructor(
    private readonly pluginId: string,
    private readonly container: DependencyContainer,
    refused: readonly Token<unknown>[],
  ) {
    for (const token of refused) container.register(token, { useFactory: () => this.refuse(token) });
  }

  /** One instance per plugin, built when first asked for. */
  bind<T>(token: Token<T>, provider: Provider<T>): void {
    requireSymbol(this.pluginId, token);
    if (this.container.isRegistered(token, true)) throw this.error('PLUGIN_BOUND_TWICE', token, 'is bound already');
    this.register(token, provider);
  }

  /** Adds to an extension point: any number may share the token. */
  contribute<T>(token: Token<T>, provider: Provider<T>): void {
    requireSymbol(this.pluginId, token);
    this.register(token, provider);
  }

  resolve<T>(token: Token<T>): T {
    requireSymbol(this.pluginId, token);
    return this.guarded(token, () => this.container.resolve<T>(token));
  }

  /** All contributions to an extension point, in the order of their binding. */
  resolveAll<T>(token: Token<T>): T[] {
    if (!this.container.isRegistered(token)) return [];
    return this.guarded(token, () => this.container.resolveAll<T>(token));
  }

  private register<T>(token: Token<T>, provider: Provider<T>): void {
    if ('useValue' in provider) this.container.register(token, { useValue: provider.useValue });
    else if ('useClass' in provider)
      this.container.register(token, { useClass: provider.useClass }, { lifecycle: Lifecycle.Singleton });
    else
      this.container.register(token, {
        useFactory: instanceCachingFactory(() => provider.useFactory((wanted) => this.resolve(wanted))),
      });
  }

  /** tsyringe wraps what a factory throws into a text: the refusal itself is what the author needs to see. */
  private guarded<T>(token: Token<unknown>, run: () => T): T {
    this.refusal = undefined;
    try {
      return run();
    } catch (error) {
      if (this.refusal !== undefined) throw this.refusal;
      if (isMezzoError(error)) throw error;
      throw this.error('PLUGIN_NOT_BOUND', token, `cannot be resolved: ${messageOf(error)}`, error);
    }
  }

  private refuse(token: Token<unknown>): never {
    this.refusal = new MezzoError(
      'PLUGIN_NOT_DECLARED',
      `plugin ${this.pluginId} resolves ${nameOf(token)} without declaring it`,
      { blame: 'plugin', next: `add "${serviceId(token)}" to "requires" in the mezzo field of its package.json` },
    );
    throw this.refusal;
  }

  private error(code: string, token: Token<unknown>, problem: string, cause?: unknown): MezzoError {
    return new MezzoError(code, `plugin ${this.pluginId}: ${nameOf(token)} ${problem}`, { blame: 'plugin', cause });
  }
}

/** The id in a token's name: `store` of `mezzo:service/store`. */
export const serviceId = (token: Token<unknown>): string => nameOf(token).replace(/^(service|point)\//, '');

/** By its fields, not by its class: it may come from another copy of the SDK. */
const isMezzoError = (error: unknown): boolean =>
  error instanceof Error && error.name === 'MezzoError' && 'code' in error && 'blame' in error;

const nameOf = (token: Token<unknown>): string => (token.description ?? '').replace(/^mezzo:/, '');

function requireSymbol(pluginId: string, token: unknown): void {
  if (typeof token === 'symbol') return;
  throw new MezzoError('PLUGIN_TOKEN_INVALID', `plugin ${pluginId} uses ${String(token)} as a token`, {
    blame: 'plugin',
    next: 'make one with token() of @mezzo/sdk/contract',
  });
}
