import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process that may outlive us. The start time (clock ticks since boot) tells it from a later one with the same pid. */
export interface ProcessId {
  readonly pid: number;
  readonly startTime: string;
}

/** Undefined when there is no such process, or only what is left of it. */
export function processOf(pid: number): ProcessId | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command in parentheses may hold anything: count from its end. State is field 3, start time field 22.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[19] === undefined ? undefined : { pid, startTime: fields[19] };
  } catch {
    return undefined;
  }
}

export const isAlive = (id: ProcessId): boolean => processOf(id.pid)?.startTime === id.startTime;

/** Its command line names this. */
export function isOf({ pid }: ProcessId, mark: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(mark);
  } catch {
    return false;
  }
}

/** Kills the process and all of its group. Resolves when it is gone, or after `timeoutMs`. */
export async function killGroup(id: ProcessId, timeoutMs: number): Promise<void> {
  if (!isAlive(id)) return;
  try {
    process.kill(-id.pid, 'SIGKILL');
  } catch {
    // gone in between
  }
  await whenGone(id, timeoutMs);
}

/** True when it went within the time. */
export async function whenGone(id: ProcessId, timeoutMs: number): Promise<boolean> {
  for (const deadline = performance.now() + timeoutMs; isAlive(id); await sleep(20))
    if (performance.now() > deadline) return false;
  return true;
}
