export { Follower, type FollowerOptions } from './follower.js';
export { loadLocalPlugin, type LocalPlugin } from './local-plugin.js';
export { guarded } from './guard.js';
export type { Chosen } from './kernel-plugins.js';
export { PluginHost, type PluginHostOptions } from './host.js';
export { leadPlugins, type PluginLeader, type PluginLeaderOptions } from './leader.js';
export { operatorApi, type Authenticate } from './operator-api.js';
export type { HostStore } from './plugin-store.js';
