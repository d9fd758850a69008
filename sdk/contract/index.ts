export * from './errors.js';
export * from './ids.js';
export * from './manifest.js';
export * from './plugin.js';
export * from './services.js';
export * from './task-states.js';
export * from './tokens.js';
export * from './values.js';
