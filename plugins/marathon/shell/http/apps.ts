import type Router from 'koa-router';
import type { Context } from 'koa';
import type { Command } from '../../core/commands/command.js';
import { appNotFound, notFound } from '../../core/commands/refusal.js';
import { absoluteId, isBelow } from '../../core/path-id.js';
import type { AppEntry } from '../../core/state.js';
import { appView, parseEmbeds, tasksOf } from '../../core/views/app.js';
import type { Embed } from '../../core/views/app.js';
import { MAX_LIST_BYTES, readBody } from './body.js';
import { appSchema, updateSchema, updatesSchema } from './schema.js';
import { parseSelector } from './selector.js';
import { decodePath, flag, reply, values } from './server.js';
import type { Api } from './server.js';

const ALWAYS_FOR_ONE: Embed[] = ['tasks', 'lastTaskFailure', 'deployments', 'counts'];
const MAX_PAGE = 100_000;

/** What a path below /v2/apps/ asks of an app. Ids hold slashes, so the end of the path is read first. */
type Target =
  | { readonly kind: 'app' | 'restart' | 'tasks' | 'versions'; readonly id: string }
  | { readonly kind: 'task'; readonly id: string; readonly taskId: string }
  | { readonly kind: 'version'; readonly id: string; readonly version: string };

export function parseTarget(path: string): Target {
  const parts = path.split('/').filter((part) => part !== '');
  const [last = '', before] = [parts.at(-1), parts.at(-2)];
  const idOf = (drop: number) => absoluteId(`/${parts.slice(0, parts.length - drop).join('/')}`);
  if (parts.length > 1 && (last === 'restart' || last === 'tasks' || last === 'versions'))
    return { kind: last, id: idOf(1) };
  if (parts.length > 2 && before === 'tasks') return { kind: 'task', id: idOf(2), taskId: last };
  if (parts.length > 2 && before === 'versions') return { kind: 'version', id: idOf(2), version: last };
  return { kind: 'app', id: idOf(0) };
}

export function appRoutes(router: Router, api: Api): void {
  const ask = async (ctx: Context, command: Command) => reply(ctx, await api.engine.ask(command));
  const origin = (ctx: Context) => ({ clientIp: ctx.ip, uri: ctx.path });
  const force = (ctx: Context, byDefault = false) => flag(ctx, 'force', byDefault);
  const targetOf = (ctx: Context) => parseTarget(decodePath(ctx.path.slice('/v2/apps/'.length)));

  router.get('/v2/apps', (ctx) => list(ctx, api));
  router.post('/v2/apps', async (ctx) => {
    const app = await readBody(ctx, appSchema);
    await ask(ctx, { kind: 'createApp', app, force: force(ctx), origin: origin(ctx) });
  });
  for (const method of ['put', 'patch'] as const) {
    const mustExist = method === 'patch';
    const partial = (ctx: Context) => mustExist || flag(ctx, 'partialUpdate', true);
    const common = (ctx: Context) => ({ force: force(ctx), partial: partial(ctx), mustExist, origin: origin(ctx) });
    router[method]('/v2/apps', async (ctx) => {
      const updates = await readBody(ctx, updatesSchema, MAX_LIST_BYTES);
      await ask(ctx, { kind: 'updateApps', updates, single: false, ...common(ctx) });
    });
    router[method]('/v2/apps/*path', async (ctx) => {
      const { id } = targetOf(ctx);
      const update = { ...(await readBody(ctx, updateSchema)), id };
      await ask(ctx, { kind: 'updateApps', updates: [update], single: true, ...common(ctx) });
    });
  }
  router.post('/v2/apps/*path', async (ctx, next) => {
    const target = targetOf(ctx);
    if (target.kind !== 'restart') return next();
    await ask(ctx, { kind: 'restartApp', id: target.id, force: force(ctx) });
  });
  router.get('/v2/apps/*path', (ctx) => show(ctx, api, targetOf(ctx)));
  router.delete('/v2/apps/*path', async (ctx) => {
    const target = targetOf(ctx);
    const options = { scale: flag(ctx, 'scale'), wipe: flag(ctx, 'wipe'), force: force(ctx) };
    if (target.kind === 'tasks')
      await ask(ctx, { kind: 'killAppTasks', id: target.id, host: values(ctx, 'host')[0], ...options });
    else if (target.kind === 'task')
      await ask(ctx, { kind: 'killTasks', ids: [target.taskId], single: true, ...options });
    else await ask(ctx, { kind: 'removeApp', id: target.id, force: force(ctx, true) });
  });
}

const live = (api: Api): AppEntry[] => [...api.engine.state.apps.values()].filter(({ stopping }) => !stopping);

/** `limit` and `offset` are ours. */
function list(ctx: Context, api: Api): void {
  const embeds = parseEmbeds(values(ctx, 'embed'));
  const [label] = values(ctx, 'label');
  const selector = label === undefined ? undefined : parseSelector(label);
  const has = (name: 'id' | 'cmd') => {
    const wanted = values(ctx, name)[0]?.toLowerCase();
    return ({ definition }: AppEntry) =>
      wanted === undefined || (definition[name]?.toLowerCase().includes(wanted) ?? false);
  };
  const found = live(api)
    .filter(has('id'))
    .filter(has('cmd'))
    .filter(({ definition }) => selector?.(definition.labels) ?? true);
  const [offset, limit] = [number(ctx, 'offset', 0), number(ctx, 'limit', MAX_PAGE)];
  const apps = found
    .slice(offset, offset + limit)
    .map((entry) => appView(api.engine.state, entry, embeds, api.engine.now()));
  reply(ctx, { status: 200, body: { apps } });
}

const number = (ctx: Context, name: string, byDefault: number): number => {
  const text = values(ctx, name)[0] ?? '';
  return /^\d{1,9}$/.test(text) ? Number(text) : byDefault;
};

function show(ctx: Context, api: Api, target: Target): void {
  const { state } = api.engine;
  const embeds = [...parseEmbeds(values(ctx, 'embed')), ...ALWAYS_FOR_ONE];
  const view = (entry: AppEntry) => appView(state, entry, embeds, api.engine.now());
  if (target.id === '/*' || target.id.endsWith('/*')) {
    const group = target.id.slice(0, -2) || '/';
    const entries = live(api).filter(({ id }) => isBelow(id, group));
    if (target.kind === 'tasks') return reply(ctx, { status: 200, body: { tasks: entries.flatMap(tasksOf) } });
    return reply(ctx, { status: 200, body: { '*': entries.map(view) } });
  }
  const entry = state.apps.get(target.id);
  if (entry === undefined || entry.stopping) throw appNotFound(target.id);
  reply(ctx, { status: 200, body: part(entry, target, view) });
}

function part(entry: AppEntry, target: Target, view: (entry: AppEntry) => unknown): unknown {
  switch (target.kind) {
    case 'tasks':
      return { tasks: tasksOf(entry) };
    case 'task': {
      const task = tasksOf(entry).find(({ id }) => id === target.taskId);
      if (task === undefined) throw notFound(`Task '${target.taskId}' does not exist`);
      return { task };
    }
    case 'versions':
      return { versions: [...entry.versions.keys()].sort().reverse() };
    case 'version': {
      const version = entry.versions.get(target.version);
      if (version === undefined) throw appNotFound(entry.id, target.version);
      return version;
    }
    default:
      return { app: view(entry) };
  }
}
