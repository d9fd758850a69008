import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, type Logger, type PluginManifest, type PluginState, type PluginStatus } from '@mezzo/sdk/contract';
import { EXIT_OCCUPIED, EXIT_SKIPPED, type RunSpec, type RunStatus } from '@mezzo/sdk/runtime';
import { evict, Life, whoIsAt, type LifeEnd } from './life.js';
import { lastWords } from './log-file.js';
import { isAlive, type ProcessId } from './process.js';
import { Successor } from './successor.js';
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
const REASON_CHARS = 2_000;
/** So many deaths in a row are not bad luck any more. */
const FAILED_AFTER = 3;
/** A runner that was started just before its host died may not listen yet. */
const BOOT_MS = 3_000;
/** Longer than a process may take to end what it has begun. */
const LEAVES_WITHIN_MS = 90_000;

export interface OwnPluginFiles {
  /** Who runs, for the next host. */
  readonly record: string;
  readonly log: string;
}

/** A process has one of two control sockets, and the one that takes over from it the other. */
export type Seat = 0 | 1;

/** How its processes come to be, and where they listen. */
export interface Launcher {
  /** By seat, as we see them. */
  readonly controlSockets: readonly string[];
  /** An argument that all of its processes have. */
  readonly mark: string;
  /** Why it is not kept apart from others; undefined: it is. */
  readonly lack: string | undefined;
  start(seat: Seat): Promise<ChildProcess | ProcessId>;
  /** Its sockets are open whoever runs: two processes may serve at once. */
  keepsSockets(): boolean;
  /** Nobody listens for it any more. */
  release(): Promise<void>;
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
  private seat: Seat = 0;
  /** What the process runs, when that is not what is wanted: what it was told at its start, until another has taken over. */
  private runs: RunSpec | undefined;
  private successor: Successor | undefined;
  /** Until another process has taken over, or that is not to be any more. */
  private handing: Promise<void> | undefined;
  /** Ends what it has begun, while another serves in its place. */
  private leaving: Life | undefined;
  private taken = signal();
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
    const { process, status, seat } = found;
    const { controlSockets } = this.launcher;
    if (status?.digest === this.spec.digest) {
      this.replacing = false;
      this.seat = seat;
      this.life = this.follow((onStatus) => Life.adopted(process, controlSockets[seat]!, onStatus));
      this.hear(status);
      this.writeRecord(process);
      this.log.info('plugin runs already: adopted', { pid: process.pid });
    } else {
      this.log.info('plugin runs already, but not as it should: replaced', { pid: process.pid });
      await Life.adopted(process, controlSockets[seat]!, () => {}).stop(this.supervision.stopGraceMs);
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
    const { stopGraceMs } = this.supervision;
    await Promise.all([this.successor?.abandon(), this.leaving?.stop(stopGraceMs), this.life?.stop(stopGraceMs)]);
    await this.handing;
    await this.loop;
    // It may have been adopted in the meantime.
    await this.life?.stop(stopGraceMs);
    await this.launcher.clean();
    await this.launcher.release();
    this.life = this.runs = undefined;
    removeFile(this.files.record);
    this.show('stopped', reason);
  }

  /**
   * Another version or configuration. Where its sockets are kept, its process takes over from the one that serves as soon as it is well, and while it does not
   * become well that one serves on. Elsewhere the process is exchanged. Neither counts as a failure.
   */
  async replace(spec: RunSpec, launcher: Launcher): Promise<void> {
    if (spec.digest === this.spec.digest) return;
    if (this.life !== undefined) this.runs ??= this.spec;
    this.spec = spec;
    this.launcher = launcher;
    this.failures = 0;
    this.wake.abort();
    await this.successor?.abandon();
    if (this.handing !== undefined) return;
    if (this.isBack()) return this.goOn();
    if (this.mayHandOver()) this.handing = this.handOver().finally(() => (this.handing = undefined));
    else await this.exchange();
  }

  /** Lets it run on without us, for the next host to adopt. */
  detach(): void {
    this.detached = true;
    this.wanted = false;
    this.wake.abort();
    for (const one of [this.life, this.successor, this.leaving]) one?.detach();
  }

  private async supervise(): Promise<void> {
    while (this.wanted) {
      this.wake = new AbortController();
      await this.adopt();
      if (!this.wanted) return;
      const life = this.life ?? (await this.spawn());
      if (!this.wanted) await life?.stop(this.supervision.stopGraceMs);
      const end = await Promise.race([life?.ended, this.taken.heard]);
      if (this.detached) return;
      this.wake.abort();
      await this.handing;
      if (this.life !== life) continue;
      const outOfMemory = await this.launcher.clean();
      this.life = this.runs = this.said = undefined;
      this.onChange();
      if (end) await this.afterDeath(end, outOfMemory);
      else await this.pause('the process cannot be started', this.nextDelayMs());
    }
  }

  private async spawn(): Promise<Life | undefined> {
    const { launcher, spec, seat } = this;
    this.replacing = false;
    if (this.failures === 0) this.show('discovered');
    try {
      this.life = await this.launch(launcher, seat);
      this.writeRecord(this.life.process);
      if (this.detached) this.life.detach();
      // It was changed while the process came to be.
      else if (this.spec !== spec) await this.exchange();
    } catch (error) {
      this.log.error(`plugin cannot be started: ${messageOf(error)}`);
    }
    return this.life;
  }

  private async launch(launcher: Launcher, seat: Seat, heard?: (status: RunStatus) => void): Promise<Life> {
    const started = await launcher.start(seat);
    return this.follow((onStatus) => Life.started(started, launcher.controlSockets[seat]!, onStatus), heard);
  }

  /** What a process says counts from when it is the one that serves. */
  private follow(of: (onStatus: (status: RunStatus) => void) => Life, heard?: (status: RunStatus) => void): Life {
    const life: Life = of((status) => {
      heard?.(status);
      if (this.life === life) this.hear(status);
    });
    return life;
  }

  private async exchange(): Promise<void> {
    this.runs = undefined;
    this.replacing = this.life !== undefined;
    if (this.replacing) this.show('discovered');
    await this.life?.stop(this.supervision.stopGraceMs);
  }

  /** What runs is what is wanted again. */
  private isBack(): boolean {
    return this.life !== undefined && this.runs?.digest === this.spec.digest;
  }

  private goOn(): void {
    this.runs = undefined;
    this.failures = 0;
    if (this.said !== undefined) this.show(this.said.state, this.said.reason);
  }

  private mayHandOver(): boolean {
    const { life, runs, spec, said, launcher } = this;
    if (life === undefined || runs === undefined || !this.wanted || !isAlive(life.process)) return false;
    if (said?.state !== 'active' && said?.state !== 'degraded') return false;
    return JSON.stringify(runs.listeners) === JSON.stringify(spec.listeners) && launcher.keepsSockets();
  }

  private async handOver(): Promise<void> {
    while (!this.isBack() && this.mayHandOver()) {
      const { spec, launcher } = this;
      const [seat, graceMs] = [(1 - this.seat) as Seat, this.supervision.stopGraceMs];
      this.wake = new AbortController();
      if (this.failures === 0) this.show('discovered');
      this.successor = new Successor(
        () => evict(launcher.controlSockets[seat]!, launcher.mark, graceMs),
        (heard) => this.launch(launcher, seat, heard),
        graceMs,
      );
      const outcome = await this.successor.run();
      this.successor = undefined;
      if (this.detached) return;
      const isWanted = this.wanted && this.spec === spec;
      if ('life' in outcome) {
        if (isWanted) return this.takeOver(outcome.life, seat);
        await outcome.life.stop(graceMs);
      } else if (isWanted) {
        if (outcome.skipped) break;
        await this.pause(`${outcome.failure}; version ${this.runs?.manifest.version} serves on`, this.nextDelayMs());
      }
    }
    if (!this.wanted || this.life === undefined) return;
    if (this.isBack()) this.goOn();
    else if (isAlive(this.life.process)) await this.exchange();
  }

  private takeOver(life: Life, seat: Seat): void {
    const before = this.life;
    this.life = life;
    this.seat = seat;
    this.runs = undefined;
    this.failures = 0;
    this.writeRecord(life.process);
    this.handing = undefined;
    if (life.status !== undefined) this.hear(life.status);
    this.leaving = before;
    void before?.stop(LEAVES_WITHIN_MS, 'drain').then(() => {
      if (this.leaving === before) this.leaving = undefined;
    });
    this.log.info('another process has taken over', { pid: life.process.pid, before: before?.process.pid });
    this.taken.tell();
    this.taken = signal();
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
    // Another is about to take over: what becomes of that one is shown.
    if (this.handing !== undefined) return this.onChange();
    const booting = status.state === 'discovered' || status.state === 'loaded' || status.state === 'configured';
    // While it comes back from a failure, the failure is what people need to see.
    if (!this.wanted && this.loop !== undefined) return;
    if (booting && this.failures > 0) this.onChange();
    else this.show(status.state, status.reason);
  }

  private show(state: PluginState, reason?: string): void {
    this.state = state;
    this.reason = reason?.slice(0, REASON_CHARS);
    this.onChange();
  }

  private async findRunning(): Promise<{ process: ProcessId; status: RunStatus | undefined; seat: Seat } | undefined> {
    const { controlSockets, mark } = this.launcher;
    const recorded = readRecord(this.files.record);
    const seat: Seat = recorded?.controlSocket === controlSockets[1] ? 1 : 0;
    const other = (1 - seat) as Seat;
    for (const deadline = performance.now() + BOOT_MS; ; await sleep(50)) {
      const found = await whoIsAt(controlSockets[seat]!, mark);
      const beside = await whoIsAt(controlSockets[other]!, mark);
      const leaves = beside?.status.state === 'stopping';
      // One that was to take over, of which nobody knows any more.
      if (found !== undefined && beside !== undefined && !leaves)
        await evict(controlSockets[other]!, mark, this.supervision.stopGraceMs);
      if (found !== undefined) return { ...found, seat };
      if (beside !== undefined && !leaves) return { ...beside, seat: other };
      if (recorded === undefined || !isAlive(recorded)) return undefined;
      if (performance.now() > deadline) return { process: recorded, status: undefined, seat };
    }
  }

  private writeRecord(id: ProcessId): void {
    const { manifest } = this.spec;
    const controlSocket = this.launcher.controlSockets[this.seat]!;
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

function signal(): { readonly heard: Promise<undefined>; tell(): void } {
  let tell = (): void => {};
  const heard = new Promise<undefined>((resolve) => (tell = () => resolve(undefined)));
  return { heard, tell };
}

/** Undefined when there is none, or a torn one. */
export const readRecord = (file: string): ProcessRecord | undefined => readJsonFile(file) as ProcessRecord | undefined;
