import type { MasterCall, SchedulerCall } from '@mezzo/sdk/api';
import { isUuid } from '../../core/uuid.js';

/** Why a call that parses is still not one, in the field's words. Undefined when it is. `principal`: who authenticated. */
export function schedulerCallError(call: SchedulerCall, principal?: string): string | undefined {
  const error = schedulerFault(call) ?? principalFault(call, principal);
  return error && `Failed to validate scheduler::Call: ${error}`;
}

export function masterCallError(call: MasterCall): string | undefined {
  const error = call.type === undefined ? missing('type') : payloadFault(call, call.type, MASTER_PAYLOADS);
  return error && `Failed to validate master::Call: ${error}`;
}

const missing = (field: string): string => `Expecting '${field}' to be present`;

const SCHEDULER_PAYLOADS: ReadonlySet<string> = new Set([
  'ACCEPT',
  'DECLINE',
  'ACCEPT_INVERSE_OFFERS',
  'DECLINE_INVERSE_OFFERS',
  'KILL',
  'SHUTDOWN',
  'ACKNOWLEDGE',
  'ACKNOWLEDGE_OPERATION_STATUS',
  'RECONCILE',
  'RECONCILE_OPERATIONS',
  'MESSAGE',
  'REQUEST',
  'UPDATE_FRAMEWORK',
]);

const MASTER_PAYLOADS: ReadonlySet<string> = new Set([
  'GET_METRICS',
  'SET_LOGGING_LEVEL',
  'LIST_FILES',
  'READ_FILE',
  'UPDATE_WEIGHTS',
  'RESERVE_RESOURCES',
  'UNRESERVE_RESOURCES',
  'CREATE_VOLUMES',
  'DESTROY_VOLUMES',
  'GROW_VOLUME',
  'SHRINK_VOLUME',
  'UPDATE_MAINTENANCE_SCHEDULE',
  'START_MAINTENANCE',
  'STOP_MAINTENANCE',
  'DRAIN_AGENT',
  'DEACTIVATE_AGENT',
  'REACTIVATE_AGENT',
  'UPDATE_QUOTA',
  'SET_QUOTA',
  'REMOVE_QUOTA',
  'TEARDOWN',
  'MARK_AGENT_GONE',
]);

/** The payload of a type is the field of its name. */
function payloadFault(call: object, type: string, wanted: ReadonlySet<string>): string | undefined {
  const field = type.toLowerCase();
  const property = field.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return wanted.has(type) && (call as Record<string, unknown>)[property] === undefined ? missing(field) : undefined;
}

function schedulerFault(call: SchedulerCall): string | undefined {
  if (call.type === undefined) return missing('type');
  if (call.type === 'SUBSCRIBE') {
    if (call.subscribe === undefined) return missing('subscribe');
    return sameId(call, call.subscribe.frameworkInfo.id?.value, 'subscribe');
  }
  if (call.frameworkId === undefined) return missing('framework_id');
  if (call.type === 'UNKNOWN') return "'UNKNOWN' is the type of no call";
  return payloadFault(call, call.type, SCHEDULER_PAYLOADS) ?? detailFault(call);
}

function principalFault({ subscribe }: SchedulerCall, principal: string | undefined): string | undefined {
  const said = subscribe?.frameworkInfo.principal;
  return principal === undefined || said === undefined || said === principal
    ? undefined
    : `Authenticated principal '${principal}' does not match principal '${said}' set in \`FrameworkInfo\``;
}

const sameId = (call: SchedulerCall, id: string | undefined, where: string): string | undefined =>
  (call.frameworkId?.value ?? '') === (id ?? '')
    ? undefined
    : `'framework_id' differs from '${where}.framework_info.id'`;

function detailFault(call: SchedulerCall): string | undefined {
  if (call.type === 'UPDATE_FRAMEWORK')
    return sameId(call, call.updateFramework!.frameworkInfo.id?.value, 'update_framework');
  const { uuid } = (call.type === 'ACKNOWLEDGE' ? call.acknowledge : call.acknowledgeOperationStatus) ?? {};
  return uuid !== undefined && !isUuid(uuid) ? 'Not a valid UUID' : undefined;
}
