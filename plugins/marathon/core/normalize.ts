import type { Constraint } from '@mezzo/sdk/framework';
import { usesHostNetwork } from './app.js';
import type {
  AppDefinition,
  Artifact,
  Container,
  HealthCheck,
  HostVolume,
  Network,
  PortDefinition,
  PortMapping,
  UnreachableStrategy,
} from './app.js';
import { absoluteId } from './path-id.js';
import type { AppUpdate, ContainerUpdate, HealthCheckUpdate, PortMappingUpdate, VolumeUpdate } from './update.js';

/** The definition without what the machine adds upon commit: version, service ports. */
export type AppDraft = Omit<AppDefinition, 'version' | 'versionInfo'>;

export interface Defaults {
  readonly role: string;
  /** Used for container networks without a name. */
  readonly networkName: string | undefined;
}

const ARCHIVE = /\.(tgz|tar\.gz|tbz2|tar\.bz2|txz|tar\.xz|zip|tar)$/;

/** Turns deprecated spellings into the current ones and fills in every default. Deterministic: the same input, the same app. */
export function normalize(id: string, raw: AppUpdate, defaults: Defaults): AppDraft {
  const networks = normalizeNetworks(raw, defaults);
  const container = normalizeContainer(raw, networks);
  const portDefinitions = usesHostNetwork({ networks }) ? normalizePorts(raw) : undefined;
  const host = portDefinitions !== undefined;
  const portCount = host ? portDefinitions.length : (container?.portMappings?.length ?? 0);
  return compact({
    id,
    cmd: raw.cmd,
    args: raw.args,
    user: raw.user,
    env: raw.env ?? {},
    secrets: Object.keys(raw.secrets ?? {}).length > 0 ? raw.secrets : undefined,
    labels: raw.labels ?? {},
    instances: raw.instances ?? 1,
    cpus: raw.cpus ?? 1,
    mem: raw.mem ?? 128,
    disk: raw.disk ?? 0,
    gpus: raw.gpus ?? 0,
    resourceLimits: raw.resourceLimits,
    executor: raw.executor ?? '',
    fetch: normalizeFetch(raw),
    constraints: (raw.constraints ?? []).map(upperCaseOperator),
    acceptedResourceRoles: raw.acceptedResourceRoles ?? ['*'],
    role: raw.role ?? defaults.role,
    container,
    networks,
    portDefinitions,
    requirePorts: host && (raw.requirePorts ?? false),
    healthChecks: (raw.healthChecks ?? []).map((check) => normalizeHealthCheck(check, portCount)),
    upgradeStrategy: {
      minimumHealthCapacity: raw.upgradeStrategy?.minimumHealthCapacity ?? 1,
      maximumOverCapacity: raw.upgradeStrategy?.maximumOverCapacity ?? 1,
    },
    backoffSeconds: raw.backoffSeconds ?? 1,
    backoffFactor: raw.backoffFactor ?? 1.15,
    maxLaunchDelaySeconds: raw.maxLaunchDelaySeconds ?? 300,
    taskKillGracePeriodSeconds: raw.taskKillGracePeriodSeconds,
    killSelection: raw.killSelection ?? 'YOUNGEST_FIRST',
    unreachableStrategy: normalizeUnreachable(raw.unreachableStrategy),
    dependencies: [...new Set((raw.dependencies ?? []).map((each) => absoluteId(each, absoluteId('..', id))))].sort(),
    tty: raw.tty,
  });
}

/** Drops the keys whose value is undefined, so that two equal apps are equal as JSON. */
function compact<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as T;
}

function normalizeNetworks(raw: AppUpdate, defaults: Defaults): Network[] {
  if (raw.networks && raw.networks.length > 0)
    return raw.networks.map(({ mode = 'container', name, labels }) =>
      compact({ mode, name: name ?? (mode === 'container' ? defaults.networkName : undefined), labels }),
    );
  if (raw.ipAddress)
    return [
      compact({
        mode: 'container',
        name: raw.ipAddress.networkName ?? defaults.networkName,
        labels: raw.ipAddress.labels,
      }),
    ];
  switch (raw.container?.docker?.network) {
    case 'BRIDGE':
      return [{ mode: 'container/bridge' }];
    case 'USER':
      return [compact({ mode: 'container', name: defaults.networkName })];
    default:
      return [{ mode: 'host' }];
  }
}

function normalizeContainer(raw: AppUpdate, networks: readonly Network[]): Container | undefined {
  const host = networks[0]?.mode === 'host';
  const given: ContainerUpdate | undefined = raw.container ?? (host ? undefined : { type: 'MESOS' });
  if (given === undefined) return undefined;
  const { docker } = given;
  const mappings = given.portMappings ?? docker?.portMappings;
  const bridge = networks.some(({ mode }) => mode === 'container/bridge');
  const defaultMappings: PortMappingUpdate[] = [{ containerPort: 0, name: 'default' }];
  return compact({
    type: given.type ?? (docker === undefined ? 'MESOS' : 'DOCKER'),
    docker: docker && {
      image: docker.image ?? '',
      forcePullImage: docker.forcePullImage ?? false,
      privileged: docker.privileged ?? false,
      parameters: docker.parameters ?? [],
    },
    portMappings: host ? undefined : (mappings ?? defaultMappings).map((each) => normalizeMapping(each, bridge)),
    volumes: (given.volumes ?? []).map(normalizeVolume),
  });
}

const normalizeMapping = (raw: PortMappingUpdate, bridge: boolean): PortMapping =>
  compact({
    containerPort: raw.containerPort ?? 0,
    hostPort: raw.hostPort ?? (bridge ? 0 : undefined),
    servicePort: raw.servicePort ?? 0,
    protocol: raw.protocol ?? 'tcp',
    name: raw.name,
    labels: raw.labels,
    networkNames: raw.networkNames,
  });

const normalizeVolume = (raw: VolumeUpdate): HostVolume => ({
  containerPath: raw.containerPath,
  hostPath: raw.hostPath ?? '',
  mode: raw.mode ?? 'RW',
});

function normalizePorts(raw: AppUpdate): PortDefinition[] {
  if (raw.portDefinitions)
    return raw.portDefinitions.map(({ port = 0, protocol = 'tcp', name, labels }) =>
      compact({ port, protocol, name, labels }),
    );
  if (raw.ports) return raw.ports.map((port) => ({ port, protocol: 'tcp' }));
  return [{ port: 0, protocol: 'tcp', name: 'default' }];
}

function normalizeFetch(raw: AppUpdate): Artifact[] {
  if (raw.fetch)
    return raw.fetch.map(({ uri, extract = true, executable = false, cache = false, destPath }) =>
      compact({ uri, extract, executable, cache, destPath }),
    );
  return (raw.uris ?? []).map((uri) => ({ uri, extract: ARCHIVE.test(uri), executable: false, cache: false }));
}

const upperCaseOperator = (constraint: readonly string[]): Constraint =>
  constraint.map((part, index) => (index === 1 ? part.toUpperCase() : part)) as unknown as Constraint;

function normalizeHealthCheck(raw: HealthCheckUpdate, portCount: number): HealthCheck {
  const protocol = raw.protocol ?? 'HTTP';
  const usesPort = protocol !== 'COMMAND';
  const http = protocol.endsWith('HTTP') || protocol.endsWith('HTTPS');
  return compact({
    protocol,
    gracePeriodSeconds: raw.gracePeriodSeconds ?? 300,
    intervalSeconds: raw.intervalSeconds ?? 60,
    timeoutSeconds: raw.timeoutSeconds ?? 20,
    maxConsecutiveFailures: raw.maxConsecutiveFailures ?? 3,
    delaySeconds: raw.delaySeconds ?? 15,
    ignoreHttp1xx: http ? (raw.ignoreHttp1xx ?? false) : undefined,
    path: http ? (raw.path ?? '/') : undefined,
    port: usesPort ? raw.port : undefined,
    portIndex: usesPort && raw.port === undefined ? (raw.portIndex ?? (portCount > 0 ? 0 : undefined)) : undefined,
    ipProtocol: usesPort ? (raw.ipProtocol ?? 'IPv4') : undefined,
    command: protocol === 'COMMAND' ? raw.command : undefined,
  });
}

function normalizeUnreachable(raw: AppUpdate['unreachableStrategy']): UnreachableStrategy | 'disabled' {
  if (raw === 'disabled') return raw;
  return { inactiveAfterSeconds: raw?.inactiveAfterSeconds ?? 0, expungeAfterSeconds: raw?.expungeAfterSeconds ?? 0 };
}
