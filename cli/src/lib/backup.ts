import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { readBackup, type BackupHeader, type BackupReader } from '@mezzo/sdk/backup';
import { MezzoError, messageOf } from '@mezzo/sdk/contract';
import type { Cluster } from './cluster.js';
import { openRequest, wordsOf } from './http.js';

export interface Backup extends BackupHeader {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

const PATH = '/mesos/store/v1/backup';
const MAX_REDIRECTS = 3;
const SILENCE_MS = 60_000;

/** The file is there when all of it is, checked and on disk; until then it has another name. */
export async function takeBackup(cluster: Cluster, file: string, reader: BackupReader): Promise<Backup> {
  const temporary = `${file}.${process.pid}.tmp`;
  const handle = await open(temporary, 'wx', 0o600).catch((cause: unknown) => {
    throw new MezzoError('FILE_UNWRITABLE', `cannot write ${file}: ${messageOf(cause)}`, {
      blame: 'user',
      next: 'name a file in a directory that is there and that you may write to: --out FILE',
      cause,
    });
  });
  try {
    const read = await readBackup(copied(await requestBackup(cluster), handle), file, reader);
    await handle.sync();
    const { size: bytes } = await handle.stat();
    await rename(temporary, file);
    return { ...read, file, bytes };
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

/** A master that does not lead says who does: there the same token is good. */
async function requestBackup(cluster: Cluster): Promise<IncomingMessage> {
  let url = cluster.url + PATH;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const { request, response } = await openRequest(url, 'GET', { authorization: `Bearer ${cluster.token}` });
    request.setTimeout(SILENCE_MS, () => request.destroy(new Error(`silent for ${SILENCE_MS / 1000} s`))).end();
    const answer = await response;
    if (answer.statusCode === 200) return answer;
    const { location } = answer.headers;
    if (answer.statusCode !== 307 || location === undefined) throw await refused(url, answer);
    answer.resume();
    url = new URL(location, url).href;
  }
  throw new MezzoError('NO_LEADER', `the masters name each other as the leader; the last one named is ${url}`, {
    blame: 'environment',
    retryable: true,
    next: 'try again once an election is over',
  });
}

async function refused(url: string, answer: IncomingMessage): Promise<MezzoError> {
  let text = '';
  for await (const chunk of answer.setEncoding('utf8')) if (text.length < 4096) text += chunk as string;
  const { statusCode: status = 0 } = answer;
  return new MezzoError(`HTTP_${status}`, `${url} answered ${status}: ${wordsOf(text)}`, {
    blame: status < 500 ? 'user' : 'kernel',
    retryable: status === 503,
    ...(status === 401 && {
      next: 'only the administrator may: use the token that `mezzo auth token` prints beside secrets/cluster.key, as MEZZO_TOKEN',
    }),
  });
}

async function* copied(answer: IncomingMessage, to: FileHandle): AsyncGenerator<Buffer, void, undefined> {
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      await to.appendFile(chunk);
      yield chunk;
    }
  } catch (cause) {
    throw new MezzoError('BACKUP_CUT_OFF', `the backup broke off: ${messageOf(cause)}`, {
      blame: 'environment',
      retryable: true,
      next: 'see that the disk has room and that the master still leads, and try again',
      cause,
    });
  }
}
