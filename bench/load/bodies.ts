import type { AgentSubscribe, AgentTask } from '../../kernel/core/protocol.js';
import { Resources } from '../../kernel/core/resources/index.js';

const RESOURCES = Resources.parse('cpus:64;mem:262144;disk:1048576;ports:[31000-32000]').toMessages('post');

export interface History {
  readonly tasks: readonly AgentTask[];
  readonly frameworks: AgentSubscribe['frameworks'];
}

export const NO_HISTORY: History = { tasks: [], frameworks: [] };

/** What agent number `number` says when it comes, anew or with the id that it has. */
export function subscribeOf(number: number, id: string | undefined, { tasks, frameworks }: History): AgentSubscribe {
  return {
    protocol: 1,
    agentInfo: { hostname: `host${number}`, port: 5051, ...(id !== undefined && { id: { value: id } }) },
    address: `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}:5051`,
    resources: RESOURCES,
    version: '0.1.0',
    tasks,
    executors: [],
    operations: [],
    frameworks,
  };
}

const scalar = (name: string, value: number) => ({
  name,
  type: 'SCALAR' as const,
  scalar: { value },
  allocationInfo: { role: '*' },
});

/** A task with a status, an address and labels: 800 bytes of JSON. */
export function taskOf(frameworkId: string, taskId: string, state: AgentTask['state']): AgentTask {
  const status = {
    taskId: { value: taskId },
    state,
    uuid: Buffer.from(taskId.padEnd(16, '-').slice(0, 16)).toString('base64'),
    source: 'SOURCE_EXECUTOR' as const,
    timestamp: 1_700_000_000,
    containerStatus: { networkInfos: [{ ipAddresses: [{ protocol: 'IPv4' as const, ipAddress: '127.0.0.1' }] }] },
  };
  const info = {
    name: 'task',
    taskId: { value: taskId },
    agentId: { value: '' },
    resources: [scalar('cpus', 0.1), scalar('mem', 32)],
    command: { value: 'exec sleep 1000' },
    labels: { labels: Array.from({ length: 3 }, (_, i) => ({ key: `key${i}`, value: `value${i}` })) },
  };
  return { frameworkId, info, state, statuses: [status] };
}
