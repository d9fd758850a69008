import { createHash } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { MezzoError, type Logger, type PluginManifest } from '@mezzo/sdk/contract';
import { removeSocket } from '@mezzo/sdk/runtime';
import Koa from 'koa';
import Router from 'koa-router';
import { TokenBucket, type Rate } from '../http/auth/rate-limits.js';
import { readBody } from '../http/body.js';
import { errorsAsJson } from './api-errors.js';
import type { EndpointDirectory } from './endpoint-directory.js';
import { scopedStore, type HostStore } from './plugin-store.js';

const HEARTBEAT_MS = 5_000;
const MAX_CONNECTIONS = 512;
/** Of the requests of one plugin. */
const RATE: Rate = { perSecond: 1_000, burst: 2_000 };
const MAX_BODY_BYTES = 40 * 1024 * 1024;

interface State {
  plugin: PluginManifest;
}

/** What plugins in processes of their own call: HTTP on a Unix socket, each with its own token. */
export class PluginApi {
  private readonly server: Server;
  /** By the token's digest, so that the comparison tells nothing about the token. */
  private readonly plugins = new Map<string, PluginManifest>();
  private readonly rates = new Map<string, TokenBucket>();
  private readonly streams = new Set<ServerResponse>();
  private readonly unwatch: () => void;
  private readonly heartbeat: NodeJS.Timeout;

  constructor(
    private readonly store: HostStore,
    private readonly endpoints: EndpointDirectory,
    log: Logger,
    private readonly rate = RATE,
  ) {
    const app = new Koa<State>();
    app.use(errorsAsJson(log)).use(async (ctx, next) => {
      ctx.state.plugin = this.authenticate(ctx.get('authorization'));
      await this.turnOf(ctx.state.plugin);
      await next();
    });
    app.use(this.routes().routes());
    this.server = createServer(app.callback());
    this.server.maxConnections = MAX_CONNECTIONS;
    this.server.keepAliveTimeout = 60_000;
    this.unwatch = endpoints.watch(() => this.tell(this.endpointsLine()));
    this.heartbeat = setInterval(() => this.tell('\n'), HEARTBEAT_MS);
    this.heartbeat.unref();
  }

  admit(token: string, manifest: PluginManifest): void {
    this.plugins.set(digest(token), manifest);
  }

  dismiss(id: string): void {
    for (const [token, plugin] of this.plugins) if (plugin.id === id) this.plugins.delete(token);
    this.rates.delete(id);
  }

  async listen(path: string): Promise<void> {
    await removeSocket(path);
    await new Promise<void>((resolve, reject) => this.server.once('error', reject).listen(path, resolve));
    // Plugins have users of their own; what lets them in is their token, and others do not reach the directory.
    chmodSync(path, 0o666);
  }

  async close(): Promise<void> {
    clearInterval(this.heartbeat);
    this.unwatch();
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    await closed;
  }

  private routes(): Router<State> {
    const router = new Router<State>({ prefix: '/plugin/v1' });
    const storeOf = ({ plugin }: State) => {
      requireDeclared(plugin, 'store');
      return scopedStore(this.store, plugin.id);
    };
    router.get('/store/entry', async (ctx) => {
      ctx.body = { entry: await storeOf(ctx.state).get(String(ctx.query['key'] ?? '')) };
    });
    router.get('/store/entries', async (ctx) => {
      ctx.body = { entries: await storeOf(ctx.state).list(String(ctx.query['prefix'] ?? '')) };
    });
    router.post('/store/commit', async (ctx) => {
      const store = storeOf(ctx.state);
      const { writes } = jsonObject(await readBody(ctx.req, MAX_BODY_BYTES));
      ctx.body = { version: await store.commit(writes as never) };
    });
    router.get('/endpoints/watch', (ctx) => {
      requireDeclared(ctx.state.plugin, 'endpoints');
      ctx.respond = false;
      this.stream(ctx.res);
    });
    return router;
  }

  private authenticate(authorization: string): PluginManifest {
    const plugin = this.plugins.get(digest(authorization.replace(/^Bearer /, '')));
    if (plugin !== undefined) return plugin;
    throw new MezzoError('TOKEN_INVALID', 'no plugin of this host has that token', { blame: 'plugin' });
  }

  /** Whoever asks too often waits: its requests are answered in the loop of the daemon. Those that wait are bounded as connections are. */
  private async turnOf({ id }: PluginManifest): Promise<void> {
    const bucket = this.rates.get(id) ?? new TokenBucket(this.rate, performance.now());
    this.rates.set(id, bucket);
    for (let waitMs; (waitMs = bucket.take(performance.now())) > 0;) await sleep(waitMs);
  }

  private stream(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.write(this.endpointsLine());
    this.streams.add(response);
    response.on('close', () => this.streams.delete(response)).on('error', () => response.destroy());
  }

  /** Who does not read is hung up on: it comes back and gets the whole list. */
  private tell(line: string): void {
    for (const stream of this.streams)
      if (stream.writableLength > 1024 * 1024) stream.destroy();
      else stream.write(line);
  }

  private endpointsLine(): string {
    return `${JSON.stringify({ endpoints: this.endpoints.list(), claims: this.endpoints.claims })}\n`;
  }
}

function requireDeclared({ id, requires }: PluginManifest, service: string): void {
  if (requires.includes(service)) return;
  throw new MezzoError('PLUGIN_NOT_DECLARED', `plugin ${id} uses ${service} without declaring it`, {
    blame: 'plugin',
    next: `add "${service}" to "requires" in the mezzo field of its package.json`,
  });
}

function jsonObject(body: Buffer): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(body.toString('utf8'));
    if (typeof json === 'object' && json !== null) return json as Record<string, unknown>;
  } catch {
    // told below
  }
  throw new MezzoError('BODY_INVALID', 'the body is no JSON object', { blame: 'plugin' });
}

const digest = (token: string): string => createHash('sha256').update(token).digest('hex');
