import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import Koa from 'koa';
import { errorAnswer, notFound, sendAnswer, textAnswer, type Answer } from '../answer.js';
import { koaCallback } from '../koa-callback.js';
import { agentApi } from './agent-api.js';
import { legacyRouter } from './legacy.js';
import { operatorApi } from './operator-api.js';
import { schedulerApi } from './scheduler-api.js';
import type { MasterSite } from './site.js';

export interface MasterHttp {
  readonly listener: RequestListener;
  /** For further routers: what they answer comes before a 404. */
  readonly app: Koa;
}

/** The master's whole HTTP side. Calls and streams go straight to their handlers, the rest through koa. */
export function masterHttp(site: MasterSite): MasterHttp {
  const app = new Koa();
  app.silent = true;
  app.use(async (ctx, next) => {
    try {
      await next();
      if (ctx.status === 404 && ctx.body === undefined && ctx.respond !== false) answerKoa(ctx, notFound());
    } catch (error) {
      answerKoa(ctx, failed(site, ctx.req, error));
    }
  });
  app.use(legacyRouter(site).routes());
  const koa = koaCallback(app);
  const listener: RequestListener = (request, response) => {
    request.url = normalised(request.url ?? '/');
    if (isForgery(request)) return sendAnswer(request, response, textAnswer(403, 'Cross-site requests are refused'));
    const direct = directHandler(site, request, response);
    if (direct === undefined) return koa(request, response);
    direct.then(
      (answer) => answer && sendAnswer(request, response, answer),
      (error: unknown) => sendAnswer(request, response, failed(site, request, error)),
    );
  };
  return { listener, app };
}

function answerKoa(ctx: Koa.Context, answer: Answer): void {
  ctx.respond = false;
  sendAnswer(ctx.req, ctx.res, answer);
}

/** `/master/x` is `/x`; slashes count once, and not at the end. */
function normalised(url: string): string {
  const at = url.indexOf('?');
  const path = at < 0 ? url : url.slice(0, at);
  const clean = path.replace(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '');
  return clean.replace(/^\/master(?=\/|$)/, '') + (at < 0 ? '' : url.slice(at)) || '/';
}

/** A page of another site that a user's browser shows must not change the cluster. */
const isForgery = ({ method, headers }: IncomingMessage): boolean =>
  headers['sec-fetch-site'] === 'cross-site' && method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS';

function directHandler(
  site: MasterSite,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Answer | undefined> | undefined {
  switch (request.url!.split('?', 1)[0]) {
    case '/api/v1/scheduler':
      return schedulerApi(site.shell, request, response);
    case '/api/v1':
      return operatorApi(site, request, response);
    case '/agent/v1/subscribe':
      return agentApi(site, 'subscribe', request, response);
    case '/agent/v1/calls':
      return agentApi(site, 'calls', request, response);
    default:
      return undefined;
  }
}

function failed(site: MasterSite, { method, url }: IncomingMessage, error: unknown): Answer {
  const answer = errorAnswer(error);
  if (answer.status >= 500 && answer.status !== 501) {
    site.log.error('request failed', {
      method,
      url: url?.split('?', 1)[0],
      error: error instanceof Error ? error.stack : String(error),
    });
  }
  return answer;
}
