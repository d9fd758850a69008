import { createReadStream, existsSync } from 'node:fs';
import { basename } from 'node:path';
import { parseJson } from '@mezzo/sdk/api';
import { MezzoError, type Logger } from '@mezzo/sdk/contract';
import { keyIdOf, MAX_PACKAGE_BYTES, parseSignatures, requireIntegrity } from '@mezzo/sdk/package';
import type { TokenClaims, TokenScope } from '@mezzo/sdk/secrets';
import Koa from 'koa';
import Router from 'koa-router';
import { readBody, readJson } from '../http/body.js';
import { errorsAsJson } from './api-errors.js';
import type { NodeSays } from './fleet.js';
import type { PluginHost } from './host.js';
import type { PluginLeader } from './leader.js';
import { wireOf } from './wanted.js';
import { writeWhole } from './whole-file.js';

const MAX_CONFIG_BYTES = 1024 * 1024;
const MAX_REPORT_BYTES = 4 * 1024 * 1024;
const MAX_WAIT_MS = 60_000;
const DEFAULT_LOG_BYTES = 64 * 1024;

/** Who may call: the scope of a bearer token. Rejects with TOKEN_INVALID. */
export type Authenticate = (token: string, ...scopes: readonly TokenScope[]) => Promise<TokenClaims>;

/** `/plugins/v1` of a daemon: an application of its own, to be handed requests whose path starts so. What concerns the cluster is the leader's. */
export function operatorApi(host: PluginHost, authenticate: Authenticate, log: Logger, leader?: PluginLeader): Koa {
  const router = new Router({ prefix: '/plugins/v1' });
  const only =
    (...scopes: TokenScope[]): Koa.Middleware =>
    async (ctx, next) => {
      const caller = await authenticate(tokenIn(ctx.get('authorization')), ...scopes);
      if (caller.may?.operator === 'none') throw notFor('a plugin that may not read the operator API');
      ctx.state['caller'] = caller;
      await next();
    };
  const people = only('operator', 'user');
  const readers = only('operator', 'user', 'plugin');
  const idOf = (ctx: { params: Record<string, string> }): string => ctx.params['id'] ?? '';

  router.get('/plugins', readers, (ctx) => {
    ctx.body = { plugins: host.statuses() };
  });
  router.get('/plugins/:id/metrics', readers, async (ctx) => {
    ctx.type = 'text/plain; version=0.0.4; charset=utf-8';
    ctx.body = await host.metrics(idOf(ctx));
  });
  router.get('/plugins/:id/log', people, (ctx) => {
    ctx.type = 'text/plain; charset=utf-8';
    ctx.body = host.log(idOf(ctx), Number(ctx.query['bytes']) || DEFAULT_LOG_BYTES);
  });
  router.get('/endpoints', people, (ctx) => {
    ctx.body = { endpoints: host.endpoints() };
  });
  // The cluster is about to stop: what runs beside the leader would replace its tasks. Others serve, and keep the store, until it has.
  router.post('/shutdown', people, async (ctx) => {
    await host.setLeading(false);
    ctx.body = { plugins: host.statuses() };
  });
  if (leader !== undefined) {
    clusterRoutes(router, leader, people, idOf);
    nodeRoutes(router, leader, only('operator', 'agent'), only('operator', 'user', 'agent'));
  }

  const app = new Koa();
  app.use(errorsAsJson(log));
  app.use(router.routes());
  return app;
}

type Ids = (ctx: { params: Record<string, string> }) => string;

/** For operators. */
function clusterRoutes(
  router: Router,
  { installer, fleet, records }: PluginLeader,
  people: Koa.Middleware,
  idOf: Ids,
): void {
  router.get('/catalogue', people, (ctx) => {
    ctx.body = { plugins: installer.list() };
  });
  router.get('/nodes', people, (ctx) => {
    ctx.body = { nodes: fleet.rows() };
  });
  router.post('/plugins', people, async (ctx) => {
    const signatures = parseSignatures(parseJson(ctx.get('mezzo-signatures') || '[]'));
    const bytes = await readBody(ctx.req, MAX_PACKAGE_BYTES);
    ctx.body = await installer.install(bytes, signatures, ctx.query['allowUnsigned'] === 'true');
  });
  router.delete('/plugins/:id', people, async (ctx) => {
    await installer.remove(idOf(ctx));
    ctx.body = {};
  });
  router.put('/plugins/:id/config', people, async (ctx) => {
    const config = await readJson(ctx.req, MAX_CONFIG_BYTES);
    if (typeof config !== 'object' || config === null || Array.isArray(config)) throw invalidBody('a JSON object');
    ctx.body = await installer.configure(idOf(ctx), config as Record<string, unknown>);
  });
  for (const [verb, isEnabled] of [
    ['enable', true],
    ['disable', false],
  ] as const)
    router.post(`/plugins/:id/${verb}`, people, async (ctx) => {
      await installer.setEnabled(idOf(ctx), isEnabled);
      ctx.body = {};
    });
  router.post('/plugins/:id/rollback', people, (ctx) => {
    const { uid = 'an operator' } = Object(ctx.state['caller']) as { uid?: string };
    installer.rollBack(idOf(ctx), uid);
    ctx.body = {};
  });
  router.get('/keys', people, (ctx) => {
    ctx.body = { keys: records.keys() };
  });
  router.post('/keys', people, async (ctx) => {
    const { name, pem } = Object(await readJson(ctx.req, MAX_CONFIG_BYTES)) as Record<string, unknown>;
    if (typeof name !== 'string' || !/^[\w.@ -]{1,64}$/.test(name))
      throw invalidBody('"name", of 1 to 64 letters, digits, space, _ . @ -');
    const key = { keyid: keyIdOf(String(pem)), name, pem: String(pem) };
    await records.setKey(key.keyid, key);
    ctx.body = key;
  });
  router.delete('/keys', people, async (ctx) => {
    await records.setKey(String(ctx.query['keyid']), undefined);
    ctx.body = { keys: records.keys() };
  });
}

/** For the daemons of the cluster. */
function nodeRoutes(
  router: Router,
  { fleet, records }: PluginLeader,
  machines: Koa.Middleware,
  all: Koa.Middleware,
): void {
  router.post('/sync', machines, async (ctx) => {
    const gone = new AbortController();
    ctx.res.once('close', () => gone.abort());
    const { waitMs, ...says } = nodeSays(await readJson(ctx.req, MAX_REPORT_BYTES));
    // Masters are told how all plugins are configured; whoever holds the token of agents is no master.
    const { scope } = Object(ctx.state['caller']) as { scope?: string };
    if (says.kind === 'master' && scope === 'agent') throw notFor('a master, with the token of an agent');
    const { wanted, ...told } = await fleet.sync(says, Math.min(waitMs, MAX_WAIT_MS), gone.signal);
    ctx.body = { ...told, ...(wanted && { wanted: wireOf(wanted) }) };
  });
  const packageIn = ({ params }: { params: Record<string, string> }) => {
    const pkg = records.packages().find(({ file }) => basename(file) === params['file']);
    if (pkg === undefined) throw new MezzoError('NOT_FOUND', 'no such package is installed', { blame: 'user' });
    return pkg;
  };
  // People, too: for the commands that it may bring.
  router.get('/packages/:file', all, (ctx) => {
    const { file } = packageIn(ctx);
    // It may be on its way here from a node that has it.
    if (!existsSync(file))
      throw new MezzoError('NOT_FOUND', 'the package is not here', { blame: 'environment', retryable: true });
    ctx.type = 'application/octet-stream';
    ctx.body = createReadStream(file);
  });
  router.put('/packages/:file', machines, async (ctx) => {
    const { manifest, integrity, file } = packageIn(ctx);
    const bytes = await readBody(ctx.req, MAX_PACKAGE_BYTES);
    requireIntegrity(manifest.id, bytes, integrity);
    if (!existsSync(file)) writeWhole(file, bytes);
    fleet.packageArrived();
    ctx.body = {};
  });
}

/** What a node says, as far as it has the right shape. */
function nodeSays(json: unknown): NodeSays & { readonly waitMs: number } {
  const { node, kind, restarts, plugins, holds, seen, waitMs } = Object(json) as Partial<Record<string, unknown>>;
  if (
    typeof node !== 'string' ||
    node.length > 256 ||
    (kind !== 'agent' && kind !== 'master') ||
    !Array.isArray(plugins)
  )
    throw invalidBody('node, kind and plugins');
  return {
    node,
    kind,
    restarts: restarts === true,
    plugins: plugins as NodeSays['plugins'],
    holds: Array.isArray(holds) ? holds.map(String) : [],
    seen: String(seen),
    waitMs: typeof waitMs === 'number' ? waitMs : MAX_WAIT_MS,
  };
}

const notFor = (whom: string): MezzoError =>
  new MezzoError('TOKEN_INVALID', `this is not for ${whom}`, { blame: 'user' });

const invalidBody = (wanted: string): MezzoError =>
  new MezzoError('BODY_INVALID', `expecting ${wanted}`, {
    blame: 'user',
    next: 'see the documentation of /plugins/v1',
  });

/** `Bearer <token>`, or `token=<token>` as the clients of this field write it. */
const tokenIn = (authorization: string): string => authorization.replace(/^(Bearer\s+|token=)/i, '').trim();
