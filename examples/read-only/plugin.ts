import { CLUSTER, ENDPOINTS } from '@mezzo/sdk/contract';
import type { RouterMiddleware } from '@mezzo/sdk/points/router-middleware';
import { definePlugin, middlewareListener, serveHttp } from '@mezzo/sdk/runtime';

interface Config {
  readonly writers: readonly string[];
}

const READS = ['GET', 'HEAD', 'OPTIONS'];

/** Who has not signed in is a matter of the app: the router has let that request through without asking. */
export const readOnly =
  ({ writers }: Config): RouterMiddleware =>
  ({ method, uid }) => {
    if (READS.includes(method) || uid === undefined || writers.includes(uid)) return { allow: true };
    return { allow: false, status: 403, reason: `${uid} may only read here` };
  };

export default definePlugin<Config>({
  async activate(ctx, config) {
    const { listenIp } = ctx.resolve(CLUSTER);
    const served = ctx.own(await serveHttp(middlewareListener(readOnly(config)), listenIp, 0));
    // Which paths are guarded says the manifest.
    ctx.own(await ctx.resolve(ENDPOINTS).announce({ name: 'read-only', url: `http://${listenIp}:${served.port}` }));
  },
});
