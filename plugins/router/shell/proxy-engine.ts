import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { PassThrough, pipeline, type Duplex } from 'node:stream';
import httpProxy from 'http-proxy';
import type { Disposable } from '@mezzo/sdk/contract';
import type { Target } from '../core/apps.js';
import type { Headers } from '../core/headers.js';

/** One request on its way to one target. */
export interface Passage {
  readonly target: Target;
  /** Path and query, sent as they are behind the target's base path. */
  readonly path: string;
  readonly headers: Headers;
  /** It gets the client's token: by TLS only when it has a certificate that this process trusts. */
  readonly trusted: boolean;
  /** The headers that the client gets. */
  readonly answer: (headers: Headers) => Headers;
}

export type Failure =
  /** Nobody listens there: the request was not seen by anyone. */
  | 'refused'
  /** Connected, and then closed without a word. */
  | 'closed'
  /** It is not who it should be. */
  | 'untrusted'
  /** No connection, or no response, in time. */
  | 'slow'
  /** The body is longer than allowed. */
  | 'too-large'
  /** The client has left. */
  | 'aborted';

/** The port behind which a proxy does its work: request heads are checked and rewritten before, failures are told after. */
export interface ProxyEngine extends Disposable {
  /**
   * Resolves with undefined once the response is under way (it then streams on by itself), or with why there is none: the client
   * has not heard anything then. The request's body is first read when a connection stands: until then another target may be tried.
   */
  web(req: IncomingMessage, res: ServerResponse, passage: Passage): Promise<Failure | undefined>;
  /** The same for a WebSocket. */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer, passage: Passage): Promise<Failure | undefined>;
}

export interface EngineLimits {
  readonly connectTimeoutMs: number;
  /** From the end of the request to the head of the response. Streams may be silent for ever after. */
  readonly responseTimeoutMs: number;
  readonly bodyMaxBytes: number;
}

interface Journey {
  readonly passage: Passage;
  readonly settle: (failure: Failure | undefined) => void;
  /** What the upstream reads as the body. */
  readonly body?: PassThrough | undefined;
  request?: ClientRequest;
  connectTimer?: NodeJS.Timeout;
  responseTimer?: NodeJS.Timeout;
  failure?: Failure;
  settled?: boolean;
}

const IDLE_SOCKETS_MAX = 256;
const KEEP_ALIVE_MS = 30_000;
const GOODBYE_MS = 1000;

export class HttpProxyEngine implements ProxyEngine {
  private readonly proxy = httpProxy.createProxyServer({ selfHandleResponse: true, ignorePath: true, toProxy: true });
  private readonly agents = {
    http: new HttpAgent({ keepAlive: true, maxFreeSockets: IDLE_SOCKETS_MAX, scheduling: 'lifo' }),
    https: new HttpsAgent({ keepAlive: true, maxFreeSockets: IDLE_SOCKETS_MAX }),
    // Certificates of apps are their own affair: they are made up inside the cluster.
    app: new HttpsAgent({ keepAlive: true, maxFreeSockets: IDLE_SOCKETS_MAX, rejectUnauthorized: false }),
  };
  private readonly journeys = new WeakMap<IncomingMessage, Journey>();

  constructor(private readonly limits: EngineLimits) {
    // Of the library's passes only the one that does the work: the others guess at lengths, timeouts and headers.
    const { proxy } = this;
    const passes = proxy as unknown as { webPasses: { name: string }[] };
    passes.webPasses = passes.webPasses.filter((pass) => pass.name === 'stream');
    proxy.on('proxyReq', (request, req, res) => this.depart(request, req, res));
    proxy.on('proxyRes', (response, req, res) => this.arrive(response, req, res));
    proxy.on('econnreset', (_error, req) => this.end(req, 'aborted'));
    proxy.on('error', () => undefined);
  }

  web(req: IncomingMessage, res: ServerResponse, passage: Passage): Promise<Failure | undefined> {
    return new Promise((settle) => {
      const body = hasBody(req) ? new PassThrough() : undefined;
      this.journeys.set(req, { passage, settle, body });
      req.headers = passage.headers as IncomingMessage['headers'];
      const options = { ...this.options(passage), buffer: body ?? NO_BODY };
      this.proxy.web(req, res, options, (error) => this.fail(req, error));
    });
  }

  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer, passage: Passage): Promise<Failure | undefined> {
    return new Promise((settle) => {
      const { scheme, host, port, basePath } = passage.target;
      const options = { host, port, path: basePath + passage.path, headers: defined(passage.headers), agent: false };
      const request =
        scheme === 'https' ? httpsRequest({ ...options, rejectUnauthorized: passage.trusted }) : httpRequest(options);
      const journey: Journey = { passage, settle, request };
      journey.responseTimer = setTimeout(() => this.abort(journey, 'slow'), this.limits.responseTimeoutMs);
      this.watchConnect(journey, () => undefined);
      const leave = (): void => this.abort(journey, 'aborted');
      socket.once('close', leave);
      request.once('error', (error) => {
        socket.off('close', leave);
        this.settle(journey, journey.failure ?? failureOf(error));
      });
      request.once('upgrade', (response, upstream, upstreamHead) => {
        this.settle(journey, undefined);
        join(socket, head, upstream, upstreamHead, response, passage.answer(response.headers));
      });
      request.once('response', (response) => {
        this.settle(journey, undefined);
        decline(response, socket, passage.answer(response.headers));
      });
      request.end();
    });
  }

  dispose(): void {
    this.agents.http.destroy();
    this.agents.https.destroy();
    this.agents.app.destroy();
  }

  private options({ target: { scheme, host, port }, trusted }: Passage) {
    // The host name only: `host` would be taken as a header for TLS.
    return {
      target: { protocol: `${scheme}:`, hostname: host, host, port },
      agent: this.agents[scheme === 'https' && !trusted ? 'app' : scheme],
      secure: trusted,
    };
  }

  /** Before the head is written. */
  private depart(request: ClientRequest, req: IncomingMessage, res: ServerResponse): void {
    const journey = this.journeys.get(req);
    if (journey === undefined) return;
    journey.request = request;
    request.path = journey.passage.target.basePath + journey.passage.path;
    // http-proxy listens for an event that Node does not emit any more: without this a client that leaves never closes the upstream.
    res.once('close', () => {
      if (!res.writableFinished) this.abort(journey, 'aborted');
    });
    if (res.destroyed) return this.abort(journey, 'aborted');
    this.watchConnect(journey, () => this.sendBody(journey, req));
  }

  private watchConnect(journey: Journey, connected: () => void): void {
    const watch = (socket: Socket): void => {
      if (!socket.connecting) return connected();
      journey.connectTimer = setTimeout(() => this.abort(journey, 'slow'), this.limits.connectTimeoutMs);
      socket.once('connect', () => {
        clearTimeout(journey.connectTimer);
        connected();
      });
    };
    if (journey.request?.socket) watch(journey.request.socket);
    else journey.request?.once('socket', watch);
  }

  /** Feeds the body, counts one of unknown length, and starts the clock of the response when all is sent. */
  private sendBody(journey: Journey, req: IncomingMessage): void {
    const { body } = journey;
    if (journey.failure !== undefined) return;
    const startClock = (): void => {
      // An upstream may answer before it has heard all.
      if (journey.settled) return;
      journey.responseTimer = setTimeout(() => this.abort(journey, 'slow'), this.limits.responseTimeoutMs);
    };
    if (body === undefined) return startClock();
    body.once('end', startClock);
    req.pipe(body);
    if (req.headers['transfer-encoding'] === undefined) return;
    let bytes = 0;
    req.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > this.limits.bodyMaxBytes) this.abort(journey, 'too-large');
    });
  }

  private arrive(response: IncomingMessage, req: IncomingMessage, res: ServerResponse): void {
    const journey = this.journeys.get(req);
    if (journey === undefined || res.headersSent || res.destroyed) return void response.destroy();
    this.settle(journey, undefined);
    res.writeHead(
      response.statusCode ?? 502,
      response.statusMessage,
      defined(journey.passage.answer(response.headers)),
    );
    // By hand: stream.pipeline makes an AbortController for each call.
    response.on('error', () => res.destroy());
    response.on('close', () => response.complete || res.destroy());
    response.pipe(res);
    // An event stream may have nothing to say for a while, and its head must not wait for it.
    if (!response.complete) setImmediate(() => res.writableEnded || res.destroyed || res.flushHeaders());
  }

  private fail(req: IncomingMessage, error: Error): void {
    this.end(req, failureOf(error));
  }

  private end(req: IncomingMessage, failure: Failure): void {
    const journey = this.journeys.get(req);
    if (journey) this.settle(journey, journey.failure ?? failure);
  }

  private abort(journey: Journey, failure: Failure): void {
    journey.failure ??= failure;
    journey.request?.destroy();
    journey.body?.destroy();
    this.settle(journey, journey.failure);
  }

  private settle(journey: Journey, failure: Failure | undefined): void {
    clearTimeout(journey.connectTimer);
    clearTimeout(journey.responseTimer);
    journey.settled = true;
    journey.settle(failure);
  }
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** Ends the request once the head is complete, which is when there is a socket. */
const NO_BODY = {
  pipe: (request: ClientRequest) => request.once('socket', () => request.end()),
} as unknown as PassThrough;

const UNREACHABLE = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'EADDRNOTAVAIL'];

function failureOf(error: Error): Failure {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (/CERT|VERIFY/.test(code)) return 'untrusted';
  return UNREACHABLE.includes(code) ? 'refused' : 'closed';
}

/** Both ends of a WebSocket: what one says goes to the other, and the end of one is the end of both. */
function join(
  socket: Duplex,
  head: Buffer,
  upstream: Duplex,
  upstreamHead: Buffer,
  response: IncomingMessage,
  headers: Headers,
): void {
  const lines = headLines('101 Switching Protocols', {
    ...headers,
    connection: 'Upgrade',
    upgrade: response.headers.upgrade,
  });
  socket.write(lines);
  if (head.length > 0) upstream.write(head);
  if (upstreamHead.length > 0) socket.write(upstreamHead);
  const destroy = (): void => {
    clearTimeout(timer);
    socket.destroy();
    upstream.destroy();
  };
  let timer: NodeJS.Timeout | undefined;
  for (const end of [socket, upstream] as (Duplex & Partial<Socket>)[]) {
    end.setTimeout?.(0);
    end.setNoDelay?.(true);
    end.setKeepAlive?.(true, KEEP_ALIVE_MS);
    // The other side may say goodbye, but not stay: many servers keep a half-closed connection for ever.
    end.once('end', () => (timer ??= setTimeout(destroy, GOODBYE_MS)));
  }
  pipeline(socket, upstream, socket, destroy);
}

/** The upstream answers, but not with an upgrade: its response is passed on, and the connection ends with it. */
function decline(response: IncomingMessage, socket: Duplex, headers: Headers): void {
  socket.write(headLines(`${response.statusCode} ${response.statusMessage}`, { ...headers, connection: 'close' }));
  pipeline(response, socket, () => socket.destroy());
}

const headLines = (status: string, headers: Headers): string =>
  [
    `HTTP/1.1 ${status}`,
    ...Object.entries(headers).flatMap(([name, value]) => [value ?? []].flat().map((one) => `${name}: ${one}`)),
    '\r\n',
  ].join('\r\n');

/** Headers as the core makes them have no holes; only their type allows them. */
const defined = (headers: Headers): Record<string, string | string[]> => headers as Record<string, string | string[]>;
