import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  decodeMessage,
  parseMessageText,
  RecordDecoder,
  type AgentCall,
  type ContainerID,
  type AgentProcessIO,
} from '@mezzo/sdk/api';
import { hasCode, messageOf, MezzoError } from '@mezzo/sdk/contract';
import { named } from '../../core/agent/container-calls.js';
import { JSON_TYPE, replyAnswer, textAnswer, type Answer, type MessageType } from '../answer.js';
import { FORBIDDEN } from '../auth/permission.js';
import { RecordStream, type StreamEnd } from '../stream.js';
import { containerIdError, pathOf, whileConnected } from './container-api.js';
import { RECORDIO_TYPE, type MediaTypes } from './media-types.js';
import { within } from '../../shell/agent/within.js';
import { payloadFault } from './payloads.js';
import { mayCall, viewerOf } from './permissions.js';
import type { Session } from './sessions.js';
import type { AgentSite } from './site.js';

/** Sessions: commands in containers whose input and output are streams of the API. */

const SIGKILL = 9;
/** Of what is written to a session in one go. */
const MAX_INPUT_RECORD_BYTES = 1024 * 1024;
/** Until it says what it wants to write to, a stream of input may not take long. */
const FIRST_RECORD_MS = 30_000;
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;

/** `LAUNCH_NESTED_CONTAINER_SESSION`. Undefined = became a stream: the container ends with it, and it ends with the container. */
export async function launchSession(
  site: AgentSite,
  request: IncomingMessage,
  response: ServerResponse,
  call: AgentCall,
  media: MediaTypes,
): Promise<Answer | undefined> {
  const { containerId: id, command = {}, container } = call.launchNestedContainerSession!;
  const path = pathOf(id);
  const kill = () => void site.host.containerCall({ type: 'kill', path, signal: SIGKILL });
  const ask = { command, resources: [], ...(container && { container }) };
  const launch = { type: 'launch', path, ask, session: true } as const;
  const reply = await whileConnected(request, (onGone) => site.host.containerCall(launch, onGone));
  if (reply === undefined) return void kill();
  const session = site.sessions.find(reply.containerId ?? '');
  if (session === undefined) return replyAnswer(reply);
  session.follow(openStream(response, media, kill), messageType(media));
  return undefined;
}

/** `ATTACH_CONTAINER_OUTPUT`. Undefined = became a stream. */
export function attachOutput(
  site: AgentSite,
  response: ServerResponse,
  call: AgentCall,
  media: MediaTypes,
): Answer | undefined {
  const session = sessionOf(site, call.attachContainerOutput!.containerId);
  if (!('streams' in session)) return session;
  session.follow(
    openStream(response, media, () => {}),
    messageType(media),
  );
  return undefined;
}

/** `ATTACH_CONTAINER_INPUT`: a stream of calls, of which the first says where the input of the others goes. */
export async function attachInput(
  site: AgentSite,
  request: IncomingMessage,
  type: MessageType,
  firstRecordMs = FIRST_RECORD_MS,
): Promise<Answer> {
  const calls = callsOf(request, type);
  try {
    const first = await within(firstRecordMs, calls.next());
    if (first === undefined)
      return textAnswer(408, `The first record was not there within ${firstRecordMs} ms`, { Connection: 'close' });
    if (first.done) return textAnswer(400, 'Received EOF while reading request body');
    const call = first.value;
    const fault = call.type === undefined ? "Expecting 'type' to be present" : payloadFault(call);
    if (fault !== undefined) return invalid(fault);
    if (call.type !== 'ATTACH_CONTAINER_INPUT')
      return textAnswer(415, `Streaming 'Content-Type' ${RECORDIO_TYPE} is not supported for ${call.type} call`);
    const { type: kind, containerId } = call.attachContainerInput!;
    if (kind !== 'CONTAINER_ID' || containerId === undefined)
      return textAnswer(400, "Expecting 'attach_container_input.type' to be CONTAINER_ID");
    const bad = containerIdError(containerId);
    if (bad !== undefined) return invalid(`'attach_container_input.container_id' is invalid: ${bad}`);
    if (!mayCall(site, viewerOf(site, request), call)) return FORBIDDEN;
    const session = sessionOf(site, containerId);
    return 'streams' in session ? await feed(session, calls) : session;
  } catch (error) {
    if (hasCode(error, 'INVALID_RECORDIO') || hasCode(error, 'RECORD_TOO_LARGE') || hasCode(error, 'INVALID_CALL'))
      return textAnswer(400, messageOf(error));
    // Whoever wrote has left: nobody reads what is answered.
    if (!request.complete && request.destroyed) return { status: 400 };
    throw error;
  }
}

/** Until the calls end, or the session does. */
async function feed(session: Session, calls: AsyncGenerator<AgentCall>): Promise<Answer> {
  if (session.inputTaken) return textAnswer(409, 'Multiple input connections are not allowed');
  session.inputTaken = true;
  try {
    for (;;) {
      const next = await Promise.race([calls.next(), session.ended]);
      if (next === undefined) return { status: 200, headers: { Connection: 'close' } };
      if (next.done) return { status: 200 };
      const io = next.value.attachContainerInput?.processIo;
      if (io === undefined) return invalid("Expecting 'attach_container_input.process_io' to be present");
      const refusal = await obey(session, io);
      if (refusal !== undefined) return refusal;
    }
  } finally {
    session.inputTaken = false;
  }
}

async function obey({ streams }: Session, { type, data, control }: AgentProcessIO): Promise<Answer | undefined> {
  if (type === 'DATA') {
    if (data?.type !== 'STDIN') return invalid("Expecting 'process_io.data.type' to be STDIN");
    const bytes = Buffer.from(data.data ?? '', 'base64');
    if (bytes.length === 0) streams.end();
    else await streams.write(bytes);
    return undefined;
  }
  if (control?.type !== 'TTY_INFO') return undefined;
  const { rows = 0, columns = 0 } = control.ttyInfo?.windowSize ?? {};
  try {
    await streams.resize({ rows, columns });
    return undefined;
  } catch (error) {
    return textAnswer(400, `Unable to set the window size: ${messageOf(error)}`);
  }
}

/** A session in the container of an executor; what runs elsewhere cannot be attached to. */
function sessionOf(site: AgentSite, id: ContainerID): Session | Answer {
  const path = pathOf(id);
  const name = path.join('.');
  const vessel = site.host.state.runs.has(path[0] ?? '') ? named(site.host.state, path) : undefined;
  if (vessel === undefined || vessel.phase === 'ended') return textAnswer(404, `Container ${name} cannot be found`);
  const session = site.sessions.find(vessel.containerId);
  return session ?? textAnswer(400, `Container ${name} is no session: its output is in its sandbox`);
}

async function* callsOf(request: IncomingMessage, type: MessageType): AsyncGenerator<AgentCall> {
  const decoder = new RecordDecoder(MAX_INPUT_RECORD_BYTES);
  for await (const chunk of request as AsyncIterable<Buffer>)
    for (const record of decoder.push(chunk)) yield callOf(record, type);
}

function callOf(record: Uint8Array, type: MessageType): AgentCall {
  try {
    if (type === JSON_TYPE) return parseMessageText('mesos.v1.agent.Call', Buffer.from(record).toString('utf8'));
    return decodeMessage('mesos.v1.agent.Call', record);
  } catch (error) {
    throw new MezzoError('INVALID_CALL', `Failed to parse a record: ${messageOf(error)}`, {
      blame: 'user',
      cause: error,
    });
  }
}

const openStream = (response: ServerResponse, media: MediaTypes, onEnd: (end: StreamEnd) => void): RecordStream =>
  new RecordStream(response, {
    contentType: media.accept,
    ...(media.messageAccept && { headers: { 'Message-Content-Type': media.messageAccept } }),
    maxBufferedBytes: MAX_BUFFERED_BYTES,
    onEnd,
  });

const messageType = ({ accept, messageAccept }: MediaTypes): MessageType =>
  accept === RECORDIO_TYPE ? (messageAccept ?? JSON_TYPE) : accept;

const invalid = (why: string): Answer => textAnswer(400, `Failed to validate agent::Call: ${why}`);
