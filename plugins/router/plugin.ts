import { setTimeout as sleep } from 'node:timers/promises';
import {
  CLUSTER,
  CLUSTER_KEY,
  ENDPOINTS,
  LISTENERS,
  MezzoError,
  METRICS,
  messageOf,
  STORE,
  type PluginContext,
} from '@mezzo/sdk/contract';
import { leadingMasterUrl, OPERATOR_EVENTS, type OperatorEvents } from '@mezzo/sdk/framework';
import { definePlugin } from '@mezzo/sdk/runtime';
import type { RouterConfig } from './shell/config.js';
import { Router } from './shell/router.js';

const VERSION = '0.1.0';
/** A master that is back is worth asking soon: routes are served stale meanwhile. */
const BACKOFF = { initialMs: 100, maxMs: 1000 };
const RETRY_MS = 2000;
const KNOW_FIRST_MS = 3000;

export default definePlugin<RouterConfig>({
  async activate(ctx, config) {
    if (config.tlsPort !== undefined)
      throw new MezzoError('NOT_SUPPORTED', 'not supported yet: TLS', {
        blame: 'operator',
        next: 'remove plugins.router.tlsPort from the configuration',
      });
    const cluster = ctx.resolve(CLUSTER);
    const requests = ctx
      .resolve(METRICS)
      .counter('mezzo_router_requests_total', 'Responses by kind of route', ['route', 'status']);
    const router = new Router(config, {
      cluster,
      place: ctx.resolve(LISTENERS)['http']!,
      key: ctx.resolve(CLUSTER_KEY).secret,
      store: ctx.resolve(STORE),
      log: ctx.log,
      version: VERSION,
      count: (route, status) => requests.inc({ route, status: `${Math.floor(status / 100)}xx` }),
    });
    ctx.own(router);
    const endpoints = ctx.resolve(ENDPOINTS);
    const claimsKnown = new Promise<void>((known) => {
      ctx.own(
        endpoints.watchClaims((claims) => {
          router.claimsAre(claims);
          known();
        }),
      );
    });
    const neighboursKnown = new Promise<void>((known) => {
      ctx.own(
        endpoints.watch((all) => {
          router.endpointsAre(all);
          if (all.length > 0) known();
        }),
      );
    });
    const tasksKnown = follow(ctx, router, cluster.kernelUrl);
    // Who listens before it knows the routes refuses what it should serve; who waits for a master that is away serves nothing.
    await Promise.race([Promise.all([neighboursKnown, tasksKnown]), sleep(KNOW_FIRST_MS, undefined, { ref: false })]);
    // Who must be asked before a request is passed on is no matter of luck: no word of the host, no router.
    await claimsKnown;
    await router.listen();
    ctx.log.info('routing', { url: router.url });
    ctx.own(await endpoints.announce({ name: 'router', url: router.url }));
    router
      .prepareUsers()
      .catch((error: unknown) => ctx.log.error('users cannot be prepared', { error: messageOf(error) }));
  },
});

/**
 * Until the plugin stops; resolves when the first snapshot was taken in. A refused subscription is told and tried again, and what
 * was known is routed to.
 */
function follow(ctx: PluginContext, router: Router, kernelUrl: string): Promise<void> {
  const stopped = new AbortController();
  let known = (): void => {};
  const first = new Promise<void>((resolve) => (known = resolve));
  let events: OperatorEvents | undefined;
  ctx.own(async () => {
    stopped.abort();
    await events?.close();
  });
  const run = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      events = ctx.resolve(OPERATOR_EVENTS).subscribe({ backoff: BACKOFF });
      try {
        for await (const event of events) {
          if (event.subscribed) {
            ctx.degraded(undefined);
            void leadingMasterUrl(kernelUrl).then((url) => (router.masterUrl = url ?? kernelUrl));
          }
          await router.feed.take(event);
          if (event.subscribed) known();
        }
      } catch (error) {
        ctx.degraded(`routes are no longer kept current: ${messageOf(error)}`);
      }
      await sleep(RETRY_MS, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  };
  void run();
  return first;
}
