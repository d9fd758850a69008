import { messageToObject, type CommandInfo, type ExecutorInfo } from '@mezzo/sdk/api';
import { Resources } from '../../core/resources/index.js';

/** An executor as the endpoints from before v1 show it: what the agent does not show of it in full. */
export function executorView(executor: ExecutorInfo, agentId: string): Record<string, unknown> {
  const { executorId, name, frameworkId, command, resources = [], labels, type } = executor;
  const role = resources[0]?.allocationInfo?.role;
  return {
    executor_id: executorId.value,
    name: name ?? '',
    framework_id: frameworkId?.value ?? '',
    command: commandView(command ?? {}),
    resources: Resources.of(resources).summary(),
    ...(role !== undefined && { role }),
    ...(labels && { labels: messageToObject('mesos.v1.Labels', labels).labels ?? [] }),
    ...(type !== undefined && { type }),
    slave_id: agentId,
  };
}

function commandView({ shell, value, arguments: argv, environment, uris }: CommandInfo): Record<string, unknown> {
  return {
    ...(shell !== undefined && { shell }),
    ...(value !== undefined && { value }),
    argv: argv ?? [],
    ...(environment && { environment: messageToObject('mesos.v1.Environment', environment) }),
    uris: (uris ?? []).map(({ value: uri, executable }) => ({ value: uri, executable: executable ?? false })),
  };
}
