import type { ServerResponse } from 'node:http';
import type { ConnectionId } from '@mezzo/sdk/contract';
import type { MasterShell, Sink } from '../../shell/master/master-shell.js';
import { PROTOBUF_TYPE } from '../answer.js';
import { DEFAULT_MAX_BUFFERED_BYTES, RecordStream } from '../stream.js';

/** Turns a response into a subscription's stream; the shell hears when it breaks. */
export function openStream(
  shell: MasterShell,
  response: ServerResponse,
  connection: ConnectionId,
  contentType: string,
  headers: Readonly<Record<string, string>> = {},
): Sink {
  const stream = new RecordStream(response, {
    contentType,
    headers,
    maxBufferedBytes: DEFAULT_MAX_BUFFERED_BYTES,
    onEnd: (end) => {
      if (end === 'slow') shell.warn('a reader was too slow and was cut off', { connection });
      if (end !== 'ended') shell.lost(connection);
    },
  });
  return {
    format: contentType === PROTOBUF_TYPE ? 'protobuf' : 'json',
    send: (record) => stream.send(record),
    beat: (record, intervalMs) => stream.beat(record, intervalMs),
    close: () => stream.close(),
  };
}
