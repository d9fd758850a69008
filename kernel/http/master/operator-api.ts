import type { IncomingMessage, ServerResponse } from 'node:http';
import { messagePieces, type MasterCall, type MasterCallType, type MasterResponse } from '@mezzo/sdk/api';
import { quotaStatus, weightInfos } from '../../core/master/sharing.js';
import {
  getAgents,
  getExecutors,
  getFrameworks,
  getOperations,
  getRoles,
  getState,
  getTasks,
  lazily,
  roleMessages,
} from '../../core/master/views.js';
import type { Body } from '../answer-body.js';
import { JSON_TYPE, negotiate, NOT_ACCEPTABLE, replyAnswer, textAnswer, type Answer } from '../answer.js';
import { isAnswer, readCall } from '../calls.js';
import { listFilesCall, readFileCall } from '../file-endpoints.js';
import { logLevelOf, setLogLevel } from '../log-level.js';
import { principalOf } from '../auth/callers.js';
import { FORBIDDEN } from '../auth/permission.js';
import { masterCallError } from './call-validation.js';
import { gatherMetrics } from './metrics.js';
import { mayCall, mayReadFile, seenMachines, seenSchedule, viewerOf, type Viewer } from './permissions.js';
import { metricMessages } from '../metric-text.js';
import { bitByBit, inSlices } from '../slices.js';
import type { MasterSite } from './site.js';
import { openStream } from './streams.js';

/** `POST /api/v1`: answers undefined when the call became a stream. */
export async function operatorApi(
  site: MasterSite,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Answer | undefined> {
  const read = await readCall(request, 'mesos.v1.master.Call');
  if (isAnswer(read)) return read;
  const { call } = read;
  const error = masterCallError(call);
  if (error !== undefined) return textAnswer(400, error);
  const type = negotiate(request.headers.accept);
  if (type === undefined) return NOT_ACCEPTABLE;
  if (call.type === 'SUBSCRIBE') {
    const connection = site.shell.newConnection();
    const sink = openStream(site, response, connection, type);
    site.shell.subscribeOperator(connection, sink, principalOf(request));
    return undefined;
  }
  const viewer = viewerOf(site, request);
  const format = type === JSON_TYPE ? 'json' : 'protobuf';
  const write = (result: Result): Promise<Body> => {
    const message: MasterResponse = { type: call.type as MasterResponse['type'], ...result };
    return inSlices(messagePieces(format, 'mesos.v1.master.Response', message, site.written.writeRun(format)));
  };
  const list = lists[call.type!];
  if (list !== undefined && site.shell.state.options.authorizer === undefined) {
    const body = site.written.share(`${call.type} ${format}`, async () => write(await list(site, viewer)));
    return { status: 200, type, body: await body };
  }
  const result = await (list?.(site, viewer) ?? carryOut(site, call, viewer));
  return isAnswer(result) ? result : { status: 200, type, body: await write(result) };
}

type Result = Omit<MasterResponse, 'type'>;

/** What may be big is written bit by bit, and shows what the caller may see. */
const lists: Partial<Record<MasterCallType, (site: MasterSite, viewer: Viewer) => Result | Promise<Result>>> = {
  GET_STATE: ({ shell }, { sight }) => ({ getState: getState(shell.state, sight, lazily) }),
  GET_AGENTS: ({ shell }, { sight }) => ({ getAgents: getAgents(shell.state, sight, lazily) }),
  GET_FRAMEWORKS: ({ shell }, { sight }) => ({ getFrameworks: getFrameworks(shell.state, sight, lazily) }),
  GET_EXECUTORS: ({ shell }, { sight }) => ({ getExecutors: getExecutors(shell.state, sight, lazily) }),
  GET_OPERATIONS: ({ shell }, { sight }) => ({ getOperations: getOperations(shell.state, sight, lazily) }),
  GET_TASKS: ({ shell }, { sight }) => ({ getTasks: getTasks(shell.state, sight, lazily) }),
  GET_METRICS: async ({ shell, startedAtMs }) => {
    const groups = await bitByBit(gatherMetrics(shell, startedAtMs, Date.now()));
    return { getMetrics: { metrics: (await bitByBit(metricMessages(groups))) as never } };
  },
};

type View = (site: MasterSite, call: MasterCall, viewer: Viewer) => Result | Answer | Promise<Result | Answer>;

const views: Partial<Record<MasterCallType, View>> = {
  GET_HEALTH: () => ({ getHealth: { healthy: true } }),
  GET_FLAGS: ({ flags }) => ({
    getFlags: { flags: Object.entries(flags).map(([name, value]) => ({ name, value })) },
  }),
  GET_VERSION: ({ version: { mezzo: _, ...versionInfo } }) => ({ getVersion: { versionInfo } }),
  GET_LOGGING_LEVEL: (site) => ({ getLoggingLevel: { level: logLevelOf(site) } }),
  SET_LOGGING_LEVEL: (site, { setLoggingLevel }) => {
    setLogLevel(site, setLoggingLevel!.level, Number(setLoggingLevel!.duration.nanoseconds) / 1e6);
    return { status: 200 };
  },
  LIST_FILES: ({ files }, { listFiles }, { may }) => (mayReadFile(may) ? listFilesCall(files, listFiles!) : FORBIDDEN),
  READ_FILE: ({ files }, { readFile }, { may }) => (mayReadFile(may) ? readFileCall(files, readFile!) : FORBIDDEN),
  GET_ROLES: async ({ shell }, _, { sight }) => ({
    getRoles: { roles: roleMessages(await bitByBit(getRoles(shell.state, sight))) },
  }),
  GET_WEIGHTS: ({ shell }, _, { sight }) => {
    const infos = weightInfos(shell.state, sight.role);
    return infos.length === 0 ? {} : { getWeights: { weightInfos: infos } };
  },
  GET_MASTER: ({ shell: { state }, startedAtMs }) => ({
    getMaster: {
      masterInfo: state.options.info,
      startTime: startedAtMs / 1000,
      electedTime: state.electedAtMs / 1000,
    },
  }),
  GET_QUOTA: ({ shell }, _, { may }) => ({
    getQuota: { status: quotaStatus(shell.state, (role) => may('get_quotas', role)) },
  }),
  GET_MAINTENANCE_SCHEDULE: ({ shell }, _, viewer) => ({
    getMaintenanceSchedule: { schedule: seenSchedule(shell.state, viewer) },
  }),
  GET_MAINTENANCE_STATUS: ({ shell }, _, viewer) => ({
    getMaintenanceStatus: { status: seenMachines(shell.state, viewer) },
  }),
};

async function carryOut(site: MasterSite, call: MasterCall, viewer: Viewer): Promise<Result | Answer> {
  const view = views[call.type!];
  if (view === undefined) return changeCluster(site, call, viewer);
  return mayCall(site, viewer, call) ? view(site, call, viewer) : FORBIDDEN;
}

/** Carries out a call that is more than a view, if the caller may make it. */
export async function changeCluster(site: MasterSite, call: MasterCall, viewer: Viewer): Promise<Answer> {
  if (!mayCall(site, viewer, call)) return FORBIDDEN;
  const { principal } = viewer;
  return replyAnswer(await site.shell.call((request) => ({ type: 'operatorCalled', request, call, principal })));
}
