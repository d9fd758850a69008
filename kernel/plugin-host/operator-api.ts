import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { MezzoError, type Logger } from '@mezzo/sdk/contract';
import Koa from 'koa';
import Router from 'koa-router';
import { readBody } from '../http/body.js';
import { errorsAsJson } from './api-errors.js';
import type { PluginHost } from './host.js';
import { entryOf } from './registry.js';
import { MAX_PACKAGE_BYTES } from './unpack.js';

/** Who may call: the scope of a bearer token. Rejects with TOKEN_INVALID. */
export type Authenticate = (token: string, ...scopes: readonly ('operator' | 'user' | 'agent')[]) => Promise<unknown>;

/** `/plugins/v1` of a daemon: an application of its own, to be handed requests whose path starts so. */
export function operatorApi(host: PluginHost, authenticate: Authenticate, log: Logger): Koa {
  const router = new Router({ prefix: '/plugins/v1' });
  const only =
    (...scopes: Parameters<Authenticate>[1][]): Koa.Middleware =>
    async (ctx, next) => {
      await authenticate(tokenIn(ctx.get('authorization')), ...scopes);
      await next();
    };
  const people = only('operator', 'user');
  const machines = only('operator', 'agent');

  router.get('/plugins', people, (ctx) => {
    ctx.body = { plugins: host.statuses() };
  });
  router.post('/plugins', people, async (ctx) => {
    ctx.body = await host.install(await readBody(ctx.req, MAX_PACKAGE_BYTES));
  });
  router.delete('/plugins/:id', people, async (ctx) => {
    await host.remove(ctx.params['id'] ?? '');
    ctx.body = { plugins: host.statuses() };
  });
  router.get('/plugins/:id/metrics', people, async (ctx) => {
    ctx.type = 'text/plain; version=0.0.4; charset=utf-8';
    ctx.body = await host.metrics(ctx.params['id'] ?? '');
  });
  router.get('/endpoints', people, (ctx) => {
    ctx.body = { endpoints: host.endpoints() };
  });
  // The cluster is about to stop: what runs beside the leader would replace its tasks. Others serve, and keep the store, until it has.
  router.post('/shutdown', people, async (ctx) => {
    await host.setLeading(false);
    ctx.body = { plugins: host.statuses() };
  });
  router.get('/index', machines, (ctx) => {
    ctx.body = { plugins: host.installed().map(entryOf) };
  });
  router.get('/packages/:file', machines, (ctx) => {
    const pkg = host.installed().find(({ file }) => basename(file) === ctx.params['file']);
    if (pkg === undefined) throw new MezzoError('NOT_FOUND', 'no such package is installed', { blame: 'user' });
    ctx.type = 'application/octet-stream';
    ctx.body = createReadStream(pkg.file);
  });

  const app = new Koa();
  app.use(errorsAsJson(log));
  app.use(router.routes());
  return app;
}

/** `Bearer <token>`, or `token=<token>` as the clients of this field write it. */
const tokenIn = (authorization: string): string => authorization.replace(/^(Bearer\s+|token=)/i, '').trim();
