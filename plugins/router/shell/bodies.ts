import type { IncomingMessage } from 'node:http';
import { MezzoError } from '@mezzo/sdk/contract';

const BODY_MAX_BYTES = 64 << 10;

export async function readText(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_MAX_BYTES)
      throw new MezzoError('ERR_TOO_LARGE', `the body is longer than ${BODY_MAX_BYTES} bytes`, {
        blame: 'user',
        details: { status: 413 },
      });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Undefined when it is no JSON. */
export async function readJson(req: IncomingMessage): Promise<unknown> {
  const text = await readText(req);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

export const clientIp = (req: IncomingMessage): string => (req.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
