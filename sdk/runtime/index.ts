export { definePlugin, skipped } from './define-plugin.js';
export { inject, injectable } from './di.js';
