import type Router from 'koa-router';
import { queueView } from '../../core/views.js';
import { reply } from './server.js';
import type { Api } from './server.js';

/** The version of the API that is spoken here. */
const API_VERSION = '0.6.48';
const STARTED_AT = new Date().toISOString();

export function systemRoutes(router: Router, api: Api): void {
  router.get('/ping', (ctx) => {
    ctx.type = 'text/plain';
    ctx.body = 'pong';
  });
  router.get('/info', (ctx) => reply(ctx, { status: 200, body: { version: API_VERSION, libVersion: 'mezzo' } }));
  for (const path of ['/leader', '/v1/scheduler/leader'])
    router.get(path, (ctx) => reply(ctx, { status: 200, body: { leader: api.address } }));
  router.get('/v1/metrics', (ctx) => reply(ctx, { status: 200, body: metrics(api) }));
  router.get('/v1/queue', (ctx) => reply(ctx, { status: 200, body: queueView(api.engine.state) }));
}

export function gauges({ engine }: { readonly engine: Pick<Api['engine'], 'state'> }): Record<string, number> {
  const { jobs, runs, agenda, skipped } = engine.state;
  return { jobs: jobs.size, active_runs: runs.size, timers: agenda.size, skipped_firings: skipped };
}

function metrics(api: Api): Record<string, unknown> {
  const named = Object.entries(gauges(api)).map(([name, value]) => [`metronome.${name}.gauge`, { value }]);
  const none = { counters: {}, histograms: {}, meters: {}, timers: {} };
  return { start: STARTED_AT, version: '4.0.0', gauges: Object.fromEntries(named), ...none };
}
