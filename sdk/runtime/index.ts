// For plugins
export { definePlugin, skipped } from './define-plugin.js';
export { inject, injectable } from './di.js';
export { LockFile } from './lock-file.js';
export { middlewareListener } from './router-middleware.js';
export * from './serving.js';

// For what hosts plugins
export { checkConfig, checkSchema } from './config.js';
export { promMetrics } from './clients.js';
export { withDeadline } from './deadline.js';
export { RootContainer, type PluginContainer } from './di.js';
export { DisposableList, type Owned } from './disposables.js';
export {
  DEFAULT_TIMEOUTS,
  PluginRun,
  type Contributed,
  type PhaseTimeouts,
  type PluginRunOptions,
} from './plugin-run.js';
export { loadEntry, removeSocket } from './load-entry.js';
export { onJsonLines } from './json-lines.js';
export * from './run-spec.js';
export { linkSdk, sdkPackage, type SdkPackage } from './sdk-package.js';
export { withoutStrays } from './stray-descriptors.js';
