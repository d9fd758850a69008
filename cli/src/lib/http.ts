import { MezzoError } from '@mezzo/sdk/contract';
import { request } from 'undici';

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
  readonly headers: Record<string, string | string[] | undefined>;
}

export interface HttpOptions {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly token?: string | undefined;
  /** Objects are sent as JSON, bytes as they are. */
  readonly body?: unknown;
  readonly timeoutMs?: number;
}

/** One bounded request. Rejects with UNREACHABLE when nothing answers; every status is an answer. */
export async function http(
  url: string,
  { method = 'GET', token, body, timeoutMs = 10_000 }: HttpOptions = {},
): Promise<HttpAnswer> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  const bytes = body instanceof Uint8Array;
  if (body !== undefined) headers['content-type'] = bytes ? 'application/octet-stream' : 'application/json';
  try {
    const answer = await request(url, {
      method,
      headers,
      ...(body === undefined ? {} : { body: bytes ? body : JSON.stringify(body) }),
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
    return { status: answer.statusCode, text: await answer.body.text(), headers: answer.headers };
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
    throw new MezzoError('UNREACHABLE', `${url} does not answer (${reason})`, {
      blame: 'environment',
      retryable: true,
      next: 'check that the cluster runs: `mezzo status`',
      cause,
    });
  }
}

/** The decoded body of a 2xx answer; anything else rejects with HTTP_<status> and the server's own words. */
export async function httpJson<T>(url: string, options: HttpOptions = {}): Promise<T> {
  const { status, text } = await http(url, options);
  if (status >= 200 && status < 300) return (text === '' ? undefined : JSON.parse(text)) as T;
  throw new MezzoError(`HTTP_${status}`, `${options.method ?? 'GET'} ${url} answered ${status}: ${wordsOf(text)}`, {
    blame: status === 401 || status < 500 ? 'user' : 'kernel',
    retryable: status === 503,
    ...(status === 401 ? { next: 'log in: `mezzo auth login`' } : {}),
    details: { status, body: text.slice(0, 4096) },
  });
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
