import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import Koa from 'koa';
import { errorAnswer, notFound, sendAnswer, textAnswer, type Answer } from '../answer.js';
import { koaCallback } from '../koa-callback.js';
import { executorApi } from './executor-api.js';
import { legacyRouter } from './legacy.js';
import { operatorApi } from './operator-api.js';
import type { AgentSite } from './site.js';

export interface AgentHttp {
  readonly listener: RequestListener;
  /** For further routers: what they answer comes before a 404. */
  readonly app: Koa;
}

/** The agent's whole HTTP side: calls and streams go straight to their handlers, the rest through koa. */
export function agentHttp(site: AgentSite): AgentHttp {
  const app = new Koa();
  app.silent = true;
  app.use(async (ctx, next) => {
    try {
      await next();
      if (ctx.status === 404 && ctx.respond !== false) answerKoa(ctx, notFound());
    } catch (error) {
      answerKoa(ctx, failed(site, ctx.req, error));
    }
  });
  app.use(legacyRouter(site).routes());
  const koa = koaCallback(app);
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    request.url = normalised(request.url ?? '/');
    if (isForgery(request)) return sendAnswer(request, response, textAnswer(403, 'Cross-site requests are refused'));
    const direct = directHandler(site, request, response);
    // Made with the first request, so that routers mounted after this returns are in it.
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

/** `/slave(1)/x` is `/x`; slashes count once, and not at the end. */
function normalised(url: string): string {
  const at = url.indexOf('?');
  const path = at < 0 ? url : url.slice(0, at);
  const clean = path.replace(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '');
  return clean.replace(/^\/slave(\(1\)|%281%29)(?=\/|$)/i, '') + (at < 0 ? '' : url.slice(at)) || '/';
}

/** A page of another site that a user's browser shows must not act on the agent. */
const isForgery = ({ method, headers }: IncomingMessage): boolean =>
  headers['sec-fetch-site'] === 'cross-site' && method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS';

function directHandler(
  site: AgentSite,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Answer | undefined> | undefined {
  const path = request.url!.split('?', 1)[0];
  if (path === '/api/v1') return operatorApi(site, request);
  return path === '/api/v1/executor' ? executorApi(site.host, site.executors, request, response) : undefined;
}

function failed({ log }: AgentSite, { method, url }: IncomingMessage, error: unknown): Answer {
  const answer = errorAnswer(error);
  if (answer.status >= 500 && answer.status !== 501) {
    const reason = error instanceof Error ? error.stack : String(error);
    log.error('a request failed', { method, url: url?.split('?', 1)[0], reason });
  }
  return answer;
}
