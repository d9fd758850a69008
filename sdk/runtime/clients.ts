import {
  messageOf,
  MezzoError,
  type EndpointAnnouncement,
  type Endpoints,
  type HttpClaim,
  type Metrics,
  type PluginStore,
  type StoreEntry,
  type StoreWrite,
} from '../contract/index.js';
import type { ControlServer } from './control-server.js';
import type { HostClient } from './host-client.js';

export class HostPluginStore implements PluginStore {
  constructor(private readonly host: HostClient) {}

  async get(key: string): Promise<StoreEntry | undefined> {
    const path = `/plugin/v1/store/entry?key=${encodeURIComponent(key)}`;
    return (await this.host.call<{ entry?: StoreEntry }>('GET', path)).entry;
  }

  async list(prefix: string): Promise<StoreEntry[]> {
    const path = `/plugin/v1/store/entries?prefix=${encodeURIComponent(prefix)}`;
    return (await this.host.call<{ entries: StoreEntry[] }>('GET', path)).entries;
  }

  async commit(batch: readonly StoreWrite[]): Promise<number> {
    return (await this.host.call<{ version: number }>('POST', '/plugin/v1/store/commit', { writes: batch })).version;
  }
}

/** Announcements travel in the runner's status, so that a restarted host knows them with the first word it hears. */
export class HostEndpoints implements Endpoints {
  private known: readonly EndpointAnnouncement[] = [];
  /** Undefined: the host has not said it yet. */
  private claims: readonly HttpClaim[] | undefined;
  private readonly listeners = new Set<(endpoints: readonly EndpointAnnouncement[]) => void>();
  private readonly claimListeners = new Set<(claims: readonly HttpClaim[]) => void>();
  private following: AbortController | undefined;

  constructor(
    private readonly host: HostClient,
    private readonly control: ControlServer,
  ) {}

  async announce(endpoint: EndpointAnnouncement) {
    return this.control.announce(endpoint);
  }

  watch(listener: (endpoints: readonly EndpointAnnouncement[]) => void) {
    this.listeners.add(listener);
    listener(this.known);
    this.follow();
    return {
      dispose: () => {
        this.listeners.delete(listener);
        this.closeUnwatched();
      },
    };
  }

  watchClaims(listener: (claims: readonly HttpClaim[]) => void) {
    this.claimListeners.add(listener);
    if (this.claims !== undefined) listener(this.claims);
    this.follow();
    return {
      dispose: () => {
        this.claimListeners.delete(listener);
        this.closeUnwatched();
      },
    };
  }

  close(): void {
    this.following?.abort();
    this.following = undefined;
  }

  private closeUnwatched(): void {
    if (this.listeners.size + this.claimListeners.size === 0) this.close();
  }

  private follow(): void {
    if (this.following !== undefined) return;
    this.following = new AbortController();
    void this.host.follow('/plugin/v1/endpoints/watch', this.following.signal, (message) => {
      const { endpoints, claims = [] } = message as { endpoints: EndpointAnnouncement[]; claims?: HttpClaim[] };
      [this.known, this.claims] = [endpoints, claims];
      // What must be asked is known before what it is asked for.
      for (const listener of this.claimListeners) listener(claims);
      for (const listener of this.listeners) listener(endpoints);
    });
  }
}

/** Loaded only for plugins that ask for it: prom-client costs memory. */
export async function promMetrics(): Promise<Metrics & { text(): Promise<string> }> {
  const { Counter, Gauge, Registry } = await import('prom-client');
  const registry = new Registry();
  return {
    counter: (name, help, labels = []) => {
      const counter = new Counter({ name, help, labelNames: [...labels], registers: [registry] });
      return { inc: (values = {}, amount = 1) => counter.inc(values, amount) };
    },
    gauge: (name, help, labels = []) => {
      const gauge = new Gauge({ name, help, labelNames: [...labels], registers: [registry] });
      return { set: (value, values = {}) => gauge.set(values, value) };
    },
    text: () => registry.metrics(),
  };
}

export function parseClusterKey(text: string): Uint8Array {
  const secret = Buffer.from(text.trim(), 'hex');
  if (secret.length >= 32) return new Uint8Array(secret);
  throw new MezzoError('CLUSTER_KEY_INVALID', `the cluster key is damaged: ${messageOf('too short')}`, {
    blame: 'operator',
  });
}
