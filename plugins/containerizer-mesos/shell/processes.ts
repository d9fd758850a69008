import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import type { ProcessRef } from '../core/checkpoint.js';

export interface ProcessStat {
  readonly pid: number;
  readonly state: string;
  readonly session: number;
  readonly userTicks: number;
  readonly systemTicks: number;
  readonly start: number;
  readonly rssPages: number;
}

/** What /proc/PID/stat says. The name in it may hold anything, brackets too: what follows its last bracket counts. */
export function parseStat(text: string): ProcessStat | undefined {
  const rest = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (number: number) => Number(rest[number - 3]);
  if (rest.length < 22) return undefined;
  return {
    pid: parseInt(text, 10),
    state: rest[0] ?? '',
    session: field(6),
    userTicks: field(14),
    systemTicks: field(15),
    start: field(22),
    rssPages: field(24),
  };
}

/** True while this very process runs; one that ended and was not yet reaped does not count. */
export function isAlive({ pid, start }: ProcessRef): boolean {
  try {
    const stat = parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    return stat !== undefined && stat.start === start && stat.state !== 'Z' && stat.state !== 'X';
  } catch {
    return false;
  }
}

/** False when it is gone. */
export function signal(target: ProcessRef, name: NodeJS.Signals | number): boolean {
  return isAlive(target) && send(target.pid, name);
}

/** Signals a process group while `member` lives, which keeps its number from being somebody else's. */
export function signalGroup(group: number, member: ProcessRef, name: NodeJS.Signals | number): boolean {
  return group > 1 && isAlive(member) && send(-group, name);
}

function send(pid: number, name: NodeJS.Signals | number): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** Every process number of the machine, in one directory read. */
export async function allPids(): Promise<Set<number>> {
  const pids = new Set<number>();
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    if (pid > 0) pids.add(pid);
  }
  return pids;
}

export async function sessionStats(session: number): Promise<ProcessStat[]> {
  const found: ProcessStat[] = [];
  for (const pid of await allPids()) {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1').then(parseStat, () => undefined);
    if (stat?.session === session) found.push(stat);
  }
  return found;
}

export const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
