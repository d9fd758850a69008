import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import type { SecretReference } from '@mezzo/sdk/api';
import { hasCode, messageOf, type Logger } from '@mezzo/sdk/contract';
import { MAX_SECRET_BYTES, secretError, type SecretStore } from '@mezzo/sdk/points/secret-store';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;

const PART = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const MAX_PARTS = 16;
/** Of group and others. */
const OPEN_TO_OTHERS = 0o077;

/**
 * `db/password` is the file of that path below a directory, without the newline that it may end with; `db` with the key `password` is the same.
 * No link is followed, and what others than root and the agent's user could read or have written is not given.
 */
export class FileSecrets implements SecretStore {
  readonly name = 'file-secrets';

  constructor(
    private readonly directory: string,
    private readonly log: Logger,
  ) {}

  async resolve({ name, key }: SecretReference): Promise<Uint8Array> {
    const parts = [...name.split('/'), ...(key === undefined ? [] : key.split('/'))];
    if (parts.length > MAX_PARTS || !parts.every((part) => PART.test(part))) throw notFound();
    let at = await this.openRoot();
    try {
      for (const [n, part] of parts.entries()) {
        const next = await openIn(at, part, n < parts.length - 1);
        await at.close();
        at = next;
        await this.check(at, parts.slice(0, n + 1).join('/'));
      }
      return await this.read(at, parts.join('/'));
    } finally {
      await at.close();
    }
  }

  private async openRoot(): Promise<FileHandle> {
    const root = await open(this.directory, O_RDONLY | O_DIRECTORY).catch((error: unknown) => {
      this.log.warn('the directory of secrets cannot be opened', { reason: messageOf(error) });
      throw secretError('SECRET_STORE_UNAVAILABLE', 'its directory cannot be opened');
    });
    try {
      await this.check(root, '');
      return root;
    } catch (error) {
      await root.close();
      throw error;
    }
  }

  private async check(file: FileHandle, path: string): Promise<void> {
    const { uid, mode } = await file.stat();
    const isOurs = uid === 0 || uid === process.getuid?.();
    if (!isOurs) throw this.denied(path, 'it belongs to another user');
    if ((mode & OPEN_TO_OTHERS) !== 0) throw this.denied(path, 'it is open to others: chmod go= it');
  }

  /** One byte more than can be given, so that a file that grows is no way around the bound. */
  private async read(file: FileHandle, path: string): Promise<Uint8Array> {
    if (!(await file.stat()).isFile()) throw notFound();
    const buffer = Buffer.alloc(MAX_SECRET_BYTES + 2);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
      length += bytesRead;
      if (bytesRead === 0 || length === buffer.length) break;
    }
    if (buffer[length - 1] === 0x0a) length--;
    if (length > MAX_SECRET_BYTES) throw this.denied(path, `it holds more than ${MAX_SECRET_BYTES} bytes`);
    return buffer.subarray(0, length);
  }

  private denied(path: string, reason: string): Error {
    this.log.warn('a secret is not given', { path, reason });
    return secretError('SECRET_DENIED', reason);
  }
}

const notFound = (): Error => secretError('SECRET_NOT_FOUND', 'there is no such file');

/** By the open directory, not by its path, which somebody might exchange meanwhile. A named pipe must not make it wait. */
async function openIn(directory: FileHandle, name: string, isDirectory: boolean): Promise<FileHandle> {
  const flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | (isDirectory ? O_DIRECTORY : 0);
  return open(`/proc/self/fd/${directory.fd}/${name}`, flags).catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].some((code) => hasCode(error, code))) throw notFound();
    throw secretError('SECRET_STORE_UNAVAILABLE', 'it cannot be opened');
  });
}
