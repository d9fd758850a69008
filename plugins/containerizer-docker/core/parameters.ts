import type { ContainerCreateOptions, HostConfig } from 'dockerode';
import type { Parameter } from '@mezzo/sdk/api';
import { launchFailed } from './failures.js';

/** Create options while they are put together. */
export interface Draft {
  readonly create: ContainerCreateOptions;
  readonly host: HostConfig;
  readonly env: string[];
  readonly labels: Record<string, string>;
  /** Other names of the container in its network. */
  readonly aliases: string[];
}

type Apply = (draft: Draft, value: string) => void;

/** Names under which the engine finds our containers again. */
export const LABEL_PREFIX = 'mezzo.';

const text =
  <K extends keyof ContainerCreateOptions>(key: K): Apply =>
  ({ create }, value) => {
    create[key] = value as ContainerCreateOptions[K];
  };

const hostText =
  <K extends keyof HostConfig>(key: K): Apply =>
  ({ host }, value) => {
    host[key] = value as HostConfig[K];
  };

const hostNumber =
  (key: 'OomScoreAdj' | 'PidsLimit' | 'MemorySwappiness'): Apply =>
  ({ host }, value) => {
    const number = Number(value);
    if (!Number.isInteger(number)) throw invalid(value, 'a whole number');
    host[key] = number;
  };

const hostList =
  (
    key:
      'CapAdd' | 'CapDrop' | 'Dns' | 'DnsSearch' | 'DnsOptions' | 'ExtraHosts' | 'GroupAdd' | 'SecurityOpt' | 'Binds',
  ): Apply =>
  ({ host }, value) => {
    (host[key] ??= []).push(value);
  };

const hostMap =
  (key: 'Sysctls' | 'StorageOpt'): Apply =>
  ({ host }, value) => {
    const [name, setting] = pair(value);
    host[key] = { ...host[key], [name]: setting };
  };

const flag =
  (key: 'ReadonlyRootfs' | 'Init' | 'Privileged'): Apply =>
  ({ host }, value) => {
    if (value !== '' && value !== 'true' && value !== 'false') throw invalid(value, 'true or false');
    host[key] = value !== 'false';
  };

/** Flags of `docker run` that a framework may pass as parameters. What decides over life, name and output of a container stays ours. */
const FLAGS: Readonly<Record<string, Apply>> = {
  'add-host': hostList('ExtraHosts'),
  'cap-add': hostList('CapAdd'),
  'cap-drop': hostList('CapDrop'),
  'cgroup-parent': hostText('CgroupParent'),
  'cpuset-cpus': hostText('CpusetCpus'),
  'cpuset-mems': hostText('CpusetMems'),
  device: ({ host }, value) => void (host.Devices = [...(host.Devices ?? []), device(value)]),
  dns: hostList('Dns'),
  'dns-opt': hostList('DnsOptions'),
  'dns-option': hostList('DnsOptions'),
  'dns-search': hostList('DnsSearch'),
  domainname: text('Domainname'),
  entrypoint: ({ create }, value) => void (create.Entrypoint = [value]),
  env: ({ env }, value) => void env.push(value),
  'group-add': hostList('GroupAdd'),
  hostname: text('Hostname'),
  init: flag('Init'),
  ipc: hostText('IpcMode'),
  label: (draft, value) => label(draft, value),
  'log-driver': ({ host }, value) => void (host.LogConfig = { Type: value, Config: host.LogConfig?.Config ?? {} }),
  'log-opt': ({ host }, value) => {
    const [name, setting] = pair(value);
    const config = { ...(host.LogConfig?.Config as Record<string, string> | undefined), [name]: setting };
    host.LogConfig = { Type: host.LogConfig?.Type ?? 'json-file', Config: config };
  },
  'mac-address': text('MacAddress'),
  'memory-swappiness': hostNumber('MemorySwappiness'),
  'net-alias': ({ aliases }, value) => void aliases.push(value),
  'network-alias': ({ aliases }, value) => void aliases.push(value),
  'oom-score-adj': hostNumber('OomScoreAdj'),
  pid: hostText('PidMode'),
  'pids-limit': hostNumber('PidsLimit'),
  privileged: flag('Privileged'),
  'read-only': flag('ReadonlyRootfs'),
  runtime: hostText('Runtime'),
  'security-opt': hostList('SecurityOpt'),
  'shm-size': ({ host }, value) => void (host.ShmSize = bytes(value)),
  'stop-signal': text('StopSignal'),
  'storage-opt': hostMap('StorageOpt'),
  sysctl: hostMap('Sysctls'),
  tmpfs: ({ host }, value) => {
    const colon = value.indexOf(':');
    const [path, options] = colon < 0 ? [value, ''] : [value.slice(0, colon), value.slice(colon + 1)];
    host.Tmpfs = { ...host.Tmpfs, [path]: options };
  },
  ulimit: ({ host }, value) => void (host.Ulimits = [...(host.Ulimits ?? []), ulimit(value)]),
  user: text('User'),
  userns: hostText('UsernsMode'),
  uts: hostText('UTSMode'),
  volume: hostList('Binds'),
  'volume-driver': hostText('VolumeDriver'),
  'volumes-from': ({ host }, value) =>
    void (host.VolumesFrom = [...((host.VolumesFrom as string[] | undefined) ?? []), value]),
  workdir: text('WorkingDir'),
};

export function applyParameters(draft: Draft, parameters: readonly Parameter[]): void {
  for (const { key, value } of parameters) {
    const name = key.replace(/^--/, '');
    const apply = Object.hasOwn(FLAGS, name) ? FLAGS[name] : undefined;
    if (apply === undefined)
      throw launchFailed(`docker parameter "${key}" is not supported`, 'user', {
        next: `use one of ${Object.keys(FLAGS).join(', ')}`,
      });
    try {
      apply(draft, value);
    } catch (error) {
      throw launchFailed(`docker parameter "${key}": ${(error as Error).message}`, 'user');
    }
  }
}

function label({ labels }: Draft, value: string): void {
  const [name, setting] = pair(value, '');
  if (name.startsWith(LABEL_PREFIX)) throw new Error(`labels that begin with ${LABEL_PREFIX} are the agent's own`);
  labels[name] = setting;
}

function pair(value: string, otherwise?: string): [string, string] {
  const equals = value.indexOf('=');
  if (equals > 0) return [value.slice(0, equals), value.slice(equals + 1)];
  if (otherwise === undefined || value === '') throw invalid(value, 'NAME=VALUE');
  return [value, otherwise];
}

const UNITS = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 } as const;

function bytes(value: string): number {
  const match = /^(\d+)([bkmg]?)b?$/i.exec(value);
  if (match === null) throw invalid(value, 'a size such as 64m');
  return Number(match[1]) * UNITS[(match[2] ?? '').toLowerCase() as keyof typeof UNITS];
}

function ulimit(value: string) {
  const match = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(value);
  if (match === null) throw invalid(value, 'NAME=SOFT:HARD');
  return { Name: match[1]!, Soft: Number(match[2]), Hard: Number(match[3] ?? match[2]) };
}

function device(value: string) {
  const [host = '', inside = host, permissions = 'rwm'] = value.split(':');
  return { PathOnHost: host, PathInContainer: inside, CgroupPermissions: permissions };
}

const invalid = (value: string, wanted: string): Error => new Error(`"${value.slice(0, 100)}" is not ${wanted}`);
