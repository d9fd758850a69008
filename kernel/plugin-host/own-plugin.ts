import type { ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, type Logger, type PluginManifest, type PluginState, type PluginStatus } from '@mezzo/sdk/contract';
import { EXIT_OCCUPIED, EXIT_SKIPPED, type RunSpec, type RunStatus } from '@mezzo/sdk/runtime';
import { ControlClient } from './control-client.js';
import { Life, type LifeEnd } from './life.js';
import { lastWords, openLog } from './log-file.js';
import { isAlive, processOf, type ProcessId } from './process.js';
import { readJsonFile, removeFile, writeWhole } from './whole-file.js';

export interface Supervision {
  /** The second restart in a row waits so long, each further one twice as long as the one before. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** Having lived so long, its next death is answered at once. */
  readonly wellAfterMs: number;
  /** From the request to stop until it is ended by force. */
  readonly stopGraceMs: number;
}
export const SUPERVISION: Supervision = {
  firstDelayMs: 1_000,
  maxDelayMs: 60_000,
  wellAfterMs: 10_000,
  stopGraceMs: 10_000,
};
/** So many deaths in a row are not bad luck any more. */
const FAILED_AFTER = 3;
/** A runner that was started just before its host died may not listen yet. */
const BOOT_MS = 3_000;

export interface OwnPluginFiles {
  /** Who runs, for the next host. */
  readonly record: string;
  readonly log: string;
}

/** How its processes come to be, and where they listen. */
export interface Launcher {
  /** As we see it. */
  readonly controlSocket: string;
  /** Why it is not kept apart from others; undefined: it is. */
  readonly lack: string | undefined;
  start(logFd: number): ChildProcess;
  /** Ends whatever the plugin has left; answers whether it had taken all the memory that it may. */
  clean(): Promise<boolean>;
}

/** `run/plugins/<id>.json` */
export interface ProcessRecord extends ProcessId {
  readonly id: string;
  readonly version: string;
  readonly controlSocket: string;
}

/** One plugin in a process of its own: adopted or started, watched, started again, stopped. */
export class OwnPlugin {
  restarts = 0;
  private state: PluginState = 'discovered';
  private reason: string | undefined;
  private said: RunStatus | undefined;
  private life: Life | undefined;
  private wanted = false;
  private detached = false;
  private replacing = false;
  private failures = 0;
  private loop: Promise<void> | undefined;
  private wake = new AbortController();

  constructor(
    private spec: RunSpec,
    private launcher: Launcher,
    private readonly files: OwnPluginFiles,
    private readonly log: Logger,
    private readonly onChange: () => void,
    private readonly supervision: Supervision = SUPERVISION,
  ) {}

  get manifest(): PluginManifest {
    return this.spec.manifest;
  }

  get endpoints(): Readonly<Record<string, string>> {
    return this.life === undefined ? {} : (this.said?.endpoints ?? {});
  }

  status(): PluginStatus {
    const { id, version, process, runsOn } = this.spec.manifest;
    return {
      id,
      version,
      state: this.state,
      ...(this.reason !== undefined && { reason: this.reason }),
      process,
      runsOn,
      ...(this.life && { pid: this.life.process.pid }),
      ...(this.life && this.said && { startedAt: this.said.startedAt }),
      restarts: this.restarts,
      isolation: this.launcher.lack === undefined ? 'full' : 'none',
      endpoints: this.endpoints,
    };
  }

  metrics(): Promise<string> {
    return this.life?.metrics() ?? Promise.resolve('');
  }

  /** Takes over what an earlier host left running, if it is what we want; ends it if it is another version or does not answer. */
  async adopt(): Promise<void> {
    if (this.life !== undefined) return;
    const found = await this.findRunning();
    if (found === undefined) return;
    const { process, status } = found;
    if (status?.digest === this.spec.digest) {
      this.replacing = false;
      this.life = Life.adopted(process, this.launcher.controlSocket, (said) => this.hear(said));
      this.hear(status);
      this.writeRecord(process);
      this.log.info('plugin runs already: adopted', { pid: process.pid });
    } else {
      this.log.info('plugin runs already, but not as it should: replaced', { pid: process.pid });
      await Life.adopted(process, this.launcher.controlSocket, () => {}).stop(this.supervision.stopGraceMs);
    }
  }

  /** Wants it to run from now on. */
  start(): void {
    this.wanted = true;
    this.loop ??= this.supervise().finally(() => (this.loop = undefined));
  }

  /** Resolves when the process is gone. */
  async stop(reason?: string): Promise<void> {
    this.wanted = false;
    this.wake.abort();
    if (this.life !== undefined) this.show('stopping');
    await this.life?.stop(this.supervision.stopGraceMs);
    await this.loop;
    // It may have been adopted in the meantime.
    await this.life?.stop(this.supervision.stopGraceMs);
    await this.launcher.clean();
    this.life = undefined;
    removeFile(this.files.record);
    this.show('stopped', reason);
  }

  /** Another version or configuration: the process is exchanged, without counting as a failure. */
  async replace(spec: RunSpec, launcher: Launcher): Promise<void> {
    if (spec.digest === this.spec.digest) return;
    this.spec = spec;
    this.launcher = launcher;
    this.failures = 0;
    this.replacing = this.life !== undefined;
    this.wake.abort();
    if (this.replacing) this.show('discovered');
    await this.life?.stop(this.supervision.stopGraceMs);
  }

  /** Lets it run on without us, for the next host to adopt. */
  detach(): void {
    this.detached = true;
    this.wanted = false;
    this.wake.abort();
    this.life?.detach();
  }

  private async supervise(): Promise<void> {
    while (this.wanted) {
      this.wake = new AbortController();
      await this.adopt();
      if (!this.wanted) return;
      const end = await (this.life ?? this.spawn())?.ended;
      if (this.detached) return;
      const outOfMemory = await this.launcher.clean();
      this.life = this.said = undefined;
      this.onChange();
      if (end !== undefined) await this.afterDeath(end, outOfMemory);
      else await this.pause('the process cannot be started', this.nextDelayMs());
    }
  }

  private spawn(): Life | undefined {
    const { files, launcher } = this;
    this.replacing = false;
    if (this.failures === 0) this.show('discovered');
    try {
      const log = openLog(files.log);
      const child = launcher.start(log);
      closeSync(log);
      this.life = Life.started(child, launcher.controlSocket, (status) => this.hear(status));
      if (this.life !== undefined) this.writeRecord(this.life.process);
    } catch (error) {
      this.log.error(`plugin cannot be started: ${messageOf(error)}`);
    }
    return this.life;
  }

  private async afterDeath(end: LifeEnd, outOfMemory: boolean): Promise<void> {
    if (!this.wanted) return;
    if (end.code === EXIT_SKIPPED || end.status?.state === 'skipped') {
      this.wanted = false;
      return this.show('skipped', end.status?.reason);
    }
    this.restarts++;
    if (this.replacing) return void (this.replacing = false);
    if (end.lastedMs >= this.supervision.wellAfterMs) this.failures = 0;
    const delayMs = end.code === EXIT_OCCUPIED ? this.supervision.firstDelayMs : this.nextDelayMs();
    await this.pause(outOfMemory ? 'it took more memory than it may' : this.causeOf(end), delayMs);
  }

  private causeOf({ code, signal, status }: LifeEnd): string {
    if (status?.state === 'failed' && status.reason !== undefined) return status.reason;
    const how =
      signal !== undefined ? `killed by ${signal}` : code === undefined ? 'died' : `exited with status ${code}`;
    const words = lastWords(this.files.log);
    return words === '' ? how : `${how}; last words: ${words}`;
  }

  /** Nothing before the first restart; then longer each time. */
  private nextDelayMs(): number {
    const { firstDelayMs, maxDelayMs } = this.supervision;
    const times = this.failures++;
    return times === 0 ? 0 : Math.min(firstDelayMs * 2 ** (times - 1), maxDelayMs);
  }

  private async pause(cause: string, delayMs: number): Promise<void> {
    const often = this.failures > 1 ? ` (${this.failures} times in a row)` : '';
    const when = delayMs === 0 ? 'restarting' : `restarting in ${Math.round(delayMs / 100) / 10} s`;
    this.log.warn(`plugin died: ${cause}${often}; ${when}`);
    this.show(this.failures >= FAILED_AFTER ? 'failed' : 'degraded', `${cause}${often}; ${when}`);
    await sleep(delayMs, undefined, { signal: this.wake.signal }).catch(() => {});
  }

  private hear(status: RunStatus): void {
    if (this.replacing) return;
    this.said = status;
    const booting = status.state === 'discovered' || status.state === 'loaded' || status.state === 'configured';
    // While it comes back from a failure, the failure is what people need to see.
    if (!this.wanted && this.loop !== undefined) return;
    if (booting && this.failures > 0) this.onChange();
    else this.show(status.state, status.reason);
  }

  private show(state: PluginState, reason?: string): void {
    this.state = state;
    this.reason = reason;
    this.onChange();
  }

  private async findRunning(): Promise<{ process: ProcessId; status: RunStatus | undefined } | undefined> {
    const recorded = readRecord(this.files.record);
    for (const deadline = performance.now() + BOOT_MS; ; await sleep(50)) {
      const client = await ControlClient.open(this.launcher.controlSocket, 2_000);
      client?.close();
      const running = client && processOf(client.status.pid);
      if (client && running) return { process: running, status: client.status };
      if (recorded === undefined || !isAlive(recorded)) return undefined;
      if (performance.now() > deadline) return { process: recorded, status: undefined };
    }
  }

  private writeRecord(id: ProcessId): void {
    const { manifest } = this.spec;
    const { controlSocket } = this.launcher;
    const record: ProcessRecord = {
      id: manifest.id,
      version: manifest.version,
      pid: id.pid,
      startTime: id.startTime,
      controlSocket,
    };
    writeWhole(this.files.record, JSON.stringify(record));
  }
}

/** Undefined when there is none, or a torn one. */
export const readRecord = (file: string): ProcessRecord | undefined => readJsonFile(file) as ProcessRecord | undefined;
