import { stringifyJson } from '@mezzo/sdk/api';
import { asId, MezzoError, messageOf, type FrameworkId } from '@mezzo/sdk/contract';
import type { Context } from 'koa';
import Router from 'koa-router';
import { roleError } from '../../core/resources/index.js';
import {
  jsonAnswer,
  methodNotAllowed,
  notFound,
  notImplemented,
  sendAnswer,
  textAnswer,
  type Answer,
  jsonpOf,
} from '../answer.js';
import { readBody } from '../body.js';
import { parseDuration } from '../duration.js';
import { downloadFile, fileEndpoint } from '../file-endpoints.js';
import { systemStats } from '../system-stats.js';
import {
  frameworksView,
  rolesView,
  slavesView,
  stateSummaryView,
  stateView,
  tasksView,
  type TaskQuery,
} from './legacy-views.js';
import { metricsSnapshot, prometheusText } from './metrics.js';
import type { MasterSite } from './site.js';

type Endpoint = (query: URLSearchParams, ctx: Context) => Answer | undefined | Promise<Answer | undefined>;

const MAX_FORM_BYTES = 1024 * 1024;

/** The endpoints from before v1, for any method: what users, Mesos-DNS and dashboards read. */
export function legacyRouter(site: MasterSite): Router {
  const router = new Router();
  const at = (path: string, endpoint: Endpoint): void => {
    router.all(path, async (ctx) => {
      ctx.respond = false;
      const answer = await endpoint(new URLSearchParams(ctx.querystring), ctx);
      if (answer !== undefined) sendAnswer(ctx.req, ctx.res, answer);
    });
  };
  const json = (path: string, view: (query: URLSearchParams) => unknown): void =>
    at(path, (query) => jsonAnswer(stringifyJson(view(query)), jsonpOf(query)));
  const { state } = site.shell;
  json('/state', () => stateView(site));
  json('/state-summary', () => stateSummaryView(site));
  json('/slaves', (query) => slavesView(state, query.get('slave_id')));
  json('/frameworks', (query) => frameworksView(state, query.get('framework_id')));
  json('/tasks', (query) => tasksView(state, taskQuery(query)));
  json('/roles', () => rolesView(state));
  json('/flags', () => ({ flags: site.flags }));
  json('/version', () => versionView(site));
  json('/system/stats.json', systemStats);
  at('/health', () => ({ status: 200 }));
  at('/logging/toggle', () => textAnswer(200, site.log.level === 'debug' ? '1' : '0'));
  at('/redirect', () => ({ status: 307, headers: { Location: `//${leader(site)}` } }));
  at('/metrics/snapshot', (query) => snapshot(site, query));
  at('/metrics', async () => ({
    status: 200,
    type: 'text/plain; version=0.0.4; charset=utf-8',
    body: await prometheusText(metricsSnapshot(site.shell, Date.now())),
  }));
  at('/files/download', (query, ctx) => downloadFile(site.files, query, ctx.res));
  at('/files/:what', async (query, ctx) => {
    jsonpOf(query);
    return (await fileEndpoint(site.files, (ctx.params as { what: string }).what, query)) ?? notFound();
  });
  at('/', () => page(site));
  at('/help', () => page(site));
  at('/help/*path', () => page(site));
  changes(site, at, json);
  return router;
}

/** What changes the cluster, as far as it is built. */
function changes(
  site: MasterSite,
  at: (path: string, endpoint: Endpoint) => void,
  json: (path: string, view: () => unknown) => void,
): void {
  at('/teardown', (_query, ctx) => teardown(site, ctx));
  for (const path of ['/reserve', '/unreserve', '/create-volumes', '/destroy-volumes']) {
    at(path, (_query, ctx) => changeAgent(site, path, ctx));
  }
  at('/weights', (_query, ctx) => weights(site, ctx));
  at('/quota', (_query, { method }) => (isRead(method) ? jsonAnswer('{}') : notImplemented('Changing quota')));
  at('/quota/*role', (_query, { method, params }) =>
    method === 'DELETE' ? noQuota((params as { role: string }).role) : notImplemented('Changing quota'),
  );
  at('/maintenance/schedule', (_query, ctx) => maintenance(ctx));
  json('/maintenance/status', () => ({}));
  for (const path of ['/machine/down', '/machine/up']) at(path, (_query, ctx) => machines(ctx));
}

const isRead = (method: string): boolean => method === 'GET' || method === 'HEAD';
const leader = ({ shell: { state } }: MasterSite): string =>
  `${state.options.info.hostname}:${state.options.info.port}`;

function taskQuery(query: URLSearchParams): TaskQuery {
  const count = (name: string, fallback: number): number =>
    /^\d{1,9}$/.test(query.get(name) ?? '') ? Number(query.get(name)) : fallback;
  return {
    limit: count('limit', 100),
    offset: count('offset', 0),
    ascending: query.get('order') === 'asc',
    frameworkId: query.get('framework_id'),
    taskId: query.get('task_id'),
  };
}

const versionView = ({ version: { version, buildDate, buildTime, buildUser, mezzo } }: MasterSite): object => ({
  build_date: buildDate,
  build_time: buildTime,
  build_user: buildUser,
  version,
  mezzo,
});

function snapshot({ shell }: MasterSite, query: URLSearchParams): Answer {
  const timeout = query.get('timeout');
  if (timeout !== null) {
    try {
      parseDuration(timeout);
    } catch (error) {
      return textAnswer(400, `Invalid timeout '${timeout}': ${messageOf(error)}.\n`);
    }
  }
  const metrics = metricsSnapshot(shell, Date.now());
  return jsonAnswer(JSON.stringify(Object.fromEntries(metrics)), jsonpOf(query));
}

async function teardown({ shell }: MasterSite, ctx: Context): Promise<Answer> {
  if (ctx.method !== 'POST') return methodNotAllowed(['POST'], ctx.method);
  const id = (await form(ctx)).get('frameworkId');
  if (id === null) return textAnswer(400, "Missing 'frameworkId' query parameter in the request body");
  const frameworkId = { value: asId<FrameworkId>(id) };
  const call = { type: 'TEARDOWN', teardown: { frameworkId } } as const;
  const { status, text } = await shell.call((request) => ({ type: 'operatorCalled', request, call }));
  return text === undefined ? { status } : textAnswer(status, text);
}

const form = async (ctx: Context): Promise<URLSearchParams> =>
  new URLSearchParams((await readBody(ctx.req, MAX_FORM_BYTES)).toString('utf8'));

async function changeAgent({ shell }: MasterSite, path: string, ctx: Context): Promise<Answer> {
  if (ctx.method !== 'POST') return methodNotAllowed(['POST'], ctx.method);
  const id = (await form(ctx)).get('slaveId');
  if (id === null) return textAnswer(400, "Missing 'slaveId' query parameter in the request body");
  if (!shell.state.agents.has(asId(id))) return textAnswer(400, 'No agent found with specified ID');
  return notImplemented(path);
}

async function weights({ shell }: MasterSite, ctx: Context): Promise<Answer> {
  if (isRead(ctx.method)) {
    const set = [...shell.state.options.weights].map(([role, weight]) => ({ role, weight }));
    return jsonAnswer(JSON.stringify(set));
  }
  const what = 'Failed to validate update weights request JSON';
  const infos = await jsonBody(ctx);
  if (!Array.isArray(infos)) return textAnswer(400, `${what}: Expecting a JSON array`);
  for (const { role, weight } of infos as { role?: unknown; weight?: unknown }[]) {
    const error = roleError(String(role));
    if (error !== undefined) return textAnswer(400, `${what}: Invalid role '${String(role)}': ${error}`);
    if (!(Number(weight) > 0)) {
      return textAnswer(
        400,
        `${what} for role '${String(role)}': Invalid weight '${String(weight)}': Weights must be positive`,
      );
    }
  }
  return notImplemented('Changing weights');
}

async function maintenance(ctx: Context): Promise<Answer> {
  if (isRead(ctx.method)) return jsonAnswer('{}');
  await jsonBody(ctx);
  return notImplemented('Maintenance');
}

/** No role has any: quota is not built. */
const noQuota = (role: string): Answer =>
  textAnswer(400, `Failed to remove quota for path '/master/quota/${role}': Role '${role}' has no quota set`);

/** No machine is ever part of a schedule: schedules are not built. */
async function machines(ctx: Context): Promise<Answer> {
  if (ctx.method !== 'POST') return methodNotAllowed(['POST'], ctx.method);
  const body = await jsonBody(ctx);
  if (!Array.isArray(body)) return textAnswer(400, 'Expecting a JSON array of machines');
  const [machine] = body as unknown[];
  return textAnswer(400, `Machine '${JSON.stringify(machine)}' is not part of a maintenance schedule`);
}

async function jsonBody(ctx: Context): Promise<unknown> {
  const text = (await readBody(ctx.req, MAX_FORM_BYTES)).toString('utf8');
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MezzoError('INVALID_JSON', `syntax error at line 1 near: ${text.slice(0, 80)}`, { blame: 'user', cause });
  }
}

const READABLE = ['state', 'state-summary', 'slaves', 'frameworks', 'tasks', 'roles', 'flags', 'version', 'metrics'];

function page({ version }: MasterSite): Answer {
  const links = READABLE.map((name) => `<li><a href="/${name}">/${name}</a></li>`).join('');
  const body = `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Mezzo master</title></head><body><h1>Mezzo master ${version.mezzo}</h1><ul>${links}</ul></body></html>`;
  return { status: 200, type: 'text/html', body };
}
