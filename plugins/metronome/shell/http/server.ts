import http from 'node:http';
import type { AddressInfo } from 'node:net';
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

const HEADERS_TIMEOUT_MS = 20_000;
const REQUEST_TIMEOUT_MS = 120_000;
const MAX_CONNECTIONS = 10_000;
const LAST_ANSWERS_MS = 200;
export const CHRONOS_PREFIX = '/v1/scheduler';

/** Serves the APIs of Metronome and Chronos until disposed. */
export async function listen(
  api: Api,
  host: string,
  port: number,
): Promise<{ port: number; dispose(): Promise<void> }> {
  const app = new Koa();
  app.silent = true;
  app.use(headers).use(sameOrigin).use(answerErrors(api.log)).use(routes(api)).use(unknownRoute);
  const server = http.createServer(
    { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS },
    app.callback(),
  );
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  const bound = (server.address() as AddressInfo).port;
  api.address = `${host}:${bound}`;
  const dispose = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    const forced = setTimeout(() => server.closeAllConnections(), LAST_ANSWERS_MS);
    await closed;
    clearTimeout(forced);
  };
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

/** A page of another site must not start commands here: browsers say where a change comes from. */
async function sameOrigin(ctx: Context, next: Next): Promise<void> {
  const origin = ctx.get('origin');
  const safe = ['GET', 'HEAD', 'OPTIONS'].includes(ctx.method);
  if (!safe && origin !== '' && ![ctx.get('host'), ctx.get('x-forwarded-host')].includes(hostOf(origin)))
    return reply(ctx, { status: 403, body: { message: 'Changes from pages of other sites are refused' } });
  await next();
}

const hostOf = (origin: string): string => {
  try {
    return new URL(origin).host;
  } catch {
    return '?';
  }
};

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
