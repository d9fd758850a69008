import type { IncomingMessage } from 'node:http';
import { MezzoError } from '@mezzo/sdk/contract';

export const DEFAULT_MAX_BODY_BYTES = 64 * 1024 * 1024;

/** The whole body. Rejects with BODY_TOO_LARGE as soon as the bound is passed, with REQUEST_ABORTED when the peer leaves. */
export function readBody(request: IncomingMessage, maxBytes = DEFAULT_MAX_BODY_BYTES): Promise<Buffer> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > maxBytes) return Promise.reject(tooLarge(maxBytes));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) return void chunks.push(chunk);
      request.pause();
      reject(tooLarge(maxBytes));
    });
    request.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size)));
    request.on('error', (cause) => reject(aborted(cause)));
    request.on('close', () => reject(aborted()));
  });
}

const tooLarge = (maxBytes: number): MezzoError =>
  new MezzoError('BODY_TOO_LARGE', `The request body is larger than ${maxBytes} bytes`, { blame: 'user' });

const aborted = (cause?: unknown): MezzoError =>
  new MezzoError('REQUEST_ABORTED', 'The connection closed before the request was complete', { blame: 'user', cause });
