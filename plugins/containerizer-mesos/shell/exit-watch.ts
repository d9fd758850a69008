import { watch, type FSWatcher } from 'node:fs';

const SWEEP_MS = 1_000;

/**
 * Says at once when a file in a directory was written, and calls `sweep` every second for what the kernel did not tell: a shim that
 * was killed, a lost notification, a machine out of inotify watches.
 */
export class ExitWatch {
  private watcher: FSWatcher | undefined;
  private readonly timer: NodeJS.Timeout;

  constructor(dir: string, onWritten: (name: string) => void, sweep: () => Promise<void>) {
    try {
      this.watcher = watch(dir, { persistent: false }, (kind, name) => {
        // 'rename' is the file's creation, with nothing in it.
        if (kind === 'change' && name !== null) onWritten(name);
      });
      this.watcher.on('error', () => {});
    } catch {
      this.watcher = undefined;
    }
    let busy = false;
    this.timer = setInterval(() => {
      if (busy) return;
      busy = true;
      void sweep().finally(() => (busy = false));
    }, SWEEP_MS).unref();
  }

  close(): void {
    this.watcher?.close();
    clearInterval(this.timer);
  }
}
