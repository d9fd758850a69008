import type { IncomingMessage } from 'node:http';
import { accepts, JSON_TYPE, PROTOBUF_TYPE, textAnswer, type Answer, type MessageType } from '../answer.js';

export const RECORDIO_TYPE = 'application/recordio';

/** How a call comes and how its answer shall come. The message types are those of streams in RecordIO. */
export interface MediaTypes {
  readonly content: MessageType | typeof RECORDIO_TYPE;
  readonly messageContent: MessageType | undefined;
  readonly accept: MessageType | typeof RECORDIO_TYPE;
  readonly messageAccept: MessageType | undefined;
}

const BOTH = `${JSON_TYPE} or ${PROTOBUF_TYPE}`;

/** The checks of the headers of a call to the agent, in the field's order and words. */
export function mediaTypesOf({ headers }: IncomingMessage): MediaTypes | Answer {
  const content = headers['content-type'];
  if (content === undefined) return textAnswer(400, "Expecting 'Content-Type' to be present");
  if (content !== RECORDIO_TYPE && !isMessage(content))
    return textAnswer(415, `Expecting 'Content-Type' of ${BOTH} or ${RECORDIO_TYPE}`);
  const messageContent = messageContentOf(content, one(headers['message-content-type']));
  if (typeof messageContent === 'object') return messageContent;
  const accept = [JSON_TYPE, PROTOBUF_TYPE, RECORDIO_TYPE].find((type) => accepts(headers.accept, type));
  if (accept === undefined) return textAnswer(406, `Expecting 'Accept' to allow ${BOTH} or ${RECORDIO_TYPE}`);
  const messageAccept = messageAcceptOf(accept, one(headers['message-accept']));
  if (typeof messageAccept === 'object') return messageAccept;
  return { content, messageContent, accept: accept as MediaTypes['accept'], messageAccept };
}

function messageContentOf(content: string, given: string | undefined): MessageType | undefined | Answer {
  if (content !== RECORDIO_TYPE) {
    if (given === undefined) return undefined;
    return textAnswer(415, "Expecting 'Message-Content-Type' to be not set for non-streaming requests");
  }
  if (given === undefined) return textAnswer(400, "Expecting 'Message-Content-Type' to be set for streaming requests");
  return isMessage(given) ? given : textAnswer(415, `Expecting 'Message-Content-Type' of ${BOTH}`);
}

function messageAcceptOf(accept: string, given: string | undefined): MessageType | undefined | Answer {
  if (accept !== RECORDIO_TYPE) {
    if (given === undefined) return undefined;
    return textAnswer(406, "Expecting 'Message-Accept' to be not set for non-streaming responses");
  }
  if (accepts(given, JSON_TYPE)) return JSON_TYPE;
  return accepts(given, PROTOBUF_TYPE) ? PROTOBUF_TYPE : textAnswer(406, `Expecting 'Message-Accept' to allow ${BOTH}`);
}

const isMessage = (type: string): type is MessageType => type === JSON_TYPE || type === PROTOBUF_TYPE;

const one = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header.join(',') : header;
