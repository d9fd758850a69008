import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { withoutStrays } from '@mezzo/sdk/runtime';

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

/** What a plugin inherits of our environment: nothing that could hold a secret of the kernel's. */
const INHERITED = /^(PATH|HOME|USER|LOGNAME|LANG|LC_.*|TZ|TMPDIR|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR))$/;

/**
 * Starts a runner in a session of its own, so that it outlives us and shares nothing with us but its log. The only place where the
 * host spawns: it costs the event loop time in proportion to our memory.
 */
export function spawnRunner(
  runner: string,
  specFile: string,
  cwd: string,
  logFd: number,
  caFile: string | undefined,
): ChildProcess {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => INHERITED.test(name)));
  if (caFile !== undefined) env.NODE_EXTRA_CA_CERTS = caFile;
  const child = withoutStrays(['ignore', logFd, logFd], (stdio) =>
    spawn(process.execPath, [runner, specFile], { detached: true, stdio, env, cwd }),
  );
  child.unref();
  return child;
}
