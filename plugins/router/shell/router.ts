import type { ClusterInfo, Disposable, HttpClaim, Listener, Logger, PluginStore } from '@mezzo/sdk/contract';
import { MarathonHealth } from '@mezzo/sdk/framework';
import { RouteTable } from '../core/table.js';
import { reachableHost, type RouterConfig } from './config.js';
import { Feed } from './feed.js';
import { Gate } from './gate.js';
import { ensureFirstLogin } from './first-login.js';
import { LiveSummary } from './live-summary.js';
import { Login } from './login.js';
import { ownApplication } from './own-routes.js';
import { Passwords, type PasswordCost } from './passwords.js';
import { HttpProxyEngine } from './proxy-engine.js';
import { RouterServer, type RouterParts } from './server.js';
import { Tokens } from './tokens.js';
import { Users } from './users.js';

const HEALTH_TOKEN_TTL_SECONDS = 3600;

export interface RouterServices {
  readonly cluster: ClusterInfo;
  /** Where it listens. */
  readonly place: Listener;
  readonly key: Uint8Array;
  readonly store: PluginStore;
  readonly log: Logger;
  readonly version: string;
  readonly count?: RouterParts['count'];
  /** Tests hash cheaply. */
  readonly passwordCost?: PasswordCost;
}

/** The router, put together. Feed it events and endpoints; it owns its sockets until disposed. */
export class Router implements Disposable {
  readonly table: RouteTable;
  readonly feed: Feed;
  readonly tokens: Tokens;
  readonly users: Users;
  /** Base URL, known once it listens. */
  url = '';
  /** Base URL of the leading master. */
  masterUrl: string;
  private readonly passwords: Passwords;
  private readonly live: LiveSummary;
  private readonly health: MarathonHealth;
  private readonly server: RouterServer;
  private readonly stopped = new AbortController();
  private readonly owned: Disposable[] = [];

  constructor(
    config: RouterConfig,
    private readonly services: RouterServices,
  ) {
    const { cluster, key, store, log, version } = services;
    const { tokenTtlSeconds, bodyMaxMib, maxConnections } = config;
    this.masterUrl = cluster.kernelUrl;
    this.table = new RouteTable(new Set(config.appFrameworks));
    this.tokens = new Tokens(key);
    this.users = new Users(store);
    this.passwords = new Passwords(services.passwordCost);
    const login = new Login(this.users, this.passwords, this.tokens, tokenTtlSeconds);
    const live = (this.live = new LiveSummary(this.table));
    this.feed = new Feed(this.table, () => live.changed());
    this.health = new MarathonHealth(
      (taskId, alive) => {
        this.table.reportHealth(taskId, alive, Date.now());
        live.changed();
      },
      async () => ({
        authorization: `token=${await this.tokens.mint('router', HEALTH_TOKEN_TTL_SECONDS, 'operator')}`,
      }),
    );
    const iam = { users: this.users, passwords: this.passwords, tokens: this.tokens, login, tokenTtlSeconds };
    const publicIp = reachableHost(services.place.ip, cluster.kernelUrl);
    const own = ownApplication({ iam, cluster, live, log, publicIp, version }).callback();
    const bodyMaxBytes = bodyMaxMib * 1_048_576;
    const engine = new HttpProxyEngine({ ...config, bodyMaxBytes });
    const gate = new Gate(this.table, log);
    const parts = {
      table: this.table,
      tokens: this.tokens,
      engine,
      gate,
      own,
      log,
      count: services.count ?? (() => undefined),
    };
    const rules = (): { public: readonly string[]; masterUrl: string } => ({
      public: config.public,
      masterUrl: this.masterUrl,
    });
    this.server = new RouterServer(parts, rules, { bodyMaxBytes, maxConnections });
    this.owned.push(engine, gate, live, this.feed, this.health, this.server);
  }

  async listen(): Promise<void> {
    const { cluster, place } = this.services;
    try {
      const port = await this.server.listen(place);
      this.url = `http://${reachableHost(place.ip, cluster.kernelUrl)}:${port}`;
    } catch (error) {
      await this.dispose();
      throw error;
    }
  }

  claimsAre(claims: readonly HttpClaim[]): void {
    this.table.claimsAre(claims);
    this.live.changed();
  }

  endpointsAre(endpoints: readonly { readonly name: string; readonly url: string }[]): void {
    this.table.endpointsAre(endpoints);
    this.live.changed();
    this.health.urlIs(this.table.endpoints.get('marathon'));
  }

  /** The first user, and what was revoked before this start. Resolves when the store has answered. */
  async prepareUsers(): Promise<void> {
    const { users, passwords, url } = this;
    const { log, cluster } = this.services;
    const { signal } = this.stopped;
    await ensureFirstLogin({ users, passwords, url, log, signal, stateDir: cluster.stateDir });
    if (signal.aborted) return;
    for (const [uid, atSeconds] of await users.revocations()) this.tokens.revoke(uid, atSeconds);
  }

  handOver(): Promise<void> {
    return this.server.handOver();
  }

  async dispose(): Promise<void> {
    this.stopped.abort();
    for (const thing of this.owned.splice(0).reverse()) await thing.dispose();
  }
}
