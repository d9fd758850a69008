import type {
  MasterEvent,
  MasterResponseGetAgentsAgent,
  MasterResponseGetFrameworksFramework,
  Task,
} from '@mezzo/sdk/api';
import { RouteTable } from '../core/table.js';

// Small clusters for the tests of this plugin.

export const agent = (id: string, address: string): MasterResponseGetAgentsAgent => ({
  agentInfo: { hostname: 'host', id: { value: id } },
  active: true,
  version: '1',
  pid: `slave(1)@${address}`,
});

export const framework = (
  id: string,
  name: string,
  webuiUrl = '',
  active = true,
): MasterResponseGetFrameworksFramework => ({
  frameworkInfo: { user: 'root', name, id: { value: id }, webuiUrl },
  active,
  connected: active,
  recovered: false,
});

export interface TaskOptions {
  readonly name?: string;
  readonly ports?: readonly number[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly healthy?: boolean;
  readonly state?: Task['state'];
  readonly agentId?: string;
  readonly frameworkId?: string;
  readonly more?: Partial<Task>;
}

export const task = (id: string, options: TaskOptions = {}): Task => {
  const { healthy, state = 'TASK_RUNNING' } = options;
  const status = { taskId: { value: id }, state, ...(healthy === undefined ? {} : { healthy }) };
  const range = (options.ports ?? [31000]).map((port) => ({ begin: port, end: port }));
  return {
    name: options.name ?? 'web',
    taskId: { value: id },
    frameworkId: { value: options.frameworkId ?? 'F0' },
    agentId: { value: options.agentId ?? 'M-S0' },
    state,
    statuses: [status],
    resources: [{ name: 'ports', type: 'RANGES', ranges: { range } }],
    labels: { labels: Object.entries(options.labels ?? {}).map(([key, value]) => ({ key, value })) },
    ...options.more,
  };
};

export interface ClusterOptions {
  readonly agents?: readonly MasterResponseGetAgentsAgent[];
  readonly frameworks?: readonly MasterResponseGetFrameworksFramework[];
  readonly recovered?: readonly string[];
}

export const snapshotOf = (tasks: Task[], options: ClusterOptions = {}): MasterEvent => ({
  type: 'SUBSCRIBED',
  subscribed: {
    getState: {
      getTasks: { tasks },
      getAgents: {
        agents: [...(options.agents ?? [agent('M-S0', '10.0.0.5:5051')])],
        recoveredAgents: (options.recovered ?? []).map((id) => ({ hostname: 'host', id: { value: id } })),
      },
      getFrameworks: { frameworks: [...(options.frameworks ?? [framework('F0', 'marathon')])] },
    },
  },
});

export function load(table: RouteTable, tasks: Task[], options: ClusterOptions = {}, atMs = 0): RouteTable {
  const slices = table.snapshot(snapshotOf(tasks, options).subscribed!.getState!, atMs);
  while (!slices.next().done);
  return table;
}

export const update = (id: string, state: Task['state'], healthy?: boolean, frameworkId = 'F0'): MasterEvent => ({
  type: 'TASK_UPDATED',
  taskUpdated: {
    frameworkId: { value: frameworkId },
    state,
    status: { taskId: { value: id }, state, ...(healthy === undefined ? {} : { healthy }) },
  },
});

export const SERVICE = (name: string, index = '0', scheme = 'http'): Record<string, string> => ({
  DCOS_SERVICE_NAME: name,
  DCOS_SERVICE_PORT_INDEX: index,
  DCOS_SERVICE_SCHEME: scheme,
});
