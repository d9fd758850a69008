import { mkdir, rmdir, writeFile } from 'node:fs/promises';
import { settingsV2, type LimitOptions } from '../core/limits.js';
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

const US_PER_S = 1e6;
const CONTROLLERS = '+cpu +memory';

/** Version 2: one directory per container, `<mount>/mezzo/<owner>/<container>`, with cgroup.kill where the kernel has it (5.14). */
export class CgroupsV2 implements Cgroups {
  readonly version = 'v2';
  private readonly delegated = new Set<string>();

  constructor(
    private readonly mount: string,
    private readonly root = 'mezzo',
  ) {}

  async create(owner: string, id: string, resources: ContainerResources, options: LimitOptions): Promise<void> {
    await this.delegate(owner);
    const dir = this.dir(owner, id);
    try {
      make(dir, settingsV2(resources, options));
    } catch (error) {
      await rmdir(dir).catch(() => {});
      throw error;
    }
  }

  async update(owner: string, id: string, resources: ContainerResources, options: LimitOptions): Promise<void> {
    await change(this.dir(owner, id), settingsV2(resources, options));
  }

  joinFiles(owner: string, id: string): string[] {
    return [`${this.dir(owner, id)}/cgroup.procs`];
  }

  async outOfMemory(owner: string, id: string): Promise<boolean> {
    return ((await readKey(`${this.dir(owner, id)}/memory.events`, 'oom_kill')) ?? 0) > 0;
  }

  async usage(owner: string, id: string): Promise<CgroupUsage> {
    const dir = this.dir(owner, id);
    const [cpu, mem, total, swap, pids] = await Promise.all([
      readCounters(`${dir}/cpu.stat`),
      readCounters(`${dir}/memory.stat`),
      readNumber(`${dir}/memory.current`),
      readNumber(`${dir}/memory.swap.current`),
      pidsIn(dir),
    ]);
    return known({
      cpusUserTimeSecs: scaled(cpu.get('user_usec'), US_PER_S),
      cpusSystemTimeSecs: scaled(cpu.get('system_usec'), US_PER_S),
      cpusNrPeriods: cpu.get('nr_periods'),
      cpusNrThrottled: cpu.get('nr_throttled'),
      cpusThrottledTimeSecs: scaled(cpu.get('throttled_usec'), US_PER_S),
      memTotalBytes: total,
      memKmemUsageBytes: mem.get('kernel'),
      memKmemTcpUsageBytes: mem.get('sock'),
      memRssBytes: mem.get('anon'),
      memAnonBytes: mem.get('anon'),
      memFileBytes: mem.get('file'),
      memCacheBytes: mem.get('file'),
      memMappedFileBytes: mem.get('file_mapped'),
      memSwapBytes: swap,
      memUnevictableBytes: mem.get('unevictable'),
      processes: pids.length,
    });
  }

  async destroy(owner: string, id: string): Promise<void> {
    const dir = this.dir(owner, id);
    await destroyDir(dir, async (pids) => {
      await writeFile(`${dir}/cgroup.kill`, '1', { flag: 'r+' }).catch(() => killEach(pids));
    });
  }

  list(owner: string): Promise<string[]> {
    return childDirs(`${this.mount}/${this.root}/${owner}`);
  }

  async tidy(owner: string): Promise<void> {
    this.delegated.delete(owner);
    await removeEmpty(`${this.mount}/${this.root}/${owner}`, `${this.mount}/${this.root}`);
  }

  /** A controller works in a cgroup only when every one above hands it down. */
  private async delegate(owner: string): Promise<void> {
    if (this.delegated.has(owner)) return;
    const parents = [this.mount, `${this.mount}/${this.root}`, `${this.mount}/${this.root}/${owner}`];
    for (const dir of parents) {
      await mkdir(dir, { recursive: true });
      await writeFile(`${dir}/cgroup.subtree_control`, CONTROLLERS);
    }
    this.delegated.add(owner);
  }

  private dir(owner: string, id: string): string {
    return `${this.mount}/${this.root}/${owner}/${id}`;
  }
}
