import type {
  MasterResponseGetAgentsAgent,
  MasterResponseGetFrameworksFramework,
  Port,
  Task,
  TaskStatus,
} from '@mezzo/sdk/api';

/** What routing needs to know of a task. */
export interface RoutedTask {
  readonly key: string;
  readonly id: string;
  readonly name: string;
  readonly frameworkId: string;
  readonly agentId: string;
  readonly state: Task['state'];
  /** Undefined until a first health check says. */
  readonly healthy: boolean | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** In the order in which its author listed them. */
  readonly ports: readonly RoutedPort[];
  readonly ownIp: string | undefined;
}

export interface RoutedPort {
  readonly number: number;
  /** Open at the task's own address, not at its agent's: a container network without port mapping. */
  readonly own: boolean;
}

export interface RoutedAgent {
  readonly id: string;
  readonly host: string;
  readonly port: number;
}

export interface RoutedFramework {
  readonly id: string;
  readonly name: string;
  readonly active: boolean;
  readonly webuiUrl: string;
}

const PORTS_MAX = 256;

export function routedTask(task: Task): RoutedTask {
  const running = latestRunning(task.statuses ?? []);
  return {
    key: taskKey(task.frameworkId.value, task.taskId.value),
    id: task.taskId.value,
    name: task.name,
    frameworkId: task.frameworkId.value,
    agentId: task.agentId.value,
    state: task.state,
    healthy: running?.healthy,
    labels: Object.fromEntries((task.labels?.labels ?? []).map(({ key, value }) => [key, value ?? ''])),
    ports: portsOf(task),
    ownIp: running && ipOf(running),
  };
}

export function withStatus(task: RoutedTask, status: TaskStatus, state: Task['state']): RoutedTask {
  const running = status.state === 'TASK_RUNNING';
  return {
    ...task,
    state,
    healthy: status.healthy ?? (running ? task.healthy : undefined),
    ownIp: (running ? ipOf(status) : undefined) ?? task.ownIp,
  };
}

export function routedAgent(agent: MasterResponseGetAgentsAgent): RoutedAgent {
  const at = /@(\[?)(.+?)\]?:(\d+)$/.exec(agent.pid ?? '');
  const { id, hostname, port } = agent.agentInfo;
  return { id: id?.value ?? '', host: at?.[2] ?? hostname, port: Number(at?.[3] ?? port ?? 5051) };
}

export function routedFramework({ frameworkInfo, active }: MasterResponseGetFrameworksFramework): RoutedFramework {
  const { id, name, webuiUrl } = frameworkInfo;
  return { id: id?.value ?? '', name, active, webuiUrl: webuiUrl ?? '' };
}

export const taskKey = (frameworkId: string, taskId: string): string => `${frameworkId}/${taskId}`;

/** DiscoveryInfo keeps the author's order; resources are sorted ranges of the agent, the best guess without it. */
function portsOf(task: Task): RoutedPort[] {
  const listed = task.discovery?.ports?.ports ?? [];
  if (listed.length > 0) return listedPorts(task, listed);
  const own = hasOwnNetwork(task);
  const ports: RoutedPort[] = [];
  for (const resource of task.resources ?? []) {
    if (resource.name !== 'ports') continue;
    for (const { begin, end } of resource.ranges?.range ?? [])
      for (let port = Number(begin); port <= Number(end) && ports.length < PORTS_MAX; port++)
        ports.push({ number: port, own });
  }
  return ports;
}

/** A port of two protocols is listed twice, and is still one port. */
function listedPorts(task: Task, listed: readonly Port[]): RoutedPort[] {
  const ports = new Map<number, RoutedPort>();
  for (const { number, labels } of listed.slice(0, PORTS_MAX)) {
    const scope = labels?.labels?.find(({ key }) => key === 'network-scope')?.value;
    ports.set(number, { number, own: scope === undefined ? hasOwnNetwork(task) : scope === 'container' });
  }
  return [...ports.values()];
}

function hasOwnNetwork({ container }: Task): boolean {
  if (container?.docker) return container.docker.network === 'USER';
  return (container?.networkInfos ?? []).some(({ name, portMappings }) => Boolean(name) && !portMappings?.length);
}

function latestRunning(statuses: readonly TaskStatus[]): TaskStatus | undefined {
  let latest: TaskStatus | undefined;
  for (const status of statuses)
    if (status.state === 'TASK_RUNNING' && (status.timestamp ?? 0) >= (latest?.timestamp ?? 0)) latest = status;
  return latest;
}

function ipOf(status: TaskStatus): string | undefined {
  const addresses = (status.containerStatus?.networkInfos ?? []).flatMap((network) => network.ipAddresses ?? []);
  return addresses.find((address) => address.ipAddress)?.ipAddress;
}
