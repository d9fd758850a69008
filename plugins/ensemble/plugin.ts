import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { CLUSTER, CLUSTER_KEY, ENDPOINTS } from '@mezzo/sdk/contract';
import { definePlugin, skipped } from '@mezzo/sdk/runtime';
import type { EnsembleConfig } from './shell/config.js';
import { serveHttpApi } from './shell/http-api.js';
import { MemberServer } from './shell/member-server.js';

const DEFAULT_PORT = 8181;
const INSTALL = 'apt-get install --no-install-recommends zookeeper default-jre-headless';

export default definePlugin<EnsembleConfig>({
  async activate(ctx, config) {
    if (config.members.length === 0) throw skipped('not configured: plugins.ensemble.members is empty');
    if (!existsSync(config.jar)) throw skipped(`not on this machine: ${config.jar} is missing (${INSTALL})`);
    if (spawnSync(config.java, ['-version'], { timeout: 20_000 }).status !== 0)
      throw skipped(`not on this machine: ${config.java} cannot be run (${INSTALL})`);
    const cluster = ctx.resolve(CLUSTER);
    const key = ctx.resolve(CLUSTER_KEY).secret;
    const member = ctx.own(new MemberServer(config, cluster.stateDir, key, ctx.log));
    member.start();
    const listenIp = config.listenIp ?? cluster.listenIp;
    const api = ctx.own(await serveHttpApi(listenIp, config.port ?? DEFAULT_PORT + cluster.portOffset, member, key));
    const wildcard = listenIp === '0.0.0.0' || listenIp === '::';
    const host = wildcard ? new URL(cluster.kernelUrl).hostname : listenIp.includes(':') ? `[${listenIp}]` : listenIp;
    ctx.own(await ctx.resolve(ENDPOINTS).announce({ name: 'exhibitor', url: `http://${host}:${api.port}` }));
  },
});
