import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FakeCluster } from '../testing/fake-cluster.js';
import type { Command } from './commands/command.js';
import { recover } from './records.js';
import { createState } from './state.js';
import type { AppUpdate } from './update.js';

/** Everything at once, in any order, with crashes in between: in the end each app is what was last asked for. */

const IDS = ['/a', '/g/b', '/g/c'];
const id = fc.constantFrom(...IDS);
const pick = fc.nat({ max: 1000 });

const change: fc.Arbitrary<AppUpdate> = fc.record(
  {
    instances: fc.integer({ min: 0, max: 6 }),
    cmd: fc.constantFrom('sleep 1', 'sleep 2', 'sleep 3'),
    mem: fc.constantFrom(64, 128),
    upgradeStrategy: fc.record({
      minimumHealthCapacity: fc.constantFrom(0, 0.5, 1),
      maximumOverCapacity: fc.constantFrom(0, 0.5, 1),
    }),
  },
  { requiredKeys: [] },
);

type Action =
  | { do: 'put'; id: string; change: AppUpdate }
  | { do: 'remove' | 'restart'; id: string }
  | { do: 'status'; pick: number; state: 'TASK_FAILED' | 'TASK_KILLED' | 'TASK_FINISHED' | 'TASK_UNREACHABLE' }
  | { do: 'move' | 'kill' | 'revert' | 'cancel'; pick: number }
  | { do: 'wait'; seconds: number }
  | { do: 'crash' | 'reconnect' }
  | { do: 'light'; fuse: number };

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('put' as const), id, change }) },
  fc.record({ do: fc.constantFrom('remove' as const, 'restart' as const), id }),
  fc.record({
    do: fc.constant('status' as const),
    pick,
    state: fc.constantFrom(
      'TASK_FAILED' as const,
      'TASK_KILLED' as const,
      'TASK_FINISHED' as const,
      'TASK_UNREACHABLE' as const,
    ),
  }),
  { weight: 6, arbitrary: fc.record({ do: fc.constant('move' as const), pick }) },
  fc.record({ do: fc.constantFrom('kill' as const, 'revert' as const, 'cancel' as const), pick }),
  fc.record({ do: fc.constant('wait' as const), seconds: fc.integer({ min: 0, max: 400 }) }),
  fc.record({ do: fc.constantFrom('crash' as const, 'reconnect' as const) }),
  { weight: 2, arbitrary: fc.record({ do: fc.constant('light' as const), fuse: fc.integer({ min: 0, max: 12 }) }) },
);

const one = <T>(all: Iterable<T>, index: number): T | undefined => {
  const list = [...all];
  return list[index % Math.max(1, list.length)];
};

/** The command may die with the process: then nobody is told. */
function ask(cluster: FakeCluster, command: Command): void {
  try {
    cluster.command(command);
  } catch (error) {
    expect(String(error)).toContain('every command is answered');
  }
}

function act(cluster: FakeCluster, each: Action): void {
  switch (each.do) {
    case 'put': {
      const updates = [{ cmd: 'sleep 1', cpus: 0.1, ...each.change, id: each.id }];
      return ask(cluster, { kind: 'updateApps', updates, force: true, partial: true, mustExist: false, single: true });
    }
    case 'remove':
      return ask(cluster, { kind: 'removeApp', id: each.id, force: true });
    case 'restart':
      return ask(cluster, { kind: 'restartApp', id: each.id, force: true });
    case 'status': {
      const task = one(cluster.tasks.keys(), each.pick);
      return task === undefined ? undefined : cluster.status(task, each.state);
    }
    case 'move':
      return void move(cluster, each.pick);
    case 'kill': {
      const task = one(cluster.tasks.keys(), each.pick);
      const options = { scale: each.pick % 2 === 0, wipe: false, force: true, single: true };
      return task === undefined ? undefined : ask(cluster, { kind: 'killTasks', ids: [task], ...options });
    }
    case 'revert':
    case 'cancel': {
      const deployment = one(cluster.state.deployments.keys(), each.pick);
      const kind = each.do === 'revert' ? 'revertDeployment' : 'cancelDeployment';
      return deployment === undefined ? undefined : ask(cluster, { kind, id: deployment });
    }
    case 'wait':
      return cluster.advance(each.seconds * 1000);
    case 'crash':
      return cluster.restart();
    case 'reconnect':
      cluster.dispatch({ type: 'disconnected', reason: 'test' });
      return cluster.subscribe();
    case 'light':
      cluster.fuse = each.fuse;
  }
}

/** One task goes on: what is staged runs, what is to be killed ends, what was lost is back. */
function move(cluster: FakeCluster, index: number): boolean {
  const killed = new Set(cluster.callsOf('KILL').map(({ kill }) => kill?.taskId.value));
  const movable = [...cluster.tasks].filter(([task, { state }]) => killed.has(task) || state !== 'TASK_RUNNING');
  const [task] = one(movable, index) ?? [];
  if (task !== undefined) cluster.status(task, killed.has(task) ? 'TASK_KILLED' : 'TASK_RUNNING');
  return task !== undefined;
}

/** An instance has one task at a time, unless one of them cannot be reached. */
function expectNoDoubles(cluster: FakeCluster): void {
  const reachable = [...cluster.tasks].filter(([, { state }]) => state !== 'TASK_UNREACHABLE');
  const instances = reachable.map(([task]) => task.split('._app.')[0]);
  expect(new Set(instances).size).toBe(instances.length);
}

function calmDown(cluster: FakeCluster): void {
  cluster.fuse = undefined;
  cluster.subscribe();
  for (let quiet = 0; quiet < 3; quiet++) {
    for (let round = 0; round < 2000 && move(cluster, 0); round++);
    cluster.advance(700_000);
  }
}

it('whatever happens, every app comes to what was last asked for, and the store says the same', () => {
  fc.assert(
    fc.property(fc.array(action, { minLength: 5, maxLength: 60 }), (actions) => {
      const cluster = new FakeCluster();
      for (let agent = 0; agent < 3; agent++) cluster.addAgent();
      cluster.prompt = false;
      cluster.start();
      for (const each of actions) {
        act(cluster, each);
        expectNoDoubles(cluster);
      }
      calmDown(cluster);
      expect([...cluster.state.deployments.keys()]).toEqual([]);
      expect([...cluster.state.locks.keys()]).toEqual([]);
      for (const each of IDS) {
        const definition = cluster.state.apps.get(each)?.definition;
        const tasks = cluster.tasksOf(each);
        expect(tasks).toHaveLength(definition?.instances ?? 0);
        expect(cluster.state.apps.get(each)?.instances.size ?? 0).toBe(tasks.length);
        expect(cluster.state.apps.get(each)?.scheduled.size ?? 0).toBe(0);
      }
      const stored = createState();
      recover(
        stored,
        [...cluster.store].map(([key, value]) => ({ key, value, version: 1 })),
      );
      expect([...stored.instancesByTask.keys()].sort()).toEqual([...cluster.tasks.keys()].sort());
      expect([...stored.apps.values()].map(({ definition }) => definition)).toEqual(
        expect.arrayContaining([...cluster.state.apps.values()].map(({ definition }) => definition)),
      );
      expect(stored.orphans).toEqual([]);
      expect(cluster.forgotten).toEqual([]);
      expect(cluster.state.demand.get('*') ?? 0).toBe(0);
    }),
    { numRuns: 120 },
  );
});
