import { randomBytes } from 'node:crypto';
import { CLUSTER, ENDPOINTS, METRICS, STORE } from '@mezzo/sdk/contract';
import type { PluginStore, StoreEntry } from '@mezzo/sdk/contract';
import { SCHEDULER, StoreWriter } from '@mezzo/sdk/framework';
import { crash, definePlugin, hostToListenOn, publishGauges } from '@mezzo/sdk/runtime';
import type { Effect } from './core/effects.js';
import { RECORD_KINDS, recover } from './core/records.js';
import { DEFAULT_SETTINGS, createState, type Feature } from './core/state.js';
import { Engine } from './shell/engine.js';
import { EventRing } from './shell/event-ring.js';
import { listen } from './shell/http/server.js';
import { gauges } from './shell/http/system.js';
import { MasterLink } from './shell/master-link.js';
import { Prober } from './shell/prober.js';
import { Timers } from './shell/timers.js';

export interface Config {
  /** Moved by the cluster's port offset. */
  readonly port: number;
  /** Listen beyond loopback although anybody who reaches the port may then run commands on the cluster. */
  readonly insecure: boolean;
  readonly defaultNetworkName?: string;
  readonly maxApps: number;
  readonly maxInstancesPerApp: number;
  readonly features: readonly Feature[];
}

export default definePlugin<Config>({
  async activate(ctx, config) {
    const { log } = ctx;
    const cluster = ctx.resolve(CLUSTER);
    const store = ctx.resolve(STORE);
    const state = createState({ ...DEFAULT_SETTINGS, ...settingsOf(config) });
    recover(state, await readAll(store));

    const ring = new EventRing(Date.now());
    const writer = ctx.own(new StoreWriter(store, log, crash));
    const engine = ctx.own(new Engine(state, writer, carryOut));
    const timers = ctx.own(new Timers((key) => engine.dispatch({ type: 'timerFired', key })));
    const prober = ctx.own(
      new Prober((taskId, index, failure) => engine.dispatch({ type: 'probed', taskId, index, failure })),
    );
    engine.dispatch({ type: 'started', nonce: randomBytes(8).toString('hex') });
    const api = { engine, ring, log, address: '' };
    const host = hostToListenOn(ctx, cluster.listenIp, config.insecure);
    const server = ctx.own(await listen(api, host, config.port + cluster.portOffset));
    const url = `http://${host === '0.0.0.0' ? cluster.listenIp : host}:${server.port}`;
    const link = ctx.own(
      new MasterLink({
        factory: ctx.resolve(SCHEDULER),
        roles: state.settings.roles,
        webuiUrl: url,
        hostname: new URL(cluster.kernelUrl).hostname,
        log,
        frameworkId: () => state.frameworkId,
        dispatch: (event) => engine.dispatch(event),
        onTrouble: (reason) => ctx.degraded(reason && `the master refuses marathon: ${reason}`),
      }),
    );
    ctx.own(publishGauges(ctx.resolve(METRICS), 'marathon', () => gauges({ engine })));
    link.connect();
    ctx.own(await ctx.resolve(ENDPOINTS).announce({ name: 'marathon', url }));
    log.info('marathon serves', { url, apps: state.apps.size, tasks: state.instancesByTask.size });

    function carryOut(effect: Exclude<Effect, { type: 'persist' } | { type: 'reply' }>): void {
      switch (effect.type) {
        case 'call':
          return link.send(effect.call);
        case 'publish':
          return ring.add(effect.event);
        case 'setTimer':
          return timers.set(effect.key, effect.afterMs);
        case 'clearTimer':
          return timers.clear(effect.key);
        case 'startProbes':
          return prober.start(effect.taskId, effect.probes);
        case 'stopProbes':
          return prober.stop(effect.taskId);
        case 'resubscribe':
          return link.connect();
        case 'giveUp':
          return crash(new Error(effect.reason));
      }
    }
  },
});

/** Kind by kind: an answer of the store is bounded. */
async function readAll(store: PluginStore): Promise<StoreEntry[]> {
  const kinds = await Promise.all(RECORD_KINDS.map((kind) => store.list(kind)));
  return kinds.flat();
}

function settingsOf({ defaultNetworkName, maxApps, maxInstancesPerApp, features }: Config) {
  return { defaultNetworkName, maxApps, maxInstancesPerApp, features };
}
