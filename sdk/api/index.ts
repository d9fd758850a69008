export * from './codec.js';
export { parseJson, quote, stringifyJson } from './json-text.js';
export type * from './messages.js';
export * from './recordio.js';
