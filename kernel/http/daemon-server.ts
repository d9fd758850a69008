import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Logger } from '@mezzo/sdk/contract';
import Koa from 'koa';
import type Router from 'koa-router';
import { errorAnswer, notFound, sendAnswer, textAnswer, type Answer } from './answer.js';
import type { Gate } from './auth/gate.js';

export interface DaemonHttp {
  readonly listener: RequestListener;
  /** For further routers: what they answer comes before a 404. */
  readonly app: Koa;
}

/** Answers a call or opens a stream itself (undefined = it did both); undefined instead of a promise = not its path. */
export type Direct = (
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
) => Promise<Answer | undefined> | undefined;

export interface DaemonServerOptions {
  readonly gate: Gate;
  /** Paths below it are the same as without it: `/master/state` is `/state`. */
  readonly prefix: RegExp;
  /** Goes before all else, credentials too: what is answered in the place of a daemon that cannot. */
  readonly elsewhere?: (request: IncomingMessage) => Answer | undefined | Promise<Answer | undefined>;
  readonly direct: Direct;
  readonly router: Router;
  readonly log: Logger;
  /** The firewall: nobody may use these. */
  readonly disabledPaths?: readonly string[] | undefined;
}

/** The HTTP side of a daemon: calls and streams go straight to their handlers, the rest through koa. */
export function daemonServer(options: DaemonServerOptions): DaemonHttp {
  const { prefix, direct, router, log, gate, elsewhere, disabledPaths = [] } = options;
  const disabled = new Set(disabledPaths.map((path) => normalised(path, prefix)));
  const app = new Koa();
  app.silent = true;
  app.use(async (ctx, next) => {
    try {
      await next();
      if (ctx.status === 404 && ctx.body === undefined && ctx.respond !== false) answerKoa(ctx, notFound());
    } catch (error) {
      answerKoa(ctx, failed(log, ctx.req, error));
    }
  });
  app.use(router.routes());
  const koa = lateCallback(app);
  const listener: RequestListener = (request, response) => {
    request.url = normalised(request.url ?? '/', prefix);
    if (isForgery(request)) return sendAnswer(request, response, textAnswer(403, 'Cross-site requests are refused'));
    const path = request.url.split('?', 1)[0]!;
    if (disabled.has(path)) return sendAnswer(request, response, textAnswer(403, `Endpoint '${path}' is disabled`));
    const other = elsewhere?.(request);
    if (other === undefined) return admit(path, request, response);
    if (!(other instanceof Promise)) return sendAnswer(request, response, other);
    other.then(
      (answer) => (answer ? sendAnswer(request, response, answer) : admit(path, request, response)),
      (error: unknown) => sendAnswer(request, response, failed(log, request, error)),
    );
  };
  const admit = (path: string, request: IncomingMessage, response: ServerResponse): void => {
    const refusal = gate.admit(path, request);
    if (refusal === undefined) return serve(path, request, response);
    refusal.then(
      (answer) => (answer ? sendAnswer(request, response, answer) : serve(path, request, response)),
      (error: unknown) => sendAnswer(request, response, failed(log, request, error)),
    );
  };
  const serve = (path: string, request: IncomingMessage, response: ServerResponse): void => {
    const answering = direct(path, request, response);
    if (answering === undefined) return koa(request, response);
    answering.then(
      (answer) => answer && sendAnswer(request, response, answer),
      (error: unknown) => sendAnswer(request, response, failed(log, request, error)),
    );
  };
  return { listener, app };
}

/** Koa freezes its middleware when the callback is made; this one takes in what is mounted later (the plugin host's routes). */
function lateCallback(app: Koa): (request: IncomingMessage, response: ServerResponse) => void {
  let composed = -1;
  let callback: ReturnType<Koa['callback']> | undefined;
  return (request, response) => {
    if (callback === undefined || composed !== app.middleware.length) {
      composed = app.middleware.length;
      callback = app.callback();
    }
    void callback(request, response);
  };
}

function answerKoa(ctx: Koa.Context, answer: Answer): void {
  ctx.respond = false;
  sendAnswer(ctx.req, ctx.res, answer);
}

/** What proxies put before a path. */
const ORIGIN = /^https?:\/\/(?:[\w.-]+|\[[\da-f:.]+\])(?::\d+)?(?=\/|$)/i;

/** Slashes count once, and not at the end; what a proxy puts before the path does not count at all. */
function normalised(url: string, prefix: RegExp): string {
  const at = url.indexOf('?');
  const path = (at < 0 ? url : url.slice(0, at)).replace(ORIGIN, '');
  const clean = path.replace(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '');
  return clean.replace(prefix, '') + (at < 0 ? '' : url.slice(at)) || '/';
}

/** A page of another site that a user's browser shows must not change the cluster. */
const isForgery = ({ method, headers }: IncomingMessage): boolean =>
  headers['sec-fetch-site'] === 'cross-site' && method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS';

function failed(log: Logger, { method, url }: IncomingMessage, error: unknown): Answer {
  const answer = errorAnswer(error);
  if (answer.status >= 500 && answer.status !== 501) {
    const reason = error instanceof Error ? error.stack : String(error);
    log.error('a request failed', { method, url: url?.split('?', 1)[0], reason });
  }
  return answer;
}
