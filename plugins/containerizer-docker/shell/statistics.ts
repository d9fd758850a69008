import type { ContainerStats } from 'dockerode';
import type { ContainerStatistics } from '@mezzo/sdk/points/containerizer';
import type { Facts } from '../core/checkpoint.js';
import type { Engine } from './engine.js';

const NS_PER_S = 1e9;
const MIB = 1_048_576;

export async function statistics(engine: Engine, facts: Facts): Promise<ContainerStatistics> {
  // `one-shot`: without it the engine takes a second to measure a second.
  const options = { stream: false, 'one-shot': true } as const;
  const stats = (await engine.calls.getContainer(facts.dockerId).stats(options)) as Partial<ContainerStats>;
  const { usage_in_usermode: user, usage_in_kernelmode: system } = stats.cpu_stats?.cpu_usage ?? {};
  const { usage, stats: memory } = stats.memory_stats ?? {};
  const rss = memory?.rss ?? (memory as { anon?: number } | undefined)?.anon;
  return {
    timestampMs: Date.now(),
    ...(user !== undefined && { cpusUserTimeSecs: user / NS_PER_S }),
    ...(system !== undefined && { cpusSystemTimeSecs: system / NS_PER_S }),
    ...(rss !== undefined && { memRssBytes: rss }),
    ...(usage !== undefined && { memTotalBytes: usage }),
    ...(stats.pids_stats?.current !== undefined && { processes: stats.pids_stats.current }),
    cpusLimitMilli: facts.cpusLimitMilli,
    ...(facts.memLimitMib !== undefined && { memLimitBytes: facts.memLimitMib * MIB }),
  };
}
