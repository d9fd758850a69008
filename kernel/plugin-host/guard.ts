import { AsyncLocalStorage } from 'node:async_hooks';
import { MezzoError, messageOf, type Logger } from '@mezzo/sdk/contract';

/** A plugin that holds the event loop longer than this in one call is named in the log. */
const BLOCKED_AFTER_MS = 200;

const running = new AsyncLocalStorage<string>();

/** Runs code of a plugin, so that what it starts and forgets is charged to it. */
export const asPlugin = <T>(pluginId: string, run: () => T): T => running.run(pluginId, run);

/** Whose code is running, when it is a plugin's: also in the handlers of uncaught errors. */
export const runningPlugin = (): string | undefined => running.getStore();

/**
 * A contribution as the kernel may call it: what it throws is blamed on the plugin unless it is an expected failure, and a call that
 * blocks is named in the log.
 */
export function guarded<T>(pluginId: string, contribution: T, log: Logger): T {
  if (typeof contribution !== 'object' || contribution === null) return contribution;
  const methods = new Map<PropertyKey, unknown>();
  return new Proxy(contribution, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      if (!methods.has(key)) methods.set(key, guardedMethod(pluginId, String(key), value.bind(target) as Method, log));
      return methods.get(key);
    },
  });
}

type Method = (...args: unknown[]) => unknown;

function guardedMethod(pluginId: string, name: string, method: Method, log: Logger): Method {
  const blame = (error: unknown): unknown =>
    error instanceof Error && 'code' in error && 'blame' in error
      ? error
      : new MezzoError('PLUGIN_FAILED', `plugin ${pluginId}: ${name}: ${messageOf(error)}`, {
          blame: 'plugin',
          cause: error,
        });
  return (...args) => {
    const startMs = performance.now();
    try {
      const result = asPlugin(pluginId, () => method(...args));
      return isPromise(result) ? result.catch((error: unknown) => Promise.reject(blame(error) as Error)) : result;
    } catch (error) {
      throw blame(error);
    } finally {
      const tookMs = Math.round(performance.now() - startMs);
      if (tookMs > BLOCKED_AFTER_MS)
        log.warn(`plugin blocked the daemon for ${tookMs} ms`, { plugin: pluginId, call: name });
    }
  };
}

const isPromise = (value: unknown): value is Promise<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && 'catch' in value;

/**
 * Keeps the daemon alive when a plugin in its process forgets a rejection or throws in a timer: `onStray` hears of it. Errors of
 * nobody in particular are bugs of the daemon and crash it, as they would without this. The answer undoes it.
 */
export function containStrayErrors(onStray: (pluginId: string, error: unknown) => void): () => void {
  const handle = (error: unknown): void => {
    const pluginId = runningPlugin();
    if (pluginId !== undefined) return onStray(pluginId, error);
    console.error(error);
    process.exit(1);
  };
  process.on('uncaughtException', handle).on('unhandledRejection', handle);
  return () => process.off('uncaughtException', handle).off('unhandledRejection', handle);
}
