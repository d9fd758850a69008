import { rmdir } from 'node:fs/promises';
import { settingsV1, type LimitOptions } from '../core/limits.js';
import type { ContainerResources } from '@mezzo/sdk/points/containerizer';
import {
  change,
  childDirs,
  destroyDir,
  killEach,
  known,
  make,
  pidsIn,
  readCounters,
  readKey,
  readNumber,
  removeEmpty,
  scaled,
  type CgroupUsage,
  type Cgroups,
} from './cgroups.js';

/** Where each controller's hierarchy is mounted; two controllers may share one. */
export interface HierarchiesV1 {
  readonly cpu: string;
  readonly cpuacct: string;
  readonly memory: string;
}

const NS_PER_S = 1e9;

/** Version 1: a directory per container in each hierarchy, `<mount>/mezzo/<owner>/<container>`. */
export class CgroupsV1 implements Cgroups {
  readonly version = 'v1';
  private readonly mounts: readonly string[];

  constructor(
    private readonly hierarchies: HierarchiesV1,
    private readonly root = 'mezzo',
  ) {
    this.mounts = [...new Set([hierarchies.cpu, hierarchies.cpuacct, hierarchies.memory])];
  }

  async create(owner: string, id: string, resources: ContainerResources, options: LimitOptions): Promise<void> {
    const settings = settingsV1(resources, options);
    try {
      for (const mount of this.mounts) {
        const here = settings.filter(({ controller }) => this.hierarchies[controller] === mount);
        make(this.dir(mount, owner, id), here);
      }
    } catch (error) {
      for (const mount of this.mounts) await rmdir(this.dir(mount, owner, id)).catch(() => {});
      throw error;
    }
  }

  async update(owner: string, id: string, resources: ContainerResources, options: LimitOptions): Promise<void> {
    const settings = settingsV1(resources, options);
    for (const mount of this.mounts)
      await change(
        this.dir(mount, owner, id),
        settings.filter(({ controller }) => this.hierarchies[controller] === mount),
      );
  }

  joinFiles(owner: string, id: string): string[] {
    return this.mounts.map((mount) => `${this.dir(mount, owner, id)}/tasks`);
  }

  async outOfMemory(owner: string, id: string): Promise<boolean> {
    const dir = this.dir(this.hierarchies.memory, owner, id);
    const kills = await readKey(`${dir}/memory.oom_control`, 'oom_kill');
    // Kernels before 4.13 count no kills, only how often the bound was hit.
    return (kills ?? (await readNumber(`${dir}/memory.failcnt`)) ?? 0) > 0;
  }

  async usage(owner: string, id: string): Promise<CgroupUsage> {
    const acct = this.dir(this.hierarchies.cpuacct, owner, id);
    const memory = this.dir(this.hierarchies.memory, owner, id);
    const [user, system, cpu, mem, total, kmem, tcp, pids] = await Promise.all([
      readNumber(`${acct}/cpuacct.usage_user`),
      readNumber(`${acct}/cpuacct.usage_sys`),
      readCounters(`${this.dir(this.hierarchies.cpu, owner, id)}/cpu.stat`),
      readCounters(`${memory}/memory.stat`),
      readNumber(`${memory}/memory.usage_in_bytes`),
      readNumber(`${memory}/memory.kmem.usage_in_bytes`),
      readNumber(`${memory}/memory.kmem.tcp.usage_in_bytes`),
      pidsIn(memory),
    ]);
    return known({
      cpusUserTimeSecs: scaled(user, NS_PER_S),
      cpusSystemTimeSecs: scaled(system, NS_PER_S),
      cpusNrPeriods: cpu.get('nr_periods'),
      cpusNrThrottled: cpu.get('nr_throttled'),
      cpusThrottledTimeSecs: scaled(cpu.get('throttled_time'), NS_PER_S),
      memTotalBytes: total,
      memKmemUsageBytes: kmem,
      memKmemTcpUsageBytes: tcp,
      memRssBytes: mem.get('total_rss'),
      memAnonBytes: mem.get('total_rss'),
      memFileBytes: mem.get('total_cache'),
      memCacheBytes: mem.get('total_cache'),
      memMappedFileBytes: mem.get('total_mapped_file'),
      memSwapBytes: mem.get('total_swap'),
      memUnevictableBytes: mem.get('total_unevictable'),
      processes: pids.length,
    });
  }

  async destroy(owner: string, id: string): Promise<void> {
    for (const mount of this.mounts) await destroyDir(this.dir(mount, owner, id), killEach);
  }

  async list(owner: string): Promise<string[]> {
    const found = await Promise.all(this.mounts.map((mount) => childDirs(`${mount}/${this.root}/${owner}`)));
    return [...new Set(found.flat())];
  }

  async tidy(owner: string): Promise<void> {
    for (const mount of this.mounts) await removeEmpty(`${mount}/${this.root}/${owner}`, `${mount}/${this.root}`);
  }

  private dir(mount: string, owner: string, id: string): string {
    return `${mount}/${this.root}/${owner}/${id}`;
  }
}
