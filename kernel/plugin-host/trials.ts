import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { messageOf, type Logger } from '@mezzo/sdk/contract';
import { entryOf, packageOf, type PluginPackage } from './registry.js';
import { configDigest } from './wanted.js';
import { readJsonFile, removeFile, writeWhole } from './whole-file.js';

/** So often a daemon may end while it loads a plugin for the first time; somebody may have killed it just then. */
const ATTEMPTS = 2;
/** A daemon that is held up for so long by a plugin that it loads for the first time is ended. */
const BLOCKED_MS = 10_000;
/** Having lived so long with a plugin, the daemon has stood it. */
export const STOOD_AFTER_MS = 5_000;

/** A version with the configuration that operators gave it: either can end a daemon. */
export interface Choice {
  readonly pkg: PluginPackage;
  readonly given: Readonly<Record<string, unknown>>;
}

/**
 * Plugins that are loaded into a daemon can end it. One whose daemon ended while it was loaded for the first time is left alone at the
 * next start, and the one that was there before takes its place: an agent has to come back to its tasks.
 */
export class Trials {
  private readonly stood: Map<string, Choice>;
  private onTrial: readonly Choice[] = [];
  private endTrial = (): void => {};

  constructor(
    private readonly dir: string,
    private readonly log: Logger,
  ) {
    const known = Object.values(Object(readJsonFile(this.goodFile)) as Record<string, unknown>);
    this.stood = new Map(
      known.flatMap((entry) => {
        const pkg = packageOf(dir, entry, false, log);
        const { given } = Object(entry) as Partial<Choice>;
        return pkg === undefined ? [] : [[pkg.manifest.id, { pkg, given: Object(given) as Choice['given'] }]];
      }),
    );
  }

  /** What to load in the place of one that ended the daemon; `refused` says so. Shipped ones have no trial. */
  choose(wanted: Choice): { readonly load: Choice | undefined; readonly refused: boolean } {
    if (this.hasStood(wanted) || this.attemptsOf(wanted) < ATTEMPTS) return { load: wanted, refused: false };
    return { load: this.stood.get(wanted.pkg.manifest.id), refused: true };
  }

  /** Before they are loaded: whoever ends the daemon now is known afterwards. Call `stand` when it has lived on. */
  begin(chosen: readonly Choice[]): void {
    const trials = chosen.filter((choice) => !this.hasStood(choice));
    if (trials.length === 0) return;
    for (const choice of trials)
      writeWhole(
        this.attemptFile(choice),
        JSON.stringify({ of: keyOf(choice), attempts: this.attemptsOf(choice) + 1 }),
      );
    this.onTrial = trials;
    const watchdog = watchThisThread();
    const timer = setTimeout(() => this.stand(), STOOD_AFTER_MS);
    timer.unref();
    this.endTrial = () => {
      clearTimeout(timer);
      void watchdog.terminate();
      for (const choice of trials) removeFile(this.attemptFile(choice));
      this.onTrial = [];
    };
  }

  /** The daemon is stopped in order, which is no plugin's fault. */
  forgive(): void {
    this.endTrial();
  }

  private stand(): void {
    for (const choice of this.onTrial) this.stood.set(choice.pkg.manifest.id, choice);
    this.endTrial();
    const entries = [...this.stood].map(([id, { pkg, given }]) => [id, { ...entryOf(pkg), given }]);
    try {
      writeWhole(this.goodFile, JSON.stringify(Object.fromEntries(entries)));
    } catch (error) {
      this.log.error('which plugins the daemon has stood is not remembered', { reason: messageOf(error) });
    }
  }

  /** Packages that may still be needed. */
  kept(): PluginPackage[] {
    return [...this.stood.values()].map(({ pkg }) => pkg);
  }

  private hasStood(choice: Choice): boolean {
    const before = this.stood.get(choice.pkg.manifest.id);
    return choice.pkg.builtIn || (before !== undefined && keyOf(before) === keyOf(choice));
  }

  private attemptsOf(choice: Choice): number {
    const { of, attempts } = Object(readJsonFile(this.attemptFile(choice))) as { of?: string; attempts?: number };
    return of === keyOf(choice) ? Number(attempts) || 0 : 0;
  }

  private attemptFile({ pkg }: Choice): string {
    return join(this.dir, `${pkg.manifest.id}.attempt`);
  }

  private get goodFile(): string {
    return join(this.dir, 'stood.json');
  }
}

export const keyOf = ({ pkg, given }: Choice): string => `${pkg.integrity} ${configDigest(given)}`;

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
