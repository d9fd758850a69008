import { readdirSync, readFileSync } from 'node:fs';

export const pids = (): string[] => readdirSync('/proc').filter((name) => /^\d+$/.test(name));

/** Empty when the process is gone. */
export function readProc(pid: string | number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

/** What is left of one that ended, and nobody has collected, does not run. */
export const isRunning = (pid: string | number): boolean => /^State:\s+[^ZX]/m.test(readProc(pid, 'status'));

/** In clock ticks since boot: tells a process from a later one with the same pid. Undefined when it is gone. */
export function startTime(pid: string): string | undefined {
  const stat = readProc(pid, 'stat');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}
