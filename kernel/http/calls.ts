import type { IncomingMessage } from 'node:http';
import { decodeMessage, parseMessageText, type MessageName, type MessageTypes } from '@mezzo/sdk/api';
import { hasCode, messageOf } from '@mezzo/sdk/contract';
import { contentTypeOf, JSON_TYPE, methodNotAllowed, textAnswer, type Answer, type MessageType } from './answer.js';
import { FORBIDDEN } from './auth/permission.js';
import { isCallBeyond } from './auth/plugin-bounds.js';
import { readBody } from './body.js';

export interface ReadCall<K extends MessageName> {
  readonly call: MessageTypes[K];
  /** The type that the call came in. */
  readonly type: MessageType;
  readonly body: Buffer;
}

/** The first checks of every v1 call, in the field's order: method, Content-Type, body. Answers the refusal, or the call. */
export async function readCall<K extends MessageName>(
  request: IncomingMessage,
  name: K,
  maxBodyBytes?: number,
): Promise<ReadCall<K> | Answer> {
  if (request.method !== 'POST') return methodNotAllowed(['POST'], request.method ?? '');
  const type = contentTypeOf(request);
  if (typeof type !== 'string') return type;
  const body = await readBody(request, maxBodyBytes);
  try {
    const call = type === JSON_TYPE ? parseMessageText(name, body.toString('utf8')) : decodeMessage(name, body);
    return isCallBeyond(request, name, call) ? FORBIDDEN : { call, type, body };
  } catch (error) {
    return textAnswer(400, whyUnreadable(error, type, name));
  }
}

export const isAnswer = (value: object): value is Answer => 'status' in value;

/** Calls to an agent's operator API are refused in other words than all the others, as in Mesos. */
function whyUnreadable(error: unknown, type: MessageType, name: MessageName): string {
  if (hasCode(error, 'INVALID_JSON')) return `Failed to parse body into JSON: ${messageOf(error)}`;
  if (!hasCode(error, 'INVALID_MESSAGE')) throw error;
  if (name === 'mesos.v1.agent.Call')
    return type === JSON_TYPE ? messageOf(error) : 'Failed to parse body into a protobuf object';
  return type === JSON_TYPE
    ? `Failed to convert JSON into Call protobuf: ${messageOf(error)}`
    : 'Failed to parse body into Call protobuf';
}
