import type { IncomingMessage, ServerResponse } from 'node:http';
import { encodeMessage, messageToJson, type ExecutorEvent } from '@mezzo/sdk/api';
import type { Random } from '../../ports/clock.js';
import { claimsFault, executorCallFault } from '../../core/agent/executor-calls.js';
import type { AgentHost, ExecutorStreams } from '../../shell/agent/agent-host.js';
import { JSON_TYPE, negotiate, NOT_ACCEPTABLE, textAnswer, type Answer, type MessageType } from '../answer.js';
import { principalOf } from '../auth/callers.js';
import { isAnswer, readCall } from '../calls.js';
import { DEFAULT_MAX_BUFFERED_BYTES, RecordStream } from '../stream.js';

const HEARTBEAT_MS = 30 * 60_000;
const MAX_CALL_BYTES = 16 * 1024 * 1024;

/** The streams of subscribed executors. */
export class ExecutorHub implements ExecutorStreams {
  private readonly streams = new Map<string, { readonly stream: RecordStream; readonly type: MessageType }>();

  constructor(private readonly random: Random) {}

  send(connection: string, event: ExecutorEvent): void {
    const open = this.streams.get(connection);
    open?.stream.send(encode(event, open.type));
  }

  close(connection: string): void {
    this.streams.get(connection)?.stream.close();
    this.streams.delete(connection);
  }

  closeAll(): void {
    for (const connection of [...this.streams.keys()]) this.close(connection);
  }

  /** Turns the response into a stream; answers the name of the connection. `lost` never comes before this returns. */
  open(response: ServerResponse, type: MessageType, lost: (connection: string) => void): string {
    const connection = this.random.uuid();
    const stream = new RecordStream(response, {
      contentType: type,
      maxBufferedBytes: DEFAULT_MAX_BUFFERED_BYTES,
      onEnd: () => {
        this.streams.delete(connection);
        queueMicrotask(() => lost(connection));
      },
    });
    stream.beat(encode({ type: 'HEARTBEAT' }, type), HEARTBEAT_MS);
    this.streams.set(connection, { stream, type });
    return connection;
  }
}

const encode = (event: ExecutorEvent, type: MessageType): string | Uint8Array =>
  type === JSON_TYPE
    ? messageToJson('mesos.v1.executor.Event', event)
    : encodeMessage('mesos.v1.executor.Event', event);

/** `POST /api/v1/executor`. Undefined = became a stream. */
export async function executorApi(
  host: AgentHost,
  hub: ExecutorHub,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Answer | undefined> {
  const read = await readCall(request, 'mesos.v1.executor.Call', MAX_CALL_BYTES);
  if (isAnswer(read)) return read;
  const { call } = read;
  const fault = executorCallFault(host.state, call);
  if (fault !== undefined) return textAnswer(fault.status, fault.message);
  const stranger = claimsFault(host.state, call, principalOf(request));
  if (stranger !== undefined) return textAnswer(403, stranger);
  if (call.type !== 'SUBSCRIBE') {
    if (call.type !== 'HEARTBEAT') host.dispatch({ type: 'executorCalled', call });
    return { status: 202 };
  }
  const type = negotiate(request.headers.accept);
  if (type === undefined) return NOT_ACCEPTABLE;
  const connection = hub.open(response, type, (lost) =>
    host.dispatch({ type: 'executorDisconnected', connection: lost }),
  );
  host.dispatch({ type: 'executorSubscribed', connection, call });
  return undefined;
}
