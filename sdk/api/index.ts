export {
  decodeMessage,
  encodeMessage,
  messageToJson,
  messageToObject,
  parseMessage,
  parseMessageText,
  type MessageName,
} from './codec.js';
export { parseJson, quote, stringifyJson } from './json-text.js';
export type * from './messages.js';
export * from './pieces.js';
export * from './recordio.js';
