import type { IncomingMessage } from 'node:http';
import { gunzip } from 'node:zlib';
import { parseJson } from '@mezzo/sdk/api';
import { MezzoError } from '@mezzo/sdk/contract';

export const DEFAULT_MAX_BODY_BYTES = 64 * 1024 * 1024;

export interface BodyTimes {
  /** A sender that is silent for longer is given up. */
  readonly stallMs: number;
  /** The whole body must be there by then. */
  readonly wholeMs: number;
  /** How long what follows a refusal is read and thrown away, so that the sender sees the refusal. */
  readonly lingerMs: number;
}

const TIMES: BodyTimes = { stallMs: 30_000, wholeMs: 300_000, lingerMs: 5_000 };
/** Of all bodies that are being received, together. */
const MAX_HELD_BYTES = 256 * 1024 * 1024;
let heldBytes = 0;

/**
 * The whole body, unpacked when it is gzip. Rejects with BODY_TOO_LARGE as soon as the bound is passed, BODY_TIMEOUT,
 * BODY_NOT_GZIP, BUSY when too much is being received at once, and with REQUEST_ABORTED when the peer leaves.
 */
export async function readBody(
  request: IncomingMessage,
  maxBytes = DEFAULT_MAX_BODY_BYTES,
  times = TIMES,
): Promise<Buffer> {
  const body = await receive(request, maxBytes, times);
  return request.headers['content-encoding'] === 'gzip' ? unpack(body, maxBytes) : body;
}

/** The same as JSON. Throws INVALID_JSON, too. */
export const readJson = async (request: IncomingMessage, maxBytes: number): Promise<unknown> =>
  parseJson((await readBody(request, maxBytes)).toString('utf8'));

async function receive(request: IncomingMessage, maxBytes: number, times: BodyTimes): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  const timers: NodeJS.Timeout[] = [];
  let take: ((chunk: Buffer) => void) | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      if (Number(request.headers['content-length'] ?? 0) > maxBytes) return reject(tooLarge(maxBytes));
      const give = (afterMs: number): NodeJS.Timeout => setTimeout(() => reject(late(afterMs)), afterMs);
      const stalled = give(times.stallMs);
      timers.push(stalled, give(times.wholeMs));
      take = (chunk) => {
        stalled.refresh();
        chunks.push(chunk);
        size += chunk.length;
        heldBytes += chunk.length;
        if (size > maxBytes) reject(tooLarge(maxBytes));
        else if (heldBytes > MAX_HELD_BYTES) reject(busy());
      };
      request.on('data', take);
      request.on('end', resolve);
      request.on('error', (cause) => reject(aborted(cause)));
      request.on('close', () => request.complete || reject(aborted()));
    });
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size);
  } catch (error) {
    linger(request, times.lingerMs);
    throw error;
  } finally {
    heldBytes -= size;
    for (const timer of timers) clearTimeout(timer);
    if (take) request.off('data', take);
  }
}

/** A connection that is closed while its peer still sends takes the answer with it. */
function linger(request: IncomingMessage, forMs: number): void {
  if (request.complete || request.destroyed) return;
  const { socket } = request;
  const timer = setTimeout(() => socket.destroy(), forMs);
  const done = (): void => clearTimeout(timer);
  request.once('end', done);
  socket.once('close', done);
  request.resume();
}

const unpack = (packed: Buffer, maxBytes: number): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    gunzip(packed, { maxOutputLength: maxBytes }, (error, body) => {
      if (error === null) resolve(body);
      else if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') reject(tooLarge(maxBytes));
      else
        reject(
          new MezzoError('BODY_NOT_GZIP', "The body is not the gzip that 'Content-Encoding' says", { blame: 'user' }),
        );
    });
  });

const tooLarge = (maxBytes: number): MezzoError =>
  new MezzoError('BODY_TOO_LARGE', `The request body is larger than ${maxBytes} bytes`, { blame: 'user' });

const late = (ms: number): MezzoError =>
  new MezzoError('BODY_TIMEOUT', `The request body did not come within ${ms / 1000} seconds`, { blame: 'user' });

const busy = (): MezzoError =>
  new MezzoError('BUSY', 'Too many large requests at once: send this one again later', { blame: 'environment' });

const aborted = (cause?: unknown): MezzoError =>
  new MezzoError('REQUEST_ABORTED', 'The connection closed before the request was complete', { blame: 'user', cause });
