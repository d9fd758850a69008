import { createHash } from 'node:crypto';
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { errorPage, HOME_SCRIPT, signInPage, STYLE } from '../core/pages.js';

const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    `default-src 'none'; style-src ${hash(STYLE)}; script-src ${hash(HOME_SCRIPT)}; connect-src 'self'; ` +
    `form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
};

export const CHALLENGE = 'acsjwt';

export const wantsHtml = (accept: string | undefined): boolean => accept?.includes('text/html') ?? false;

export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** An error as JSON {title, description, code}, or as a page for browsers. */
export function errorAnswer(req: IncomingMessage, status: number, reason: string, code?: string): ErrorAnswer {
  const title = STATUS_CODES[status] ?? 'Error';
  const html = wantsHtml(req.headers.accept);
  const body = html
    ? status === 401 && req.method === 'GET'
      ? signInPage(req.url ?? '/')
      : errorPage(status, title, reason)
    : JSON.stringify({ title, description: reason, code: code ?? `ERR_${title.toUpperCase().replace(/\W+/g, '_')}` });
  const headers = {
    ...(html ? PAGE_HEADERS : {}),
    'content-type': html ? 'text/html; charset=UTF-8' : 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    'cache-control': 'no-store',
    ...(status === 401 ? { 'www-authenticate': CHALLENGE } : {}),
    ...(status === 503 ? { 'retry-after': '1' } : {}),
  };
  return { status, headers, body };
}

export function sendError(
  req: IncomingMessage,
  res: ServerResponse,
  status: number,
  reason: string,
  code?: string,
): void {
  if (res.headersSent || res.destroyed) return void res.destroy();
  const answer = errorAnswer(req, status, reason, code);
  // A body that nobody will read is not waited for.
  const unread = !req.complete ? { connection: 'close' } : {};
  res.writeHead(status, { ...answer.headers, ...unread });
  res.end(req.method === 'HEAD' ? undefined : answer.body);
}

/** The same on the bare socket of an upgrade. */
export function sendErrorOnSocket(
  req: IncomingMessage,
  socket: Duplex,
  status: number,
  reason: string,
  code?: string,
): void {
  const { headers, body } = errorAnswer(req, status, reason, code);
  const lines = Object.entries({ ...headers, connection: 'close' }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`, () => socket.destroy());
}
