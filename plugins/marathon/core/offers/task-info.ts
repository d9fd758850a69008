import type {
  CommandInfo,
  ContainerInfo,
  EnvironmentVariable,
  HealthCheck as WireHealthCheck,
  Labels,
  Port,
  Resource,
  TaskInfo,
} from '@mezzo/sdk/api';
import type { AppDefinition, HealthCheck, PortSpec, SecretName } from '../app.js';
import { isAgentCheck, portSpecs } from '../app.js';
import { reversedName } from '../path-id.js';
import type { TaskRun } from '../state.js';
import { environmentOf } from './env.js';

/** uint32's largest: a check that never kills. */
const NEVER = 4_294_967_295;
const BRIDGE_NETWORK = 'mesos-bridge';

export function buildTask(app: AppDefinition, task: TaskRun, resources: Resource[]): TaskInfo {
  const name = reversedName(app.id);
  const check = app.healthChecks.find(isAgentCheck);
  const grace = app.taskKillGracePeriodSeconds;
  return {
    name,
    taskId: { value: task.id },
    agentId: { value: task.agentId },
    resources,
    command: buildCommand(app, task),
    container: buildContainer(app, task),
    labels: labelsOf(app.labels),
    discovery: {
      visibility: 'FRAMEWORK',
      name,
      ports: { ports: portSpecs(app).flatMap((spec, index) => discoveryPorts(app, spec, task.hostPorts[index] ?? 0)) },
    },
    healthCheck: check && buildHealthCheck(app, check, task),
    killPolicy: grace === undefined ? undefined : { gracePeriod: { nanoseconds: grace * 1_000_000_000 } },
    limits: limitsOf(app),
  };
}

function labelsOf(labels: Readonly<Record<string, string>> | undefined): Labels | undefined {
  const list = Object.entries(labels ?? {}).map(([key, value]) => ({ key, value }));
  return list.length === 0 ? undefined : { labels: list };
}

function limitsOf({ resourceLimits }: AppDefinition): TaskInfo['limits'] {
  const entries = Object.entries(resourceLimits ?? {}).filter(([, limit]) => limit !== undefined);
  if (entries.length === 0) return undefined;
  return Object.fromEntries(
    entries.map(([name, limit]) => [name, { value: limit === 'unlimited' ? Infinity : Number(limit) }]),
  );
}

function buildCommand(app: AppDefinition, task: TaskRun): CommandInfo {
  const variables = Object.entries(environmentOf(app, task)).map(([name, value]) =>
    typeof value === 'string' ? { name, value } : secretVariable(app, name, value),
  );
  const fetched = app.fetch.map(({ uri, destPath, ...flags }) => ({ value: uri, outputFile: destPath, ...flags }));
  const common: CommandInfo = {
    environment: { variables },
    uris: fetched.length === 0 ? undefined : fetched,
    user: app.user,
  };
  if (app.cmd !== undefined) return { ...common, shell: true, value: app.cmd };
  const args = app.args && [...app.args];
  // With an image the arguments go to its entry point; without one the first is the program.
  const program = app.container?.docker === undefined ? args?.[0] : undefined;
  return { ...common, shell: false, value: program, arguments: args };
}

/** The agent asks its secret store for the value. */
const secretVariable = ({ secrets }: AppDefinition, name: string, { secret }: SecretName): EnvironmentVariable => ({
  ...{ name, type: 'SECRET' },
  secret: { type: 'REFERENCE', reference: { name: secrets?.[secret]?.source ?? '' } },
});

function buildContainer(app: AppDefinition, task: TaskRun): ContainerInfo | undefined {
  const { container } = app;
  if (container === undefined) return undefined;
  const volumes = container.volumes.map((volume) => ({ ...volume }));
  const common = { volumes: volumes.length === 0 ? undefined : volumes, ttyInfo: app.tty ? {} : undefined };
  return container.type === 'DOCKER'
    ? { ...common, type: 'DOCKER', ...dockerParts(app, task) }
    : { ...common, type: 'MESOS', ...mesosParts(app, task) };
}

interface Mapping {
  hostPort: number;
  containerPort: number;
  protocol: string;
}

/** Only ports that have a host port; 'udp,tcp' is two mappings. */
function mappingsOf(app: AppDefinition, task: TaskRun): Mapping[] {
  return portSpecs(app).flatMap(({ hostPort, containerPort, protocol }, index) => {
    const port = task.hostPorts[index] ?? 0;
    if (hostPort === undefined || containerPort === undefined) return [];
    return protocol
      .split(',')
      .map((each) => ({ hostPort: port, containerPort: containerPort || port, protocol: each }));
  });
}

function dockerParts(app: AppDefinition, task: TaskRun): Pick<ContainerInfo, 'docker' | 'networkInfos'> {
  const docker = app.container?.docker;
  const mode = app.networks[0]?.mode;
  const mappings = mode === 'host' ? [] : mappingsOf(app, task);
  const parameters = docker?.parameters.map((each) => ({ ...each })) ?? [];
  return {
    docker: {
      image: docker?.image ?? '',
      network: mode === 'host' ? 'HOST' : mode === 'container' ? 'USER' : 'BRIDGE',
      portMappings: mappings.length === 0 ? undefined : mappings,
      privileged: docker?.privileged,
      parameters: parameters.length === 0 ? undefined : parameters,
      forcePullImage: docker?.forcePullImage,
    },
    networkInfos: mode === 'container' ? networkInfos(app, []) : undefined,
  };
}

function mesosParts(app: AppDefinition, task: TaskRun): Pick<ContainerInfo, 'mesos' | 'networkInfos'> {
  const docker = app.container?.docker;
  return {
    mesos: docker && { image: { type: 'DOCKER', docker: { name: docker.image }, cached: !docker.forcePullImage } },
    networkInfos: app.networks[0]?.mode === 'host' ? undefined : networkInfos(app, mappingsOf(app, task)),
  };
}

const networkInfos = (app: AppDefinition, mappings: Mapping[]): ContainerInfo['networkInfos'] =>
  app.networks.map(({ mode, name, labels }, index) => ({
    name: name ?? (mode === 'container/bridge' ? BRIDGE_NETWORK : undefined),
    labels: labelsOf(labels),
    portMappings: index > 0 || mappings.length === 0 ? undefined : mappings,
  }));

function discoveryPorts(app: AppDefinition, spec: PortSpec, hostPort: number): Port[] {
  const container = app.networks[0]?.mode === 'container' && spec.hostPort === undefined;
  const number = container ? spec.containerPort || hostPort : hostPort;
  const labels = { ...spec.labels, 'network-scope': container ? 'container' : 'host' };
  if (number === 0) return [];
  return spec.protocol.split(',').map((protocol) => ({ number, protocol, name: spec.name, labels: labelsOf(labels) }));
}

function buildHealthCheck(app: AppDefinition, check: HealthCheck, task: TaskRun): WireHealthCheck {
  const protocol = check.ipProtocol;
  const port = checkPort(app, check, task);
  const common: WireHealthCheck = {
    delaySeconds: check.delaySeconds,
    gracePeriodSeconds: check.gracePeriodSeconds,
    intervalSeconds: check.intervalSeconds,
    timeoutSeconds: check.timeoutSeconds,
    consecutiveFailures: check.maxConsecutiveFailures === 0 ? NEVER : check.maxConsecutiveFailures,
  };
  switch (check.protocol) {
    case 'COMMAND':
      return { ...common, type: 'COMMAND', command: { shell: true, value: check.command?.value } };
    case 'MESOS_TCP':
      return { ...common, type: 'TCP', tcp: { protocol, port } };
    default:
      return {
        ...common,
        type: 'HTTP',
        http: { protocol, port, path: check.path, scheme: check.protocol === 'MESOS_HTTPS' ? 'https' : 'http' },
      };
  }
}

/** The agent asks from inside the container's network. */
function checkPort(app: AppDefinition, check: HealthCheck, task: TaskRun): number {
  if (check.port !== undefined) return check.port;
  const index = check.portIndex ?? 0;
  return portSpecs(app)[index]?.containerPort || (task.hostPorts[index] ?? 0);
}
