import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Router from 'koa-router';
import Koa, { type Context } from 'koa';
import { hasCode, MezzoError, messageOf, type Disposable } from '@mezzo/sdk/contract';
import { verifyToken } from '@mezzo/sdk/secrets';
import { listForm, statusRow } from '../core/health.js';
import type { Member, MemberChange } from '../core/members.js';
import type { MemberServer } from './member-server.js';

const BODY_MAX_BYTES = 4096;
const HOST = /^[A-Za-z0-9.-]{1,253}$/;

export interface HttpApi extends Disposable {
  readonly port: number;
}

export async function serveHttpApi(
  host: string,
  port: number,
  member: MemberServer,
  key: Uint8Array,
): Promise<HttpApi> {
  const server = createServer(application(member, key).callback());
  server.requestTimeout = 10_000;
  try {
    server.listen({ host, port });
    await once(server, 'listening');
  } catch (error) {
    if (!hasCode(error, 'EADDRINUSE')) throw error;
    throw new MezzoError('PORT_TAKEN', `HTTP port ${port} on ${host} is taken by another process`, {
      blame: 'operator',
      next: 'free the port, or set plugins.ensemble.port (or --port-offset) to another one',
    });
  }
  const dispose = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { port: (server.address() as AddressInfo).port, dispose };
}

function application(member: MemberServer, key: Uint8Array): Koa {
  const app = new Koa();
  app.on('error', () => undefined);
  app.use(async (ctx, next) => {
    try {
      if (ctx.method !== 'GET' && ctx.method !== 'HEAD') await authenticate(ctx, key);
      await next();
    } catch (error) {
      const known = error instanceof MezzoError;
      ctx.status = known ? (STATUS[error.code] ?? 409) : 500;
      ctx.body = known ? error.toJSON() : { message: messageOf(error) };
    }
  });
  const router = routes(member);
  app.use(router.routes());
  app.use(router.allowedMethods());
  return app;
}

const STATUS: Readonly<Record<string, number>> = {
  TOKEN_INVALID: 401,
  BODY_INVALID: 400,
  BODY_TOO_LONG: 413,
  NO_SUCH_MEMBER: 404,
  NO_SNAPSHOT: 404,
  NO_QUORUM: 503,
  ZOOKEEPER_REFUSED: 503,
};

/** Whoever has the cluster's key, as the CLI on a master's machine. */
async function authenticate(ctx: Context, key: Uint8Array): Promise<void> {
  const jwt = /^(?:Bearer\s+|token=)(\S{1,8192})$/i.exec(ctx.get('authorization'))?.[1] ?? '';
  await verifyToken(key, jwt, 'operator');
}

function routes(member: MemberServer): Router {
  const router = new Router();
  router.get('/exhibitor/v1/cluster/status', async (ctx) => {
    ctx.body = (await member.status()).filter(({ isMember }) => isMember).map((row) => statusRow(row, row.health));
  });
  router.get('/exhibitor/v1/cluster/list', (ctx) => {
    const servers = member.members.map(({ host }) => host);
    const port = member.self.clientPort;
    if (ctx.accepts('application/json', 'application/x-www-form-urlencoded') === 'application/x-www-form-urlencoded') {
      ctx.type = 'application/x-www-form-urlencoded';
      ctx.body = listForm(servers, port);
    } else ctx.body = { servers, port };
  });
  router.get('/ensemble/v1/status', async (ctx) => {
    const [members, metrics] = await Promise.all([member.status(), member.metrics()]);
    ctx.body = { id: member.self.id, pid: member.pid, starts: member.starts, members, metrics };
  });
  router.post('/ensemble/v1/members', async (ctx) => {
    ctx.body = { members: await member.change(changeOf(await readBody(ctx))) };
  });
  router.get('/ensemble/v1/snapshots', async (ctx) => {
    ctx.body = { snapshots: await member.listSnapshots() };
  });
  router.post('/ensemble/v1/snapshots', async (ctx) => {
    ctx.body = await member.takeSnapshot();
  });
  router.post('/ensemble/v1/restore', async (ctx) => {
    const { name } = await readBody(ctx);
    ctx.body = await member.restore(String(name));
  });
  router.post('/ensemble/v1/stop', async (ctx) => {
    await member.stop();
    ctx.status = 204;
  });
  router.post('/ensemble/v1/start', (ctx) => {
    member.start();
    ctx.status = 204;
  });
  return router;
}

async function readBody(ctx: Context): Promise<Record<string, unknown>> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of ctx.req as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > BODY_MAX_BYTES) throw invalid('BODY_TOO_LONG', `the body is longer than ${BODY_MAX_BYTES} bytes`);
    pieces.push(piece);
  }
  try {
    const body: unknown = JSON.parse(Buffer.concat(pieces).toString());
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  } catch {
    // told below
  }
  throw invalid('BODY_INVALID', 'the body is no JSON object');
}

function changeOf(body: Record<string, unknown>): MemberChange {
  const { add, remove } = body;
  if (typeof remove === 'number' && add === undefined) return { remove };
  if (typeof add !== 'object' || add === null || remove !== undefined)
    throw invalid('BODY_INVALID', 'either "add" (a member) or "remove" (an id) is needed');
  const { id, host, quorumPort, electionPort, clientPort } = add as Partial<Member>;
  if (typeof host !== 'string' || !HOST.test(host))
    throw invalid('BODY_INVALID', `"add.host" is no host: ${JSON.stringify(host)}`);
  const whole = (name: string, value: unknown, max: number): number => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= max) return value;
    throw invalid(
      'BODY_INVALID',
      `"add.${name}" is ${JSON.stringify(value)}: a whole number from 1 to ${max} is needed`,
    );
  };
  return {
    add: {
      id: whole('id', id, 255),
      host,
      quorumPort: whole('quorumPort', quorumPort ?? 2888, 65_535),
      electionPort: whole('electionPort', electionPort ?? 3888, 65_535),
      clientPort: whole('clientPort', clientPort ?? 2181, 65_535),
    },
  };
}

const invalid = (code: string, message: string) =>
  new MezzoError(code, message, {
    blame: 'user',
    next: 'send {"add":{"id":4,"host":"10.0.0.4"}} or {"remove":3}',
  });
