import type { IncomingMessage, ServerResponse } from 'node:http';
import { MezzoError, messageOf } from '@mezzo/sdk/contract';
import { bodyOf, gzipped, lengthOf, writeBody, type Body } from './answer-body.js';

/** A complete answer as data: handlers return it, `sendAnswer` writes it. */
export interface Answer {
  readonly status: number;
  readonly type?: string;
  readonly body?: string | Uint8Array | Body;
  readonly headers?: Readonly<Record<string, string>>;
}

export const JSON_TYPE = 'application/json';
export const PROTOBUF_TYPE = 'application/x-protobuf';
export const TEXT_TYPE = 'text/plain; charset=utf-8';
const MIN_GZIP_BYTES = 1024;

export const textAnswer = (status: number, body: string, headers?: Record<string, string>): Answer => ({
  status,
  type: TEXT_TYPE,
  body,
  ...(headers && { headers }),
});

/** What the machine replied. */
export const replyAnswer = ({
  status,
  text,
}: {
  readonly status: number;
  readonly text?: string | undefined;
}): Answer => (text === undefined ? { status } : textAnswer(status, text));

export const isRead = (method: string): boolean => method === 'GET' || method === 'HEAD';

export const notFound = (): Answer => textAnswer(404, '404 Not Found.');

export const notImplemented = (what: string): Answer => textAnswer(501, `${what} is not supported yet`);

export const methodNotAllowed = (expected: readonly string[], received: string): Answer =>
  textAnswer(
    405,
    `405 Method Not Allowed. Expecting one of { ${expected.map((m) => `'${m}'`).join(', ')} }, but received '${received}'.`,
    { Allow: expected.join(', ') },
  );

/** JSON text, as a script when the caller asked for JSONP. */
export const jsonAnswer = (json: string | Body, jsonp?: string): Answer =>
  jsonp === undefined
    ? { status: 200, type: JSON_TYPE, body: json }
    : {
        status: 200,
        type: 'text/javascript',
        body: [Buffer.from(`${jsonp}(`), ...bodyOf(json), Buffer.from(');')],
      };

const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  BODY_TOO_LARGE: 413,
  BODY_TIMEOUT: 408,
  BUSY: 503,
  TOKEN_INVALID: 401,
  NOT_SUPPORTED: 501,
  STORE_UNAVAILABLE: 503,
};

export function statusOf(error: unknown): number {
  if (!(error instanceof Error) || !('code' in error)) return 500;
  const { code, blame } = error as Partial<MezzoError>;
  return STATUS_BY_CODE[code ?? ''] ?? (blame === 'user' ? 400 : 500);
}

/** What a failed handler answers: bugs do not show their insides. */
export function errorAnswer(error: unknown): Answer {
  const status = statusOf(error);
  const headers = status === 503 ? { 'Retry-After': '1' } : undefined;
  return textAnswer(status, status === 500 ? 'Internal error' : messageOf(error), headers);
}

/** Writes the answer, compressed when the caller accepts it and it is worth it. */
export function sendAnswer(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  if (response.headersSent || response.destroyed) return;
  const body = bodyOf(answer.body ?? '');
  if (lengthOf(body) < MIN_GZIP_BYTES || !acceptsGzip(request)) return write(request, response, answer, body);
  gzipped(body).then(
    (packed) =>
      write(request, response, { ...answer, headers: { ...answer.headers, 'Content-Encoding': 'gzip' } }, packed),
    () => write(request, response, answer, body),
  );
}

function write(request: IncomingMessage, response: ServerResponse, answer: Answer, body: Body): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(answer.status, {
    ...(answer.type !== undefined && { 'Content-Type': answer.type }),
    'Content-Length': lengthOf(body),
    ...answer.headers,
  });
  if (request.method === 'HEAD') response.end();
  else writeBody(response, body);
}

const acceptsGzip = (request: IncomingMessage): boolean =>
  qualityOf(request.headers['accept-encoding'] ?? '', 'gzip') > 0;

function qualityOf(header: string, ...names: string[]): number {
  let best = 0;
  for (const part of header.split(',')) {
    const [name, ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    if (!names.includes(name ?? '')) continue;
    const q = parameters.find((p) => p.startsWith('q='));
    best = Math.max(best, q === undefined ? 1 : Number(q.slice(2)) || 0);
  }
  return best;
}

export type MessageType = typeof JSON_TYPE | typeof PROTOBUF_TYPE;

/** Without a header everything is accepted. */
export const accepts = (header: string | undefined, type: string): boolean =>
  header === undefined || qualityOf(header, type, 'application/*', '*/*') > 0;

/** The message type to answer in: JSON whenever it is allowed, whatever the preferences. Undefined = none is acceptable. */
export function negotiate(accept: string | undefined): MessageType | undefined {
  if (accept === undefined) return JSON_TYPE;
  if (qualityOf(accept, JSON_TYPE, 'application/*', '*/*') > 0) return JSON_TYPE;
  return qualityOf(accept, PROTOBUF_TYPE) > 0 ? PROTOBUF_TYPE : undefined;
}

export const NOT_ACCEPTABLE = textAnswer(
  406,
  "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'",
);

/** Checks the Content-Type of a v1 call as the field does: by string equality, parameters are refused. */
export function contentTypeOf(request: IncomingMessage): MessageType | Answer {
  const type = request.headers['content-type'];
  if (type === undefined) return textAnswer(400, "Expecting 'Content-Type' to be present");
  if (type === JSON_TYPE || type === PROTOBUF_TYPE) return type;
  return textAnswer(415, "Expecting 'Content-Type' of application/json or application/x-protobuf");
}

/** `?jsonp=name`: wraps the answer in a call of that function. */
export function jsonpOf(query: URLSearchParams): string | undefined {
  const jsonp = query.get('jsonp') ?? undefined;
  if (jsonp === undefined || /^[\w$.[\]]{1,128}$/.test(jsonp)) return jsonp;
  throw new MezzoError('INVALID_JSONP', "'jsonp' must be the name of a function", { blame: 'user' });
}
