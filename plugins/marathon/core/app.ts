import type { Constraint } from '@mezzo/sdk/framework';

/** An app as Marathon's API shows it, normalized: every default is filled in. Names are the API's own. */
export interface AppDefinition {
  /** Absolute: `/shop/web`. */
  readonly id: string;
  readonly cmd?: string;
  readonly args?: readonly string[];
  readonly user?: string;
  readonly env: Readonly<Record<string, string | SecretName>>;
  /** By the names that `env` has. Values are with the agents' secret store, which is asked for `source`. */
  readonly secrets?: Readonly<Record<string, { readonly source: string }>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly instances: number;
  readonly cpus: number;
  /** MiB. */
  readonly mem: number;
  /** MiB. */
  readonly disk: number;
  readonly gpus: number;
  readonly resourceLimits?: ResourceLimits;
  readonly executor: string;
  readonly fetch: readonly Artifact[];
  readonly constraints: readonly Constraint[];
  readonly acceptedResourceRoles: readonly string[];
  readonly role: string;
  readonly container?: Container;
  readonly networks: readonly Network[];
  /** Only with host networking. */
  readonly portDefinitions?: readonly PortDefinition[];
  readonly requirePorts: boolean;
  readonly healthChecks: readonly HealthCheck[];
  readonly upgradeStrategy: UpgradeStrategy;
  readonly backoffSeconds: number;
  readonly backoffFactor: number;
  readonly maxLaunchDelaySeconds: number;
  readonly taskKillGracePeriodSeconds?: number;
  readonly killSelection: 'YOUNGEST_FIRST' | 'OLDEST_FIRST';
  readonly unreachableStrategy: UnreachableStrategy | 'disabled';
  readonly dependencies: readonly string[];
  readonly tty?: boolean;
  /** Time of the change that made this definition; ISO 8601, milliseconds. Unique and growing. */
  readonly version: string;
  readonly versionInfo: VersionInfo;
}

export interface SecretName {
  readonly secret: string;
}

export interface VersionInfo {
  readonly lastScalingAt: string;
  /** Stays while only the number of instances changes: names the configuration. */
  readonly lastConfigChangeAt: string;
}

export interface ResourceLimits {
  readonly cpus?: number | 'unlimited';
  readonly mem?: number | 'unlimited';
}

export interface Artifact {
  readonly uri: string;
  readonly extract: boolean;
  readonly executable: boolean;
  readonly cache: boolean;
  readonly destPath?: string;
}

export interface Network {
  readonly mode: 'host' | 'container' | 'container/bridge';
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface PortDefinition {
  /** Service port; with requirePorts also the host port. */
  readonly port: number;
  readonly protocol: string;
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface PortMapping {
  /** 0: same as the host port. */
  readonly containerPort: number;
  /** 0: any; undefined: none is wanted. */
  readonly hostPort?: number;
  readonly servicePort: number;
  readonly protocol: string;
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly networkNames?: readonly string[];
}

export interface Container {
  readonly type: 'DOCKER' | 'MESOS';
  readonly docker?: DockerContainer;
  readonly portMappings?: readonly PortMapping[];
  readonly volumes: readonly HostVolume[];
}

export interface DockerContainer {
  readonly image: string;
  readonly forcePullImage: boolean;
  readonly privileged: boolean;
  readonly parameters: readonly { readonly key: string; readonly value: string }[];
}

export interface HostVolume {
  readonly containerPath: string;
  readonly hostPath: string;
  readonly mode: 'RO' | 'RW';
}

export const SCHEDULER_PROTOCOLS = ['HTTP', 'HTTPS', 'TCP'] as const;
export const AGENT_PROTOCOLS = ['COMMAND', 'MESOS_HTTP', 'MESOS_HTTPS', 'MESOS_TCP'] as const;
export type HealthProtocol = (typeof SCHEDULER_PROTOCOLS)[number] | (typeof AGENT_PROTOCOLS)[number];

export interface HealthCheck {
  readonly protocol: HealthProtocol;
  readonly gracePeriodSeconds: number;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  /** 0: never kill. */
  readonly maxConsecutiveFailures: number;
  readonly delaySeconds: number;
  readonly ignoreHttp1xx?: boolean;
  readonly path?: string;
  readonly port?: number;
  readonly portIndex?: number;
  readonly ipProtocol?: 'IPv4' | 'IPv6';
  readonly command?: { readonly value: string };
}

export interface UpgradeStrategy {
  readonly minimumHealthCapacity: number;
  readonly maximumOverCapacity: number;
}

export interface UnreachableStrategy {
  readonly inactiveAfterSeconds: number;
  readonly expungeAfterSeconds: number;
}

/** Run by the agent, told by TaskStatus.healthy; the others are probed by this scheduler. */
export const isAgentCheck = (check: HealthCheck): boolean =>
  (AGENT_PROTOCOLS as readonly string[]).includes(check.protocol);

export const usesHostNetwork = (app: Pick<AppDefinition, 'networks'>): boolean => app.networks[0]?.mode === 'host';

/** A port that an app exposes, whatever the network mode. */
export interface PortSpec {
  readonly servicePort: number;
  /** 0: any host port. undefined: no host port. */
  readonly hostPort: number | undefined;
  readonly containerPort: number | undefined;
  readonly protocol: string;
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export type WithPorts = Pick<AppDefinition, 'networks' | 'portDefinitions' | 'requirePorts' | 'container'>;

export function portSpecs(app: WithPorts): PortSpec[] {
  if (usesHostNetwork(app))
    return (app.portDefinitions ?? []).map(({ port, ...rest }) => ({
      ...rest,
      servicePort: port,
      hostPort: app.requirePorts ? port : 0,
      containerPort: undefined,
    }));
  return (app.container?.portMappings ?? []).map(
    ({ servicePort, hostPort, containerPort, protocol, name, labels }) => ({
      servicePort,
      hostPort,
      containerPort,
      protocol,
      name,
      labels,
    }),
  );
}
