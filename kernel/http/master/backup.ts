import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BACKUP_FORMAT, writeBackup } from '@mezzo/sdk/backup';
import { messageOf } from '@mezzo/sdk/contract';
import { verifyToken } from '@mezzo/sdk/secrets';
import type { StoreSnapshot } from '@mezzo/sdk/points/store-driver';
import { STORE_FORMAT } from '@mezzo/sdk/store';
import { methodNotAllowed, textAnswer, type Answer } from '../answer.js';
import { tokenOf } from '../auth/tokens.js';
import type { MasterSite } from './site.js';

/** A reader that takes nothing for so long is cut off: the values of its moment are kept for it. */
const READER_GRACE_MS = 30_000;
/** Two operators, or one who tries again. Each costs what has changed since it began. */
const MAX_AT_A_TIME = 2;
let running = 0;

/**
 * `GET /store/v1/backup`: all that the leader keeps, at one sequence number, as a file. It holds what plugins keep secret: whoever
 * can sign for the cluster's administrator gets it, and no user whom the router lets in. Rejects with TOKEN_INVALID.
 */
export async function backupApi(
  site: MasterSite,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Answer | undefined> {
  if (request.method !== 'GET') return methodNotAllowed(['GET'], request.method!);
  const { uid } = await verifyToken(site.clusterKey, tokenOf(request.headers.authorization) ?? '', 'operator');
  if (running >= MAX_AT_A_TIME)
    return textAnswer(503, `${running} backups are being taken already`, { 'Retry-After': '10' });
  const snapshot = site.shell.snapshot();
  if (snapshot === undefined) return textAnswer(503, 'This master does not lead (yet)', { 'Retry-After': '1' });
  running += 1;
  try {
    await send(site, snapshot, response);
    site.log.info('a backup was taken', { by: uid, sequence: snapshot.sequence, entries: snapshot.entries.length });
  } catch (error) {
    site.log.warn('a backup was cut off', { by: uid, reason: messageOf(error) });
  } finally {
    running -= 1;
  }
  return undefined;
}

async function send(
  { clusterName }: MasterSite,
  { epoch, sequence, entries }: StoreSnapshot,
  response: ServerResponse,
): Promise<void> {
  const header = {
    ...{ mezzoBackup: BACKUP_FORMAT, store: STORE_FORMAT },
    ...(clusterName !== undefined && { cluster: clusterName }),
    ...{ epoch, sequence, time: new Date().toISOString(), count: entries.length },
  };
  response.setTimeout(READER_GRACE_MS, () => response.destroy());
  response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Cache-Control': 'no-store' });
  await pipeline(Readable.from(writeBackup(header, entries), { objectMode: true, highWaterMark: 1 }), response);
}
