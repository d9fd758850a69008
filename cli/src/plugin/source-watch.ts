import { watch, type FSWatcher } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { filesBelow } from './test-run.js';

/** Editors save in several steps. */
const QUIET_MS = 150;

/** By its name. Tests, and what is packed or built there, are none. */
export const isSource = (name: string): boolean =>
  /^[^.].*\.([cm]?[jt]sx?|json)$/.test(name) && !/\.test\.\w+$|^package-lock\.json$/.test(name);

/** Tells of saved sources below a directory: a burst of them once. */
export class SourceWatch {
  private readonly watchers = new Map<string, FSWatcher>();
  private saved = false;
  private wake = (): void => {};

  constructor(private readonly dir: string) {
    this.watchAll();
  }

  /** Resolves when something was saved since it resolved last, and for a moment nothing more; or upon the signal. */
  async next(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.wake();
    signal.addEventListener('abort', stop);
    while (!this.saved && !signal.aborted) await new Promise<void>((resolve) => (this.wake = resolve));
    while (this.saved && !signal.aborted) {
      this.saved = false;
      await sleep(QUIET_MS);
      if (!this.saved) break;
    }
    signal.removeEventListener('abort', stop);
    this.watchAll();
  }

  close(): void {
    for (const watcher of this.watchers.values()) watcher.close();
    this.watchers.clear();
  }

  /** One watcher for each directory: a recursive one would go into node_modules, and through its links. */
  private watchAll(): void {
    const dirs = new Set([this.dir, ...filesBelow(this.dir).map((file) => dirname(file))]);
    for (const [dir, watcher] of this.watchers) {
      if (dirs.has(dir)) continue;
      watcher.close();
      this.watchers.delete(dir);
    }
    for (const dir of dirs) if (!this.watchers.has(dir)) this.watchers.set(dir, this.watchOne(dir));
  }

  private watchOne(dir: string): FSWatcher {
    const watcher = watch(dir, (_, name) => {
      if (name === null || !isSource(basename(name))) return;
      this.saved = true;
      this.wake();
    });
    // The directory is gone: the next look at all of them leaves it out.
    return watcher.on('error', () => watcher.close());
  }
}
