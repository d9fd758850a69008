import type Router from 'koa-router';
import type { Context } from 'koa';
import { notFound } from '../../core/commands/refusal.js';
import { absoluteId } from '../../core/path-id.js';
import { parseEmbeds } from '../../core/views/app.js';
import { groupView } from '../../core/views/group.js';
import { MAX_LIST_BYTES, readBody } from './body.js';
import { groupSchema } from './schema.js';
import { decodePath, flag, reply, values } from './server.js';
import type { Api } from './server.js';

const notYet = (what: string) => ({ status: 501, body: { message: `${what} not supported yet` } });

export function groupRoutes(router: Router, api: Api): void {
  const put = (create: boolean) => async (ctx: Context) => {
    const group = await readBody(ctx, groupSchema, MAX_LIST_BYTES);
    const options = { force: flag(ctx, 'force'), dryRun: flag(ctx, 'dryRun'), create };
    reply(ctx, await api.engine.ask({ kind: 'putGroup', id: idOf(ctx), group, ...options }));
  };
  for (const path of ['/v2/groups', '/v2/groups/*path']) {
    router.get(path, (ctx) => show(ctx, api));
    router.post(path, put(true));
    router.put(path, put(false));
    router.delete(path, async (ctx) => {
      reply(ctx, await api.engine.ask({ kind: 'removeGroup', id: idOf(ctx), force: flag(ctx, 'force') }));
    });
    router.patch(path, (ctx) => reply(ctx, notYet('Roles of groups are')));
  }
  for (const path of ['/v2/pods', '/v2/pods/*path', '/v2/plugins', '/v2/plugins/*path'])
    router.all(path, (ctx) =>
      reply(ctx, notYet(path.startsWith('/v2/pods') ? 'Pods are' : 'Plugins of Marathon itself are')),
    );
}

const idOf = (ctx: Context): string => absoluteId(decodePath(ctx.path.slice('/v2/groups'.length)) || '/');

/** A group, the ids of its apps (`/apps`), or what else the end of the path asks for. */
function show(ctx: Context, { engine }: Api): void {
  const id = idOf(ctx);
  if (/\/versions(\/|$)/.test(id)) return reply(ctx, notYet('Versions of groups are'));
  const embeds = parseEmbeds(values(ctx, 'embed').filter((name) => name.startsWith('group.apps.')));
  const group = id.endsWith('/apps') ? id.slice(0, -'/apps'.length) || '/' : id;
  const view = groupView(engine.state, group, embeds, engine.now());
  if (view === undefined) throw notFound(`Group '${group}' does not exist`);
  reply(ctx, { status: 200, body: group === id ? view : view['apps'] });
}
