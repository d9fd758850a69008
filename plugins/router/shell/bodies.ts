import type { IncomingMessage } from 'node:http';
import { MezzoError } from '@mezzo/sdk/contract';
import { readText as readWithin } from '@mezzo/sdk/runtime';

const BODY_MAX_BYTES = 64 << 10;

export async function readText(req: IncomingMessage): Promise<string> {
  const text = await readWithin(req, BODY_MAX_BYTES);
  if (text !== undefined) return text;
  throw new MezzoError('ERR_TOO_LARGE', `the body is longer than ${BODY_MAX_BYTES} bytes`, {
    blame: 'user',
    details: { status: 413 },
  });
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
