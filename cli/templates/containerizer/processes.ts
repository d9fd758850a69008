import { readFileSync } from 'node:fs';

/** A process group by its leader. The start time tells it from a later one with the same number. */
export interface Group {
  readonly pid: number;
  readonly startTime: string;
}

/** Ticks since boot; undefined for what is not there any more. */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything: fields are counted from its end.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

export const isAlive = ({ pid, startTime }: Group): boolean => startTimeOf(pid) === startTime;

export function signalGroup(group: Group, signal: NodeJS.Signals | number): void {
  if (!isAlive(group)) return;
  try {
    process.kill(-group.pid, signal);
  } catch {
    // it has ended in between
  }
}
