import { isAlive, type ProcessId, signal, spawnDetached, tail, waitGone } from '../lib/processes.js';
import { EXIT_RESTART } from '../lib/run-daemon.js';
import { readJson, readJsonFiles, removeFile, type WorkDir, writeJson } from '../lib/workdir.js';

export interface DaemonSpec {
  readonly name: string;
  readonly role: 'master' | 'agent';
  /** Arguments of node: the executable and its flags. Never a secret. */
  readonly args: readonly string[];
  /** host:port of its API. */
  readonly address: string;
}

/** What `run/daemons/<name>.json` keeps, so that the next supervisor can adopt the process. */
export interface DaemonRecord extends ProcessId {
  readonly name: string;
  readonly role: 'master' | 'agent';
  readonly args: readonly string[];
  readonly address: string;
  readonly startedAt: string;
}

export const daemonRecords = (workDir: WorkDir): DaemonRecord[] => readJsonFiles(workDir.at('run', 'daemons'));

export const anyDaemonAlive = (workDir: WorkDir): boolean => daemonRecords(workDir).some((record) => isAlive(record));

const BACKOFF_FIRST_MS = 1000;
const BACKOFF_MAX_MS = 30_000;
/** One that wants to be started again sooner than this after it was is not trusted to mean it. */
const MIN_LIFE_MS = 2000;
/** Having run this long, a daemon is well again: its next death is answered at once. */
const WELL_AFTER_MS = 30_000;

/** One daemon of `up`: started or adopted, and started again when it dies. */
export class Daemon {
  private record: DaemonRecord | undefined;
  private failures = 0;
  private retryAtMs = 0;
  private startedMs = 0;
  /** It has ended to be started again, which is no failure. */
  private wantsRestart = false;
  restarts = 0;
  wasStarted = false;

  constructor(
    readonly spec: DaemonSpec,
    private readonly workDir: WorkDir,
  ) {
    this.record = readJson<DaemonRecord>(workDir.daemonFile(spec.name));
  }

  get alive(): boolean {
    return isAlive(this.record);
  }

  get pid(): number | undefined {
    return this.alive ? this.record?.pid : undefined;
  }

  /** True when it ran already. From now on `watch` keeps it running. */
  startOrAdopt(): boolean {
    this.wasStarted = true;
    if (this.alive) return true;
    this.start();
    return false;
  }

  /** Called every moment: starts it again when it is dead and its back-off is over. Answers what happened, for the log. */
  watch(nowMs: number): string | undefined {
    if (this.alive) {
      if (this.failures > 0 && nowMs - this.startedMs > WELL_AFTER_MS) this.failures = 0;
      return undefined;
    }
    if (this.wantsRestart && nowMs - this.startedMs > MIN_LIFE_MS) {
      this.wantsRestart = false;
      this.start();
      this.restarts++;
      return `${this.spec.name} is started again: its plugins have changed`;
    }
    if (nowMs < this.retryAtMs) return undefined;
    const last = tail(this.workDir.logFile(this.spec.name), 1)[0] ?? 'no word in its log';
    this.start();
    this.restarts++;
    const delay = Math.min(BACKOFF_FIRST_MS * 2 ** this.failures++, BACKOFF_MAX_MS);
    this.retryAtMs = nowMs + delay;
    return `${this.spec.name} had died and was started again (last words: ${last.slice(0, 200)})`;
  }

  signal(name: NodeJS.Signals): void {
    if (this.record) signal(this.record, name);
  }

  /** Ends it with the signal, by force at the deadline. */
  async stop(name: NodeJS.Signals, timeoutMs: number): Promise<void> {
    const { record } = this;
    if (record === undefined) return;
    signal(record, name);
    if (!(await waitGone(record, timeoutMs))) {
      signal(record, 'SIGKILL');
      await waitGone(record, 2000);
    }
    removeFile(this.workDir.daemonFile(this.spec.name));
  }

  private start(): void {
    const { name, role, args, address } = this.spec;
    const env = { ...process.env, MEZZO_RESTARTS: '1' };
    const onExit = (code: number | null): void => void (this.wantsRestart = code === EXIT_RESTART);
    const id = spawnDetached(process.execPath, args, this.workDir.logFile(name), env, onExit);
    this.startedMs = Date.now();
    this.record = { ...id, name, role, args, address, startedAt: new Date(this.startedMs).toISOString() };
    writeJson(this.workDir.daemonFile(name), this.record);
  }
}

/** For `down` without a supervisor: the daemons by their records. */
export const recordedDaemons = (workDir: WorkDir): Daemon[] =>
  daemonRecords(workDir).map((record) => new Daemon(record, workDir));
