import type { IncomingMessage } from 'node:http';
import type { VersionInfo } from '@mezzo/sdk/api';
import { messageOf } from '@mezzo/sdk/contract';
import type { Context } from 'koa';
import Router from 'koa-router';
import type { Body } from './answer-body.js';
import { jsonAnswer, jsonpOf, notFound, sendAnswer, textAnswer, type Answer } from './answer.js';
import type { DoorPlan } from './auth/doors.js';
import { FORBIDDEN, type May } from './auth/permission.js';
import { parseDuration } from './duration.js';
import { downloadFile, fileEndpoint } from './file-endpoints.js';
import type { FileTree } from './files.js';
import { helpAnswer } from './help.js';
import { toggleLogging, type LogSite } from './log-level.js';
import { PROMETHEUS_TYPE } from './metric-text.js';
import { systemStats } from './system-stats.js';

export type Endpoint = (query: URLSearchParams, ctx: Context) => Answer | undefined | Promise<Answer | undefined>;

export interface LegacyParts {
  readonly site: LogSite & { readonly version: VersionInfo & { readonly mezzo: string }; readonly files: FileTree };
  readonly kind: 'master' | 'agent';
  /** As which libprocess knew it. */
  readonly id: string;
  readonly plan: DoorPlan<string>;
  /** What its page has links to. */
  readonly readable: readonly string[];
  readonly mayOf: (request: IncomingMessage) => May;
  readonly mayRead: (query: URLSearchParams, ctx: Context) => boolean;
  readonly metrics: { readonly json: () => Promise<Body>; readonly prometheus: () => Promise<Body> };
}

/** The endpoints from before v1 that masters and agents have in common, for any method, and `at` for those that they have not. */
export function legacyEndpoints(parts: LegacyParts) {
  const { site, id, plan, mayRead, metrics } = parts;
  const router = new Router({ sensitive: true });
  const at = (path: string, endpoint: Endpoint): void => {
    router.all(path, async (ctx) => {
      ctx.respond = false;
      const answer = await endpoint(new URLSearchParams(ctx.querystring), ctx);
      if (answer !== undefined) sendAnswer(ctx.req, ctx.res, answer);
    });
  };
  const json = (view: object, query: URLSearchParams): Answer => jsonAnswer(JSON.stringify(view), jsonpOf(query));
  at('/flags', (query, { req }) => (parts.mayOf(req)('view_flags') ? json({ flags: site.flags }, query) : FORBIDDEN));
  at('/version', (query) => json(versionView(site.version), query));
  at('/system/stats.json', (query) => json(systemStats(), query));
  at('/health', () => ({ status: 200 }));
  at('/logging/toggle', (query) => toggleLogging(site, query));
  at('/metrics/snapshot', async (query) => badTimeout(query) ?? jsonAnswer(await metrics.json(), jsonpOf(query)));
  at('/metrics', async () => ({ status: 200, type: PROMETHEUS_TYPE, body: await metrics.prometheus() }));
  at('/files/download', (query, ctx) => (mayRead(query, ctx) ? downloadFile(site.files, query, ctx) : FORBIDDEN));
  at('/files/:what', async (query, ctx) => {
    jsonpOf(query);
    const { what } = ctx.params as { what: string };
    if (what !== 'debug' && !mayRead(query, ctx)) return FORBIDDEN;
    return (await fileEndpoint(site.files, what, query)) ?? notFound();
  });
  const page = pageOf(parts);
  at('/help', () => page);
  at('/help/*path', (_query, { params }) => helpAnswer(params.path as string, { id, plan, page }));
  return { router, at, page };
}

const versionView = ({ version, buildDate, buildTime, buildUser, mezzo }: LegacyParts['site']['version']): object => ({
  build_date: buildDate,
  build_time: buildTime,
  build_user: buildUser,
  version,
  mezzo,
});

function badTimeout(query: URLSearchParams): Answer | undefined {
  const timeout = query.get('timeout');
  try {
    if (timeout !== null) parseDuration(timeout);
    return undefined;
  } catch (error) {
    return textAnswer(400, `Invalid timeout '${timeout?.slice(0, 100)}': ${messageOf(error)}.\n`);
  }
}

function pageOf({ kind, site, readable }: LegacyParts): Answer {
  const links = readable.map((name) => `<li><a href="/${name}">/${name}</a></li>`).join('');
  const title = `Mezzo ${kind}`;
  const body = `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>${title}</title></head><body><h1>${title} ${site.version.mezzo}</h1><ul>${links}</ul></body></html>`;
  return { status: 200, type: 'text/html', body };
}
