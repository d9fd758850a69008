import type { MessageTypes } from './messages.js';

export type MessageName = keyof MessageTypes;

/**
 * Reads a parsed JSON value by the rules of the Mesos JSON format: unknown keys are ignored, null is unset, numbers and
 * booleans may be strings. Throws MezzoError INVALID_MESSAGE (blame user), which names the path and, in `details`, the type.
 */
export declare function parseMessage<K extends MessageName>(name: K, json: unknown): MessageTypes[K];
/** The same from text; integers beyond 2^53 survive. Text that is no JSON throws INVALID_JSON (blame user). */
export declare function parseMessageText<K extends MessageName>(name: K, text: string): MessageTypes[K];
/** JSON text: snake_case names, unset fields with a default shown, int64 as bare numbers, NaN and Infinity bare. */
export declare function messageToJson<K extends MessageName>(name: K, message: MessageTypes[K]): string;
/** The same as a plain object, for embedding in other answers; bigints are kept. */
export declare function messageToObject<K extends MessageName>(
  name: K,
  message: MessageTypes[K],
): Record<string, unknown>;
export declare function encodeMessage<K extends MessageName>(name: K, message: MessageTypes[K]): Uint8Array;
/** Throws MezzoError INVALID_MESSAGE (blame user). Unknown fields and unknown enum numbers are dropped. */
export declare function decodeMessage<K extends MessageName>(name: K, bytes: Uint8Array): MessageTypes[K];
