import type { ExecutorCall } from '@mezzo/sdk/api';
import type { Principal } from '@mezzo/sdk/points/authenticator';
import { isUuid } from '../uuid.js';
import { liveExecutor } from './custom-executors.js';
import type { AgentState } from './state.js';

export interface CallFault {
  readonly status: number;
  readonly message: string;
}

/** Why an executor's call is refused, in the order and the words that clients know; undefined = it may pass. */
export function executorCallFault(state: AgentState, call: ExecutorCall): CallFault | undefined {
  if (state.phase !== 'serving') return { status: 503, message: 'Agent has not finished recovery' };
  const invalid = invalidity(call);
  if (invalid !== undefined) return { status: 400, message: `Failed to validate Executor::Call: ${invalid}` };
  if (call.type === 'UNKNOWN') return { status: 501, message: '501 Not Implemented.' };
  if (call.type === 'HEARTBEAT') return undefined;
  if (!state.frameworks.has(call.frameworkId.value)) return { status: 400, message: 'Framework cannot be found' };
  const run = liveExecutor(state, call.frameworkId.value, call.executorId.value);
  if (run === undefined) return { status: 400, message: 'Executor cannot be found' };
  if (call.type !== 'SUBSCRIBE' && run.connection === undefined)
    return { status: 403, message: 'Executor is not subscribed' };
  return undefined;
}

/** Why one executor may not call for another; undefined = it is the one whose claims its token holds, or nobody was asked. */
export function claimsFault(
  state: AgentState,
  { type, frameworkId, executorId }: ExecutorCall,
  principal: Principal | undefined,
): string | undefined {
  if (principal === undefined) return undefined;
  const claims = principal.claims ?? {};
  const cid = liveExecutor(state, frameworkId.value, executorId.value)?.containerId ?? claims.cid;
  const own = { fid: frameworkId.value, eid: executorId.value, ...(type !== 'HEARTBEAT' && { cid }) };
  const wrong = Object.entries(own).find(([name, value]) => claims[name] !== value);
  return wrong && `The token's claim '${wrong[0]}' is not that of executor '${own.eid}' of framework '${own.fid}'`;
}

function invalidity(call: ExecutorCall): string | undefined {
  if (call.type === undefined) return "Expecting 'type' to be present";
  if (call.type === 'SUBSCRIBE' && call.subscribe === undefined) return "Expecting 'subscribe' to be present";
  if (call.type === 'MESSAGE' && call.message === undefined) return "Expecting 'message' to be present";
  if (call.type !== 'UPDATE') return undefined;
  const status = call.update?.status;
  if (status === undefined) return "Expecting 'update' to be present";
  if (status.uuid === undefined) return "Expecting 'uuid' to be present";
  if (!isUuid(status.uuid)) return 'Not a valid UUID';
  const who = `executor ${call.executorId.value} of framework ${call.frameworkId.value}`;
  if (status.executorId !== undefined && status.executorId.value !== call.executorId.value)
    return `ExecutorID in Call: ${call.executorId.value} does not match ExecutorID in TaskStatus: ${status.executorId.value}`;
  if (status.source !== 'SOURCE_EXECUTOR')
    return `Received Call from ${who} with invalid source, expecting 'SOURCE_EXECUTOR'`;
  if (status.state === 'TASK_STAGING') return `Received TASK_STAGING from ${who} which is not allowed`;
  return undefined;
}
