import { createServer, type IncomingMessage, type RequestListener, type Server as HttpServer } from 'node:http';
import { Server as NetServer, type AddressInfo } from 'node:net';
import type { Listener, Metrics, PluginContext } from '../contract/index.js';

// What plugins need that serve an API of their own.

const HEADERS_TIMEOUT_MS = 20_000;
const REQUEST_TIMEOUT_MS = 120_000;
const MAX_CONNECTIONS = 10_000;
/** For answers under way when it ends. */
const LAST_ANSWERS_MS = 200;
/** A connection on which nothing comes for so long may be closed without harm. */
const SILENT_MS = 5_000;
const GAUGES_EVERY_MS = 1_000;

export interface Served {
  readonly port: number;
  handOver?(): Promise<void>;
  dispose(): Promise<void>;
}

/**
 * Serves HTTP within bounds, on `fd` where there is one (see LISTENERS). To be disposed: answers under way get a moment. Rejects as `listen` of
 * node does.
 */
export async function serveHttp(listener: RequestListener, host: string, port: number, fd?: number): Promise<Served> {
  const server = createServer({ headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS }, listener);
  server.maxConnections = MAX_CONNECTIONS;
  const handOver = handingOver(server);
  const place = placeOf({ ip: host, port, ...(fd !== undefined && { tcp: fd }) });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(place, resolve));
  const dispose = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    const forced = setTimeout(() => server.closeAllConnections(), LAST_ANSWERS_MS);
    await closed;
    clearTimeout(forced);
  };
  return { port: (server.address() as AddressInfo).port, handOver, dispose };
}

/** For `listen` of a server of node. */
export const placeOf = ({ ip, port, tcp }: Listener): { host: string; port: number } | { fd: number } =>
  tcp === undefined ? { host: ip, port } : { fd: tcp };

/**
 * Call before the server listens. The answer is for `handOver` of Disposable: no connection is accepted from then on, one that is open ends with
 * its next answer, or when it has been silent for a while; resolves when there is none.
 */
export function handingOver(server: HttpServer): () => Promise<void> {
  let draining = false;
  server.prependListener('request', (_, response) => {
    if (draining) response.shouldKeepAlive = false;
  });
  return async () => {
    draining = true;
    // Node's own `close` of an HTTP server would cut silent connections at once: a client may be about to ask.
    const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
    const silent = setInterval(() => server.closeIdleConnections(), SILENT_MS);
    await closed;
    clearInterval(silent);
  };
}

/** For an API that asks for no credentials: off loopback it is the router's business, unless the operator says otherwise. */
export function hostToListenOn({ log }: Pick<PluginContext, 'log'>, listenIp: string, insecure: boolean): string {
  if (insecure || listenIp === 'localhost' || listenIp === '::1' || listenIp.startsWith('127.')) return listenIp;
  log.warn('listening on loopback only: this API has no credentials. Go through the router, or set insecure', {
    listenIp,
  });
  return '127.0.0.1';
}

/** A page of another site must not start anything here: browsers say where a change comes from. */
export function isChangeFromOtherSite({ method = '', headers }: Pick<IncomingMessage, 'method' | 'headers'>): boolean {
  const { origin = '', host = '', 'x-forwarded-host': forwarded = '' } = headers;
  if (['GET', 'HEAD', 'OPTIONS'].includes(method) || origin === '') return false;
  return ![host, forwarded].includes(hostOf(origin));
}

function hostOf(origin: string): string {
  try {
    return new URL(origin).host;
  } catch {
    return '?';
  }
}

/** The whole body of a request or an answer as text; undefined when it is larger than that. */
export async function readText(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Gauges named `<prefix>_<name>`, of what `read` answers every second. The answer stops it. */
export function publishGauges(
  metrics: Metrics,
  prefix: string,
  read: () => Readonly<Record<string, number>>,
): () => void {
  const named = Object.keys(read()).map((name) => ({
    name,
    gauge: metrics.gauge(`${prefix}_${name}`, `Number of ${name.replaceAll('_', ' ')}`),
  }));
  const timer = setInterval(() => {
    const now = read();
    for (const { name, gauge } of named) gauge.set(now[name] ?? 0);
  }, GAUGES_EVERY_MS);
  return () => clearInterval(timer);
}

/** Ends the process with this error: its supervisor starts a fresh one, which reads what is stored. */
export function crash(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}
