import type { Command } from '../../plugins/marathon/core/commands/command.js';
import { STEADY } from './marathon-node.js';
import type { World } from './world.js';

const APPS = ['/one', '/group/two'];
const PATIENCE_MS = 30_000;
const RESOURCES = { cpus: 0.05, mem: 32, cmd: 'sleep' };
const STEADY_INSTANCES = 2;

/** Puts, restarts and removes apps, one wish at a time, and remembers what it was told is done. */
export class MarathonUser {
  /** Instances of each app, as was answered last. */
  private readonly wanted = new Map<string, number>();
  private asking = false;

  constructor(private readonly world: World) {}

  start(): void {
    this.insist(put(STEADY, STEADY_INSTANCES), () => this.wanted.set(STEADY, STEADY_INSTANCES));
    this.goOn();
  }

  private goOn(): void {
    const { time } = this.world;
    time.after(time.random.between(5000, 120_000), () => {
      if (this.world.calm) return this.settle();
      if (!this.asking) this.someWish();
      this.goOn();
    });
  }

  private someWish(): void {
    const { random } = this.world.time;
    const id = random.pick(APPS);
    const instances = random.between(0, 3);
    const isThere = (this.wanted.get(id) ?? 0) > 0;
    if (isThere && random.chance(0.2)) this.ask({ kind: 'restartApp', id, force: true }, () => undefined);
    else if (isThere && random.chance(0.2))
      this.ask({ kind: 'removeApp', id, force: true }, () => this.wanted.set(id, 0));
    else this.ask(put(id, instances), () => this.wanted.set(id, instances));
  }

  /** So that nothing is left open: what was answered counts. */
  private settle(): void {
    if (this.asking) return void this.world.time.after(PATIENCE_MS, () => this.settle());
    const [id] = APPS.filter((app) => !this.wanted.has(app) || this.open.has(app));
    if (id === undefined) return;
    const instances = this.world.time.random.between(1, 3);
    this.ask(put(id, instances), () => this.wanted.set(id, instances));
    this.world.time.after(PATIENCE_MS, () => this.settle());
  }

  /** Apps of which a wish was never answered. */
  private readonly open = new Set<string>();

  private ask(command: Command & { id?: string }, done: () => void): void {
    const id = idOf(command);
    this.asking = true;
    if (command.kind !== 'restartApp') this.open.add(id);
    let isOver = false;
    this.world.marathon?.ask(command, ({ status }) => {
      if (isOver) return;
      isOver = true;
      this.asking = false;
      if (status < 300) done();
      // What was not answered may be done or not: only what says how many there are to be settles that.
      if (status < 300 && command.kind !== 'restartApp') this.open.delete(id);
    });
    this.world.time.after(PATIENCE_MS, () => {
      if (!isOver) this.asking = false;
      isOver = true;
    });
  }

  private insist(command: Command, done: () => void): void {
    let isDone = false;
    const again = () => {
      if (isDone) return;
      if (!this.asking)
        this.ask(command, () => {
          isDone = true;
          done();
        });
      this.world.time.after(PATIENCE_MS + 1000, again);
    };
    again();
  }

  /** What was said to be done is so: each app has its tasks, and no other task of Marathon's runs. */
  *audit(): Generator<string> {
    const { marathon, agents } = this.world;
    const { state } = marathon ?? {};
    if (state === undefined) return yield 'marathon does not run';
    if (state.phase !== 'acting') yield `marathon is ${state.phase}`;
    for (const id of [STEADY, ...APPS]) if (!this.wanted.has(id)) yield `marathon was never persuaded to run ${id}`;
    if (this.open.size > 0) yield `marathon was asked about ${[...this.open].join(', ')} and never answered`;
    const counts = new Map<string, number>();
    for (const { state: agent, host } of agents)
      for (const run of agent?.runs.values() ?? [])
        for (const taskId of run.frameworkId === state.frameworkId ? run.tasks.keys() : [])
          if (host.containers.get(run.containerId)?.running) {
            const app = `/${taskId.split('.')[0]!.replaceAll('_', '/')}`;
            counts.set(app, (counts.get(app) ?? 0) + 1);
          }
    for (const [id, instances] of this.wanted) {
      if ((state.apps.get(id)?.definition.instances ?? 0) !== instances)
        yield `marathon wants ${state.apps.get(id)?.definition.instances} instances of ${id}, and ${instances} was promised`;
      if ((counts.get(id) ?? 0) !== instances)
        yield `${counts.get(id) ?? 0} tasks of ${id} run, and ${instances} was promised`;
    }
    for (const [id, count] of counts) if (!this.wanted.has(id)) yield `${count} tasks of ${id} run, which nobody wants`;
  }
}

const idOf = (command: Command): string =>
  command.kind === 'updateApps' ? command.updates[0]!.id! : 'id' in command ? command.id : '';

const put = (id: string, instances: number): Command => ({
  kind: 'updateApps',
  updates: [{ ...RESOURCES, id, instances }],
  force: true,
  partial: true,
  mustExist: false,
  single: true,
});
