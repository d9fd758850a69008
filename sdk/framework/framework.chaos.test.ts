import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SchedulerCall, TaskStatus } from '../api/messages.js';
import { isTerminal } from '../contract/task-states.js';
import { FakeCluster, MemoryPluginStore, type FakeTask } from '../testing/index.js';
import type { Entry } from './core/state.js';
import { Framework, type TaskHandle } from './index.js';

/** Everything at once, in any order, with crashes in between: each task wanted runs to its end once, never twice at a time. */

const KEYS = ['a', 'b', 'c', 'd', 'e'];
const pick = fc.nat({ max: 1000 });

type Action =
  | { do: 'run' | 'stop'; key: string }
  | { do: 'finish' | 'fail' | 'move' | 'lose' | 'return' | 'remove'; pick: number }
  | { do: 'crash' | 'failOver' | 'disconnect' | 'leave' | 'lead' | 'banish' }
  | { do: 'store'; outage: 'none' | 'before' | 'after' }
  | { do: 'updates'; copies: number[] }
  | { do: 'calls'; arrives: boolean[] }
  | { do: 'wait'; ms: number };

const as = <const T extends string>(...names: T[]) => fc.constantFrom(...names);
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: as('run'), key: fc.constantFrom(...KEYS) }) },
  { weight: 1, arbitrary: fc.record({ do: as('stop'), key: fc.constantFrom(...KEYS) }) },
  { weight: 5, arbitrary: fc.record({ do: as('finish', 'fail', 'move', 'lose', 'return', 'remove'), pick }) },
  { weight: 3, arbitrary: fc.record({ do: as('crash', 'failOver', 'disconnect', 'leave', 'lead', 'banish') }) },
  { weight: 2, arbitrary: fc.record({ do: as('store'), outage: as('none', 'before', 'after') }) },
  { weight: 2, arbitrary: fc.record({ do: as('updates'), copies: fc.array(fc.nat({ max: 2 }), { maxLength: 8 }) }) },
  { weight: 1, arbitrary: fc.record({ do: as('calls'), arrives: fc.array(fc.boolean(), { maxLength: 3 }) }) },
  { weight: 6, arbitrary: fc.record({ do: as('wait'), ms: fc.constantFrom(0, 1, 300, 2500, 40_000) }) },
);

const one = <T>(all: Iterable<T>, index: number): T | undefined => {
  const list = [...all];
  return list[index % Math.max(1, list.length)];
};

/** `key.serial` of a task id. */
const nameOf = (taskId: string): string => taskId.replace(/\.\d+$/, '');

class World {
  readonly cluster = new FakeCluster();
  readonly store = new MemoryPluginStore();
  framework!: Framework;
  /** Durably wanted. */
  readonly wanted = new Set<string>();
  private readonly latest = new Map<string, TaskHandle>();
  /** By `key.serial`: acknowledged to have finished, or told so. */
  readonly finished = new Set<string>();
  readonly broken: string[] = [];
  private copies: number[] = [];
  private failures: boolean[] = [];

  async start(): Promise<this> {
    const { cluster } = this;
    for (let agent = 0; agent < 3; agent++) cluster.addAgent({ cpus: 2, ports: [31000, 31002] });
    cluster.onLaunch = (task) => this.onLaunch(task);
    cluster.copies = () => this.copies.shift() ?? 1;
    cluster.fails = (call) => this.onCall(call);
    await this.boot();
    return this;
  }

  async boot(): Promise<void> {
    const { cluster, store } = this;
    const options = { name: 'chaos', scheduler: cluster, store, clock: cluster.time };
    this.framework = await Framework.start({ ...options, whenRemoved: 'startAnew' });
  }

  async act(each: Action): Promise<void> {
    const { cluster } = this;
    switch (each.do) {
      case 'run':
        return this.run(each.key);
      case 'stop':
        this.wanted.delete(each.key);
        this.latest.delete(each.key);
        return void this.framework.stop(each.key).catch(() => {});
      case 'finish':
      case 'fail':
        return cluster[each.do](one(this.reachable(), each.pick)?.id ?? '');
      case 'move':
        return this.move(each.pick);
      case 'lose':
        return cluster.loseAgent(one(cluster.agents.keys(), each.pick) ?? '');
      case 'return':
        return cluster.returnAgent(one(cluster.agents.keys(), each.pick) ?? '');
      case 'remove':
        if (cluster.agents.size > 2) cluster.removeAgent(one(cluster.agents.keys(), each.pick) ?? '');
        return;
      case 'crash':
        await this.framework.close();
        return this.boot();
      case 'failOver':
      case 'disconnect':
        return cluster[each.do]();
      case 'banish':
        return cluster.removeFramework();
      case 'leave':
      case 'lead':
        cluster.leading = each.do === 'lead';
        return;
      case 'store':
        this.store.outage = each.outage;
        return;
      case 'updates':
        this.copies = each.copies;
        return;
      case 'calls':
        this.failures = each.arrives;
        return;
      case 'wait':
        return cluster.time.advance(each.ms);
    }
  }

  /** No faults from here on; what the framework runs ends well, and what else there is ends because it says so. */
  async calmDown(): Promise<void> {
    const { cluster } = this;
    this.copies = [];
    this.failures = [];
    this.store.outage = 'none';
    cluster.leading = true;
    for (const id of cluster.agents.keys()) cluster.returnAgent(id);
    for (let round = 0; round < 40; round++) {
      const own = new Set(this.framework.tasks.map(({ launch }) => launch?.taskId));
      for (const task of this.reachable()) if (own.has(task.id)) this.moveOn(task);
      await cluster.time.advance(60_000);
    }
  }

  private run(key: string): void {
    try {
      const handle: TaskHandle = this.framework.run({
        key,
        task: { command: 'work', resources: { cpus: 1, mem: 10, ports: 1 } },
        placement: key < 'c' ? { group: 'spread', constraints: [['hostname', 'UNIQUE']] } : {},
        retry: { times: Infinity, backoffMs: 100, maxBackoffMs: 5000, unreachableMs: Infinity },
      });
      // A want that dies with its process was never promised.
      this.latest.set(key, handle);
      void handle.stored.then(() => this.latest.get(key) === handle && this.wanted.add(key));
      void handle.finished.then(({ stopped, taskId = '' }) => stopped || this.finished.add(nameOf(taskId)));
    } catch (error) {
      expect(error).toMatchObject({ code: 'KEY_TAKEN' });
    }
  }

  private reachable(): FakeTask[] {
    return [...this.cluster.tasks.values()];
  }

  private move(index: number): void {
    const task = one(this.reachable(), index);
    if (task) this.moveOn(task);
  }

  private moveOn({ id, state }: FakeTask): void {
    if (state === 'TASK_RUNNING') this.cluster.finish(id);
    else this.cluster.setState(id, 'TASK_RUNNING');
  }

  private stored(taskId: string): Entry | undefined {
    const text = this.store.entries.get(`framework/task/${taskId.split('.')[0]}`)?.value;
    return text === undefined ? undefined : (JSON.parse(text) as Entry);
  }

  private onLaunch({ id }: FakeTask): void {
    const name = nameOf(id);
    const twins = [...this.cluster.tasks.keys()].filter((other) => other !== id && nameOf(other) === name);
    if (twins.length > 0) this.broken.push(`${id} was launched beside ${twins.join()}`);
    if (this.finished.has(name)) this.broken.push(`${id} was launched although it had finished`);
  }

  private onCall(call: SchedulerCall): false | { arrives: boolean } {
    for (const { launch } of call.accept?.operations ?? [])
      for (const { taskId } of launch?.taskInfos ?? [])
        if (this.stored(taskId.value)?.launch?.taskId !== taskId.value)
          this.broken.push(`${taskId.value} was launched before that was stored`);
    if (call.acknowledge) this.onAcknowledge(call.acknowledge.taskId.value, call.acknowledge.uuid);
    const arrives = this.failures.shift();
    return arrives === undefined ? false : { arrives };
  }

  private onAcknowledge(taskId: string, uuid: string): void {
    const task = this.cluster.launched.find(({ id }) => id === taskId);
    const status: TaskStatus | undefined = task?.unacknowledged.find((each) => each.uuid === uuid);
    if (status === undefined) return;
    const launch = this.stored(taskId)?.launch;
    const known = launch?.taskId === taskId ? launch : undefined;
    if (known && (isTerminal(status.state) || known.state === undefined))
      this.broken.push(`${status.state} of ${taskId} was acknowledged before it was stored`);
    if (status.state === 'TASK_FINISHED' && this.stored(taskId)?.outcome?.taskId === taskId)
      this.finished.add(nameOf(taskId));
  }
}

test('whatever happens, a task wanted runs to its end once, and nothing is said before it is stored', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 60 }), async (actions) => {
      const world = await new World().start();
      for (const each of actions) {
        await world.act(each);
        expect(world.broken).toEqual([]);
      }
      await world.calmDown();
      const { cluster, framework } = world;
      expect(world.broken).toEqual([]);
      const left = framework.tasks.map(({ want, outcome }) => [want.key, outcome?.succeeded] as const);
      expect(left.filter(([, succeeded]) => succeeded !== true)).toEqual([]);
      expect(left.map(([key]) => key)).toEqual(expect.arrayContaining([...world.wanted]));
      expect([...cluster.tasks.keys()]).toEqual([]);
      expect(world.store.entries.size).toBe(left.length + 1);
      await framework.close();
    }),
    { numRuns: 200 },
  );
});
