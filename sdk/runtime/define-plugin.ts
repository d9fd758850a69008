import { MezzoError, PLUGIN_SKIPPED, type PluginDefinition } from '../contract/index.js';

/** Types a plugin. The answer is the default export of its entry module. */
export const definePlugin = <Config = Readonly<Record<string, unknown>>>(
  definition: PluginDefinition<Config>,
): PluginDefinition<Config> => definition;

/** What to throw from `activate` on a machine where the plugin cannot work: it is shown as skipped, not as failed. */
export const skipped = (reason: string): MezzoError =>
  new MezzoError(PLUGIN_SKIPPED, reason, { blame: 'environment', retryable: false });
