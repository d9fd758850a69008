import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CLUSTER, ENDPOINTS, STORE } from '@mezzo/sdk/contract';
import { SCHEDULER, type Framework } from '@mezzo/sdk/framework';
import { definePlugin } from '@mezzo/sdk/runtime';
import { startBatch, statusOf, type BatchConfig } from './batch.js';

export default definePlugin<BatchConfig>({
  async activate(ctx, config) {
    const framework = await startBatch(config, {
      scheduler: ctx.resolve(SCHEDULER),
      store: ctx.resolve(STORE),
      log: ctx.log,
      onTask: ({ key, attempt, state }) => ctx.log.info(`${key} is ${state}`, { attempt }),
    });
    // Tasks run on while the plugin is away; the next start goes on with them.
    ctx.own(() => framework.close());
    void framework.ended.then((error) => error && ctx.degraded(`the framework has ended: ${error.message}`));

    const { listenIp } = ctx.resolve(CLUSTER);
    const server = statusServer(framework);
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, listenIp, resolve));
    ctx.own(() => void (server.close(), server.closeAllConnections()));
    const url = `http://${listenIp}:${(server.address() as AddressInfo).port}`;
    // From here on the router has it at /service/__ID__/.
    ctx.own(await ctx.resolve(ENDPOINTS).announce({ name: '__ID__', url }));
    ctx.log.info(`${config.inputs.length} inputs, status at ${url}`);
  },
});

/** GET anything answers how it goes, as JSON. */
function statusServer(framework: Framework) {
  return createServer((request, response) => {
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    response.writeHead(isRead ? 200 : 405, { 'content-type': 'application/json' });
    response.end(isRead ? `${JSON.stringify(statusOf(framework), undefined, 2)}\n` : '{"message":"GET, please"}\n');
  });
}
