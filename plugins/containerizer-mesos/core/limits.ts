import type { ContainerResources } from '@mezzo/sdk/points/containerizer';

/** One text to be written into one file of a cgroup. */
export interface Setting {
  readonly controller: 'cpu' | 'memory';
  readonly file: string;
  readonly value: string;
  /** The kernel may lack it: then the container runs without. */
  readonly optional?: boolean;
  /** Less than what processes use already would end them: it is not lowered while they run. */
  readonly raiseOnly?: boolean;
}

export interface LimitOptions {
  /** Bounds the cpu time also of containers without a limit: to what they asked for. */
  readonly cfs: boolean;
}

/** As Mesos counts: 1024 shares per cpu and never below 2; a bandwidth period of 100 ms; at least 32 MiB of memory. */
const SHARES_PER_CPU = 1024;
const MIN_SHARES = 2;
const PERIOD_US = 100_000;
const MIN_QUOTA_US = 1_000;
export const MIN_MEM_MIB = 32;
/** cgroup v2: 100 is the default weight, as 1024 shares are in v1. */
const WEIGHT_PER_CPU = 100;
const MAX_WEIGHT = 10_000;
/** So little that it hardly matters while others want the cpu. */
const SHARES_PER_REVOCABLE_CPU = 10;
const WEIGHT_PER_REVOCABLE_CPU = 1;

const share = ({ cpusMilli, revocableCpusMilli = 0 }: ContainerResources, firm: number, revocable: number): number =>
  Math.floor(((cpusMilli - revocableCpusMilli) * firm + revocableCpusMilli * revocable) / 1000);

/** MiB of the hard bound on memory; undefined = none. */
export function memLimitMib({ memMib, limits }: ContainerResources): number | undefined {
  const limit = limits?.memMib ?? memMib;
  return limit === 'unlimited' ? undefined : Math.max(MIN_MEM_MIB, limit);
}

/** Milli-cpus that the kernel holds it to; undefined = whatever is idle may be used. */
export function cpuLimitMilli({ cpusMilli, limits }: ContainerResources, { cfs }: LimitOptions): number | undefined {
  const limit = limits?.cpusMilli ?? (cfs ? cpusMilli : undefined);
  return limit === 'unlimited' ? undefined : limit;
}

const quotaUs = (milli: number): number => Math.max(MIN_QUOTA_US, Math.floor((milli * PERIOD_US) / 1000));
const bytes = (mib: number): string => String(mib * 1_048_576);

export function settingsV1(resources: ContainerResources, options: LimitOptions): Setting[] {
  const quota = cpuLimitMilli(resources, options);
  const mem = memLimitMib(resources);
  const softMib = Math.max(MIN_MEM_MIB, resources.memMib);
  return [
    cpu('cpu.shares', String(Math.max(MIN_SHARES, share(resources, SHARES_PER_CPU, SHARES_PER_REVOCABLE_CPU)))),
    ...(quota === undefined ? [] : [cpu('cpu.cfs_period_us', String(PERIOD_US))]),
    ...(quota === undefined ? [] : [cpu('cpu.cfs_quota_us', String(quotaUs(quota)))]),
    { ...memory('memory.soft_limit_in_bytes', bytes(softMib)), optional: true },
    ...(mem === undefined ? [] : [{ ...memory('memory.limit_in_bytes', bytes(mem)), raiseOnly: true }]),
    // Swap would turn the bound into a suggestion; without swap accounting the file is missing.
    ...(mem === undefined
      ? []
      : [{ ...memory('memory.memsw.limit_in_bytes', bytes(mem)), optional: true, raiseOnly: true }]),
  ];
}

export function settingsV2(resources: ContainerResources, options: LimitOptions): Setting[] {
  const quota = cpuLimitMilli(resources, options);
  const mem = memLimitMib(resources);
  const weight = share(resources, WEIGHT_PER_CPU, WEIGHT_PER_REVOCABLE_CPU);
  return [
    cpu('cpu.weight', String(Math.min(MAX_WEIGHT, Math.max(1, weight)))),
    ...(quota === undefined ? [] : [cpu('cpu.max', `${quotaUs(quota)} ${PERIOD_US}`)]),
    { ...memory('memory.low', bytes(Math.max(MIN_MEM_MIB, resources.memMib))), optional: true },
    ...(mem === undefined ? [] : [{ ...memory('memory.max', bytes(mem)), raiseOnly: true }]),
    ...(mem === undefined ? [] : [{ ...memory('memory.swap.max', '0'), optional: true }]),
    // One process too many ends the container as a whole, rather than leaving a crippled one.
    { ...memory('memory.oom.group', '1'), optional: true },
  ];
}

const cpu = (file: string, value: string): Setting => ({ controller: 'cpu', file, value });
const memory = (file: string, value: string): Setting => ({ controller: 'memory', file, value });
