import { isChangeFromOtherSite, serveHttp, type Served } from '@mezzo/sdk/runtime';
import Router from 'koa-router';
import Koa from 'koa';
import type { Context, Middleware, Next } from 'koa';
import type { Logger } from '@mezzo/sdk/contract';
import { messageOf } from '@mezzo/sdk/contract';
import { Refusal } from '../../core/commands/refusal.js';
import type { Answer } from '../../core/effects.js';
import type { Engine } from '../engine.js';
import type { EventRing } from '../event-ring.js';
import { appRoutes } from './apps.js';
import { deploymentRoutes } from './deployments.js';
import { EventStreams } from './events.js';
import { groupRoutes } from './groups.js';
import { systemRoutes } from './system.js';
import { taskRoutes } from './tasks.js';

export interface Api {
  readonly engine: Pick<Engine, 'state' | 'ask' | 'now'>;
  readonly ring: EventRing;
  readonly log: Logger;
  /** host:port, once it listens. */
  address: string;
}

/** Serves the Marathon API until disposed. */
export async function listen(api: Api, host: string, port: number): Promise<Served> {
  const streams = new EventStreams(api);
  const app = new Koa();
  app.silent = true;
  app.use(headers(api)).use(sameOrigin).use(answerErrors(api.log)).use(routes(api, streams)).use(unknownUri);
  const served = await serveHttp(app.callback(), host, port);
  api.address = `${host}:${served.port}`;
  const dispose = async () => {
    streams.dispose();
    await served.dispose();
  };
  return { port: served.port, dispose };
}

function routes(api: Api, streams: EventStreams): Middleware {
  const router = new Router();
  router.get('/v2/events', (ctx) => streams.serve(ctx));
  appRoutes(router, api);
  taskRoutes(router, api);
  deploymentRoutes(router, api);
  groupRoutes(router, api);
  systemRoutes(router, api);
  return router.routes() as unknown as Middleware;
}

const headers = (api: Api) => async (ctx: Context, next: Next) => {
  ctx.set({
    'Cache-Control': 'no-cache, no-store, must-revalidate',
    Pragma: 'no-cache',
    Expires: '0',
    'X-Marathon-Leader': `http://${api.address}`,
    'X-Frame-Options': 'DENY',
    'X-XSS-Protection': '1; mode=block',
    'X-Content-Type-Options': 'nosniff',
  });
  await next();
};

async function sameOrigin(ctx: Context, next: Next): Promise<void> {
  if (isChangeFromOtherSite(ctx.req))
    return void reply(ctx, { status: 403, body: { message: 'Changes from pages of other sites are refused' } });
  await next();
}

const answerErrors = (log: Logger) => async (ctx: Context, next: Next) => {
  try {
    await next();
  } catch (error) {
    if (error instanceof Refusal) return reply(ctx, error.answer);
    const status = (error as { status?: unknown }).status;
    if (typeof status === 'number' && status >= 400 && status < 500)
      return reply(ctx, { status, body: { message: messageOf(error) } });
    log.error('a request failed', { method: ctx.method, path: ctx.path, error });
    reply(ctx, { status: 500, body: { message: 'Internal error: see the log of marathon' } });
  }
};

/** The original answers 500 here; 404 is what it means. */
function unknownUri(ctx: Context): void {
  if (ctx.status === 404 && ctx.body === undefined) reply(ctx, { status: 404, body: { message: 'URI not found' } });
}

export function reply(ctx: Context, { status, body, deploymentId, location }: Answer): void {
  if (deploymentId !== undefined) ctx.set('Marathon-Deployment-Id', deploymentId);
  if (location !== undefined) ctx.set('Location', location);
  ctx.status = status;
  if (body === undefined) ctx.body = null;
  else {
    ctx.type = 'application/json';
    ctx.body = JSON.stringify(body);
  }
  if (body === undefined) ctx.status = status;
}

/** `?force` and `?force=true` are yes. */
export function flag(ctx: Context, name: string, byDefault = false): boolean {
  const value = ctx.query[name];
  const text = Array.isArray(value) ? value[0] : value;
  return text === undefined ? byDefault : text === '' || text.toLowerCase() === 'true';
}

export const values = (ctx: Context, name: string): string[] => {
  const value = ctx.query[name];
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
};

/** What cannot be decoded is taken as it is. */
export function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
