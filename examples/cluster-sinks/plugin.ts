import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { CLUSTER, ENDPOINTS, token } from '@mezzo/sdk/contract';
import { DISCOVERY_SINK } from '@mezzo/sdk/points/discovery-sink';
import { EVENT_SINK } from '@mezzo/sdk/points/event-sink';
import { METRICS_SINK } from '@mezzo/sdk/points/metrics-sink';
import { definePlugin } from '@mezzo/sdk/runtime';
import { EventLog } from './event-log.js';
import { LineProtocol } from './line-protocol.js';
import { Targets } from './targets.js';

interface Config {
  readonly eventFileMib: number;
  readonly eventFiles: number;
  readonly metricsHost: string;
  readonly metricsPort: number;
  readonly metricsSeconds: number;
}

const METRICS_OUT = token<LineProtocol>('cluster-sinks/metrics');
const TARGETS = token<Targets>('cluster-sinks/targets');

export default definePlugin<Config>({
  configure(bind, { eventFileMib, eventFiles, metricsHost, metricsPort, metricsSeconds }) {
    bind.bind(METRICS_OUT, { useFactory: () => new LineProtocol(metricsHost, metricsPort, metricsSeconds) });
    bind.bind(TARGETS, { useFactory: (resolve) => new Targets(join(resolve(CLUSTER).stateDir, 'targets.json')) });
    bind.contribute(EVENT_SINK, {
      useFactory: (resolve) =>
        new EventLog(join(resolve(CLUSTER).stateDir, 'events.jsonl'), eventFileMib * 1024 * 1024, eventFiles),
    });
    bind.contribute(METRICS_SINK, { useFactory: (resolve) => resolve(METRICS_OUT) });
    bind.contribute(DISCOVERY_SINK, { useFactory: (resolve) => resolve(TARGETS) });
  },

  /** The sinks are filled by themselves. What is left to do is to let Prometheus read. */
  async activate(ctx) {
    const metrics = ctx.resolve(METRICS_OUT);
    ctx.own(() => metrics.close());
    const targets = ctx.resolve(TARGETS);
    const { listenIp } = ctx.resolve(CLUSTER);
    const server = createServer((request, response) => {
      const isHere = request.url === '/targets';
      response.writeHead(isHere ? 200 : 404, { 'content-type': 'application/json' });
      response.end(isHere ? targets.text() : '{"error": "there is /targets"}\n');
    });
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, listenIp, resolve));
    ctx.own(() => void (server.close(), server.closeAllConnections()));
    const url = `http://${listenIp}:${(server.address() as AddressInfo).port}`;
    ctx.own(await ctx.resolve(ENDPOINTS).announce({ name: 'cluster-sinks', url }));
  },
});
