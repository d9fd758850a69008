import type { IncomingMessage } from 'node:http';
import type { AgentCall, AgentResponse, AgentResponseWaitContainer, ContainerID } from '@mezzo/sdk/api';
import type { ContainerExit } from '@mezzo/sdk/points/containerizer';
import type { ContainerCall } from '../../core/agent/container-messages.js';
import { limitationOf, waitStatus } from '../../core/agent/ends.js';
import { idError } from '../../core/master/names.js';
import { resourceError } from '../../core/resources/index.js';
import { replyAnswer, type Answer } from '../answer.js';
import { PAYLOADS } from './payloads.js';
import type { AgentSite } from './site.js';

/** Calls about containers in containers, and about those that stand alone. */

const SIGKILL = 9;
const MAX_SIGNAL = 64;
/** One more than can be launched, so that what is too deep is refused for that. */
const MAX_PATH = 64;

type Payload = {
  readonly containerId: ContainerID;
  readonly signal?: number;
} & Partial<Omit<NonNullable<AgentCall['launchContainer']>, 'containerId'>>;

export interface Asked {
  readonly type: NonNullable<AgentCall['type']>;
  /** As it is written in JSON. */
  readonly field: string;
  readonly payload: Payload;
}

const CALLS = /^(LAUNCH|WAIT|KILL|REMOVE)(_NESTED)?_CONTAINER(_SESSION)?$|^ATTACH_CONTAINER_OUTPUT$/;

/** The container call in an agent's call; undefined = it is none. */
export function askedOf(call: AgentCall): Asked | undefined {
  const { type } = call;
  const fields = type && CALLS.test(type) ? PAYLOADS[type] : undefined;
  const payload = fields && (call[fields[0]] as Payload | undefined);
  return type && payload && { type, field: fields[1], payload };
}

/** Why the call makes no sense, in the field's words. */
export function containerCallFault(call: AgentCall): string | undefined {
  const asked = askedOf(call);
  if (asked === undefined) return undefined;
  const { type, field, payload } = asked;
  const bad = containerIdError(payload.containerId);
  if (bad !== undefined) return `'${field}.container_id' is invalid: ${bad}`;
  if (type.includes('NESTED') && payload.containerId.parent === undefined)
    return `Expecting '${field}.container_id.parent' to be present`;
  const { signal = SIGKILL, resources = [] } = payload;
  if (signal < 1 || signal > MAX_SIGNAL) return `'${field}.signal' is ${signal}, not between 1 and ${MAX_SIGNAL}`;
  const wrong = resources.map((one) => ({ one, why: resourceError(one) })).find(({ why }) => why !== undefined);
  return wrong && `Invalid resources: Resource '${wrong.one.name}' is invalid: ${wrong.why}`;
}

export function containerIdError({ value, parent }: ContainerID, level = 1): string | undefined {
  if (level > MAX_PATH) return `it has more than ${MAX_PATH} levels`;
  const error =
    idError(value) ?? (/[. ]/.test(value) ? `'ContainerID.value' '${value}' contains invalid characters` : undefined);
  if (error !== undefined || parent === undefined) return error;
  const above = containerIdError(parent, level + 1);
  return above && `'ContainerID.parent' is invalid: ${above}`;
}

/** Names from the outermost container on. */
export const pathOf = ({ value, parent }: ContainerID): string[] => [...(parent ? pathOf(parent) : []), value];

export function containerIdOf(path: readonly string[]): ContainerID {
  const value = path.at(-1) ?? '';
  return path.length > 1 ? { value, parent: containerIdOf(path.slice(0, -1)) } : { value };
}

/** Carries out a call that passed `containerCallFault`; undefined = it is none of these. */
export async function containerApi(
  site: AgentSite,
  request: IncomingMessage,
  call: AgentCall,
): Promise<Omit<AgentResponse, 'type'> | Answer | undefined> {
  const asked = askedOf(call);
  if (asked === undefined || asked.type.startsWith('ATTACH') || asked.type.endsWith('SESSION')) return undefined;
  const path = pathOf(asked.payload.containerId);
  const reply = await whileConnected(request, (onGone) => site.host.containerCall(machineCall(asked, path), onGone));
  if (reply?.exit === undefined) return replyAnswer(reply ?? { status: 503 });
  const waited = waitedFor(reply.exit);
  return asked.type === 'WAIT_CONTAINER' ? { waitContainer: waited } : { waitNestedContainer: waited };
}

/** Tells when the client leaves. */
export async function whileConnected<T>(
  { socket }: IncomingMessage,
  work: (onGone: (gone: () => void) => void) => Promise<T>,
): Promise<T> {
  let gone = (): void => {};
  const left = (): void => gone();
  socket.once('close', left);
  try {
    return await work((tell) => (gone = tell));
  } finally {
    socket.off('close', left);
  }
}

function machineCall({ type, payload }: Asked, path: readonly string[]): ContainerCall {
  const { command = {}, container, resources = [], limits, signal = SIGKILL } = payload;
  if (type.startsWith('WAIT_')) return { type: 'wait', path };
  if (type.startsWith('KILL_')) return { type: 'kill', path, signal };
  if (type.startsWith('REMOVE_')) return { type: 'remove', path };
  const ask = { command, resources, ...(container && { container }), ...(limits && { limits }) };
  return { type: 'launch', path, ask, session: false };
}

function waitedFor(exit: ContainerExit): AgentResponseWaitContainer {
  const known = exit.code !== undefined || exit.signal !== undefined;
  const reason = limitationOf(exit)?.reason;
  return {
    ...(known && { exitStatus: waitStatus(exit) }),
    ...(reason && { state: 'TASK_FAILED', reason, message: exit.message }),
  };
}
