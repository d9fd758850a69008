import { CLUSTER, ENDPOINTS, METRICS, STORE } from '@mezzo/sdk/contract';
import { SCHEDULER } from '@mezzo/sdk/framework';
import { crash, definePlugin, hostToListenOn, publishGauges } from '@mezzo/sdk/runtime';
import { listen } from './shell/http/server.js';
import { gauges } from './shell/http/system.js';
import { startMetronome } from './shell/metronome.js';

export interface Config {
  /** Moved by the cluster's port offset. */
  readonly port: number;
  /** Listen beyond loopback although anybody who reaches the port may then run commands on the cluster. */
  readonly insecure: boolean;
  readonly role: string;
  readonly maxJobs: number;
  readonly maxActiveRuns: number;
  readonly historyPerJob: number;
  readonly catchUpMax: number;
}

export default definePlugin<Config>({
  async activate(ctx, { port, insecure, role, ...settings }) {
    const { log } = ctx;
    const cluster = ctx.resolve(CLUSTER);
    const host = hostToListenOn(ctx, cluster.listenIp, insecure);
    const urlOf = (at: number) => `http://${host === '0.0.0.0' ? cluster.listenIp : host}:${at}`;
    const metronome = ctx.own(
      await startMetronome({
        scheduler: ctx.resolve(SCHEDULER),
        store: ctx.resolve(STORE),
        log,
        role,
        settings,
        webuiUrl: urlOf(port + cluster.portOffset),
        hostname: new URL(cluster.kernelUrl).hostname,
        onState: ({ error }) => ctx.degraded(error && `the master refuses metronome: ${error.message}`),
        onFatal: crash,
      }),
    );
    const { engine } = metronome;
    const server = ctx.own(await listen({ engine, log, address: '' }, host, port + cluster.portOffset));
    ctx.own(publishGauges(ctx.resolve(METRICS), 'metronome', () => gauges({ engine })));
    const url = urlOf(server.port);
    ctx.own(await ctx.resolve(ENDPOINTS).announce({ name: 'metronome', url }));
    log.info('metronome serves', { url, jobs: engine.state.jobs.size, runs: engine.state.runs.size });
  },
});
