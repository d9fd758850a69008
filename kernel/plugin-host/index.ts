export { PluginHost, type PluginHostOptions } from './host.js';
export { operatorApi, type Authenticate } from './operator-api.js';
export type { HostStore } from './plugin-store.js';
export type { PluginPackage } from './registry.js';
export { fetchInstalled, type RemoteRegistry } from './remote-registry.js';
