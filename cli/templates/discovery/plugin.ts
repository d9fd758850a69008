import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CLUSTER, ENDPOINTS, token } from '@mezzo/sdk/contract';
import { DISCOVERY_SINK } from '@mezzo/sdk/points/discovery-sink';
import { definePlugin } from '@mezzo/sdk/runtime';
import { WrittenTasks } from './written-tasks.js';

interface Config {
  readonly domain: string;
}

const WRITTEN = token<WrittenTasks>('__ID__/written');

export default definePlugin<Config>({
  // The host tells the sink what runs, and says in `mezzo plugin list` when it fails. Files of a plugin belong into its state directory: elsewhere it may not write.
  configure(bind, { domain }) {
    bind.bind(WRITTEN, { useFactory: (resolve) => new WrittenTasks(resolve(CLUSTER).stateDir, domain) });
    bind.contribute(DISCOVERY_SINK, { useFactory: (resolve) => resolve(WRITTEN) });
  },

  async activate(ctx) {
    const { listenIp, stateDir } = ctx.resolve(CLUSTER);
    const written = ctx.resolve(WRITTEN);
    const server = createServer((request, response) => {
      const text = request.url === '/health' ? 'ok\n' : written.files()[request.url?.slice(1) || 'tasks.json'];
      response.writeHead(text === undefined ? 404 : 200).end(text ?? 'there are /tasks.json, /hosts and /health\n');
    });
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, listenIp, resolve));
    ctx.own(() => void (server.close(), server.closeAllConnections()));
    const url = `http://${listenIp}:${(server.address() as AddressInfo).port}`;
    // From here on the router has it at /service/__ID__/.
    ctx.own(await ctx.resolve(ENDPOINTS).announce({ name: '__ID__', url }));
    ctx.log.info(`writes ${stateDir}/hosts and serves at ${url}`);
  },
});
