import { existsSync, readFileSync } from 'node:fs';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { MezzoError } from '@mezzo/sdk/contract';

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
  readonly headers: Record<string, string | string[] | undefined>;
}

export interface HttpOptions {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly token?: string | undefined;
  /** Objects are sent as JSON, bytes as they are. */
  readonly body?: unknown;
  readonly timeoutMs?: number;
  /** PEM of an authority to trust besides those that the system knows; may be absent. */
  readonly caFile?: string | undefined;
}

/** One bounded request. Rejects with UNREACHABLE when nothing answers; every status is an answer. */
export async function http(url: string, options: HttpOptions = {}): Promise<HttpAnswer> {
  const { bytes, ...answer } = await httpRaw(url, options);
  return { ...answer, text: bytes.toString('utf8') };
}

/** The body of a 2xx answer as it is; redirects are followed. Rejects as `httpJson`. */
export async function httpBytes(url: string, options: HttpOptions = {}, hops = 5): Promise<Buffer> {
  const { status, bytes, headers } = await httpRaw(url, { timeoutMs: 60_000, ...options });
  const { location } = headers;
  if (status >= 300 && status < 400 && typeof location === 'string' && hops > 0)
    return httpBytes(new URL(location, url).href, options, hops - 1);
  if (status >= 200 && status < 300) return bytes;
  throw refusal(url, options, status, bytes.toString('utf8'));
}

type RawAnswer = Omit<HttpAnswer, 'text'> & { readonly bytes: Buffer };

async function httpRaw(
  url: string,
  { method = 'GET', token, body, timeoutMs = 10_000, caFile, headers: more }: HttpOptions = {},
): Promise<RawAnswer> {
  const headers: Record<string, string> = { accept: 'application/json', ...more };
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  const bytes = body instanceof Uint8Array;
  if (body !== undefined) headers['content-type'] = bytes ? 'application/octet-stream' : 'application/json';
  try {
    const payload = body === undefined || bytes ? body : JSON.stringify(body);
    return await exchange(url, method, headers, payload as string | Uint8Array | undefined, timeoutMs, caFile);
  } catch (cause) {
    throw unreachable(url, cause);
  }
}

function unreachable(url: string, cause: unknown): MezzoError {
  const reason = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
  return new MezzoError('UNREACHABLE', `${url} does not answer (${reason})`, {
    blame: 'environment',
    retryable: true,
    next: 'check that the cluster runs: `mezzo status`',
    cause,
  });
}

export interface OpenRequest {
  readonly request: ClientRequest;
  readonly response: Promise<IncomingMessage>;
}

/** Both ways are streams, for as long as they take. */
export async function openRequest(url: string, method: string, headers: Record<string, string>): Promise<OpenRequest> {
  const request = (await client(url)).request(url, { method, headers, agent: false });
  const response = new Promise<IncomingMessage>((resolve, reject) =>
    request.on('response', resolve).on('error', (cause) => reject(unreachable(url, cause))),
  );
  return { request, response };
}

const MAX_ANSWER_BYTES = 256 << 20;

async function client(url: string, caFile?: string) {
  if (!url.startsWith('https:')) return { request: (await import('node:http')).request, trust: {} };
  return { request: (await import('node:https')).request, trust: await trustIn(caFile) };
}

/** Node's own client: a command that makes three requests should not load a whole HTTP library first. */
async function exchange(
  url: string,
  method: string,
  headers: Record<string, string>,
  payload: string | Uint8Array | undefined,
  timeoutMs: number,
  caFile: string | undefined,
): Promise<RawAnswer> {
  const { request, trust } = await client(url, caFile);
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const call = request(url, { method, headers, timeout: timeoutMs, ...trust }, resolve);
    call.on('timeout', () => call.destroy(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' })));
    call.on('error', reject).end(payload);
  });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return { status: answer.statusCode ?? 0, bytes: Buffer.concat(chunks), headers: answer.headers };
}

async function trustIn(caFile: string | undefined): Promise<{ ca?: string[] }> {
  if (caFile === undefined || !existsSync(caFile)) return {};
  const { rootCertificates } = await import('node:tls');
  return { ca: [...rootCertificates, readFileSync(caFile, 'utf8')] };
}

/** The decoded body of a 2xx answer; anything else rejects with HTTP_<status> and the server's own words. */
export async function httpJson<T>(url: string, options: HttpOptions = {}): Promise<T> {
  const { status, text } = await http(url, options);
  if (status >= 200 && status < 300) return (text === '' ? undefined : JSON.parse(text)) as T;
  throw refusal(url, options, status, text);
}

function refusal(url: string, options: HttpOptions, status: number, text: string): MezzoError {
  const said = ownError(text);
  if (said !== undefined) return said;
  return new MezzoError(`HTTP_${status}`, `${options.method ?? 'GET'} ${url} answered ${status}: ${wordsOf(text)}`, {
    blame: status === 401 || status < 500 ? 'user' : 'kernel',
    retryable: status === 503,
    ...nextAfter(status),
    details: { status, body: text.slice(0, 4096) },
  });
}

/** Daemons of ours say it all themselves. */
function ownError(text: string): MezzoError | undefined {
  try {
    const { code, message, blame, retryable, next } = JSON.parse(text) as Partial<MezzoError>;
    if (typeof code !== 'string' || typeof message !== 'string' || typeof blame !== 'string') return undefined;
    return new MezzoError(code, message, { blame, retryable: retryable === true, ...(next !== undefined && { next }) });
  } catch {
    return undefined;
  }
}

function nextAfter(status: number): { next?: string } {
  if (status === 401) return { next: 'log in: `mezzo auth login`' };
  // 307: from a master that leads no more, or does not yet.
  if ([307, 502, 503, 504].includes(status))
    return { next: 'what serves it may just be changing: try again in some seconds, `mezzo status` shows who leads' };
  return {};
}

/** What a server said, for people: the message of a JSON error with its details, or the first line of text. */
export function wordsOf(text: string): string {
  try {
    const body = JSON.parse(text) as {
      message?: string;
      details?: { path: string; errors: string[] }[] | string;
      deployments?: unknown;
    };
    if (body.message === undefined) return text.slice(0, 400);
    const details = Array.isArray(body.details)
      ? body.details.map(({ path, errors }) => `${path}: ${errors.join(', ')}`).join('; ')
      : body.details;
    return details === undefined ? body.message : `${body.message} (${details})`;
  } catch {
    return text.trim().split('\n')[0]?.slice(0, 400) ?? '';
  }
}
