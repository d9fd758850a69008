import { randomInt } from 'node:crypto';
import type { Logger, PluginStore, StoreEntry } from '@mezzo/sdk/contract';
import {
  Framework,
  StoreWriter,
  systemClock,
  type Clock,
  type FrameworkOptions,
  type SchedulerClientFactory,
} from '@mezzo/sdk/framework';
import { RECORD_KINDS, recover } from '../core/records.js';
import { createState, type Settings } from '../core/state.js';
import { Engine, type Outward } from './engine.js';
import { Launcher } from './launcher.js';

export interface MetronomeOptions extends Pick<FrameworkOptions, 'onState' | 'webuiUrl' | 'hostname'> {
  readonly scheduler: SchedulerClientFactory;
  readonly store: PluginStore;
  readonly log: Logger;
  readonly role: string;
  readonly settings?: Partial<Settings>;
  readonly clock?: Clock;
  /** Its books cannot be trusted any more: the process must end. What is stored is enough for the next one. */
  readonly onFatal: (error: unknown) => void;
}

export interface Metronome {
  readonly engine: Engine;
  readonly framework: Framework;
  dispose(): Promise<void>;
}

/** Schedules mean what the clock on the wall shows, also after it was set. */
const wallClock: Clock = { now: () => Date.now(), after: systemClock.after };
/** Beside active runs there are those that have ended and are about to be forgotten. */
const SPARE_TASKS = 1000;

/** Reads what is stored, makes up for what was missed, and goes on. */
export async function startMetronome(options: MetronomeOptions): Promise<Metronome> {
  const { store, log, clock = wallClock, onFatal } = options;
  const state = createState(options.settings);
  recover(state, await readAll(store));
  const writer = new StoreWriter(store, log, onFatal, clock);
  const launcher: Launcher = new Launcher({
    framework: () => framework,
    clock,
    log,
    changed: (key, change) => engine.dispatch({ type: 'taskChanged', key, change }),
  });
  const engine = new Engine(state, writer, (effect) => carryOut(effect, launcher, log), clock);
  const framework = await Framework.start({
    ...options,
    name: 'metronome',
    roles: [options.role],
    clock,
    capabilities: ['GPU_RESOURCES', 'REGION_AWARE'],
    whenRemoved: 'startAnew',
    maxTasks: state.settings.maxActiveRuns + SPARE_TASKS,
    onTask: (event) => launcher.onTask(event),
  });
  void framework.ended.then((error) => error && onFatal(error));
  engine.dispatch({ type: 'started', seed: randomInt(2 ** 32), keys: launcher.keys });
  const dispose = async () => {
    engine.dispose();
    launcher.dispose();
    writer.dispose();
    await framework.close();
  };
  return { engine, framework, dispose };
}

function carryOut(effect: Outward, launcher: Launcher, log: Logger): void {
  switch (effect.type) {
    case 'want':
      return launcher.want(effect.key, effect.run);
    case 'drop':
      return launcher.drop(effect.key);
    case 'warn':
      return log.warn(effect.message, effect.fields);
  }
}

/** Kind by kind: an answer of the store is bounded. */
async function readAll(store: PluginStore): Promise<StoreEntry[]> {
  const kinds = await Promise.all(RECORD_KINDS.map((kind) => store.list(kind)));
  return kinds.flat();
}
