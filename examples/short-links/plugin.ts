import { CLUSTER, ENDPOINTS, STORE } from '@mezzo/sdk/contract';
import { definePlugin, serveHttp } from '@mezzo/sdk/runtime';
import { httpApi } from './http-api.js';
import { Links } from './links.js';

export default definePlugin({
  async activate(ctx) {
    const { listenIp } = ctx.resolve(CLUSTER);
    const served = ctx.own(await serveHttp(httpApi(new Links(ctx.resolve(STORE))), listenIp, 0));
    // What of the front door leads here says the manifest.
    const url = `http://${listenIp}:${served.port}`;
    ctx.own(await ctx.resolve(ENDPOINTS).announce({ name: 'short-links', url }));
  },
});
