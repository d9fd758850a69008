import { spawn } from 'node:child_process';
import { mkdirSync, openSync, closeSync, readFileSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process that may outlive us: the start time (clock ticks since boot) tells it from a later one with the same pid. */
export interface ProcessId {
  readonly pid: number;
  readonly startTime: string;
}

export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command in parentheses may hold anything, so count from its end: state is field 3, start time field 22.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

export function isAlive(id: ProcessId | undefined): boolean {
  return id !== undefined && startTimeOf(id.pid) === id.startTime;
}

export function signal(id: ProcessId, name: NodeJS.Signals): void {
  if (!isAlive(id)) return;
  try {
    process.kill(id.pid, name);
  } catch {
    // gone in between
  }
}

/** Resolves true once the process is gone, false at the deadline. */
export async function waitGone(id: ProcessId, timeoutMs: number): Promise<boolean> {
  for (const deadline = Date.now() + timeoutMs; isAlive(id);) {
    if (Date.now() > deadline) return false;
    await sleep(50);
  }
  return true;
}

const LOG_LIMIT_BYTES = 32 << 20;

/** Starts a process in a session of its own, its output appended to a log file, so that it outlives us. `onExit`: should we outlive it. */
export function spawnDetached(
  command: string,
  args: readonly string[],
  logFile: string,
  env: NodeJS.ProcessEnv = process.env,
  onExit?: (code: number | null) => void,
): ProcessId {
  mkdirSync(dirname(logFile), { recursive: true, mode: 0o700 });
  try {
    if (statSync(logFile).size > LOG_LIMIT_BYTES) renameSync(logFile, `${logFile}.1`);
  } catch {
    // no log yet
  }
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn(command, args, { detached: true, stdio: ['ignore', log, log], env });
  closeSync(log);
  child.unref();
  if (onExit) child.once('exit', onExit);
  if (child.pid === undefined) throw new Error(`cannot start ${command}`);
  return { pid: child.pid, startTime: startTimeOf(child.pid) ?? '' };
}

/** The last lines of a log, for telling why a daemon ended. */
export function tail(file: string, lines: number): string[] {
  try {
    const text = readFileSync(file, 'utf8');
    return text.trimEnd().split('\n').slice(-lines);
  } catch {
    return [];
  }
}
