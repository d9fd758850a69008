import type Router from 'koa-router';
import type { Context } from 'koa';
import { notFound } from '../../core/commands/refusal.js';
import { absoluteId } from '../../core/path-id.js';
import { parseEmbeds } from '../../core/views/app.js';
import { groupView } from '../../core/views/group.js';
import { reply, values } from './server.js';
import type { Api } from './server.js';

const NOT_YET = (what: string) => ({ status: 501, body: { message: `${what} not supported yet` } });

export function groupRoutes(router: Router, api: Api): void {
  for (const path of ['/v2/groups', '/v2/groups/*path']) {
    router.get(path, (ctx) => show(ctx, api));
    for (const method of ['put', 'post', 'patch', 'delete'] as const)
      router[method](path, (ctx) =>
        reply(ctx, NOT_YET('Changing groups is: create, change or remove their apps instead; it is')),
      );
  }
  for (const path of ['/v2/pods', '/v2/pods/*path', '/v2/plugins', '/v2/plugins/*path'])
    router.all(path, (ctx) =>
      reply(ctx, NOT_YET(path.startsWith('/v2/pods') ? 'Pods are' : 'Plugins of Marathon itself are')),
    );
}

function show(ctx: Context, { engine }: Api): void {
  const path = ctx.path.slice('/v2/groups'.length).replace(/\/$/, '');
  const id = absoluteId(decodeURI(path) || '/');
  const embeds = values(ctx, 'embed').filter((name) => name.startsWith('group.apps.'));
  const view = groupView(engine.state, id, parseEmbeds(embeds), engine.now());
  if (view === undefined) throw notFound(`Group '${id}' does not exist`);
  reply(ctx, { status: 200, body: view });
}
