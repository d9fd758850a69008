import type Router from 'koa-router';
import type { Context } from 'koa';
import { reply } from './server.js';
import type { Api } from './server.js';

/** The version of the API that is spoken here. */
const API_VERSION = '1.11.24';
const STARTED_AT = new Date().toISOString();

export function systemRoutes(router: Router, api: Api): void {
  router.get('/ping', (ctx) => ping(ctx));
  router.get('/v2/info', (ctx) => reply(ctx, { status: 200, body: info(api) }));
  router.get('/v2/leader', (ctx) => reply(ctx, { status: 200, body: { leader: api.address } }));
  router.delete('/v2/leader', (ctx) =>
    reply(ctx, {
      status: 501,
      body: { message: 'Giving up leadership is not supported yet: restart the plugin instead' },
    }),
  );
  router.get('/metrics', (ctx) => reply(ctx, { status: 200, body: metrics(api) }));
  router.get('/', (ctx) => ctx.redirect('/v2/info'));
}

function ping(ctx: Context): void {
  const type = ctx.accepts('text/plain', 'text/html', 'application/json');
  if (type === false) return reply(ctx, { status: 204 });
  if (type === 'application/json') return reply(ctx, { status: 200, body: 'pong' });
  ctx.type = type;
  ctx.body = 'pong';
}

function info({ engine, address }: Api): Record<string, unknown> {
  const { state } = engine;
  const { settings } = state;
  return {
    name: 'marathon',
    version: API_VERSION,
    buildref: 'mezzo',
    elected: true,
    leader: address,
    frameworkId: state.frameworkId,
    marathon_config: {
      framework_name: 'marathon',
      mesos_role: settings.roles[0],
      default_accepted_resource_roles: ['*'],
      default_network_name: settings.defaultNetworkName,
      checkpoint: true,
      ha: true,
      failover_timeout: 604_800,
      local_port_min: settings.servicePorts[0],
      local_port_max: settings.servicePorts[1],
      max_running_deployments: settings.maxRunningDeployments,
      decline_offer_duration: settings.declineSeconds * 1000,
      task_launch_timeout: settings.launchTimeoutMs,
      reconciliation_interval: settings.reconcileIntervalMs,
      features: settings.features,
    },
    zookeeper_config: {},
    http_config: { http_port: Number(address.split(':').at(-1)) },
    mezzo: { phase: state.phase, maxApps: settings.maxApps, maxInstancesPerApp: settings.maxInstancesPerApp },
  };
}

export function gauges({ engine }: { readonly engine: Pick<Api['engine'], 'state'> }): Record<string, number> {
  const { apps, instancesByTask, deployments, launchable, phase } = engine.state;
  return {
    apps: apps.size,
    tasks: instancesByTask.size,
    deployments: deployments.size,
    launchable_apps: launchable.size,
    subscribed: phase === 'offline' ? 0 : 1,
  };
}

function metrics(api: Api): Record<string, unknown> {
  const named = Object.entries(gauges(api)).map(([name, value]) => [`marathon.${name}.gauge`, { value }]);
  return {
    start: STARTED_AT,
    version: '4.0.0',
    gauges: Object.fromEntries(named),
    counters: {},
    histograms: {},
    meters: {},
    timers: {},
  };
}
