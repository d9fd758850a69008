import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@mezzo/sdk/contract';
import { MAX_PIDS, type PluginLimits } from './sandbox.js';

const ROOT = '/sys/fs/cgroup';
const PERIOD_US = 100_000;
const ROUNDS = 100;
const ROUND_MS = 20;

type Setting = readonly [file: string, value: string];

/** A cgroup for each plugin in a process of its own: bounds what it and all it starts may take, and ends all of that. */
export class PluginCgroups {
  private constructor(
    private readonly hierarchies: readonly {
      readonly dir: string;
      readonly settings: (limits: PluginLimits) => Setting[];
    }[],
  ) {}

  /** `owner` tells the plugins of several daemons on one machine apart. Undefined, with a word in the log: there are none to be had. */
  static open(owner: string, log: Logger): PluginCgroups | undefined {
    if (process.getuid?.() !== 0) return undefined;
    try {
      const cgroups = new PluginCgroups(existsSync(join(ROOT, 'cgroup.controllers')) ? [v2(owner)] : v1(owner));
      for (const { dir } of cgroups.hierarchies) mkdirSync(dir, { recursive: true });
      return cgroups;
    } catch (error) {
      log.info('memory and processes of plugins are not bounded', { reason: (error as Error).message });
      return undefined;
    }
  }

  /** Files that take a process in. Bounds that this kernel does not have are left out. */
  create(id: string, limits: PluginLimits): string[] {
    return this.hierarchies.flatMap(({ dir, settings }) => {
      try {
        const own = join(dir, id);
        mkdirSync(own, { recursive: true });
        for (const [file, value] of settings(limits))
          if (existsSync(join(own, file))) writeFileSync(join(own, file), value);
        return [join(own, 'cgroup.procs')];
      } catch {
        return [];
      }
    });
  }

  /** Ends whatever the plugin has started, and removes its cgroups. */
  async end(id: string): Promise<void> {
    for (const { dir } of this.hierarchies)
      for (let round = 0; round < ROUNDS && !remove(join(dir, id)); round++) {
        killAll(join(dir, id));
        await sleep(ROUND_MS);
      }
  }

  /** Of which there are cgroups. */
  ids(): string[] {
    return [...new Set(this.hierarchies.flatMap(({ dir }) => childrenOf(dir)))];
  }

  /** Leaves nothing of this daemon behind where no plugin is left. */
  close(): void {
    for (const { dir } of this.hierarchies) if (childrenOf(dir).length === 0) remove(dir);
  }

  /** It was ended because it had taken all the memory that it may. */
  wasOutOfMemory(id: string): boolean {
    return this.hierarchies.some(({ dir }) =>
      ['memory.events', 'memory.oom_control'].some((file) => /oom_kill [1-9]/.test(read(join(dir, id, file)))),
    );
  }
}

const quota = ({ cpus }: PluginLimits): string => (cpus === undefined ? 'max' : String(Math.round(cpus * PERIOD_US)));

function v2(owner: string) {
  const above = join(ROOT, 'mezzo-plugins');
  mkdirSync(join(above, owner), { recursive: true });
  for (const dir of [ROOT, above, join(above, owner)])
    for (const controller of ['memory', 'pids', 'cpu'])
      try {
        writeFileSync(join(dir, 'cgroup.subtree_control'), `+${controller}`);
      } catch {
        // Not to be had here: what can be bounded is.
      }
  return {
    dir: join(above, owner),
    settings: (limits: PluginLimits): Setting[] => [
      ['memory.max', `${limits.memoryMib}M`],
      ['memory.swap.max', '0'],
      ['pids.max', String(MAX_PIDS)],
      ['cpu.max', `${quota(limits)} ${PERIOD_US}`],
    ],
  };
}

function v1(owner: string) {
  const settings: Readonly<Record<string, (limits: PluginLimits) => Setting[]>> = {
    memory: ({ memoryMib }) => [['memory.limit_in_bytes', `${memoryMib}M`]],
    pids: () => [['pids.max', String(MAX_PIDS)]],
    cpu: (limits) => [
      ['cpu.cfs_period_us', String(PERIOD_US)],
      ['cpu.cfs_quota_us', limits.cpus === undefined ? '-1' : quota(limits)],
    ],
  };
  return Object.entries(settings)
    .filter(([controller]) => existsSync(join(ROOT, controller, 'cgroup.procs')))
    .map(([controller, of]) => ({ dir: join(ROOT, controller, 'mezzo-plugins', owner), settings: of }));
}

function childrenOf(dir: string): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? entry.name : []));
  } catch {
    return [];
  }
}

/** True when it is gone. */
function remove(dir: string): boolean {
  try {
    for (const name of childrenOf(dir)) remove(join(dir, name));
    rmdirSync(dir);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

function killAll(dir: string): void {
  for (const pid of read(join(dir, 'cgroup.procs')).split('\n').map(Number))
    try {
      if (pid > 0) process.kill(pid, 'SIGKILL');
    } catch {
      // It was faster.
    }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
