import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, type Logger } from '@mezzo/sdk/contract';
import { maxSandboxAgeMs } from '../../core/agent/gc.js';
import type { Clock } from '../../ports/clock.js';
import { removeSandbox } from './sandbox.js';

export interface SandboxGcOptions {
  readonly workDir: string;
  readonly gcDelayMs: number;
  /** Part of the disk that should stay free: 0.1 is a tenth. */
  readonly headroom: number;
  readonly intervalMs: number;
}

/** Removes the sandboxes of ended runs: after the delay, and earlier as the disk fills. */
export class SandboxGc {
  private cancel: (() => void) | undefined;
  private running = Promise.resolve();
  private stopped = false;
  removed = 0;
  failed = 0;
  /** As of the last sweep. */
  maxAgeMs: number;

  constructor(
    private readonly options: SandboxGcOptions,
    private readonly clock: Clock,
    private readonly log: Logger,
    /** Names (container ids) of sandboxes in use. */
    private readonly isLive: (containerId: string) => boolean,
  ) {
    this.maxAgeMs = options.gcDelayMs;
  }

  start(): void {
    this.cancel = this.clock.after(this.options.intervalMs, () => {
      this.running = this.sweep()
        .catch((error: unknown) => this.log.warn('could not clean up sandboxes', { reason: messageOf(error) }))
        .then(() => (this.stopped ? undefined : this.start()));
    });
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.cancel?.();
    await this.running;
  }

  async sweep(): Promise<void> {
    const { gcDelayMs, headroom, workDir } = this.options;
    const { blocks, bavail } = await statfs(workDir);
    this.maxAgeMs = maxSandboxAgeMs(gcDelayMs, headroom, blocks === 0 ? 0 : 1 - bavail / blocks);
    for (const runs of await runDirectories(workDir)) {
      for (const name of await children(runs)) {
        if (this.stopped) return;
        if (name !== 'latest' && !this.isLive(name)) await this.removeIfOlder(join(runs, name));
      }
    }
  }

  private async removeIfOlder(directory: string): Promise<void> {
    const { mtimeMs } = await stat(directory).catch(() => ({ mtimeMs: Infinity }));
    if (this.clock.nowMs() - mtimeMs < this.maxAgeMs) return;
    try {
      await removeSandbox(directory);
      this.removed += 1;
    } catch (error) {
      this.failed += 1;
      this.log.warn('could not remove a sandbox', { directory, reason: messageOf(error) });
    }
  }
}

/** Every slaves/<agent>/frameworks/<framework>/executors/<executor>/runs. */
async function runDirectories(workDir: string): Promise<string[]> {
  let level = [join(workDir, 'slaves')];
  for (const below of ['frameworks', 'executors', 'runs']) {
    const next: string[] = [];
    for (const directory of level)
      for (const name of await children(directory)) next.push(join(directory, name, below));
    level = next;
  }
  return level;
}

const children = (directory: string): Promise<string[]> => readdir(directory).catch(() => []);
