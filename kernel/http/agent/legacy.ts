import { stringifyJson } from '@mezzo/sdk/api';
import type Router from 'koa-router';
import { jsonAnswer, jsonpOf } from '../answer.js';
import { legacyEndpoints } from '../legacy.js';
import { metricPieces, prometheusPieces } from '../metric-text.js';
import { inSlices } from '../slices.js';
import { AGENT_DOORS } from './doors.js';
import { containerView, stateView } from './legacy-views.js';
import { getContainers } from './messages.js';
import { metricsSnapshot } from './metrics.js';
import { mayReadFile, maySeeContainer, viewerOf, type Viewer } from './permissions.js';
import type { AgentSite } from './site.js';

const READABLE = ['state', 'flags', 'version', 'containers', 'monitor/statistics', 'metrics', 'files/debug'];

/** The endpoints from before v1, for any method. */
export function legacyRouter(site: AgentSite): Router {
  const metricsNow = () => [metricsSnapshot(site, Date.now())];
  const { router, at } = legacyEndpoints({
    ...{ site, kind: 'agent', id: 'slave(1)', plan: AGENT_DOORS, readable: READABLE },
    mayOf: (request) => viewerOf(site, request).may,
    mayRead: (query, { req }) => mayReadFile(site, viewerOf(site, req), query.get('path') ?? ''),
    metrics: {
      json: () => inSlices(metricPieces(metricsNow())),
      prometheus: () => inSlices(prometheusPieces(metricsNow())),
    },
  });
  const json = (path: string, view: (query: URLSearchParams, viewer: Viewer) => unknown): void =>
    at(path, async (query, ctx) =>
      jsonAnswer(stringifyJson(await view(query, viewerOf(site, ctx.req))), jsonpOf(query)),
    );
  json('/state', (_query, viewer) => stateView(site, viewer));
  json('/containers', (query, viewer) => containers(site, viewer, true, query.get('container_id')));
  json('/monitor/statistics', (_query, viewer) => containers(site, viewer, false, null));
  json('/monitor/statistics.json', (_query, viewer) => containers(site, viewer, false, null));
  json('/containerizer/debug', () => ({ pending: [] }));
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
