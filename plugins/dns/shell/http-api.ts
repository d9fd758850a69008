import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import Router from 'koa-router';
import Koa from 'koa';
import type { Disposable, Listener } from '@mezzo/sdk/contract';
import { handingOver, placeOf } from '@mezzo/sdk/runtime';
import type { ClusterZone } from '../core/cluster.js';
import { enumerateFrameworks, hostRows, serviceRows, transferRows } from '../core/lookups.js';
import type { Zone } from '../core/zone.js';
import { listenError } from './listen.js';

export interface HttpApiSources {
  readonly zone: Zone;
  readonly cluster: ClusterZone;
  readonly version: string;
  /** Shown as it is: no secrets in it. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly enumeration: boolean;
  readonly soa: { readonly ttlSeconds: number; readonly mname: string; readonly rname: string };
  serial(): number;
}

export interface HttpApi extends Disposable {
  readonly port: number;
}

export async function serveHttpApi(place: Listener, sources: HttpApiSources): Promise<HttpApi> {
  const server = createServer(application(sources).callback());
  server.requestTimeout = 10_000;
  const handOver = handingOver(server);
  try {
    server.listen(placeOf(place));
    await once(server, 'listening');
  } catch (error) {
    throw listenError(error, 'HTTP', place.ip, place.port, 'httpPort');
  }
  return { port: (server.address() as AddressInfo).port, handOver, dispose: () => close(server) };
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

function application(sources: HttpApiSources): Koa {
  const app = new Koa();
  app.on('error', () => undefined);
  app.use(async (ctx, next) => {
    if (!ctx.accepts('application/json')) ctx.throw(406, 'Not Acceptable');
    await next();
    if (ctx.status !== 404 || ctx.body !== undefined) return;
    ctx.status = 404;
    ctx.body = '404: Page Not Found';
  });
  const router = routes(sources);
  app.use(router.routes()).use(router.allowedMethods());
  return app;
}

function routes(sources: HttpApiSources): Router {
  const { zone, version } = sources;
  const router = new Router({ prefix: '/v1' });
  const get = (path: string, answer: (params: Record<string, string>) => unknown): void => {
    router.get(path, (ctx) => {
      ctx.type = 'json';
      const body = answer(ctx.params as Record<string, string>);
      ctx.body = body instanceof Readable ? body : JSON.stringify(body, undefined, ' ');
    });
  };
  get('/version', () => ({ Service: 'Mesos-DNS', Version: version, URL: 'https://github.com/mesosphere/mesos-dns' }));
  get('/config', () => sources.config);
  get('/hosts/:host', ({ host = '' }) => hostRows(zone, host));
  get('/services/:service', ({ service = '' }) => serviceRows(zone, service));
  router.get('/hosts/:host/ports', (ctx) => {
    ctx.status = 501;
    ctx.body = 'not supported yet: ask for the SRV records of the service instead';
  });
  if (sources.enumeration) {
    get('/enumerate', () => Readable.from(paced(enumeration(sources))));
    get('/axfr', () => Readable.from(paced(transfer(sources))));
  }
  return router;
}

const SLICE = 500;

/** Joins small texts, and lets DNS queries in between: a big zone takes a while to write out. */
async function* paced(parts: Iterable<string>): AsyncIterable<string> {
  let [slice, count] = ['', 0];
  for (const part of parts) {
    slice += part;
    if (++count % SLICE !== 0) continue;
    yield slice;
    slice = '';
    await new Promise((resolve) => setImmediate(resolve));
  }
  yield slice;
}

function* enumeration({ cluster, zone }: HttpApiSources): Iterable<string> {
  let comma = '';
  yield '{"frameworks":[';
  for (const { name, tasks } of enumerateFrameworks(cluster, zone)) {
    yield `${comma}{"name":${JSON.stringify(name)},"tasks":[`;
    for (const [i, task] of tasks.entries()) yield `${i ? ',' : ''}${JSON.stringify(task)}`;
    yield ']}';
    comma = ',';
  }
  yield ']}';
}

function* transfer({ zone, soa, serial }: HttpApiSources): Iterable<string> {
  const head = { TTL: soa.ttlSeconds, Serial: serial(), RefreshSeconds: 0, Mname: soa.mname, Rname: soa.rname };
  yield `${JSON.stringify({ ...head, Domain: zone.domain }).slice(0, -1)},"Records":{`;
  let separator = '';
  for (const type of ['A', 'AAAA', 'SRV'] as const) {
    yield `${separator}"${type}s":{`;
    separator = ',';
    let comma = '';
    for (const [name, values] of transferRows(zone, type)) {
      yield `${comma}${JSON.stringify(name)}:${JSON.stringify(values)}`;
      comma = ',';
    }
    yield '}';
  }
  yield '}}';
}
