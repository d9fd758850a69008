import type { CommandInfo, Labels, Resource, TaskInfo } from '../../api/messages.js';
import type { Launch } from './state.js';
import type { FullWant, TaskSpec } from './want.js';

export function buildTask({ key, task }: FullWant, launch: Launch, resources: Resource[]): TaskInfo {
  const { name = key, command, executor, labels, env: _env, resources: _amounts, ...rest } = task;
  const { id, ...program } = executor ?? {};
  return {
    ...rest,
    name,
    taskId: { value: launch.taskId },
    agentId: { value: launch.agentId },
    resources,
    ...(command !== undefined && { command: buildCommand(task, command, launch.ports) }),
    ...(executor && { executor: { type: 'CUSTOM', ...program, executorId: { value: id ?? launch.taskId } } }),
    ...(labels && { labels: labelsOf(labels) }),
  };
}

function buildCommand({ env = {} }: TaskSpec, command: string | CommandInfo, ports: readonly number[]): CommandInfo {
  const info: CommandInfo = typeof command === 'string' ? { shell: true, value: command } : command;
  const own = [...Object.entries(env), ...ports.map((port, index) => [`PORT${index}`, String(port)])];
  if (ports.length > 0) own.push(['PORT', String(ports[0])]);
  const variables = own.map(([name = '', value]) => ({ name, value }));
  return { ...info, environment: { variables: [...(info.environment?.variables ?? []), ...variables] } };
}

const labelsOf = (labels: Readonly<Record<string, string>>): Labels => ({
  labels: Object.entries(labels).map(([key, value]) => ({ key, value })),
});
