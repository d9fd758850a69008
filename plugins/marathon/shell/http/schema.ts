import * as z from 'zod';
import type { AppUpdate, GroupUpdate } from '../../core/update.js';

/** Types and plain ranges of what clients send. Unknown fields are passed over; null counts as absent. */

const text = z.string().max(65_536);
const shortText = z.string().max(1024);
const count = z.number().int().min(0).max(1_000_000);
const seconds = z.number().int().min(0).max(100_000_000);
const port = z.number().int().min(0).max(65_535);
const amount = z.number().min(0).max(1e9);
const labels = z.record(shortText, text);
const list = <T extends z.ZodType>(item: T) => z.array(item).max(1000);

const portDefinition = z.object({
  port: port.optional(),
  protocol: shortText.optional(),
  name: shortText.optional(),
  labels: labels.optional(),
});

const portMapping = z.object({
  containerPort: port.optional(),
  hostPort: port.optional(),
  servicePort: port.optional(),
  protocol: shortText.optional(),
  name: shortText.optional(),
  labels: labels.optional(),
  networkNames: list(shortText).optional(),
});

const artifact = z.object({
  uri: z.string().max(1024),
  extract: z.boolean().optional(),
  executable: z.boolean().optional(),
  cache: z.boolean().optional(),
  destPath: shortText.optional(),
});

const docker = z.object({
  image: shortText.optional(),
  forcePullImage: z.boolean().optional(),
  privileged: z.boolean().optional(),
  parameters: list(z.object({ key: shortText, value: text })).optional(),
  network: z.enum(['HOST', 'BRIDGE', 'NONE', 'USER']).optional(),
  portMappings: list(portMapping).optional(),
  pullConfig: z.unknown().optional(),
});

const volume = z.object({
  containerPath: shortText,
  hostPath: shortText.optional(),
  mode: z.enum(['RO', 'RW']).optional(),
  persistent: z.unknown().optional(),
  external: z.unknown().optional(),
  secret: shortText.optional(),
});

const container = z.object({
  type: z.enum(['DOCKER', 'MESOS']).optional(),
  docker: docker.optional(),
  portMappings: list(portMapping).optional(),
  volumes: list(volume).optional(),
  linuxInfo: z.unknown().optional(),
});

const network = z.object({
  mode: z.enum(['host', 'container', 'container/bridge']).optional(),
  name: shortText.optional(),
  labels: labels.optional(),
});

const ipAddress = z.object({
  networkName: shortText.optional(),
  labels: labels.optional(),
});

const healthCheck = z.object({
  protocol: z.enum(['HTTP', 'HTTPS', 'TCP', 'COMMAND', 'MESOS_HTTP', 'MESOS_HTTPS', 'MESOS_TCP']).optional(),
  gracePeriodSeconds: seconds.optional(),
  intervalSeconds: z.number().int().min(1).max(100_000_000).optional(),
  timeoutSeconds: z.number().int().min(1).max(86_400).optional(),
  maxConsecutiveFailures: count.optional(),
  delaySeconds: seconds.optional(),
  ignoreHttp1xx: z.boolean().optional(),
  path: shortText.optional(),
  port: port.optional(),
  portIndex: port.optional(),
  ipProtocol: z.enum(['IPv4', 'IPv6']).optional(),
  command: z.object({ value: text }).optional(),
});

const limit = z.union([amount, z.literal('unlimited')]);
const unreachable = z.object({ inactiveAfterSeconds: seconds.optional(), expungeAfterSeconds: seconds.optional() });

const appFields = z.object({
  id: shortText.optional(),
  cmd: text.min(1).optional(),
  args: list(text).optional(),
  user: shortText.optional(),
  env: z.record(shortText, z.union([text, z.object({ secret: shortText })])).optional(),
  labels: labels.optional(),
  instances: count.optional(),
  cpus: z.number().min(0.001).max(1e6).optional(),
  mem: amount.optional(),
  disk: amount.optional(),
  gpus: count.optional(),
  resourceLimits: z.object({ cpus: limit.optional(), mem: limit.optional() }).optional(),
  executor: shortText.optional(),
  fetch: list(artifact).optional(),
  uris: list(shortText).optional(),
  constraints: list(list(shortText)).optional(),
  acceptedResourceRoles: list(shortText).optional(),
  role: shortText.optional(),
  container: container.optional(),
  networks: list(network).optional(),
  ipAddress: ipAddress.optional(),
  portDefinitions: list(portDefinition).optional(),
  ports: list(port).optional(),
  requirePorts: z.boolean().optional(),
  healthChecks: z.array(healthCheck).max(100).optional(),
  upgradeStrategy: z
    .object({
      minimumHealthCapacity: z.number().min(0).max(1).optional(),
      maximumOverCapacity: z.number().min(0).max(1).optional(),
    })
    .optional(),
  backoffSeconds: z.number().min(0).max(1e8).optional(),
  backoffFactor: z.number().min(1).max(1e6).optional(),
  maxLaunchDelaySeconds: seconds.optional(),
  taskKillGracePeriodSeconds: seconds.optional(),
  killSelection: z.enum(['YOUNGEST_FIRST', 'OLDEST_FIRST']).optional(),
  unreachableStrategy: z.union([z.literal('disabled'), unreachable]).optional(),
  dependencies: list(shortText).optional(),
  tty: z.boolean().optional(),
  version: shortText.optional(),
  secrets: z.record(shortText, z.object({ source: shortText })).optional(),
  readinessChecks: list(z.unknown()).optional(),
  check: z.unknown().optional(),
  residency: z.unknown().optional(),
});

export const appSchema = appFields.extend({ id: shortText }) satisfies z.ZodType<AppUpdate>;
export const updateSchema = appFields satisfies z.ZodType<AppUpdate>;
export const groupSchema: z.ZodType<GroupUpdate> = z.object({
  id: shortText.optional(),
  apps: list(appSchema).optional(),
  groups: list(z.lazy(() => groupSchema)).optional(),
  scaleBy: z.number().min(0).max(1000).optional(),
  version: shortText.optional(),
  dependencies: list(shortText).optional(),
  pods: list(z.unknown()).optional(),
});
export const updatesSchema = z.array(appSchema).max(1000);
export const idsSchema = z.object({ ids: z.array(shortText).max(10_000) });
