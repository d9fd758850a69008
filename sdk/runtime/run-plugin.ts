import { readFileSync } from 'node:fs';
import {
  CLUSTER,
  CLUSTER_KEY,
  ENDPOINTS,
  hasCode,
  LISTENERS,
  LOG,
  METRICS,
  messageOf,
  STORE,
  type Logger,
} from '../contract/index.js';
import { OPERATOR_EVENTS, SCHEDULER } from '../framework/tokens.js';
import { HostEndpoints, HostPluginStore, parseClusterKey, promMetrics } from './clients.js';
import { ControlServer } from './control-server.js';
import { RootContainer } from './di.js';
import { HostClient } from './host-client.js';
import { loadEntry } from './load-entry.js';
import { jsonLogger } from './log.js';
import { PluginRun, type PluginRunOptions } from './plugin-run.js';
import { EXIT_OCCUPIED, EXIT_SKIPPED, OWN_PROCESS_POINTS, type RunSpec } from './run-spec.js';

// Runs one plugin in this process: node run-plugin.js SPECFILE. Ends with 0 when it was asked to stop.

const STOP_TIMEOUT_MS = 20_000;
const LAST_WORDS_MS = 1_000;
const DRAIN_MS = 60_000;

async function main(specFile: string): Promise<void> {
  const spec = JSON.parse(readFileSync(specFile, 'utf8')) as RunSpec;
  const log = jsonLogger(spec.logLevel, { plugin: spec.manifest.id });
  crashOnStrayErrors(log);
  const runner = new Runner(spec, log);
  await runner.start();
}

class Runner {
  private readonly host: HostClient;
  private readonly stoppers: (() => void | Promise<void>)[] = [];
  private run: PluginRun | undefined;
  private metricsText: () => Promise<string> = async () => '';
  private stopping = false;

  constructor(
    private readonly spec: RunSpec,
    private readonly log: Logger,
  ) {
    this.host = new HostClient(spec.apiSocket, spec.tokenFile, 'STORE_UNAVAILABLE');
    this.stoppers.push(() => this.host.close());
  }

  async start(): Promise<void> {
    const control = await this.listen();
    this.stoppers.push(() => control.close());
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.stop());
    process.on('SIGHUP', () => {});
    const { manifest, pluginDir, config } = this.spec;
    this.run = new PluginRun({
      manifest,
      load: () => loadEntry(pluginDir, manifest.entry),
      config,
      services: await this.services(control),
      ...(await this.sinks()),
      log: this.log,
      onState: (state, reason) => {
        this.log[state === 'failed' ? 'error' : 'info'](`plugin ${state}${reason === undefined ? '' : `: ${reason}`}`);
        control.update({ state, reason });
      },
    });
    await this.run.start();
    const { state } = this.run;
    if (state !== 'failed' && state !== 'skipped') return;
    await control.untilTold(LAST_WORDS_MS);
    await this.exit(state === 'failed' ? 1 : EXIT_SKIPPED);
  }

  private listen(): Promise<ControlServer> {
    const { manifest, digest, controlSocket } = this.spec;
    const status = {
      pluginId: manifest.id,
      version: manifest.version,
      digest,
      pid: process.pid,
      state: 'discovered' as const,
      startedAt: new Date().toISOString(),
      endpoints: {},
    };
    return ControlServer.listen(controlSocket, status, {
      stop: () => this.stop(),
      drain: () => void this.run?.drain(DRAIN_MS).then(() => this.stop()),
      metrics: () => this.metricsText(),
    });
  }

  private async services(control: ControlServer): Promise<RootContainer> {
    const { cluster, clusterKeyFile } = this.spec;
    const requires = (id: string) => this.spec.manifest.requires.includes(id);
    const endpoints = new HostEndpoints(this.host, control);
    this.stoppers.push(() => endpoints.close());
    const root = new RootContainer()
      .value(CLUSTER, cluster)
      .value(LOG, this.log)
      .value(STORE, new HostPluginStore(this.host))
      .value(ENDPOINTS, endpoints)
      .value(LISTENERS, this.spec.listeners)
      .withhold(METRICS, CLUSTER_KEY, SCHEDULER, OPERATOR_EVENTS);
    if (requires('scheduler') || requires('operator-events')) {
      const { connectScheduler, subscribeOperatorEvents } = await import('../framework/index.js');
      const own = this.connection();
      root.value(SCHEDULER, { connect: (options) => connectScheduler({ ...own, ...options }) });
      root.value(OPERATOR_EVENTS, { subscribe: (options) => subscribeOperatorEvents({ ...own, ...options }) });
    }
    if (requires('metrics')) {
      const metrics = await promMetrics();
      this.metricsText = () => metrics.text();
      root.value(METRICS, metrics);
    }
    if (requires('cluster-key') && clusterKeyFile !== undefined)
      root.value(CLUSTER_KEY, { secret: parseClusterKey(readFileSync(clusterKeyFile, 'utf8')) });
    return root;
  }

  /** Loaded only for plugins that contribute one. */
  private async sinks(): Promise<Pick<PluginRunOptions, 'drive'>> {
    const { manifest, cluster } = this.spec;
    if (!OWN_PROCESS_POINTS.some((id) => manifest.provides.includes(id))) return {};
    const { clusterHttp, driveSinks, Scraper } = await import('./sinks/index.js');
    const { subscribeOperatorEvents } = await import('../framework/operator-events.js');
    const own = this.connection();
    const scraper = new Scraper(cluster.kernelUrl, clusterHttp(own));
    const events = { subscribe: (options?: object) => subscribeOperatorEvents({ ...own, ...options }) };
    return { drive: (contributed) => driveSinks(contributed, { events, scraper }) };
  }

  /** How it speaks to masters in its own name. */
  private connection() {
    const { cluster, kernelTokenFile, caFile } = this.spec;
    return {
      urls: [cluster.kernelUrl],
      ...(caFile !== undefined && { ca: readFileSync(caFile, 'utf8') }),
      headers: () => ({ authorization: `Bearer ${readFileSync(kernelTokenFile, 'utf8')}` }),
    };
  }

  private stop(): void {
    if (this.stopping) return;
    this.stopping = true;
    setTimeout(() => {
      this.log.error(`stopping took longer than ${STOP_TIMEOUT_MS} ms`);
      process.exit(1);
    }, STOP_TIMEOUT_MS).unref();
    void Promise.resolve(this.run?.stop()).then(() => this.exit(0));
  }

  private async exit(code: number): Promise<never> {
    for (const stop of this.stoppers.reverse()) await stop();
    process.exit(code);
  }
}

function crashOnStrayErrors(log: Logger): void {
  const crash = (error: unknown) => {
    log.error(`plugin crashed: ${messageOf(error)}`, { error });
    process.exit(1);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
}

main(process.argv[2] ?? '').catch((error: unknown) => {
  console.error(JSON.stringify({ level: 'error', msg: messageOf(error) }));
  process.exit(hasCode(error, 'CONTROL_SOCKET_OCCUPIED') ? EXIT_OCCUPIED : 1);
});
