import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

interface ProcessRecord {
  readonly pid: number;
  /** Clock ticks since boot: tells it from a later process with the same pid. */
  readonly startTime: string;
}

function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** A process that outlives us: whoever comes next finds it by its record and takes it over. */
export class ServerProcess {
  private record: ProcessRecord | undefined;

  constructor(
    private readonly recordFile: string,
    private readonly logFile: string,
  ) {
    try {
      this.record = JSON.parse(readFileSync(recordFile, 'utf8')) as ProcessRecord;
    } catch {
      // none ran, or its record was torn by a crash
    }
  }

  get pid(): number | undefined {
    const { record } = this;
    return record !== undefined && startTimeOf(record.pid) === record.startTime ? record.pid : undefined;
  }

  /** Its output goes to the log file, which holds one run. */
  start(command: string, args: readonly string[]): void {
    const log = openSync(this.logFile, 'w', 0o600);
    const child = spawn(command, args, { detached: true, stdio: ['ignore', log, log] });
    closeSync(log);
    child.on('error', () => undefined);
    child.unref();
    if (child.pid === undefined) return;
    this.record = { pid: child.pid, startTime: startTimeOf(child.pid) ?? '' };
    writeFileSync(this.recordFile, JSON.stringify(this.record), { mode: 0o600 });
  }

  kill(signal: NodeJS.Signals): void {
    const { pid } = this;
    if (pid !== undefined) process.kill(pid, signal);
  }

  /** Ends it, by force at the deadline. */
  async stop(graceMs: number): Promise<void> {
    this.kill('SIGTERM');
    for (const deadline = Date.now() + graceMs; this.pid !== undefined; await sleep(50))
      if (Date.now() > deadline) this.kill('SIGKILL');
    rmSync(this.recordFile, { force: true });
  }
}
