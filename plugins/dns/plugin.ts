import { setTimeout as sleep } from 'node:timers/promises';
import { CLUSTER, ENDPOINTS, LISTENERS, messageOf, type PluginContext } from '@mezzo/sdk/contract';
import { leadingMasterUrl, MarathonHealth, OPERATOR_EVENTS, type OperatorEvents } from '@mezzo/sdk/framework';
import { definePlugin } from '@mezzo/sdk/runtime';
import { reachable, type DnsConfig } from './shell/config.js';
import { DnsServer } from './shell/server.js';

const VERSION = '0.1.0';
/** A master that is back is worth asking soon: names are served stale meanwhile. */
const BACKOFF = { initialMs: 100, maxMs: 1000 };
const RETRY_MS = 2000;
const KNOW_FIRST_MS = 3000;

export default definePlugin<DnsConfig>({
  async activate(ctx, config) {
    const cluster = ctx.resolve(CLUSTER);
    const { dns, http } = ctx.resolve(LISTENERS);
    const server = ctx.own(new DnsServer(config, { dns: dns!, http: http! }, ctx.log));
    const endpoints = ctx.resolve(ENDPOINTS);
    const health = ctx.own(new MarathonHealth((taskId, alive) => server.reportHealth(taskId, alive)));
    ctx.own(endpoints.watch((all) => health.urlIs(all.find(({ name }) => name === 'marathon')?.url)));
    // Stub resolvers ask again when nobody answers, but take SERVFAIL for an answer: better known first, for as long as that is short.
    await Promise.race([follow(ctx, server, cluster.kernelUrl), sleep(KNOW_FIRST_MS, undefined, { ref: false })]);
    await server.listen(VERSION);
    const { places } = server;
    ctx.log.info('answering', {
      port: places.dns.port,
      httpPort: places.http.port,
      listenIp: places.dns.ip,
      domain: config.domain,
    });
    const host = reachable(places.http.ip, new URL(cluster.kernelUrl).hostname);
    const url = `http://${host}:${places.http.port}`;
    ctx.own(await endpoints.announce({ name: 'mesos_dns', url }));
  },
});

/** Until the plugin stops; resolves when the first snapshot was taken in, and who leads. A refused subscription is told and tried again, and what was known is served on. */
function follow(ctx: PluginContext, server: DnsServer, kernelUrl: string): Promise<void> {
  const stopped = new AbortController();
  let known = (): void => {};
  const first = new Promise<void>((resolve) => (known = resolve));
  let events: OperatorEvents | undefined;
  ctx.own(async () => {
    stopped.abort();
    await events?.close();
  });
  const tellLeader = async (): Promise<void> =>
    server.mastersAre(new URL((await leadingMasterUrl(kernelUrl)) ?? kernelUrl).host);
  const run = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      events = ctx.resolve(OPERATOR_EVENTS).subscribe({ backoff: BACKOFF });
      try {
        for await (const event of events) {
          if (event.subscribed) ctx.degraded(undefined);
          const leader = event.subscribed && tellLeader();
          await server.feed.take(event);
          void leader?.then(known);
        }
      } catch (error) {
        ctx.degraded(`names are no longer kept current: ${messageOf(error)}`);
      }
      await sleep(RETRY_MS, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  };
  void run();
  return first;
}
