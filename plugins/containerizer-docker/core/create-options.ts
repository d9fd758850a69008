import type { ContainerCreateOptions, HostConfig } from 'dockerode';
import type { ContainerInfo, ContainerInfoDockerInfo } from '@mezzo/sdk/api';
import type { ContainerResources, ContainerSpec } from '@mezzo/sdk/points/containerizer';
import { launchFailed } from './failures.js';
import { imageReference } from './image.js';
import { applyParameters, type Draft } from './parameters.js';
import { SANDBOX, volumeBind } from './volumes.js';

/** As Mesos counts: 1024 shares per cpu, never below 2; a period of 100 ms; at least 32 MiB. */
const SHARES_PER_CPU = 1024;
const MIN_SHARES = 2;
/** So little that it hardly matters while others want the cpu. */
const SHARES_PER_REVOCABLE_CPU = 10;
const PERIOD_US = 100_000;
const MIN_QUOTA_US = 1_000;
export const MIN_MEM_MIB = 32;
const MIB = 1_048_576;

/** The engine keeps what a container printed, for whoever asks it; more than this it forgets. */
const LOGS = { Type: 'json-file', Config: { 'max-size': '16m', 'max-file': '2' } };

export const OWNER_LABEL = 'mezzo.owner';
export const ID_LABEL = 'mezzo.container';

const ID = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/;

export const containerName = (owner: string, containerId: string): string => `mezzo-${owner}-${containerId}`;

/** What the Docker Engine API wants to hear for a container; rejects, in words, what cannot be had. */
export function createOptions(spec: ContainerSpec): ContainerCreateOptions {
  const { containerId, owner, command, sandbox } = spec;
  for (const id of [containerId, owner])
    if (!ID.test(id)) throw launchFailed(`"${id.slice(0, 150)}" is not of [A-Za-z0-9._-], at most 128`, 'kernel');
  const { container, docker } = requireDocker(spec);
  const env = Object.entries({ ...command.env, MESOS_SANDBOX: SANDBOX }).map(([name, value]) => `${name}=${value}`);
  const host: HostConfig = { ...limits(spec.resources), Binds: [`${sandbox}:${SANDBOX}`] };
  const create: ContainerCreateOptions = { Image: imageReference(docker.image) };
  const draft: Draft = { create, host, env, labels: { ...spec.labels }, aliases: [] };
  if (sandbox.includes(':')) throw launchFailed(`sandbox path "${sandbox}" contains a colon`, 'kernel');
  applyVolumes(draft, container, docker, sandbox);
  applyParameters(draft, docker.parameters ?? []);
  applyNetwork(draft, container, docker);
  applyCommand(create, spec);
  if (docker.privileged === true) host.Privileged = true;
  if (container.hostname !== undefined) create.Hostname = container.hostname;
  host.LogConfig ??= LOGS;
  return {
    ...create,
    Env: env,
    Labels: { ...draft.labels, [OWNER_LABEL]: owner, [ID_LABEL]: containerId },
    HostConfig: host,
  };
}

function requireDocker({ container }: ContainerSpec) {
  if (container?.type !== 'DOCKER' || container.docker === undefined)
    throw launchFailed('the docker containerizer runs containers of type DOCKER with an image', 'user');
  if (container.linuxInfo !== undefined || container.rlimitInfo !== undefined || container.ttyInfo !== undefined)
    throw launchFailed('linux_info, rlimit_info and tty_info are not supported by the docker containerizer', 'user', {
      next: 'use docker parameters such as cap-add and ulimit',
    });
  return { container, docker: container.docker };
}

/** A shell command takes the place of the image's entrypoint, a program's words go to it. No words: what the image says. */
function applyCommand(create: ContainerCreateOptions, { command }: ContainerSpec): void {
  const { shell, argv } = command;
  if (shell && argv.length !== 1) throw launchFailed('a shell command is exactly one text', 'user');
  if (shell) create.Entrypoint = ['/bin/sh', '-c'];
  if (argv.length > 0) create.Cmd = [...argv];
}

/** MiB of the hard bound on memory; undefined = none. */
export function memLimitMib({ memMib, limits: bounds }: ContainerResources): number | undefined {
  const limit = bounds?.memMib ?? memMib;
  return limit === 'unlimited' ? undefined : Math.max(MIN_MEM_MIB, limit);
}

function limits(resources: ContainerResources): HostConfig {
  const { cpusMilli, revocableCpusMilli = 0, memMib, limits: bounds } = resources;
  const shares = (cpusMilli - revocableCpusMilli) * SHARES_PER_CPU + revocableCpusMilli * SHARES_PER_REVOCABLE_CPU;
  const mem = memLimitMib(resources);
  const quotaMilli = bounds?.cpusMilli;
  return {
    CpuShares: Math.max(MIN_SHARES, Math.floor(shares / 1000)),
    ...(typeof quotaMilli === 'number' && {
      CpuPeriod: PERIOD_US,
      CpuQuota: Math.max(MIN_QUOTA_US, Math.floor((quotaMilli * PERIOD_US) / 1000)),
    }),
    // Both the same: no swap, which would turn the bound into a suggestion.
    ...(mem !== undefined && { Memory: mem * MIB, MemorySwap: mem * MIB }),
    ...(bounds?.memMib !== undefined && { MemoryReservation: Math.max(MIN_MEM_MIB, memMib) * MIB }),
  };
}

function applyVolumes(draft: Draft, container: ContainerInfo, docker: ContainerInfoDockerInfo, sandbox: string): void {
  const drivers = new Set(docker.volumeDriver === undefined ? [] : [docker.volumeDriver]);
  for (const volume of container.volumes ?? []) {
    const { bind, driver } = volumeBind(volume, sandbox);
    // Without a source the engine makes a volume of its own, which is named elsewhere.
    if (bind.includes(':')) (draft.host.Binds ??= []).push(bind);
    else draft.create.Volumes = { ...draft.create.Volumes, [bind]: {} };
    if (driver !== undefined) drivers.add(driver);
  }
  if (drivers.size > 1) throw launchFailed('all volumes of a container must have the same driver', 'user');
  const [driver] = drivers;
  if (driver !== undefined) draft.host.VolumeDriver = driver;
}

function applyNetwork(draft: Draft, container: ContainerInfo, docker: ContainerInfoDockerInfo): void {
  const kind = docker.network ?? 'HOST';
  const mappings = [...(docker.portMappings ?? [])];
  const mode =
    kind === 'USER' ? container.networkInfos?.find(({ name }) => name !== undefined)?.name : kind.toLowerCase();
  if (mode === undefined) throw launchFailed('network USER needs a network_info with a name', 'user');
  if (mappings.length > 0 && kind !== 'BRIDGE' && kind !== 'USER')
    throw launchFailed(`port mappings need network BRIDGE or USER, not ${kind}`, 'user');
  draft.host.NetworkMode = mode;
  const bindings: Record<string, { HostPort: string }[]> = {};
  for (const { hostPort, containerPort, protocol } of mappings)
    for (const one of (protocol ?? 'tcp').toLowerCase().split(','))
      (bindings[`${containerPort}/${one}`] ??= []).push({ HostPort: String(hostPort) });
  if (mappings.length > 0) {
    draft.host.PortBindings = bindings;
    draft.create.ExposedPorts = Object.fromEntries(Object.keys(bindings).map((port) => [port, {}]));
  }
  if (draft.aliases.length > 0)
    draft.create.NetworkingConfig = { EndpointsConfig: { [mode]: { Aliases: [...draft.aliases] } } };
}
