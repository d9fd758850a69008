import type Router from 'koa-router';
import { absoluteId } from '../../core/path-id.js';
import { deploymentsView } from '../../core/views/deployment.js';
import { queueView } from '../../core/views/queue.js';
import { decodePath, flag, reply, values } from './server.js';
import type { Api } from './server.js';

export function deploymentRoutes(router: Router, { engine }: Api): void {
  router.get('/v2/deployments', (ctx) =>
    reply(ctx, { status: 200, body: deploymentsView(engine.state, engine.now()) }),
  );
  router.delete('/v2/deployments/:id', async (ctx) => {
    const kind = flag(ctx, 'force') ? 'cancelDeployment' : 'revertDeployment';
    reply(ctx, await engine.ask({ kind, id: String(ctx.params['id']) }));
  });
  router.get('/v2/queue', (ctx) => {
    const withOffers = values(ctx, 'embed').includes('lastUnusedOffers');
    reply(ctx, { status: 200, body: queueView(engine.state, engine.now(), withOffers) });
  });
  router.delete('/v2/queue/*path', async (ctx, next) => {
    const match = /^\/v2\/queue\/(.+)\/delay\/?$/.exec(decodePath(ctx.path));
    if (match?.[1] === undefined) return next();
    reply(ctx, await engine.ask({ kind: 'resetDelay', id: absoluteId(`/${match[1]}`) }));
  });
}
