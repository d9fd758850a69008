import { execFile } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, mkdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, normalize } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGunzip } from 'node:zlib';
import type { CommandInfoURI } from '@mezzo/sdk/api';
import { MezzoError, messageOf } from '@mezzo/sdk/contract';
import { extract, type ReadEntry } from 'tar';
import { Agent, interceptors, request } from 'undici';
import type { UnixUser } from './users.js';

export interface FetcherOptions {
  /** Of one download, and of what one archive holds. */
  readonly maxBytes: number;
  /** A download that brings nothing for so long is given up. */
  readonly stallTimeoutMs: number;
}

const MAX_REDIRECTS = 5;
const MAX_ARCHIVE_ENTRIES = 100_000;
const TOOL_TIMEOUT_MS = 600_000;
const run = promisify(execFile);

/** Brings the files that a task asks for into its sandbox. */
export class Fetcher {
  private readonly agent: Agent;

  constructor(private readonly options: FetcherOptions) {
    const { stallTimeoutMs } = options;
    this.agent = new Agent({ bodyTimeout: stallTimeoutMs, headersTimeout: stallTimeoutMs, connections: 16 });
  }

  /** One after the other, in order. Rejects with FETCH_FAILED, which names the URI. */
  async fetchAll(uris: readonly CommandInfoURI[], directory: string, user: UnixUser | undefined): Promise<void> {
    for (const uri of uris) {
      try {
        await this.fetch(uri, directory, user);
      } catch (cause) {
        const message = `Failed to fetch '${withoutSecrets(uri.value)}': ${messageOf(cause)}`;
        throw new MezzoError('FETCH_FAILED', message, { blame: 'user', cause });
      }
    }
  }

  async close(): Promise<void> {
    await this.agent.destroy();
  }

  private async fetch(uri: CommandInfoURI, directory: string, user: UnixUser | undefined): Promise<void> {
    const target = join(directory, outputName(uri));
    await mkdir(dirname(target), { recursive: true });
    const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(uri.value)?.[1]?.toLowerCase();
    if (scheme === 'http' || scheme === 'https') await this.download(uri.value, target);
    else if (scheme === 'file' || scheme === undefined) await copyLocal(localPath(uri.value), target, user);
    else throw new Error(`the scheme '${scheme}' is not supported yet`);
    if (uri.executable) await chmod(target, 0o755);
    else if (uri.extract !== false) await this.extract(target, dirname(target));
  }

  private async download(url: string, target: string): Promise<void> {
    const dispatcher = this.agent.compose(interceptors.redirect({ maxRedirections: MAX_REDIRECTS }));
    const { statusCode, headers, body } = await request(url, { dispatcher });
    if (statusCode !== 200) {
      await body.dump({ limit: 4096 });
      throw new Error(`the server answered ${statusCode}`);
    }
    if (Number(headers['content-length'] ?? 0) > this.options.maxBytes) {
      body.destroy();
      throw new Error(tooLarge(this.options.maxBytes));
    }
    const partial = `${target}.partial`;
    try {
      await pipeline(body, boundedTo(this.options.maxBytes), createWriteStream(partial, { mode: 0o644 }));
      await rename(partial, target);
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    }
  }

  /** What the name says it is; the archive itself stays. */
  private async extract(file: string, directory: string): Promise<void> {
    if (/\.(tar|tar\.gz|tgz)$/.test(file)) return this.untar(file, directory);
    if (/\.(tar\.bz2|tbz2|tar\.xz|txz)$/.test(file))
      return tool('tar', ['--extract', '--no-same-owner', '--file', file, '--directory', directory]);
    if (/\.zip$/.test(file)) return tool('unzip', ['-o', '-q', file, '-d', directory]);
    if (!/\.gz$/.test(file)) return;
    const { maxBytes } = this.options;
    const plain = file.slice(0, -'.gz'.length);
    await pipeline(createReadStream(file), createGunzip(), boundedTo(maxBytes), createWriteStream(plain));
  }

  private async untar(file: string, directory: string): Promise<void> {
    const { maxBytes } = this.options;
    const stop = new AbortController();
    let bytes = 0;
    let entries = 0;
    // A throw in the filter would be nobody's to catch.
    const filter = (_path: string, entry: unknown): boolean => {
      bytes += (entry as ReadEntry).size ?? 0;
      entries += 1;
      const within = bytes <= maxBytes && entries <= MAX_ARCHIVE_ENTRIES;
      if (!within)
        stop.abort(new Error(`the archive holds more than ${maxBytes} bytes or ${MAX_ARCHIVE_ENTRIES} files`));
      return within;
    };
    const unpack = extract({ cwd: directory, strict: true, preserveOwner: false, filter });
    await pipeline(createReadStream(file), unpack as unknown as NodeJS.WritableStream, { signal: stop.signal }).catch(
      (error: unknown) => {
        throw stop.signal.aborted ? stop.signal.reason : error;
      },
    );
  }
}

/** Where in the sandbox it goes. */
function outputName({ value, outputFile }: CommandInfoURI): string {
  const path = value.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '').replace(/[?#].*$/s, '');
  const name = normalize(outputFile ?? decode(basename(path)));
  if (name === '.' || name === '' || name.startsWith('/') || name.split('/').includes('..') || name.includes('\0'))
    throw new Error(outputFile === undefined ? 'the URI names no file' : `'${outputFile}' leaves the sandbox`);
  return name;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text).replaceAll('/', '_');
  } catch {
    return text;
  }
}

function localPath(uri: string): string {
  const path = uri.replace(/^file:\/\/(localhost(?=\/))?/i, '');
  if (!path.startsWith('/')) throw new Error('a local path must begin with /');
  return path;
}

/** As the task's user: an agent that is root must not hand out what the user cannot read. */
async function copyLocal(from: string, to: string, user: UnixUser | undefined): Promise<void> {
  const info = await stat(from).catch(() => undefined);
  if (info !== undefined && !info.isFile() && !info.isDirectory()) throw new Error('it is no file');
  const { uid, gid } = user ?? {};
  await tool('cp', ['-RL', '--', from, to], user && { uid, gid });
}

async function tool(name: string, args: string[], as: { uid?: number; gid?: number } = {}): Promise<void> {
  try {
    await run(name, args, { timeout: TOOL_TIMEOUT_MS, maxBuffer: 65536, ...as });
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    if (code === 'ENOENT') throw new Error(`the tool '${name}' is not installed on the agent's machine`);
    throw new Error(`${name}: ${(stderr ?? '').trim().slice(0, 500) || messageOf(error)}`);
  }
}

function boundedTo(maxBytes: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > maxBytes) done(new Error(tooLarge(maxBytes)));
      else done(null, chunk);
    },
  });
}

const tooLarge = (maxBytes: number): string => `it is larger than ${maxBytes} bytes`;

/** For messages: no password, no query. */
const withoutSecrets = (uri: string): string => uri.replace(/\/\/[^/@]*@/, '//').replace(/[?#].*$/s, '');
