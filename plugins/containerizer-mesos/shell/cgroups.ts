import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { readdir, readFile, rmdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '@mezzo/sdk/contract';
import type { ContainerResources, ContainerStatistics } from '@mezzo/sdk/points/containerizer';
import type { LimitOptions, Setting } from '../core/limits.js';
import { launchFailed } from '../core/spec-check.js';

export type CgroupUsage = Omit<ContainerStatistics, 'timestampMs' | 'cpusLimitMilli' | 'memLimitBytes'>;

/** Counters by name. What could not be read, or is not there, is undefined. */
export type Counters = ReadonlyMap<string, number>;

/** Bounds, counts and ends the processes of containers. One driver per version of the kernel's interface. */
export interface Cgroups {
  readonly version: 'v1' | 'v2';
  /** Makes the container's cgroups with its bounds; rejects with CONTAINER_LAUNCH_FAILED and leaves none. */
  create(owner: string, containerId: string, resources: ContainerResources, options: LimitOptions): Promise<void>;
  /** Other bounds; the one on memory is only ever raised. */
  update(owner: string, containerId: string, resources: ContainerResources, options: LimitOptions): Promise<void>;
  /** Files that take a process in when it writes "0" to them. */
  joinFiles(owner: string, containerId: string): string[];
  /** True when the kernel has ended a process in it for want of memory. */
  outOfMemory(owner: string, containerId: string): Promise<boolean>;
  usage(owner: string, containerId: string): Promise<CgroupUsage>;
  /** Ends every process in it, and removes it. Idempotent. */
  destroy(owner: string, containerId: string): Promise<void>;
  /** Containers of the owner that have cgroups. */
  list(owner: string): Promise<string[]>;
  /** Removes what is the owner's when it holds no container any more. */
  tidy(owner: string): Promise<void>;
}

const ROUNDS = 100;
const ROUND_MS = 20;

/**
 * Creates and fills one directory of one hierarchy. At once, without yielding: these files are in memory, and each takes the kernel some
 * microseconds where a turn through the thread pool takes a hundred.
 */
export function make(dir: string, settings: readonly Setting[]): void {
  makeDir(dir);
  set(dir, settings);
}

function set(dir: string, settings: readonly Setting[]): void {
  for (const { file, value, optional } of settings) {
    try {
      writeFileSync(`${dir}/${file}`, value);
    } catch (error) {
      if (optional !== true)
        throw launchFailed(`cannot set ${file} to ${value}: ${messageOf(error)}`, 'environment', { cause: error });
    }
  }
}

/**
 * Fills one that is in use. The kernel refuses a bound above the one that holds memory and swap together, so the wider goes first; a bound that
 * is there and higher stays.
 */
export async function change(dir: string, settings: readonly Setting[]): Promise<void> {
  const wanted: Setting[] = [];
  for (const setting of settings) {
    const now = setting.raiseOnly ? await readNumber(`${dir}/${setting.file}`) : undefined;
    if (now === undefined || now < Number(setting.value)) wanted.push(setting);
  }
  set(dir, wanted.reverse());
}

function makeDir(dir: string): void {
  try {
    mkdirSync(dir);
  } catch {
    mkdirSync(dir, { recursive: true });
  }
}

export const readText = (file: string): Promise<string | undefined> => readFile(file, 'latin1').catch(() => undefined);

export async function readNumber(file: string): Promise<number | undefined> {
  const text = await readText(file);
  const value = text === undefined ? NaN : Number(text.trim());
  return Number.isFinite(value) ? value : undefined;
}

/** The numbers of a file of "name number" lines. */
export async function readCounters(file: string): Promise<Counters> {
  const text = (await readText(file)) ?? '';
  return new Map(Array.from(text.matchAll(/^(\S+) (\d+)$/gm), ([, name, value]) => [name!, Number(value)]));
}

export const readKey = async (file: string, key: string): Promise<number | undefined> =>
  (await readCounters(file)).get(key);

/** Without what is not known. */
export const known = (usage: { readonly [Name in keyof CgroupUsage]: number | undefined }): CgroupUsage =>
  Object.fromEntries(Object.entries(usage).filter(([, value]) => value !== undefined));

export const scaled = (value: number | undefined, unit: number): number | undefined =>
  value === undefined ? undefined : value / unit;

export async function pidsIn(dir: string): Promise<number[]> {
  const text = (await readText(`${dir}/cgroup.procs`)) ?? '';
  return text.split('\n').filter(Boolean).map(Number);
}

/**
 * Ends all processes in a cgroup and removes it, with those that a container made inside its own. Rounds, since some may fork meanwhile and
 * dead ones leave only in time.
 */
export async function destroyDir(dir: string, killAll: (pids: readonly number[]) => Promise<void>): Promise<void> {
  for (let round = 0; ; round++) {
    const code = removeDir(dir);
    if (code === undefined || code === 'ENOENT') return;
    if (round >= ROUNDS) throw launchFailed(`cgroup ${dir} cannot be removed: ${code}`, 'environment');
    await killAll(await pidsIn(dir));
    const inner = await childDirs(dir);
    for (const name of inner) await destroyDir(`${dir}/${name}`, killAll);
    if (inner.length === 0) await sleep(ROUND_MS);
  }
}

/** Undefined, or the code of what kept it. */
function removeDir(dir: string): string | undefined {
  try {
    rmdirSync(dir);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  }
}

export async function killEach(pids: readonly number[]): Promise<void> {
  for (const pid of pids) {
    try {
      // 0 stands for a process that this pid namespace cannot see.
      if (pid > 0) process.kill(pid, 'SIGKILL');
    } catch {
      // It was faster.
    }
  }
}

export const childDirs = async (dir: string): Promise<string[]> =>
  (await readdir(dir, { withFileTypes: true }).catch(() => []))
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);

/** Removes empty directories, innermost first; what others still use stays. */
export async function removeEmpty(...dirs: readonly string[]): Promise<void> {
  for (const dir of dirs) await rmdir(dir).catch(() => {});
}
