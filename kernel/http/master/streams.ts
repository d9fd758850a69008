import type { ServerResponse } from 'node:http';
import type { ConnectionId } from '@mezzo/sdk/contract';
import { messagePieces } from '@mezzo/sdk/api';
import type { Sink } from '../../shell/master/master-shell.js';
import { PROTOBUF_TYPE } from '../answer.js';
import { inSlices } from '../slices.js';
import { DEFAULT_MAX_BUFFERED_BYTES, RecordStream } from '../stream.js';
import type { MasterSite } from './site.js';

/** Turns a response into a subscription's stream; the shell hears when it breaks. */
export function openStream(
  { shell, written }: MasterSite,
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
  const format = contentType === PROTOBUF_TYPE ? 'protobuf' : 'json';
  return {
    format,
    send: (record) => stream.send(record),
    sendBig(event) {
      const pieces = messagePieces(format, 'mesos.v1.master.Event', event, written.writeRun(format));
      stream.sendBig(written.afterOthers(() => (stream.closed ? [] : inSlices(pieces))));
    },
    beat: (record, intervalMs) => stream.beat(record, intervalMs),
    close: () => stream.close(),
  };
}
