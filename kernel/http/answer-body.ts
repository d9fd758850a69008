import type { ServerResponse } from 'node:http';
import { createGzip } from 'node:zlib';

/** Bytes of an answer, in order. They are not copied: many may be sent the same. */
export type Body = readonly Uint8Array[];

export const bodyOf = (body: string | Uint8Array | Body): Body =>
  Array.isArray(body) ? (body as Body) : [typeof body === 'string' ? Buffer.from(body) : (body as Uint8Array)];

export const lengthOf = (body: Body): number => body.reduce((length, { byteLength }) => length + byteLength, 0);

export const BATCH_BYTES = 256 * 1024;

/** Those that poll and never read would else keep every version of what changes. */
const READER_GRACE_MS = 30_000;

/** As fast as the reader takes it: what a slow one has yet to get is not copied for it. Who takes no batch for the whole grace is cut off. */
export function writeBody(response: ServerResponse, body: Body, graceMs = READER_GRACE_MS): void {
  if (body.length === 1) return void response.end(body[0]);
  const stalled = setTimeout(() => response.destroy(), graceMs).unref();
  response.once('close', () => clearTimeout(stalled));
  let at = 0;
  const more = (): void => {
    stalled.refresh();
    let bytes = 0;
    response.cork();
    for (; at < body.length && bytes < BATCH_BYTES; at++) {
      bytes += body[at]!.byteLength;
      response.write(body[at]);
    }
    if (at < body.length) response.once('drain', more);
    else response.end();
    response.uncork();
  };
  more();
}

const packing = new WeakMap<Body, Promise<Body>>();

/** On the thread pool; once for all who are sent the same. */
export function gzipped(body: Body): Promise<Body> {
  const known = packing.get(body) ?? pack(body);
  packing.set(body, known);
  return known;
}

async function pack(body: Body): Promise<Body> {
  const gzip = createGzip({ level: 1, chunkSize: BATCH_BYTES });
  const packed: Buffer[] = [];
  const isOver = new Promise((resolve, reject) => {
    gzip.on('data', (chunk: Buffer) => packed.push(chunk));
    gzip.on('end', resolve).on('error', reject);
  });
  for (const chunk of body) if (!gzip.write(chunk)) await new Promise((resolve) => gzip.once('drain', resolve));
  gzip.end();
  await isOver;
  return packed;
}
