import type { MasterResponseGetAgentsAgent, Task, TaskStatus } from '../../api/messages.js';
import { isIp } from '../../contract/ip.js';

export type IpSource = 'host' | 'netinfo' | 'docker' | 'mesos';

/** What naming needs to know of a task. Ports are those of the agent, from the task's resources. */
export interface NamedTask {
  readonly id: string;
  readonly name: string;
  readonly frameworkId: string;
  readonly agentId: string;
  readonly running: boolean;
  /** Undefined until a first health check says. */
  readonly healthy: boolean | undefined;
  readonly ports: readonly number[];
  readonly discovery: { readonly name: string; readonly ports: readonly DiscoveryPort[] } | undefined;
  /** True when its own address, not the agent's, is the one that others reach: a container network without port mapping. */
  readonly ownNetwork: boolean;
  /** Addresses that its latest running status names. */
  readonly ips: Readonly<Partial<Record<IpSource, readonly string[]>>>;
}

export interface DiscoveryPort {
  readonly number: number;
  readonly name: string | undefined;
  /** `tcp`, `udp`; empty means both. */
  readonly protocol: string;
}

export interface NamedAgent {
  /** Host part of its pid: an address, or a name still to be resolved. */
  readonly host: string;
  readonly port: number;
}

export function namedTask(task: Task): NamedTask {
  const discovery = task.discovery?.name
    ? { name: task.discovery.name, ports: (task.discovery.ports?.ports ?? []).map(discoveryPort) }
    : undefined;
  const running = latestRunning(task.statuses ?? []);
  return {
    id: task.taskId.value,
    name: task.name,
    frameworkId: task.frameworkId.value,
    agentId: task.agentId.value,
    running: task.state === 'TASK_RUNNING',
    healthy: running?.healthy,
    ports: portsOf(task),
    discovery,
    ownNetwork: hasOwnNetwork(task),
    ips: running === undefined ? {} : statusIps(running),
  };
}

/** The task after an update; addresses stay when the status names none. */
export function withStatus(task: NamedTask, status: TaskStatus, state: Task['state']): NamedTask {
  const ips = status.state === 'TASK_RUNNING' ? statusIps(status) : {};
  return {
    ...task,
    running: state === 'TASK_RUNNING',
    healthy: status.healthy ?? (status.state === 'TASK_RUNNING' ? task.healthy : undefined),
    ips: Object.keys(ips).length > 0 ? ips : task.ips,
  };
}

export function namedAgent(agent: MasterResponseGetAgentsAgent): NamedAgent {
  const at = /@(\[?)(.+?)\]?:(\d+)$/.exec(agent.pid ?? '');
  return { host: at?.[2] ?? agent.agentInfo.hostname, port: Number(at?.[3] ?? agent.agentInfo.port ?? 5051) };
}

const discoveryPort = (port: { number: number; name?: string; protocol?: string }): DiscoveryPort => ({
  number: port.number,
  name: port.name || undefined,
  protocol: (port.protocol ?? '').toLowerCase(),
});

const PORTS_MAX = 256;

/** The `ports` ranges spelled out; no task asks for hundreds, and a hostile range must not fill the memory. */
function portsOf(task: Task): number[] {
  const ports: number[] = [];
  for (const resource of task.resources ?? []) {
    if (resource.name !== 'ports') continue;
    for (const { begin, end } of resource.ranges?.range ?? [])
      for (let port = Number(begin); port <= Number(end) && ports.length < PORTS_MAX; port++) ports.push(port);
  }
  return ports;
}

/** Marathon says so at each port; else a network with a name and without port mappings is one of its own. */
function hasOwnNetwork({ container, discovery }: Task): boolean {
  const scopes = (discovery?.ports?.ports ?? []).flatMap((port) => port.labels?.labels ?? []);
  const scope = scopes.filter(({ key }) => key === 'network-scope');
  if (scope.length > 0) return scope.some(({ value }) => value === 'container');
  if (container?.docker) return container.docker.network === 'USER';
  return (container?.networkInfos ?? []).some(({ name, portMappings }) => Boolean(name) && !portMappings?.length);
}

function latestRunning(statuses: readonly TaskStatus[]): TaskStatus | undefined {
  let latest: TaskStatus | undefined;
  for (const status of statuses) {
    if (status.state === 'TASK_RUNNING' && (status.timestamp ?? 0) >= (latest?.timestamp ?? 0)) latest = status;
  }
  return latest;
}

function statusIps(status: TaskStatus): Partial<Record<IpSource, string[]>> {
  const networks = status.containerStatus?.networkInfos ?? [];
  const label = (key: string): string[] =>
    (status.labels?.labels ?? []).filter((entry) => entry.key === key).map((entry) => entry.value ?? '');
  const found: Partial<Record<IpSource, string[]>> = {
    netinfo: networks.flatMap((network) => (network.ipAddresses ?? []).map((address) => address.ipAddress ?? '')),
    docker: label('Docker.NetworkSettings.IPAddress'),
    mesos: label('MesosContainerizer.NetworkSettings.IPAddress'),
  };
  const usable = Object.entries(found).map(([source, ips]) => [source, [...new Set(ips)].filter(isIp)] as const);
  return Object.fromEntries(usable.filter(([, ips]) => ips.length > 0));
}
