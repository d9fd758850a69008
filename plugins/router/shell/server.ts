import { once } from 'node:events';
import { createServer, ServerResponse, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { MezzoError, messageOf, type Disposable, type Listener, type Logger } from '@mezzo/sdk/contract';
import { handingOver, placeOf } from '@mezzo/sdk/runtime';
import { clientHeaders, rewriteLocation, sandboxed, upstreamHeaders, type Headers } from '../core/headers.js';
import { decide, type Action, type Decision, type RouteRules } from '../core/routes.js';
import type { Upstream } from '../core/service.js';
import { Suspects } from '../core/suspects.js';
import type { RouteTable } from '../core/table.js';
import { isCrossSite, presentedToken, type PresentedToken, type TokenClaims } from '../core/tokens.js';
import type { Target } from '../core/apps.js';
import { sendError, sendErrorOnSocket } from './answers.js';
import { clientIp } from './bodies.js';
import type { Gate } from './gate.js';
import type { Failure, Passage, ProxyEngine } from './proxy-engine.js';
import type { Tokens } from './tokens.js';

export interface RouterParts {
  readonly table: RouteTable;
  readonly tokens: Tokens;
  readonly engine: ProxyEngine;
  readonly gate: Gate;
  /** Answers what is the router's own. */
  readonly own: (req: IncomingMessage, res: ServerResponse) => Promise<void>;
  readonly log: Logger;
  /** Called when a response is done. */
  readonly count: (route: Action['kind'], status: number) => void;
}

export interface ServerLimits {
  readonly bodyMaxBytes: number;
  readonly maxConnections: number;
}

interface Identity {
  readonly presented: PresentedToken | undefined;
  readonly claims: TokenClaims | undefined;
}

const HEAD_TIMEOUT_MS = 30_000;
const REQUEST_TIMEOUT_MS = 3_600_000;
const IDLE_TIMEOUT_MS = 75_000;
const WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);
const ATTEMPTS_MAX = 5;
const SUSPECT_FOR_MS = 1000;
const NO_ONE: Identity = { presented: undefined, claims: undefined };
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

/** The front door: decides, checks who asks, and passes on. */
export class RouterServer implements Disposable {
  /** WebSockets may go on for as long as it takes them. */
  readonly handOver: () => Promise<void>;
  private readonly server: Server;
  private readonly suspects = new Suspects(SUSPECT_FOR_MS);

  constructor(
    private readonly parts: RouterParts,
    private readonly rules: () => RouteRules,
    private readonly limits: ServerLimits,
  ) {
    this.server = createServer({
      headersTimeout: HEAD_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: IDLE_TIMEOUT_MS,
    });
    this.server.maxConnections = limits.maxConnections;
    this.handOver = handingOver(this.server);
    this.server.on('request', (req, res) => {
      this.serve(req, res).catch((error: unknown) => this.broken(req, res, error));
    });
    this.server.on('upgrade', (req, socket, head) => {
      socket.on('error', () => socket.destroy());
      this.serveUpgrade(req, socket, head).catch((error: unknown) => {
        parts.log.error('an upgrade failed', { path: req.url, error: messageOf(error) });
        socket.destroy();
      });
    });
  }

  async listen(place: Listener): Promise<number> {
    try {
      this.server.listen(placeOf(place));
      await once(this.server, 'listening');
    } catch (error) {
      throw listenError(error, place.ip, place.port);
    }
    return (this.server.address() as AddressInfo).port;
  }

  async dispose(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    for (const socket of this.upgraded) socket.destroy();
    await closed;
  }
  /** WebSockets are no longer the HTTP server's, which would wait for them for ever. */
  private readonly upgraded = new Set<Duplex>();

  private async serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const decision = decide(this.parts.table, req.url ?? '', this.rules(), Date.now());
    const { action } = decision;
    res.once('close', () => this.parts.count(action.kind, res.statusCode));
    const identity = await this.identify(req.headers);
    const refusal = refuse(req, decision, identity, false);
    if (refusal) return sendError(req, res, ...refusal);
    switch (action.kind) {
      case 'own':
        return this.parts.own(req, res);
      case 'redirect':
        res.writeHead(action.status, { location: action.location, 'content-length': 0 });
        return void res.end();
      case 'error':
        return sendError(req, res, action.status, action.reason);
      case 'proxy':
        if (Number(req.headers['content-length'] ?? 0) > this.limits.bodyMaxBytes)
          return sendError(req, res, 413, `the body is longer than ${this.limits.bodyMaxBytes} bytes`);
        return this.pass(
          req,
          action,
          identity,
          (passage) => this.parts.engine.web(req, res, passage),
          (status, reason, location) => {
            if (location !== undefined) res.setHeader('location', location);
            sendError(req, res, status, reason);
          },
        );
    }
  }

  private async serveUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    if (req.headers.upgrade?.toLowerCase() !== 'websocket') return this.serveWithoutUpgrade(req, socket);
    const decision = decide(this.parts.table, req.url ?? '', this.rules(), Date.now());
    const identity = await this.identify(req.headers);
    const refusal = refuse(req, decision, identity, true);
    if (refusal) return sendErrorOnSocket(req, socket, ...refusal);
    const { action } = decision;
    if (action.kind !== 'proxy') {
      const [status, reason] =
        action.kind === 'error' ? [action.status, action.reason] : [404, 'no WebSocket is served here'];
      return sendErrorOnSocket(req, socket, status, reason);
    }
    this.upgraded.add(socket);
    socket.once('close', () => this.upgraded.delete(socket));
    await this.pass(
      req,
      action,
      identity,
      (passage) => this.parts.engine.upgrade(req, socket, head, passage),
      (status, reason) => sendErrorOnSocket(req, socket, status, reason),
    );
  }

  /** Clients offer HTTP/2 this way; a server that does not take the offer answers as if it had not been made. */
  private async serveWithoutUpgrade(req: IncomingMessage, socket: Duplex): Promise<void> {
    if (hasBody(req))
      return sendErrorOnSocket(req, socket, 501, `not supported: an upgrade to ${req.headers.upgrade} with a body`);
    delete req.headers.upgrade;
    const res = new ServerResponse(req);
    res.shouldKeepAlive = false;
    res.assignSocket(socket as never);
    res.once('finish', () => socket.end());
    await this.serve(req, res).catch((error: unknown) => this.broken(req, res, error));
  }

  private identify(headers: Headers): Identity | Promise<Identity> {
    const presented = presentedToken(headers);
    if (presented === undefined) return NO_ONE;
    const known = this.parts.tokens.recall(presented.jwt);
    if (known !== 'unknown') return { presented, claims: known };
    return this.parts.tokens.verify(presented.jwt).then((claims) => ({ presented, claims }));
  }

  private async pass(
    req: IncomingMessage,
    action: Extract<Action, { kind: 'proxy' }>,
    identity: Identity,
    go: (passage: Passage) => Promise<Failure | undefined>,
    fail: (status: number, reason: string, location?: string) => void,
  ): Promise<void> {
    const { upstream } = action;
    const { gate, table } = this.parts;
    let headers = this.headersFor(req, action, identity);
    if (table.isWatched) {
      const said = await gate.ask(req, identity.claims?.uid, isOurs(req, identity));
      if (!said.allow)
        return 'redirect' in said ? fail(302, 'elsewhere', said.redirect) : fail(said.status, said.reason);
      headers = { ...headers, ...said.headers };
    }
    let failure: Failure | undefined = 'refused';
    for (const target of attempts(this.suspects.last(upstream.targets, performance.now()))) {
      const { path, trusted } = upstream;
      failure = await go({ target, path, headers, trusted, answer: answerOf(req, upstream, target) });
      if (failure === undefined || failure === 'aborted') return;
      this.suspects.add(target, performance.now());
      this.parts.log.debug('a target failed', {
        upstream: upstream.name,
        host: target.host,
        port: target.port,
        failure,
      });
      if (!mayRetry(req, failure)) break;
    }
    const [status, reason] = FAILURES[failure];
    fail(status, `${upstream.name}: ${reason}`);
  }

  private headersFor(req: IncomingMessage, action: Extract<Action, { kind: 'proxy' }>, identity: Identity): Headers {
    const { presented, claims } = identity;
    const encrypted = 'encrypted' in req.socket && req.socket.encrypted;
    return upstreamHeaders(
      req.headers,
      { ip: clientIp(req), scheme: encrypted ? 'https' : 'http' },
      {
        ownAuthorization: isOurs(req, identity),
        token: action.upstream.trusted && claims ? presented?.jwt : undefined,
        dropAcceptEncoding: action.dropAcceptEncoding ?? false,
        upgrade: req.headers.upgrade !== undefined,
        emptyBody: !hasBody(req) && WITH_BODY.has(req.method ?? ''),
      },
    );
  }

  private broken(req: IncomingMessage, res: ServerResponse, error: unknown): void {
    this.parts.log.error('a request failed', { path: req.url, error: messageOf(error) });
    sendError(req, res, 500, 'something went wrong here: the log of the router says more');
  }
}

/** The Authorization header is, or looks like, a token of this cluster. */
const isOurs = (req: IncomingMessage, { presented, claims }: Identity): boolean =>
  presented?.from === 'header' && (claims !== undefined || /token=/.test(req.headers.authorization ?? ''));

const FAILURES: Readonly<Record<Failure, readonly [status: number, reason: string]>> = {
  refused: [502, 'it does not accept connections'],
  closed: [502, 'it closed the connection without an answer'],
  untrusted: [502, 'its certificate is not one that this cluster trusts'],
  slow: [504, 'it did not answer in time'],
  'too-large': [413, 'the body is too long'],
  aborted: [499, 'the client has left'],
};

/** A lone target has a second chance: the first may have been a kept connection that was just being closed. */
const attempts = (targets: readonly Target[]): readonly Target[] =>
  targets.length === 1 ? [targets[0]!, targets[0]!] : targets.slice(0, ATTEMPTS_MAX);

/** Nobody has seen a refused request. One that was cut off may have been seen: again only if that does no harm and no body is lost. */
const mayRetry = (req: IncomingMessage, failure: Failure): boolean =>
  failure === 'refused' || (failure === 'closed' && IDEMPOTENT.has(req.method ?? '') && !hasBody(req));

const hasBody = (req: IncomingMessage): boolean =>
  req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0;

function answerOf(
  req: IncomingMessage,
  { trusted, prefix, isSandboxed }: Upstream,
  target: Target,
): (headers: Headers) => Headers {
  return (headers) => {
    const seen = clientHeaders(headers, trusted);
    const out = isSandboxed ? sandboxed(seen) : seen;
    if (prefix !== undefined && typeof out['location'] === 'string')
      out['location'] = rewriteLocation(out['location'], prefix, target, req.headers.host);
    return out;
  };
}

/** Status, reason and code when the request may not even be answered with what there is; undefined when it may. */
function refuse(
  req: IncomingMessage,
  { anonymous, action }: Decision,
  { presented, claims }: Identity,
  upgrade: boolean,
): [number, string, string] | undefined {
  const unsafe = isCrossSite(req.headers, req.method ?? '', upgrade);
  if (anonymous) {
    const forged = unsafe && action.kind === 'own';
    return forged ? [403, 'this request was made by a page of another site', 'ERR_CROSS_SITE'] : undefined;
  }
  if (claims === undefined) {
    const reason = presented ? 'the token is not valid, or not any more' : 'a token is needed';
    return [401, `${reason}: sign in, or send "Authorization: token=..."`, 'ERR_UNAUTHENTICATED'];
  }
  if (unsafe && presented?.from === 'cookie')
    return [403, 'this request was made by a page of another site', 'ERR_CROSS_SITE'];
  return undefined;
}

function listenError(error: unknown, host: string, port: number): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'EADDRINUSE' && code !== 'EACCES') return error;
  const problem = code === 'EADDRINUSE' ? 'is taken by another process' : 'needs more rights than this process has';
  return new MezzoError('PORT_TAKEN', `port ${port} on ${host} ${problem}`, {
    blame: 'operator',
    next: 'free the port, or set plugins.router.port (or --port-offset) to another one',
    cause: error,
  });
}
