import type { IncomingMessage } from 'node:http';
import { encodeMessage, messageToJson, type AgentCall, type AgentResponse } from '@mezzo/sdk/api';
import { agentInfoOf } from '../../core/agent/views.js';
import {
  JSON_TYPE,
  negotiate,
  NOT_ACCEPTABLE,
  notImplemented,
  PROTOBUF_TYPE,
  textAnswer,
  type Answer,
} from '../answer.js';
import { FORBIDDEN } from '../auth/permission.js';
import { isAnswer, readCall } from '../calls.js';
import { fileError } from '../file-endpoints.js';
import { logLevelOf, setLogLevel } from '../log-level.js';
import { getContainers, getExecutors, getFrameworks, getState, getTasks } from './messages.js';
import { mayCall, maySeeContainer, viewerOf, type Viewer } from './permissions.js';
import { metricsSnapshot } from './metrics.js';
import type { AgentSite } from './site.js';

type Body = Omit<AgentResponse, 'type'>;
type View = (site: AgentSite, call: AgentCall, viewer: Viewer) => Body | Answer | Promise<Body | Answer>;

const views: Partial<Record<NonNullable<AgentCall['type']>, View>> = {
  GET_HEALTH: () => ({ getHealth: { healthy: true } }),
  GET_FLAGS: ({ flags }) => ({
    getFlags: { flags: Object.entries(flags).map(([name, value]) => ({ name, value })) },
  }),
  GET_VERSION: ({ version: { mezzo: _, ...versionInfo } }) => ({ getVersion: { versionInfo } }),
  GET_METRICS: (site) => ({
    getMetrics: { metrics: [...metricsSnapshot(site, Date.now())].map(([name, value]) => ({ name, value })) },
  }),
  GET_LOGGING_LEVEL: (site) => ({ getLoggingLevel: { level: logLevelOf(site) } }),
  SET_LOGGING_LEVEL: (site, { setLoggingLevel }) => {
    setLogLevel(site, setLoggingLevel!.level, Number(setLoggingLevel!.duration.nanoseconds) / 1e6);
    return { status: 200 };
  },
  GET_STATE: ({ host }, _, { sight }) => ({ getState: getState(host.state, sight) }),
  GET_CONTAINERS: async (site, _, viewer) => ({
    getContainers: { containers: await getContainers(site, maySeeContainer(site, viewer)) },
  }),
  GET_FRAMEWORKS: ({ host }, _, { sight }) => ({ getFrameworks: getFrameworks(host.state, sight) }),
  GET_EXECUTORS: ({ host }, _, { sight }) => ({ getExecutors: getExecutors(host.state, sight) }),
  GET_TASKS: ({ host }, _, { sight }) => ({ getTasks: getTasks(host.state, sight) }),
  GET_AGENT: ({ host: { state } }) => ({
    getAgent: {
      agentInfo: agentInfoOf(state),
      ...(state.drain && {
        drainConfig: state.drain.config,
        estimatedDrainStartTime: { nanoseconds: BigInt(Math.round(state.drain.sinceMs)) * 1_000_000n },
      }),
    },
  }),
  GET_OPERATIONS: () => ({ getOperations: {} }),
  GET_RESOURCE_PROVIDERS: () => ({ getResourceProviders: {} }),
  LIST_FILES: listFiles,
  READ_FILE: readFile,
};

/** Calls whose payload must be there, and its name. */
const PAYLOADS: Partial<Record<NonNullable<AgentCall['type']>, readonly [keyof AgentCall, string]>> = {
  GET_METRICS: ['getMetrics', 'get_metrics'],
  SET_LOGGING_LEVEL: ['setLoggingLevel', 'set_logging_level'],
  LIST_FILES: ['listFiles', 'list_files'],
  READ_FILE: ['readFile', 'read_file'],
  LAUNCH_NESTED_CONTAINER: ['launchNestedContainer', 'launch_nested_container'],
  WAIT_NESTED_CONTAINER: ['waitNestedContainer', 'wait_nested_container'],
  KILL_NESTED_CONTAINER: ['killNestedContainer', 'kill_nested_container'],
  REMOVE_NESTED_CONTAINER: ['removeNestedContainer', 'remove_nested_container'],
  LAUNCH_NESTED_CONTAINER_SESSION: ['launchNestedContainerSession', 'launch_nested_container_session'],
  ATTACH_CONTAINER_INPUT: ['attachContainerInput', 'attach_container_input'],
  ATTACH_CONTAINER_OUTPUT: ['attachContainerOutput', 'attach_container_output'],
  LAUNCH_CONTAINER: ['launchContainer', 'launch_container'],
  WAIT_CONTAINER: ['waitContainer', 'wait_container'],
  KILL_CONTAINER: ['killContainer', 'kill_container'],
  REMOVE_CONTAINER: ['removeContainer', 'remove_container'],
  ADD_RESOURCE_PROVIDER_CONFIG: ['addResourceProviderConfig', 'add_resource_provider_config'],
  UPDATE_RESOURCE_PROVIDER_CONFIG: ['updateResourceProviderConfig', 'update_resource_provider_config'],
  REMOVE_RESOURCE_PROVIDER_CONFIG: ['removeResourceProviderConfig', 'remove_resource_provider_config'],
  MARK_RESOURCE_PROVIDER_GONE: ['markResourceProviderGone', 'mark_resource_provider_gone'],
};

/** `POST /api/v1`. */
export async function operatorApi(site: AgentSite, request: IncomingMessage): Promise<Answer> {
  const read = await readCall(request, 'mesos.v1.agent.Call');
  if (isAnswer(read)) return read;
  const { call } = read;
  const { type } = call;
  if (type === undefined) return invalid("Expecting 'type' to be present");
  const payload = PAYLOADS[type];
  if (payload !== undefined && call[payload[0]] === undefined)
    return invalid(`Expecting '${payload[1]}' to be present`);
  const accepted = negotiate(request.headers.accept);
  if (accepted === undefined) return NOT_ACCEPTABLE;
  const viewer = viewerOf(site, request);
  if (!mayCall(site, viewer, call)) return FORBIDDEN;
  const view = views[type];
  if (view === undefined) return notImplemented(type);
  const body = await view(site, call, viewer);
  if (isAnswer(body)) return body;
  const response: AgentResponse = { type, ...body } as AgentResponse;
  if (accepted === JSON_TYPE)
    return { status: 200, type: JSON_TYPE, body: messageToJson('mesos.v1.agent.Response', response) };
  return { status: 200, type: PROTOBUF_TYPE, body: encodeMessage('mesos.v1.agent.Response', response) };
}

const invalid = (why: string): Answer => textAnswer(400, `Failed to validate agent::Call: ${why}`);

async function listFiles({ files }: AgentSite, { listFiles }: AgentCall): Promise<Body | Answer> {
  try {
    const entries = await files.browse(listFiles!.path);
    const fileInfos = entries.map(({ mtimeMs, ...entry }) => ({
      ...entry,
      mtime: { nanoseconds: BigInt(Math.round(mtimeMs)) * 1_000_000n },
    }));
    return { listFiles: { fileInfos } };
  } catch (error) {
    return fileError(error);
  }
}

async function readFile({ files }: AgentSite, { readFile }: AgentCall): Promise<Body | Answer> {
  const { path, offset, length } = readFile!;
  if (offset < 0) return textAnswer(400, `Negative offset provided: ${offset}`);
  try {
    const { size, data } = await files.read(path, Number(offset), length === undefined ? undefined : Number(length));
    return { readFile: { size, data: data.toString('base64') } };
  } catch (error) {
    return fileError(error);
  }
}
