import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { messageOf, type Logger } from '@mezzo/sdk/contract';
import { entryOf, packageOf, type PluginPackage } from './registry.js';
import { readJsonFile, removeFile, writeWhole } from './whole-file.js';

/** So often a daemon may end while it loads a plugin for the first time; somebody may have killed it just then. */
const ATTEMPTS = 2;
/** A daemon that is held up for so long by a plugin that it loads for the first time is ended. */
const BLOCKED_MS = 10_000;
/** Having lived so long with a plugin, the daemon has stood it. */
export const STOOD_AFTER_MS = 5_000;

/**
 * Plugins that are loaded into a daemon can end it. One whose daemon ended while it was loaded for the first time is left alone at the
 * next start, and the one that was there before takes its place: an agent has to come back to its tasks.
 */
export class Trials {
  private readonly stood: Map<string, PluginPackage>;
  private onTrial: readonly PluginPackage[] = [];
  private endTrial = (): void => {};

  constructor(
    private readonly dir: string,
    private readonly log: Logger,
  ) {
    const known = Object.values(Object(readJsonFile(this.goodFile)) as Record<string, unknown>);
    const packages = known.flatMap((entry) => packageOf(dir, entry, false, log) ?? []);
    this.stood = new Map(packages.map((pkg) => [pkg.manifest.id, pkg]));
  }

  /** What to load in the place of one that ended the daemon; `refused` says so. Shipped ones have no trial. */
  choose(pkg: PluginPackage): { readonly load: PluginPackage | undefined; readonly refused: boolean } {
    const { id } = pkg.manifest;
    if (this.hasStood(pkg) || this.attemptsOf(pkg) < ATTEMPTS) return { load: pkg, refused: false };
    return { load: this.stood.get(id), refused: true };
  }

  /** Before they are loaded: whoever ends the daemon now is known afterwards. Call `stand` when it has lived on. */
  begin(packages: readonly PluginPackage[]): void {
    const trials = packages.filter((pkg) => !this.hasStood(pkg));
    if (trials.length === 0) return;
    for (const pkg of trials)
      writeWhole(
        this.attemptFile(pkg),
        JSON.stringify({ integrity: pkg.integrity, attempts: this.attemptsOf(pkg) + 1 }),
      );
    this.onTrial = trials;
    const watchdog = watchThisThread();
    const timer = setTimeout(() => this.stand(), STOOD_AFTER_MS);
    timer.unref();
    this.endTrial = () => {
      clearTimeout(timer);
      void watchdog.terminate();
      for (const pkg of trials) removeFile(this.attemptFile(pkg));
      this.onTrial = [];
    };
  }

  /** The daemon is stopped in order, which is no plugin's fault. */
  forgive(): void {
    this.endTrial();
  }

  private stand(): void {
    for (const pkg of this.onTrial) this.stood.set(pkg.manifest.id, pkg);
    this.endTrial();
    const entries = [...this.stood].map(([id, pkg]) => [id, entryOf(pkg)]);
    try {
      writeWhole(this.goodFile, JSON.stringify(Object.fromEntries(entries)));
    } catch (error) {
      this.log.error('which plugins the daemon has stood is not remembered', { reason: messageOf(error) });
    }
  }

  /** Packages that may still be needed. */
  kept(): PluginPackage[] {
    return [...this.stood.values()];
  }

  private hasStood({ manifest, integrity, builtIn }: PluginPackage): boolean {
    return builtIn || this.stood.get(manifest.id)?.integrity === integrity;
  }

  private attemptsOf(pkg: PluginPackage): number {
    const { integrity, attempts } = Object(readJsonFile(this.attemptFile(pkg))) as {
      integrity?: string;
      attempts?: number;
    };
    return integrity === pkg.integrity ? Number(attempts) || 0 : 0;
  }

  private attemptFile({ manifest }: PluginPackage): string {
    return join(this.dir, `${manifest.id}.attempt`);
  }

  private get goodFile(): string {
    return join(this.dir, 'stood.json');
  }
}

/** Ends this process when its main thread takes no turn for too long. */
function watchThisThread(): Worker {
  const beats = new Int32Array(new SharedArrayBuffer(4));
  const watch = `
    const { workerData: beats } = require('node:worker_threads');
    let last = 0;
    setInterval(() => {
      const now = Atomics.load(beats, 0);
      if (now === last) process.kill(process.pid, 'SIGKILL');
      last = now;
    }, ${BLOCKED_MS});`;
  const beat = setInterval(() => Atomics.add(beats, 0, 1), 1_000);
  beat.unref();
  const worker = new Worker(watch, { eval: true, workerData: beats });
  worker.unref();
  worker.on('exit', () => clearInterval(beat)).on('error', () => clearInterval(beat));
  return worker;
}
