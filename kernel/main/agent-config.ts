import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import type { Attribute, Resource } from '@mezzo/sdk/api';
import { MezzoError } from '@mezzo/sdk/contract';
import type { AgentConfig } from '../core/agent/state.js';
import { Resources, roleError } from '../core/resources/index.js';
import { isLoopback } from '../http/listen.js';
import { offeredDiskMib, offeredMemMib, publicAddress, type HostFacts } from '../shell/agent/host-facts.js';
import type { AgentFlags } from './agent-flags.js';
import { MESOS_VERSION } from './version.js';

const PUBLIC_ROLE = 'slave_public';
const TASK_PORTS = [31_000, 32_000] as const;

export interface AgentPlace {
  readonly workDir: string;
  readonly port: number;
  readonly facts: HostFacts;
  readonly containerizers: readonly string[];
}

/** What the machine's agent is told for all its life. */
export function agentConfig(flags: AgentFlags, { workDir, port, facts, containerizers }: AgentPlace): AgentConfig {
  const ip = flags.advertise_ip ?? (isAnyAddress(flags.ip) ? publicAddress() : flags.ip);
  const own = isLoopback(ip) || !flags.hostname_lookup ? ip : hostname();
  return {
    owner: ownerOf(flags, workDir),
    workDir,
    hostname: flags.hostname ?? (ip === '127.0.0.1' && flags.hostname_lookup ? 'localhost' : own),
    ip,
    port: flags.advertise_port ?? port,
    domain: flags.domain,
    version: MESOS_VERSION,
    resources: offeredResources(flags, facts),
    attributes: attributesOf(flags),
    containerizers,
    executorEnvironment: flags.executor_environment_variables,
    user: facts.user,
    switchUser: flags.switch_user && facts.isRoot,
    registrationBackoffMs: flags.registration_backoff_factor,
    executorRegistrationTimeoutMs: flags.executor_registration_timeout,
    executorReregistrationTimeoutMs: flags.executor_reregistration_timeout,
    executorShutdownGraceMs: flags.executor_shutdown_grace_period,
    recoveryTimeoutMs: flags.recovery_timeout,
    maxCompletedExecutors: flags.max_completed_executors_per_framework,
    secretResolver: flags.secret_resolver,
  };
}

const isAnyAddress = (ip: string): boolean => ip === '0.0.0.0' || ip === '::';

/** Names of cgroups and containers have this in them: stable over restarts, different for each work directory. */
function ownerOf({ owner }: AgentFlags, workDir: string): string {
  const made = owner ?? createHash('sha256').update(workDir).digest('hex').slice(0, 8);
  if (/^[a-z0-9][a-z0-9-]{0,31}$/.test(made)) return made;
  throw new MezzoError('INVALID_FLAG', `flag --owner: '${made}' is not a short lower-case name`, {
    blame: 'operator',
    next: 'use at most 32 letters a-z, digits and dashes',
  });
}

/** What the operator says, the rest as detected; reserved for one role if that is asked for. */
export function offeredResources(flags: AgentFlags, facts: HostFacts): readonly Resource[] {
  const said = flags.resources ?? [];
  const missing = detected(flags, facts).filter(({ name }) => !said.some((one) => one.name === name));
  const role = flags.public ? PUBLIC_ROLE : flags.default_role;
  const error = role === '*' ? undefined : roleError(role);
  if (error !== undefined)
    throw new MezzoError('INVALID_FLAG', `flag --default_role: ${error}`, { blame: 'operator', next: 'name a role' });
  const all = [...said, ...missing].map((one) => (role === '*' ? one : reservedFor(role, one)));
  return Resources.of(all).toMessages();
}

function reservedFor(role: string, one: Resource): Resource {
  const isReserved = (one.reservations ?? []).length > 0 || (one.role ?? '*') !== '*';
  return isReserved ? one : { ...one, reservations: [{ type: 'STATIC', role }] };
}

function detected({ port_offset: offset }: AgentFlags, { cpus, memMib, diskMib }: HostFacts): Resource[] {
  const [begin, end] = [TASK_PORTS[0] + offset, Math.min(TASK_PORTS[1] + offset, 65_535)];
  return [
    { name: 'cpus', type: 'SCALAR', scalar: { value: cpus } },
    { name: 'mem', type: 'SCALAR', scalar: { value: offeredMemMib(memMib) } },
    { name: 'disk', type: 'SCALAR', scalar: { value: offeredDiskMib(diskMib) } },
    { name: 'ports', type: 'RANGES', ranges: { range: [{ begin, end }] } },
  ];
}

function attributesOf({ attributes, public: isPublic }: AgentFlags): readonly Attribute[] {
  if (!isPublic || attributes.some(({ name }) => name === 'public_ip')) return attributes;
  return [...attributes, { name: 'public_ip', type: 'TEXT', text: { value: 'true' } }];
}
