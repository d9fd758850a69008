import type { AgentCall } from '@mezzo/sdk/api';

/** Calls whose payload must be there, and its name. */
export const PAYLOADS: Partial<Record<NonNullable<AgentCall['type']>, readonly [keyof AgentCall, string]>> = {
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

export function payloadFault(call: AgentCall): string | undefined {
  const payload = call.type && PAYLOADS[call.type];
  if (payload === undefined || call[payload[0]] !== undefined) return undefined;
  return `Expecting '${payload[1]}' to be present`;
}
