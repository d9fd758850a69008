import { parseMessageText } from '../../api/codec.js';
import { messageOf } from '../../contract/errors.js';
import type { PluginStatus } from '../../contract/manifest.js';
import { namedAgent } from '../../framework/core/named-task.js';
import type { MetricsTarget, Scrape } from '../../points/metrics-sink.js';
import type { ClusterHttp } from './cluster-http.js';
import { parsePrometheus } from './prometheus-text.js';

const TIMEOUT_MS = 5_000;
const LIST_TIMEOUT_MS = 30_000;
const MAX_TEXT_BYTES = 8 * 1024 * 1024;
const MAX_LIST_BYTES = 256 * 1024 * 1024;
const MAX_SAMPLES = 50_000;
const MAX_PLUGINS = 256;
const MAX_REDIRECTS = 5;
const MAX_PROBLEM_CHARS = 200;

/** A daemon, which tells its own metrics and those of the plugins that it hosts. */
export type Daemon = MetricsTarget & { readonly kind: 'master' | 'agent' };

/** Reads metrics in the names of one plugin: what its token does not open is left out, or told as a problem. */
export class Scraper {
  constructor(
    private readonly kernelUrl: string,
    private readonly http: ClusterHttp,
  ) {}

  /** The leading master and its agents. Rejects when nobody leads. */
  async daemons(): Promise<Daemon[]> {
    const asked = {
      body: '{"type":"GET_AGENTS"}',
      redirects: MAX_REDIRECTS,
      ...{ maxBytes: MAX_LIST_BYTES, timeoutMs: LIST_TIMEOUT_MS },
    };
    const { status, text, url } = await this.http(new URL('/api/v1', this.kernelUrl).href, asked);
    if (status !== 200) throw new Error(`the list of agents is answered with ${status}: ${text.slice(0, 100)}`);
    const { protocol, host, origin } = new URL(url);
    const agents = parseMessageText('mesos.v1.master.Response', text).getAgents?.agents ?? [];
    return [
      { kind: 'master', id: host, url: origin },
      ...agents.map((agent): Daemon => {
        const at = namedAgent(agent);
        const name = at.host.includes(':') ? `[${at.host}]` : at.host;
        return { kind: 'agent', id: agent.agentInfo.id?.value ?? '', url: `${protocol}//${name}:${at.port}` };
      }),
    ];
  }

  /** Of itself and of its plugins. Never rejects. */
  async scrape(daemon: Daemon, nowMs: number): Promise<Scrape[]> {
    const own = await this.read({ ...daemon, url: `${daemon.url}/metrics` }, nowMs);
    if (own.problem !== undefined && own.samples.length === 0) return [own];
    const plugins = (await this.pluginsOf(daemon)).map((id) =>
      this.read(
        { kind: 'plugin', id: `${daemon.id}/${id}`, url: `${daemon.url}/plugins/v1/plugins/${id}/metrics` },
        nowMs,
      ),
    );
    return [own, ...(await Promise.all(plugins))];
  }

  /** Those that run. None where the token does not say that one may know. */
  private async pluginsOf({ url }: Daemon): Promise<string[]> {
    try {
      const asked = { maxBytes: MAX_TEXT_BYTES, timeoutMs: TIMEOUT_MS };
      const { status, text } = await this.http(`${url}/plugins/v1/plugins`, asked);
      if (status !== 200) return [];
      const { plugins } = JSON.parse(text) as { plugins: readonly PluginStatus[] };
      const running = plugins.filter(({ state }) => state === 'active' || state === 'degraded');
      return running.slice(0, MAX_PLUGINS).map(({ id }) => encodeURIComponent(id));
    } catch {
      return [];
    }
  }

  private async read(target: MetricsTarget, nowMs: number): Promise<Scrape> {
    try {
      const { status, text } = await this.http(target.url, { maxBytes: MAX_TEXT_BYTES, timeoutMs: TIMEOUT_MS });
      if (status !== 200) return { target, samples: [], problem: `it answers ${status}` };
      const { samples, skipped } = parsePrometheus(text, nowMs, MAX_SAMPLES);
      return { target, samples, ...(skipped > 0 && { problem: `${skipped} lines were left out` }) };
    } catch (error) {
      return { target, samples: [], problem: messageOf(error).slice(0, MAX_PROBLEM_CHARS) };
    }
  }
}
