import type { AddressInfo } from 'node:net';
import { CLUSTER, ENDPOINTS, METRICS, STORE } from '@mezzo/sdk/contract';
import { SCHEDULER } from '@mezzo/sdk/framework';
import { definePlugin } from '@mezzo/sdk/runtime';
import { Batch, type BatchConfig } from './batch.js';
import { httpApi } from './http-api.js';

export default definePlugin<BatchConfig>({
  async activate(ctx, config) {
    const told = ctx.resolve(METRICS).counter('batch_task_states_total', 'States that tasks came into', ['state']);
    const batch = await Batch.start(config, {
      scheduler: ctx.resolve(SCHEDULER),
      store: ctx.resolve(STORE),
      log: ctx.log,
      onTask: ({ key, attempt, state, message }) => {
        told.inc({ state });
        ctx.log.info(`${key} is ${state}`, { attempt, ...(message && { message }) });
      },
      onState: ({ phase, error }) =>
        ctx.degraded(phase === 'connected' ? undefined : `${phase}${error ? `: ${error.message}` : ''}`),
    });
    // Tasks run on while the plugin is away; the next start goes on with them.
    ctx.own(() => batch.close());

    const { listenIp } = ctx.resolve(CLUSTER);
    const server = httpApi(batch);
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, listenIp, resolve));
    ctx.own(() => void (server.close(), server.closeAllConnections()));
    const url = `http://${listenIp}:${(server.address() as AddressInfo).port}`;
    ctx.own(await ctx.resolve(ENDPOINTS).announce({ name: 'batch', url }));
    ctx.log.info(`${batch.inputs.length} inputs are known, status at ${url}`);
  },
});
