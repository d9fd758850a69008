import {
  CLUSTER,
  ENDPOINTS,
  LISTENERS,
  LOG,
  MezzoError,
  STORE,
  type ClusterInfo,
  type Disposable,
  type EndpointAnnouncement,
  type Endpoints,
  type ExtensionPoint,
  type HttpClaim,
  type Listener,
  type Logger,
  type PluginDefinition,
  type PluginManifest,
  type PluginState,
  type PluginStore,
  type StoreEntry,
  type StoreWrite,
} from '../contract/index.js';
import { PluginRun, RootContainer, type PhaseTimeouts } from '../runtime/index.js';
import { driveSinks, type SinkSources } from '../runtime/sinks/index.js';

/** A plugin's store in memory. */
export class MemoryPluginStore implements PluginStore {
  readonly entries = new Map<string, StoreEntry>();
  /** An outage: commits reject with STORE_UNAVAILABLE, `before` or `after` they have been written. */
  outage: 'none' | 'before' | 'after' = 'none';
  private version = 0;

  async get(key: string): Promise<StoreEntry | undefined> {
    return this.entries.get(key);
  }

  async list(prefix: string): Promise<StoreEntry[]> {
    const found = [...this.entries.values()].filter(({ key }) => key.startsWith(prefix));
    return found.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  async commit(batch: readonly StoreWrite[]): Promise<number> {
    const away = new MezzoError('STORE_UNAVAILABLE', 'the store is away', { blame: 'environment', retryable: true });
    const { outage } = this;
    if (outage === 'before') throw away;
    const version = ++this.version;
    for (const write of batch)
      if (write.op === 'put') this.entries.set(write.key, { key: write.key, value: write.value, version });
      else this.entries.delete(write.key);
    if (outage === 'after') throw away;
    return version;
  }
}

/** Endpoints of one process: what is announced is seen by all who watch. */
export class FakeEndpoints implements Endpoints {
  private readonly known = new Map<string, EndpointAnnouncement>();
  private readonly listeners = new Set<(endpoints: readonly EndpointAnnouncement[]) => void>();

  get list(): readonly EndpointAnnouncement[] {
    return [...this.known.values()];
  }

  async announce(endpoint: EndpointAnnouncement): Promise<Disposable> {
    this.known.set(endpoint.name, endpoint);
    this.tell();
    return { dispose: () => void (this.known.delete(endpoint.name) && this.tell()) };
  }

  watch(listener: (endpoints: readonly EndpointAnnouncement[]) => void): Disposable {
    this.listeners.add(listener);
    listener(this.list);
    return { dispose: () => void this.listeners.delete(listener) };
  }

  watchClaims(listener: (claims: readonly HttpClaim[]) => void): Disposable {
    listener([]);
    return { dispose: () => {} };
  }

  private tell(): void {
    for (const listener of this.listeners) listener(this.list);
  }
}

export const silentLog: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silentLog };

export interface PluginHarnessOptions {
  /** What differs from a master's plugin in a process of its own that requires nothing. */
  readonly manifest?: Partial<PluginManifest>;
  readonly config?: unknown;
  readonly cluster?: Partial<ClusterInfo>;
  readonly log?: Logger;
  readonly timeouts?: Partial<PhaseTimeouts>;
  /** What its sinks are filled from: `events` of a script, for one. Without it they are not driven. */
  readonly sinks?: Partial<SinkSources>;
  /** Adds services, such as a scripted scheduler: `(root) => root.value(SCHEDULER, fake)`. */
  readonly services?: (root: RootContainer) => void;
}

/** Runs a plugin in a test through the same phases as a host does, on fakes. */
export class PluginHarness {
  readonly store = new MemoryPluginStore();
  readonly endpoints = new FakeEndpoints();
  private readonly run: PluginRun;

  private constructor(definition: PluginDefinition<never>, options: PluginHarnessOptions) {
    const log = options.log ?? silentLog;
    const services = new RootContainer()
      .value(LOG, log)
      .value(CLUSTER, { ...CLUSTER_INFO, ...options.cluster })
      .value(STORE, this.store)
      .value(ENDPOINTS, this.endpoints)
      .value(LISTENERS, anywhere(options.manifest?.listens ?? {}));
    options.services?.(services);
    this.run = new PluginRun({
      manifest: { ...MANIFEST, ...options.manifest },
      load: async () => definition,
      config: options.config,
      services,
      log,
      ...(options.timeouts && { timeouts: options.timeouts }),
      ...(options.sinks && { drive: (contributed) => driveSinks(contributed, { ...NO_SOURCES, ...options.sinks }) }),
    });
  }

  /** Resolves when it is active, degraded, skipped or failed: look at `state`. */
  static async start(definition: PluginDefinition<never>, options: PluginHarnessOptions = {}): Promise<PluginHarness> {
    const harness = new PluginHarness(definition, options);
    await harness.run.start();
    return harness;
  }

  get state(): PluginState {
    return this.run.state;
  }

  get reason(): string | undefined {
    return this.run.reason;
  }

  contributions<T>(point: ExtensionPoint<T>): readonly T[] {
    return this.run.contributions(point);
  }

  stop(): Promise<void> {
    return this.run.stop();
  }
}

/** Nothing ever happens, and nobody is there. */
const NO_SOURCES: SinkSources = {
  events: {
    subscribe() {
      let close = (): void => {};
      const closed = new Promise<void>((resolve) => (close = resolve));
      return {
        connected: false,
        close: async () => close(),
        async *[Symbol.asyncIterator]() {
          await closed;
        },
      };
    },
  },
  scraper: { daemons: async () => [], scrape: async () => [] },
};

const anywhere = (listens: PluginManifest['listens']): Record<string, Listener> =>
  Object.fromEntries(Object.keys(listens).map((name) => [name, { ip: '127.0.0.1', port: 0 }]));

const MANIFEST: PluginManifest = {
  id: 'under-test',
  name: 'under-test',
  version: '0.0.0',
  description: '',
  sdk: '*',
  runsOn: ['master'],
  process: 'own',
  placement: 'every',
  entry: 'plugin.js',
  config: {},
  requires: [],
  uses: [],
  provides: [],
  dependsOn: {},
  listens: {},
  limits: { memoryMib: 1024 },
  permissions: { roles: [], operator: 'none', endpoints: [] },
  onFailure: 'degrade',
};

const CLUSTER_INFO: ClusterInfo = {
  clusterId: 'test',
  clusterName: 'test',
  host: 'master',
  kernelUrl: 'http://127.0.0.1:5050',
  listenIp: '127.0.0.1',
  portOffset: 0,
  stateDir: '/nonexistent',
};
