import { isChangeFromOtherSite, serveHttp, type Served } from '@mezzo/sdk/runtime';
import Router from 'koa-router';
import Koa from 'koa';
import type { Context, Middleware, Next } from 'koa';
import { messageOf, type Logger } from '@mezzo/sdk/contract';
import type { Answer } from '../../core/effects.js';
import { Refusal } from '../../core/refusal.js';
import type { Engine } from '../engine.js';
import { chronosRoutes } from './chronos.js';
import { jobRoutes } from './jobs.js';
import { systemRoutes } from './system.js';

export interface Api {
  readonly engine: Pick<Engine, 'state' | 'ask' | 'now'>;
  readonly log: Logger;
  /** host:port, once it listens. */
  address: string;
}

export const CHRONOS_PREFIX = '/v1/scheduler';

/** Serves the APIs of Metronome and Chronos until disposed. */
export async function listen(api: Api, host: string, port: number): Promise<Served> {
  const app = new Koa();
  app.silent = true;
  app.use(headers).use(sameOrigin).use(answerErrors(api.log)).use(routes(api)).use(unknownRoute);
  const { port: bound, dispose } = await serveHttp(app.callback(), host, port);
  api.address = `${host}:${bound}`;
  return { port: bound, dispose };
}

function routes(api: Api): Middleware {
  const router = new Router();
  systemRoutes(router, api);
  jobRoutes(router, api);
  chronosRoutes(router, api);
  return router.routes() as unknown as Middleware;
}

async function headers(ctx: Context, next: Next): Promise<void> {
  ctx.set({
    'Cache-Control': 'no-cache, no-store, must-revalidate',
    Pragma: 'no-cache',
    Expires: '0',
    'X-Frame-Options': 'DENY',
    'X-Content-Type-Options': 'nosniff',
  });
  await next();
}

async function sameOrigin(ctx: Context, next: Next): Promise<void> {
  if (isChangeFromOtherSite(ctx.req))
    return reply(ctx, { status: 403, body: { message: 'Changes from pages of other sites are refused' } });
  await next();
}

const answerErrors = (log: Logger) => async (ctx: Context, next: Next) => {
  try {
    await next();
  } catch (error) {
    if (error instanceof Refusal) return reply(ctx, error.answer);
    const status = (error as { status?: unknown }).status;
    if (typeof status === 'number' && status >= 400 && status < 500)
      return reply(ctx, { status, body: { message: messageOf(error), requestPath: escapeHtml(ctx.path) } });
    log.error('a request failed', { method: ctx.method, path: ctx.path, error });
    reply(ctx, { status: 500, body: { message: 'Internal error: see the log of metronome' } });
  }
};

function unknownRoute(ctx: Context): void {
  if (ctx.status !== 404 || ctx.body !== undefined) return;
  reply(ctx, { status: 404, body: { message: 'Unknown route.', requestPath: escapeHtml(ctx.path) } });
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#x27;',
};
/** It is told back what it asked for, and some look at it with a browser. */
const escapeHtml = (text: string): string => text.replaceAll(/[&<>"']/g, (char) => ENTITIES[char] ?? '');

export function reply(ctx: Context, { status, body }: Answer): void {
  // Chronos says the status in the body too.
  const chronos = status >= 400 && ctx.path.startsWith(`${CHRONOS_PREFIX}/`);
  ctx.status = status;
  if (body === undefined) {
    ctx.body = null;
    ctx.status = status;
    return;
  }
  ctx.type = 'application/json';
  ctx.body = JSON.stringify(chronos ? { status: String(status), ...(body as object) } : body);
}

export const values = (ctx: Context, name: string): string[] => {
  const value = ctx.query[name];
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
};
