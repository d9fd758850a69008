import { pipeline } from 'node:stream';
import { stringifyJson } from '@mezzo/sdk/api';
import { messageOf } from '@mezzo/sdk/contract';
import type { Context } from 'koa';
import Router from 'koa-router';
import { jsonAnswer, notFound, sendAnswer, textAnswer, type Answer, jsonpOf } from '../answer.js';
import { helpAnswer } from '../help.js';
import { AGENT_DOORS } from './doors.js';
import { FORBIDDEN } from '../auth/permission.js';
import { parseDuration } from '../duration.js';
import { fileEndpoint, fileError } from '../file-endpoints.js';
import { metricPieces, prometheusPieces, PROMETHEUS_TYPE } from '../metric-text.js';
import { toggleLogging } from '../log-level.js';
import { systemStats } from '../system-stats.js';
import { inSlices } from '../slices.js';
import { containerView, stateView } from './legacy-views.js';
import { getContainers } from './messages.js';
import { mayReadFile, maySeeContainer, viewerOf, type Viewer } from './permissions.js';
import { metricsSnapshot } from './metrics.js';
import type { AgentSite } from './site.js';

type Endpoint = (query: URLSearchParams, ctx: Context) => Answer | undefined | Promise<Answer | undefined>;

/** The endpoints from before v1, for any method. */
export function legacyRouter(site: AgentSite): Router {
  const router = new Router({ sensitive: true });
  const at = (path: string, endpoint: Endpoint): void => {
    router.all(path, async (ctx) => {
      ctx.respond = false;
      const answer = await endpoint(new URLSearchParams(ctx.querystring), ctx);
      if (answer !== undefined) sendAnswer(ctx.req, ctx.res, answer);
    });
  };
  const json = (path: string, view: (query: URLSearchParams, viewer: Viewer) => unknown): void =>
    at(path, async (query, ctx) =>
      jsonAnswer(stringifyJson(await view(query, viewerOf(site, ctx.req))), jsonpOf(query)),
    );
  json('/state', (_query, viewer) => stateView(site, viewer));
  at('/flags', (query, ctx) =>
    viewerOf(site, ctx.req).may('view_flags')
      ? jsonAnswer(JSON.stringify({ flags: site.flags }), jsonpOf(query))
      : FORBIDDEN,
  );
  json('/version', () => versionView(site));
  json('/system/stats.json', systemStats);
  json('/containers', (query, viewer) => containers(site, viewer, true, query.get('container_id')));
  json('/monitor/statistics', (_query, viewer) => containers(site, viewer, false, null));
  json('/monitor/statistics.json', (_query, viewer) => containers(site, viewer, false, null));
  json('/containerizer/debug', () => ({ pending: [] }));
  at('/health', () => ({ status: 200 }));
  at('/logging/toggle', (query) => toggleLogging(site, query));
  at('/metrics/snapshot', (query) => snapshot(site, query));
  at('/metrics', async () => ({
    status: 200,
    type: PROMETHEUS_TYPE,
    body: await inSlices(prometheusPieces([metricsSnapshot(site, Date.now())])),
  }));
  const mayRead = (query: URLSearchParams, ctx: Context): boolean =>
    mayReadFile(site, viewerOf(site, ctx.req), query.get('path') ?? '');
  at('/files/download', (query, ctx) => (mayRead(query, ctx) ? download(site, query, ctx) : FORBIDDEN));
  at('/files/:what', async (query, ctx) => {
    jsonpOf(query);
    const { what } = ctx.params as { what: string };
    if (what !== 'debug' && !mayRead(query, ctx)) return FORBIDDEN;
    return (await fileEndpoint(site.files, what, query)) ?? notFound();
  });
  const help = { id: 'slave(1)', plan: AGENT_DOORS, page: helpPage(site) };
  at('/help', () => help.page);
  at('/help/*path', (_query, { params }) => helpAnswer(params.path as string, help));
  return router;
}

async function containers(site: AgentSite, viewer: Viewer, withStatus: boolean, id: string | null): Promise<unknown[]> {
  const all = await getContainers(site, {}, maySeeContainer(site, viewer));
  return all
    .filter(({ containerId }) => id === null || containerId.value === id)
    .map((container) => {
      const run = site.host.state.runs.get(container.containerId.value);
      return containerView(container, run?.info.source ?? '', withStatus);
    });
}

const versionView = ({ version: { version, buildDate, buildTime, buildUser, mezzo } }: AgentSite): object => ({
  build_date: buildDate,
  build_time: buildTime,
  build_user: buildUser,
  version,
  mezzo,
});

async function snapshot(site: AgentSite, query: URLSearchParams): Promise<Answer> {
  const timeout = query.get('timeout');
  if (timeout !== null) {
    try {
      parseDuration(timeout);
    } catch (error) {
      return textAnswer(400, `Invalid timeout '${timeout.slice(0, 100)}': ${messageOf(error)}.\n`);
    }
  }
  return jsonAnswer(await inSlices(metricPieces([metricsSnapshot(site, Date.now())])), jsonpOf(query));
}

/** From the handle that was checked, at most what was announced: a log may grow meanwhile. */
async function download({ files }: AgentSite, query: URLSearchParams, ctx: Context): Promise<Answer | undefined> {
  const path = query.get('path');
  if (path === null || path === '') return textAnswer(400, "Expecting 'path=value' in query.\n");
  try {
    const { handle, size } = await files.open(path);
    ctx.res.writeHead(200, {
      'Content-Type': 'application/octet-stream',
      'Content-Length': size,
      'Content-Disposition': `attachment; filename=${(path.split('/').at(-1) ?? '').replace(/[^\w.-]/g, '_')}`,
    });
    if (size > 0 && ctx.method !== 'HEAD')
      return void pipeline(handle.createReadStream({ start: 0, end: size - 1 }), ctx.res, () => {});
    await handle.close();
    ctx.res.end();
    return undefined;
  } catch (error) {
    return fileError(error);
  }
}

const READABLE = ['state', 'flags', 'version', 'containers', 'monitor/statistics', 'metrics', 'files/debug'];

function helpPage({ version }: AgentSite): Answer {
  const links = READABLE.map((name) => `<li><a href="/${name}">/${name}</a></li>`).join('');
  const body = `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Mezzo agent</title></head><body><h1>Mezzo agent ${version.mezzo}</h1><ul>${links}</ul></body></html>`;
  return { status: 200, type: 'text/html', body };
}
