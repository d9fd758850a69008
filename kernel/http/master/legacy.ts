import { messageToJson, parseJson, parseMessage, type MessageName, type MessageTypes } from '@mezzo/sdk/api';
import { asId, hasCode, MezzoError, messageOf, type FrameworkId } from '@mezzo/sdk/contract';
import type { Context } from 'koa';
import type Router from 'koa-router';
import { quotaStatus, weightInfos } from '../../core/master/sharing.js';
import { isRead, jsonAnswer, jsonpOf, methodNotAllowed, textAnswer, type Answer } from '../answer.js';
import { legacyEndpoints, type Endpoint } from '../legacy.js';
import { MASTER_DOORS } from './doors.js';
import { FORBIDDEN } from '../auth/permission.js';
import type { Body } from '../answer-body.js';
import { readBody, readJson } from '../body.js';
import { explainEndpoint } from './explain.js';
import {
  frameworksView,
  rolesView,
  slavesView,
  stateSummaryView,
  stateView,
  tasksView,
  type TaskQuery,
} from './legacy-views.js';
import { metricPieces, prometheusPieces } from '../metric-text.js';
import { gatherMetrics } from './metrics.js';
import { prioritiesEndpoint } from './priorities.js';
import { registryView } from './registry-view.js';
import { bitByBit, inSlices, jsonPieces, type Steps } from '../slices.js';
import { changeCluster } from './operator-api.js';
import { SEES_ALL } from '../../core/master/sight.js';
import { mayReadFile, seenMachines, seenSchedule, viewerOf, type Viewer } from './permissions.js';
import type { MasterSite } from './site.js';
import { addressOf } from './standby.js';

/** Where nobody is authorised, all see all. */
const SEES_ALL_OF_IT: Viewer = { principal: undefined, may: () => true, sight: SEES_ALL };

const READABLE = ['state', 'state-summary', 'slaves', 'frameworks', 'tasks', 'roles', 'flags', 'version', 'metrics'];

const MAX_FORM_BYTES = 1024 * 1024;

/** The endpoints from before v1, for any method: what users, Mesos-DNS and dashboards read. */
export function legacyRouter(site: MasterSite): Router {
  const { router, at, page } = legacyEndpoints({
    ...{ site, kind: 'master', id: 'master', plan: MASTER_DOORS, readable: READABLE },
    mayOf: (request) => viewerOf(site, request).may,
    mayRead: (_query, { req }) => mayReadFile(viewerOf(site, req).may),
    metrics: {
      json: () => site.written.share('/metrics/snapshot', async () => inSlices(metricPieces(await metricsOf(site)))),
      prometheus: () => site.written.share('/metrics', async () => inSlices(prometheusPieces(await metricsOf(site)))),
    },
  });
  const json = (path: string, view: (query: URLSearchParams, viewer: Viewer) => unknown): void =>
    at(path, async (query, ctx) => {
      const body = await inSlices(jsonPieces(view(query, viewerOf(site, ctx.req)), writeRun));
      return jsonAnswer(body, jsonpOf(query));
    });
  const { state } = site.shell;
  const writeRun = site.written.writeRun('legacy');
  const inSteps = async (steps: Steps<unknown>): Promise<Body> => inSlices(jsonPieces(await bitByBit(steps), writeRun));
  /** Once for all who ask at the same time, where all see all. */
  const shared = (path: string, write: (viewer: Viewer) => Promise<Body>): void =>
    at(path, async (query, { req }) => {
      const seen = state.options.authorizer && write(viewerOf(site, req));
      return jsonAnswer(await (seen ?? site.written.share(path, () => write(SEES_ALL_OF_IT))), jsonpOf(query));
    });
  shared('/state', (viewer) => inSlices(jsonPieces(stateView(site, viewer), writeRun)));
  shared('/state-summary', ({ sight }) => inSteps(stateSummaryView(site, sight)));
  shared('/roles', ({ sight }) => inSteps(rolesView(state, sight)));
  json('/slaves', (query, { sight }) => slavesView(state, query.get('slave_id'), sight));
  json('/frameworks', (query, { sight }) => frameworksView(state, query.get('framework_id'), sight));
  at('/tasks', async (query, { req }) =>
    jsonAnswer(await inSteps(tasksView(state, taskQuery(query), viewerOf(site, req).sight)), jsonpOf(query)),
  );
  at('/explain', (query, { req }) => explainEndpoint(state, viewerOf(site, req).sight, query, Date.now()));
  json('/registrar\\(1\\)/registry', () => registryView(state));
  at('/redirect', () => ({
    status: 307,
    headers: { Location: `//${addressOf(site.leader() ?? state.options.info)}` },
  }));
  at('/', () => page);
  changes(site, at);
  return router;
}

/** What changes the cluster, as far as it is built. */
function changes(site: MasterSite, at: (path: string, endpoint: Endpoint) => void): void {
  at('/teardown', (_query, ctx) => teardown(site, ctx));
  for (const path of Object.keys(CHANGES) as (keyof typeof CHANGES)[]) {
    at(path, (_query, ctx) => changeAgent(site, path, ctx));
  }
  at('/weights', (query, ctx) => weights(site, query, ctx));
  at('/priorities', (query, ctx) => prioritiesEndpoint(site, query, ctx));
  at('/quota', (query, ctx) => quota(site, query, ctx));
  at('/quota/*role', (query, ctx) => quota(site, query, ctx));
  at('/maintenance/schedule', (query, ctx) => maintenanceSchedule(site, query, ctx));
  at('/maintenance/status', (query, { method, req }) => {
    if (!isRead(method)) return methodNotAllowed(['GET'], method);
    const status = seenMachines(site.shell.state, viewerOf(site, req));
    return jsonAnswer(messageToJson('mesos.v1.maintenance.ClusterStatus', status), jsonpOf(query));
  });
  at('/machine/down', (_query, ctx) => machines(site, ctx, 'START_MAINTENANCE'));
  at('/machine/up', (_query, ctx) => machines(site, ctx, 'STOP_MAINTENANCE'));
}

function taskQuery(query: URLSearchParams): TaskQuery {
  // A number below zero is more than there are, as in the field.
  const count = (name: string, fallback: number): number => {
    const text = query.get(name) ?? '';
    if (!/^-?\d{1,9}$/.test(text)) return fallback;
    return Number(text) < 0 ? Number.MAX_SAFE_INTEGER : Number(text);
  };
  return {
    limit: count('limit', 100),
    offset: count('offset', 0),
    ascending: query.get('order') === 'asc',
    frameworkId: query.get('framework_id'),
    taskId: query.get('task_id'),
  };
}

const metricsOf = ({ shell, startedAtMs }: MasterSite) => bitByBit(gatherMetrics(shell, startedAtMs, Date.now()));

async function teardown(site: MasterSite, ctx: Context): Promise<Answer> {
  if (ctx.method !== 'POST') return methodNotAllowed(['POST'], ctx.method);
  const id = (await form(ctx)).get('frameworkId');
  if (id === null) return textAnswer(400, "Missing 'frameworkId' query parameter in the request body");
  const frameworkId = { value: asId<FrameworkId>(id) };
  return changeCluster(site, { type: 'TEARDOWN', teardown: { frameworkId } }, viewerOf(site, ctx.req));
}

const form = async (ctx: Context): Promise<URLSearchParams> =>
  new URLSearchParams((await readBody(ctx.req, MAX_FORM_BYTES)).toString('utf8'));

const CHANGES = {
  '/reserve': { type: 'RESERVE_RESOURCES', field: 'resources', payload: 'reserveResources' },
  '/unreserve': { type: 'UNRESERVE_RESOURCES', field: 'resources', payload: 'unreserveResources' },
  '/create-volumes': { type: 'CREATE_VOLUMES', field: 'volumes', payload: 'createVolumes' },
  '/destroy-volumes': { type: 'DESTROY_VOLUMES', field: 'volumes', payload: 'destroyVolumes' },
} as const;

/** A form with `slaveId`, and `resources` or `volumes` as a JSON array. */
async function changeAgent(site: MasterSite, path: keyof typeof CHANGES, ctx: Context): Promise<Answer> {
  if (ctx.method !== 'POST') return methodNotAllowed(['POST'], ctx.method);
  const { type, field, payload } = CHANGES[path];
  const values = await form(ctx);
  const missing = ['slaveId', field].find((name) => values.get(name) === null);
  if (missing !== undefined) return textAnswer(400, `Missing '${missing}' query parameter in the request body`);
  const agentId = { value: values.get('slaveId')! };
  if (!site.shell.state.agents.has(asId(agentId.value))) return textAnswer(400, 'No agent found with specified ID');
  const what = `Error in parsing '${field}' query parameter in the request body`;
  const list = parseJson(values.get(field)!);
  if (!Array.isArray(list)) return textAnswer(400, `${what}: Expecting a JSON array`);
  const resources = list.map((one) => parsed('mesos.v1.Resource', one, what));
  return changeCluster(site, { type, [payload]: { agentId, [field]: resources } }, viewerOf(site, ctx.req));
}

async function weights(site: MasterSite, query: URLSearchParams, ctx: Context): Promise<Answer> {
  const { method } = ctx;
  const viewer = viewerOf(site, ctx.req);
  if (isRead(method))
    return jsonAnswer(JSON.stringify(weightInfos(site.shell.state, viewer.sight.role)), jsonpOf(query));
  if (method !== 'PUT') return methodNotAllowed(['GET', 'PUT'], method);
  const infos = await readJson(ctx.req, MAX_FORM_BYTES);
  const what = 'Failed to validate update weights request JSON';
  if (!Array.isArray(infos)) return textAnswer(400, `${what}: Expecting a JSON array`);
  const updateWeights = parsed('mesos.v1.master.Call.UpdateWeights', { weight_infos: infos }, what);
  return changeCluster(site, { type: 'UPDATE_WEIGHTS', updateWeights }, viewer);
}

async function quota(site: MasterSite, query: URLSearchParams, ctx: Context): Promise<Answer> {
  const { method } = ctx;
  const viewer = viewerOf(site, ctx.req);
  if (isRead(method)) {
    const shown = quotaStatus(site.shell.state, (role) => viewer.may('get_quotas', role));
    const status = messageToJson('mesos.v1.quota.QuotaStatus', shown);
    return jsonAnswer(status, jsonpOf(query));
  }
  if (method === 'DELETE') return removeQuota(site, ctx);
  if (method !== 'POST') return methodNotAllowed(['GET', 'POST', 'DELETE'], method);
  const what = 'Failed to validate set quota request JSON';
  const quotaRequest = parsed('mesos.v1.quota.QuotaRequest', await readJson(ctx.req, MAX_FORM_BYTES), what);
  return changeCluster(site, { type: 'SET_QUOTA', setQuota: { quotaRequest } }, viewer);
}

async function removeQuota(site: MasterSite, { params, path, req }: Context): Promise<Answer> {
  const { role } = params as { role?: string };
  const failed = `Failed to remove quota for path '/master${path}'`;
  if (role === undefined) return textAnswer(400, `${failed}: Expecting the role, as in DELETE /quota/ROLE`);
  const call = { type: 'REMOVE_QUOTA', removeQuota: { role } } as const;
  const answer = await changeCluster(site, call, viewerOf(site, req));
  const { status, body } = answer;
  return status === 200 || answer === FORBIDDEN ? answer : textAnswer(status, `${failed}: ${String(body)}`);
}

async function maintenanceSchedule(site: MasterSite, query: URLSearchParams, ctx: Context): Promise<Answer> {
  const { method } = ctx;
  const name = 'mesos.v1.maintenance.Schedule';
  const viewer = viewerOf(site, ctx.req);
  if (isRead(method)) return jsonAnswer(messageToJson(name, seenSchedule(site.shell.state, viewer)), jsonpOf(query));
  if (method !== 'POST') return methodNotAllowed(['GET', 'POST'], method);
  const schedule = parsed(name, await readJson(ctx.req, MAX_FORM_BYTES), 'Failed to read the maintenance schedule');
  return changeCluster(site, { type: 'UPDATE_MAINTENANCE_SCHEDULE', updateMaintenanceSchedule: { schedule } }, viewer);
}

async function machines(
  site: MasterSite,
  ctx: Context,
  type: 'START_MAINTENANCE' | 'STOP_MAINTENANCE',
): Promise<Answer> {
  if (ctx.method !== 'POST') return methodNotAllowed(['POST'], ctx.method);
  const body = await readJson(ctx.req, MAX_FORM_BYTES);
  if (!Array.isArray(body)) return textAnswer(400, 'Expecting a JSON array of machines');
  const ids = parsed('mesos.v1.master.Call.StartMaintenance', { machines: body }, 'Failed to read the machines');
  return changeCluster(site, { type, startMaintenance: ids, stopMaintenance: ids }, viewerOf(site, ctx.req));
}

/** Throws INVALID_MESSAGE, which begins with `what`. */
function parsed<K extends MessageName>(name: K, json: unknown, what: string): MessageTypes[K] {
  try {
    return parseMessage(name, json);
  } catch (cause) {
    if (!hasCode(cause, 'INVALID_MESSAGE')) throw cause;
    throw new MezzoError('INVALID_MESSAGE', `${what}: ${messageOf(cause)}`, { blame: 'user', cause });
  }
}
