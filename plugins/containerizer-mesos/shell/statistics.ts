import type { ContainerStatistics } from '@mezzo/sdk/points/containerizer';
import type { Facts } from '../core/checkpoint.js';
import type { Machine } from './machine.js';
import { sessionStats } from './processes.js';

/** The kernel counts cpu time in hundredths of a second for user space, whatever its own clock. */
const TICKS_PER_S = 100;
const PAGE_BYTES = 4096;
const MIB = 1_048_576;

/** From the cgroups, or without them from the processes of the task's session. A container in a container is counted with the outermost one. */
export async function statistics(machine: Machine, containerId: string, facts: Facts): Promise<ContainerStatistics> {
  if (facts.root !== undefined) return { timestampMs: Date.now() };
  const usage =
    machine.cgroups !== undefined && facts.cgroups === machine.cgroups.version
      ? await machine.cgroups.usage(facts.owner, containerId)
      : await usageOfSession(facts);
  return {
    timestampMs: Date.now(),
    ...usage,
    cpusLimitMilli: facts.cpusLimitMilli,
    ...(facts.memLimitMib !== undefined && { memLimitBytes: facts.memLimitMib * MIB }),
  };
}

async function usageOfSession({ shim, main, group }: Facts) {
  const helpers = group === main.pid ? [] : [shim.pid, group];
  const own = (await sessionStats(group)).filter((stat) => !helpers.includes(stat.pid));
  const sum = (value: (stat: (typeof own)[number]) => number) => own.reduce((total, stat) => total + value(stat), 0);
  return {
    cpusUserTimeSecs: sum((stat) => stat.userTicks) / TICKS_PER_S,
    cpusSystemTimeSecs: sum((stat) => stat.systemTicks) / TICKS_PER_S,
    memRssBytes: sum((stat) => stat.rssPages) * PAGE_BYTES,
    processes: own.length,
  };
}
