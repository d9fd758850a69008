import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

const AGAIN_AFTER_MS = 500;

/** A process that is started again whenever it ends, as a service manager does it. */
export class Kept {
  starts = 0;
  private child: ChildProcess;
  private again: NodeJS.Timeout | undefined;
  private isOver = false;

  constructor(private readonly start: () => ChildProcess) {
    this.child = this.run();
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** For good. */
  async stop(signal: NodeJS.Signals): Promise<void> {
    this.isOver = true;
    clearTimeout(this.again);
    const { child } = this;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGCONT');
    child.kill(signal);
    const force = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(force);
  }

  private run(): ChildProcess {
    this.starts++;
    const child = this.start();
    child.once('exit', () => {
      if (!this.isOver) this.again = setTimeout(() => (this.child = this.run()), AGAIN_AFTER_MS);
    });
    return child;
  }
}
