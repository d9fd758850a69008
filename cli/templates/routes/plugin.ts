import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CLUSTER, ENDPOINTS, STORE } from '@mezzo/sdk/contract';
import { definePlugin } from '@mezzo/sdk/runtime';
import { answer, type Route } from './http.js';

interface Config {
  readonly greeting: string;
}

export default definePlugin<Config>({
  async activate(ctx, config) {
    const { listenIp, clusterName } = ctx.resolve(CLUSTER);
    const store = ctx.resolve(STORE);

    const routes: Route[] = [
      // For what watches over it: answers 200 as long as it can do its work.
      ['GET', /^\/health$/, () => store.list('health').then(() => ({ healthy: true }))],
      ['GET', /^\/__ID__\/?$/, async () => ({ message: `${config.greeting} from ${clusterName}` })],
      [
        'GET',
        /^\/__ID__\/notes$/,
        async () => ({ notes: (await store.list('notes/')).map(({ key }) => key.slice('notes/'.length)) }),
      ],
      [
        'GET',
        /^\/__ID__\/notes\/([\w-]{1,64})$/,
        async (name) => {
          const note = await store.get(`notes/${name}`);
          return note && { name, text: note.value };
        },
      ],
      [
        'PUT',
        /^\/__ID__\/notes\/([\w-]{1,64})$/,
        async (name, text) => {
          await store.commit([{ op: 'put', key: `notes/${name}`, value: text }]);
          return { name, text };
        },
      ],
    ];

    const server = createServer((request, response) => void answer(routes, request, response));
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, listenIp, resolve));
    ctx.own(() => void (server.close(), server.closeAllConnections()));
    const url = `http://${listenIp}:${(server.address() as AddressInfo).port}`;
    // From here on the router has it at /__ID__, as package.json claims it, for those who have signed in.
    ctx.own(await ctx.resolve(ENDPOINTS).announce({ name: '__ID__', url }));
    ctx.log.info(`serves at ${url}`);
  },
});
