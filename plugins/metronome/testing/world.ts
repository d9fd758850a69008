import { MezzoError, type PluginStore, type StoreEntry, type StoreWrite } from '@mezzo/sdk/contract';
import { FakeCluster, MemoryPluginStore, silentLog } from '@mezzo/sdk/testing';
import type { Command } from '../core/commands.js';
import type { Answer } from '../core/effects.js';
import { jobSchema, scheduleSchema } from '../core/job.js';
import type { Settings } from '../core/state.js';
import { startMetronome, type Metronome } from '../shell/metronome.js';

/** What becomes of a write: it lands; it is refused for now, landed or not; the process dies before or after it lands. */
export type Fate = 'lands' | 'refused' | 'doubtful' | 'diesBefore' | 'diesAfter';

/** The store as one process has it: nothing comes of what is asked after its death. */
class StoreOfOneLife implements PluginStore {
  dead = false;

  constructor(
    private readonly store: MemoryPluginStore,
    private readonly fateOf: (batch: readonly StoreWrite[]) => Fate,
    private readonly onDeath: () => void,
  ) {}

  get = (key: string): Promise<StoreEntry | undefined> => this.store.get(key);
  list = (prefix: string): Promise<StoreEntry[]> => this.store.list(prefix);

  async commit(batch: readonly StoreWrite[]): Promise<number> {
    if (this.dead) return new Promise(() => {});
    const fate = this.fateOf(batch);
    const version = fate === 'refused' || fate === 'diesBefore' ? 0 : await this.store.commit(batch);
    if (fate === 'lands') return version;
    if (fate === 'refused' || fate === 'doubtful')
      throw new MezzoError('STORE_UNAVAILABLE', 'away', { blame: 'environment', retryable: true });
    this.dead = true;
    this.onDeath();
    return new Promise(() => {});
  }
}

/** Metronome on a cluster in memory and in virtual time, which may die and come back. */
export class World {
  readonly cluster = new FakeCluster();
  readonly store = new MemoryPluginStore();
  fateOf: (batch: readonly StoreWrite[]) => Fate = () => 'lands';
  deaths = 0;
  /** How far the clock on the wall is from true time. */
  skewMs = 0;
  private life: StoreOfOneLife | undefined;
  private metronome: Metronome | undefined;

  constructor(private readonly settings: Partial<Settings> = {}) {
    this.cluster.addAgent({ cpus: 1000, mem: 1_000_000 });
  }

  get time() {
    return this.cluster.time;
  }

  get live(): Metronome {
    if (this.metronome === undefined) throw new Error('it is not running');
    return this.metronome;
  }

  get running(): boolean {
    return this.metronome !== undefined;
  }

  async start(): Promise<void> {
    const life = new StoreOfOneLife(
      this.store,
      (batch) => this.fateOf(batch),
      () => this.die(life),
    );
    this.life = life;
    const metronome = await startMetronome({
      scheduler: this.cluster,
      store: life,
      log: silentLog,
      role: '*',
      clock: { now: () => this.time.now() + this.skewMs, after: (ms, fire) => this.time.after(ms, fire) },
      settings: this.settings,
      onFatal: (error) => {
        throw error;
      },
    });
    if (life.dead) return metronome.dispose();
    this.metronome = metronome;
    await this.time.settle();
  }

  /** At once, in the middle of whatever it does. */
  die(life = this.life): void {
    if (life !== this.life || this.life === undefined) return;
    this.life.dead = true;
    this.life = undefined;
    this.deaths += 1;
    void this.metronome?.dispose();
    this.metronome = undefined;
  }

  async ask(command: Command): Promise<Answer> {
    const answer = this.live.engine.ask(command);
    await this.time.advance(0);
    return answer;
  }

  /** With Metronome's defaults. */
  createJob(job: Record<string, unknown>): Promise<Answer> {
    return this.ask({ kind: 'createJob', job: jobSchema.parse({ run: { cmd: 'true' }, ...job }) });
  }

  createSchedule(jobId: string, schedule: Record<string, unknown>): Promise<Answer> {
    return this.ask({ kind: 'createSchedule', jobId, schedule: scheduleSchema.parse({ id: 'default', ...schedule }) });
  }

  summaryOf(jobId: string) {
    return this.live.engine.state.jobs.get(jobId)?.summary;
  }

  /** Launches of a job: when each run was due. */
  dues(jobId: string): string[] {
    return this.launchesOf(jobId).map(({ info }) => env(info.command?.environment?.variables, 'METRONOME_RUN_DUE'));
  }

  runsOf(jobId: string): string[] {
    return this.launchesOf(jobId).map(({ info }) => env(info.command?.environment?.variables, 'METRONOME_RUN_ID'));
  }

  launchesOf(jobId: string) {
    return this.cluster.launched.filter(({ info }) => info.name === jobId);
  }

  /** Tasks of a job that live. */
  tasksOf(jobId: string): string[] {
    return [...this.cluster.tasks.values()].filter(({ info }) => info.name === jobId).map(({ id }) => id);
  }

  /** From now on tasks end by themselves after so long. */
  endTasksAfter(ms: number): void {
    this.cluster.onLaunch = ({ id }) => {
      this.cluster.setState(id, 'TASK_RUNNING');
      this.time.after(ms, () => this.cluster.finish(id));
    };
  }
}

const env = (variables: readonly { name: string; value?: string }[] | undefined, name: string): string =>
  variables?.find((each) => each.name === name)?.value ?? '';
