import Koa, { type Context } from 'koa';
import Router from 'koa-router';
import { messageOf, type ClusterInfo, type Logger } from '@mezzo/sdk/contract';
import { localRedirect } from '../core/forms.js';
import { homePage, loginPage } from '../core/pages.js';
import { errorAnswer, PAGE_HEADERS } from './answers.js';
import { clientIp, readText } from './bodies.js';
import { signInCookies } from './cookies.js';
import { iamRoutes, problem, type Iam } from './iam.js';
import type { LiveSummary } from './live-summary.js';
import type { SignedIn } from './login.js';

export interface OwnRoutes {
  readonly iam: Iam;
  readonly cluster: ClusterInfo;
  readonly live: LiveSummary;
  readonly log: Logger;
  /** Address under which machines outside reach the cluster. */
  readonly publicIp: string;
  readonly version: string;
}

/** DC/OS version whose interfaces are spoken: its CLI refuses to talk to older ones. */
const DCOS_VERSION = '2.2.0';

/** What the router answers itself. Tokens were checked before. */
export function ownApplication(own: OwnRoutes): Koa {
  const app = new Koa();
  app.on('error', () => undefined);
  app.use((ctx, next) => guarded(ctx, next, own.log));
  const iam = iamRoutes(own.iam);
  const site = siteRoutes(own);
  app.use(iam.routes()).use(iam.allowedMethods());
  app.use(site.routes()).use(site.allowedMethods());
  return app;
}

const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  TOO_MANY_ATTEMPTS: 429,
  LOGIN_BUSY: 503,
  STORE_UNAVAILABLE: 503,
  INVALID_CREDENTIALS: 401,
};

interface Thrown {
  readonly code?: string;
  readonly status?: number;
  readonly message?: string;
  readonly details?: { readonly status?: number; readonly retryAfterMs?: number };
}

async function guarded(ctx: Context, next: () => Promise<unknown>, log: Logger): Promise<void> {
  try {
    await next();
    if (ctx.status === 404 && ctx.body === undefined) ctx.throw(404, `there is nothing at ${ctx.path}`);
  } catch (error) {
    const { code = '', status, details } = error as Thrown;
    const known = details?.status ?? STATUS_BY_CODE[code] ?? status;
    if (known === undefined) log.error('a request failed', { path: ctx.path, error: messageOf(error) });
    const shown = known === undefined ? 'something went wrong here: the log of the router says more' : messageOf(error);
    const answer = errorAnswer(ctx.req, known ?? 500, shown, code.startsWith('ERR_') ? code : code && `ERR_${code}`);
    ctx.status = answer.status;
    ctx.set(answer.headers);
    if (details?.retryAfterMs !== undefined) ctx.set('retry-after', String(Math.ceil(details.retryAfterMs / 1000)));
    ctx.body = answer.body;
  }
}

function siteRoutes(own: OwnRoutes): Router {
  const { cluster, live } = own;
  const router = new Router();
  router.get('/', (ctx) => page(ctx, homePage(cluster.clusterName)));
  router.get('/login', (ctx) => showLogin(ctx, own));
  router.post('/login', (ctx) => submitLogin(ctx, own));
  router.get('/health', (ctx) => void (ctx.body = { healthy: true }));
  router.get('/favicon.ico', (ctx) => void (ctx.status = 204));
  router.get('/metadata', (ctx) => void (ctx.body = { PUBLIC_IPV4: own.publicIp, CLUSTER_ID: cluster.clusterId }));
  router.get('/pkgpanda/active.buildinfo.full.json', (ctx) => {
    ctx.set('cache-control', 'no-cache');
    ctx.body = {};
  });
  router.get('/dcos-metadata/dcos-version.json', (ctx) => {
    ctx.set('cache-control', 'no-cache');
    const identity = { 'dcos-image-commit': '', 'bootstrap-id': '', 'dcos-variant': 'open' };
    ctx.body = { version: DCOS_VERSION, ...identity, mezzo: own.version };
  });
  router.get('/dcos-metadata/ui-config.json', (ctx) => {
    ctx.body = { clusterConfiguration: { firstUser: false, id: cluster.clusterId }, uiConfiguration: {} };
  });
  router.get('/router/v1/cluster', (ctx) => void (ctx.body = live.now()));
  router.get('/router/v1/cluster/events', (ctx) => {
    if (!live.open) throw problem(503, 'ERR_TOO_MANY_STREAMS', 'too many pages are watching');
    ctx.set({ 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
    ctx.body = live.stream();
  });
  return router;
}

function page(ctx: Context, html: string, status = 200): void {
  ctx.status = status;
  ctx.set({ ...PAGE_HEADERS, 'cache-control': 'no-store', 'content-type': 'text/html; charset=UTF-8' });
  ctx.body = html;
}

async function showLogin(ctx: Context, own: OwnRoutes): Promise<void> {
  const redirect = localRedirect(one(ctx.query['redirect']));
  const code = one(ctx.query['code']);
  if (code === undefined) return page(ctx, loginPage(own.cluster.clusterName, redirect));
  await enter(ctx, own, redirect, () => own.iam.login.withCode(code, clientIp(ctx.req)));
}

async function submitLogin(ctx: Context, own: OwnRoutes): Promise<void> {
  const form = new URLSearchParams(await readText(ctx.req));
  const redirect = localRedirect(form.get('redirect') ?? undefined);
  const credentials = {
    uid: (form.get('uid') ?? '').slice(0, 96),
    password: (form.get('password') ?? '').slice(0, 1024),
  };
  await enter(ctx, own, redirect, () => own.iam.login.withPassword(credentials, clientIp(ctx.req)));
}

/** In, with cookies, or back to the form with the reason. */
async function enter(ctx: Context, own: OwnRoutes, redirect: string, signIn: () => Promise<SignedIn>): Promise<void> {
  try {
    ctx.set('set-cookie', signInCookies(await signIn(), own.iam.tokenTtlSeconds));
    ctx.status = 303;
    ctx.set('location', redirect);
    ctx.body = '';
  } catch (error) {
    const status = STATUS_BY_CODE[(error as Thrown).code ?? ''];
    if (status === undefined) throw error;
    const problem =
      status === 503 ? 'The cluster is not ready for sign-ins yet. Try again in a moment.' : messageOf(error);
    page(ctx, loginPage(own.cluster.clusterName, redirect, problem), status);
  }
}

const one = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);
