import { CLUSTER, ENDPOINTS, METRICS, STORE } from '@mezzo/sdk/contract';
import type { Metrics, PluginContext } from '@mezzo/sdk/contract';
import { SCHEDULER } from '@mezzo/sdk/framework';
import { definePlugin } from '@mezzo/sdk/runtime';
import type { Engine } from './shell/engine.js';
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

const METRICS_EVERY_MS = 1000;

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
    ctx.own(publishMetrics(ctx.resolve(METRICS), engine));
    const url = urlOf(server.port);
    ctx.own(await ctx.resolve(ENDPOINTS).announce({ name: 'metronome', url }));
    log.info('metronome serves', { url, jobs: engine.state.jobs.size, runs: engine.state.runs.size });
  },
});

/** Ends the process: its supervisor starts a fresh one, which reads what is stored. */
function crash(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}

/** The API asks for no credentials: off loopback it is the router's business, unless the operator says otherwise. */
function hostToListenOn(ctx: PluginContext, listenIp: string, insecure: boolean): string {
  if (insecure || listenIp === 'localhost' || listenIp === '::1' || listenIp.startsWith('127.')) return listenIp;
  ctx.log.warn('listening on loopback only: this API has no credentials. Go through the router, or set insecure', {
    listenIp,
  });
  return '127.0.0.1';
}

function publishMetrics(metrics: Metrics, engine: Pick<Engine, 'state'>): () => void {
  const named = Object.keys(gauges({ engine })).map((name) => ({
    name,
    gauge: metrics.gauge(`metronome_${name}`, `Number of ${name.replaceAll('_', ' ')}`),
  }));
  const timer = setInterval(() => {
    const now = gauges({ engine });
    for (const { name, gauge } of named) gauge.set(now[name] ?? 0);
  }, METRICS_EVERY_MS);
  return () => clearInterval(timer);
}
