import type { IncomingMessage, ServerResponse } from 'node:http';
import { encodeMessage, messageToJson, type AgentCall, type AgentResponse } from '@mezzo/sdk/api';
import { agentInfoOf } from '../../core/agent/views.js';
import { JSON_TYPE, methodNotAllowed, notImplemented, PROTOBUF_TYPE, textAnswer, type Answer } from '../answer.js';
import { FORBIDDEN } from '../auth/permission.js';
import { isAnswer, readCall } from '../calls.js';
import { containerApi, containerCallFault } from './container-api.js';
import { mediaTypesOf, RECORDIO_TYPE } from './media-types.js';
import { listFilesCall, readFileCall } from '../file-endpoints.js';
import { logLevelOf, setLogLevel } from '../log-level.js';
import { payloadFault } from './payloads.js';
import { mayCall, maySeeContainer, viewerOf, type Viewer } from './permissions.js';
import { attachInput, attachOutput, launchSession } from './session-api.js';
import { getContainers, getExecutors, getFrameworks, getState, getTasks, operationMessage } from './messages.js';
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
  GET_METRICS: (site) => {
    const { names, values } = metricsSnapshot(site, Date.now());
    return { getMetrics: { metrics: names.map((name, i) => ({ name, value: values[i]! })) } };
  },
  GET_LOGGING_LEVEL: (site) => ({ getLoggingLevel: { level: logLevelOf(site) } }),
  SET_LOGGING_LEVEL: (site, { setLoggingLevel }) => {
    setLogLevel(site, setLoggingLevel!.level, Number(setLoggingLevel!.duration.nanoseconds) / 1e6);
    return { status: 200 };
  },
  GET_STATE: ({ host }, _, { sight }) => ({ getState: getState(host.state, sight) }),
  GET_CONTAINERS: async (site, { getContainers: what }, viewer) => {
    const containers = await getContainers(site, what, maySeeContainer(site, viewer));
    return containers.length === 0 ? {} : { getContainers: { containers } };
  },
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
  GET_OPERATIONS: ({ host: { state } }) => ({
    getOperations: { operations: [...state.operations.values()].map((one) => operationMessage(state, one)) },
  }),
  GET_RESOURCE_PROVIDERS: () => ({ getResourceProviders: {} }),
  // There are none to remove: images are those of Docker, which this call leaves alone in the field, too.
  PRUNE_IMAGES: () => ({ status: 200 }),
  LIST_FILES: ({ files }, { listFiles }) => listFilesCall(files, listFiles!),
  READ_FILE: ({ files }, { readFile }) => readFileCall(files, readFile!),
};

const STREAMS: ReadonlySet<string> = new Set(['ATTACH_CONTAINER_OUTPUT', 'LAUNCH_NESTED_CONTAINER_SESSION']);

/** `POST /api/v1`. Undefined = became a stream. */
export async function operatorApi(
  site: AgentSite,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Answer | undefined> {
  const { phase } = site.host.state;
  if (phase === 'starting' || phase === 'recovering') return textAnswer(503, 'Agent has not finished recovery');
  if (request.method !== 'POST') return methodNotAllowed(['POST'], request.method ?? '');
  const media = mediaTypesOf(request);
  if (isAnswer(media)) return media;
  if (media.messageContent !== undefined) return attachInput(site, request, media.messageContent);
  const read = await readCall(request, 'mesos.v1.agent.Call');
  if (isAnswer(read)) return read;
  const { call } = read;
  const { type } = call;
  if (type === undefined) return invalid("Expecting 'type' to be present");
  const fault = payloadFault(call) ?? containerCallFault(call);
  if (fault !== undefined) return invalid(fault);
  if (type === 'ATTACH_CONTAINER_INPUT')
    return textAnswer(415, `Expecting 'Content-Type' to be ${RECORDIO_TYPE} for ${type} call`);
  if (media.accept === RECORDIO_TYPE && !STREAMS.has(type))
    return textAnswer(406, `Streaming response is not supported for ${type} call`);
  const viewer = viewerOf(site, request);
  if (!mayCall(site, viewer, call)) return FORBIDDEN;
  if (type === 'LAUNCH_NESTED_CONTAINER_SESSION') return launchSession(site, request, response, call, media);
  if (type === 'ATTACH_CONTAINER_OUTPUT') return attachOutput(site, response, call, media);
  const view = views[type];
  const body = view === undefined ? await containerApi(site, request, call) : await view(site, call, viewer);
  if (body === undefined) return notImplemented(type);
  if (isAnswer(body)) return body;
  const answer: AgentResponse = { type, ...body } as AgentResponse;
  if (media.accept === JSON_TYPE)
    return { status: 200, type: JSON_TYPE, body: messageToJson('mesos.v1.agent.Response', answer) };
  return { status: 200, type: PROTOBUF_TYPE, body: encodeMessage('mesos.v1.agent.Response', answer) };
}

const invalid = (why: string): Answer => textAnswer(400, `Failed to validate agent::Call: ${why}`);
