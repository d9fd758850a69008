import { createServer } from 'node:http';
import { CLUSTER, ENDPOINTS, METRICS, STORE } from '@mezzo/sdk/contract';
import { definePlugin } from '@mezzo/sdk/runtime';

export default definePlugin({
  async activate(ctx, config) {
    const cluster = ctx.resolve(CLUSTER);
    const store = ctx.resolve(STORE);
    const greetings = ctx.resolve(METRICS).counter('hello_greetings_total', 'Greetings served');

    const server = createServer(async (request, response) => {
      try {
        const before = await store.get('greetings');
        const count = Number(before?.value ?? 0) + 1;
        await store.commit([{ op: 'put', key: 'greetings', value: String(count) }]);
        greetings.inc();
        response.end(`${config.greeting} from ${cluster.clusterName}, for the ${count}. time\n`);
      } catch (error) {
        response.writeHead(503).end(`${error.message}\n`);
      }
    });
    await new Promise((resolve, reject) => server.once('error', reject).listen(config.port, cluster.listenIp, resolve));
    ctx.own(() => new Promise((resolve) => (server.close(resolve), server.closeAllConnections())));

    const url = `http://${cluster.listenIp}:${server.address().port}`;
    ctx.own(await ctx.resolve(ENDPOINTS).announce({ name: 'hello', url }));
    ctx.log.info('greets', { url });
  },
});
