import type { AppDefinition, Artifact, Container, HealthCheck, Network } from './app.js';

/**
 * What a client may send for an app: types are checked, nothing else. Deprecated spellings are still here; `normalize` turns
 * them into the current ones. Fields that are absent keep what the app has (partial update) or get the default.
 */
export interface AppUpdate {
  id?: string;
  cmd?: string;
  args?: string[];
  user?: string;
  env?: Record<string, string | { secret: string }>;
  labels?: Record<string, string>;
  instances?: number;
  cpus?: number;
  mem?: number;
  disk?: number;
  gpus?: number;
  resourceLimits?: AppDefinition['resourceLimits'];
  executor?: string;
  fetch?: ArtifactUpdate[];
  /** Deprecated: fetch. */
  uris?: string[];
  constraints?: string[][];
  acceptedResourceRoles?: string[];
  role?: string;
  container?: ContainerUpdate;
  networks?: { mode?: Network['mode']; name?: string; labels?: Record<string, string> }[];
  /** Deprecated: networks. */
  ipAddress?: {
    networkName?: string;
    labels?: Record<string, string>;
    discovery?: { ports?: { number: number; name: string; protocol: string }[] };
  };
  portDefinitions?: PortDefinitionUpdate[];
  /** Deprecated: portDefinitions. */
  ports?: number[];
  requirePorts?: boolean;
  healthChecks?: HealthCheckUpdate[];
  upgradeStrategy?: { minimumHealthCapacity?: number; maximumOverCapacity?: number };
  backoffSeconds?: number;
  backoffFactor?: number;
  maxLaunchDelaySeconds?: number;
  taskKillGracePeriodSeconds?: number;
  killSelection?: AppDefinition['killSelection'];
  unreachableStrategy?: 'disabled' | { inactiveAfterSeconds?: number; expungeAfterSeconds?: number };
  dependencies?: string[];
  tty?: boolean;
  version?: string;
  secrets?: Record<string, { source: string }>;
  /** Known, checked, and refused: not built yet. */
  readinessChecks?: unknown[];
  check?: unknown;
  residency?: unknown;
}

export type ArtifactUpdate = Partial<Artifact> & { uri: string };

export interface PortDefinitionUpdate {
  port?: number;
  protocol?: string;
  name?: string;
  labels?: Record<string, string>;
}

export interface PortMappingUpdate extends Omit<PortDefinitionUpdate, 'port'> {
  containerPort?: number;
  hostPort?: number;
  servicePort?: number;
  networkNames?: string[];
}

export interface VolumeUpdate {
  containerPath: string;
  hostPath?: string;
  mode?: 'RO' | 'RW';
  persistent?: unknown;
  external?: unknown;
  secret?: string;
}

export interface ContainerUpdate {
  type?: Container['type'];
  docker?: {
    image?: string;
    forcePullImage?: boolean;
    privileged?: boolean;
    parameters?: { key: string; value: string }[];
    /** Deprecated: networks. */
    network?: 'HOST' | 'BRIDGE' | 'NONE' | 'USER';
    /** Deprecated: container.portMappings. */
    portMappings?: PortMappingUpdate[];
    pullConfig?: unknown;
  };
  portMappings?: PortMappingUpdate[];
  volumes?: VolumeUpdate[];
  linuxInfo?: unknown;
}

export type HealthCheckUpdate = Partial<HealthCheck>;

/** What a client may send for a group. A list that is absent keeps what is there; one that is present replaces it. */
export interface GroupUpdate {
  id?: string;
  apps?: AppUpdate[];
  groups?: GroupUpdate[];
  /** Instances of each app below times this, rounded up. */
  scaleBy?: number;
  version?: string;
  dependencies?: string[];
  pods?: unknown[];
}

/** One thing that is wrong: where (`/healthChecks(0)/portIndex`) and what. */
export interface Violation {
  readonly path: string;
  readonly error: string;
}
