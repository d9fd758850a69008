import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../../testing/fake-cluster.js';
import { maximumTotal, minimumReady, replaceMoves } from './replace.js';

const capacity = fc.integer({ min: 0, max: 20 }).map((n) => n / 20);

describe('a rolling upgrade', () => {
  it('never leaves fewer ready instances than allowed, nor more instances than allowed, in one move', () => {
    const few = fc.integer({ min: 0, max: 30 });
    const view = fc.record({
      target: fc.integer({ min: 1, max: 30 }),
      minimumHealthCapacity: capacity,
      maximumOverCapacity: capacity,
      oldReady: few,
      oldUnready: few,
      newReady: few,
      newUnready: few,
      ending: few,
    });
    fc.assert(
      fc.property(view, (now) => {
        const moves = replaceMoves(now);
        const ready = now.oldReady + now.newReady;
        const least = minimumReady(now.target, now.minimumHealthCapacity);
        expect(ready - moves.killOldReady).toBeGreaterThanOrEqual(Math.min(least, ready));
        const total = now.oldReady + now.oldUnready + now.newReady + now.newUnready + now.ending;
        const most = maximumTotal(now.target, now.minimumHealthCapacity, now.maximumOverCapacity);
        expect(total + moves.start).toBeLessThanOrEqual(Math.max(most, total));
        expect(moves.killOldReady).toBeLessThanOrEqual(now.oldReady);
        expect(moves.killOldUnready).toBeLessThanOrEqual(now.oldUnready);
        expect(Math.min(moves.start, moves.killOldReady, moves.killOldUnready)).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it('always comes to its end when new instances become ready', () => {
    const start = fc.record({
      target: fc.integer({ min: 1, max: 20 }),
      minimumHealthCapacity: capacity,
      maximumOverCapacity: capacity,
      oldReady: fc.integer({ min: 0, max: 20 }),
      oldUnready: fc.integer({ min: 0, max: 20 }),
    });
    fc.assert(
      fc.property(start, (first) => {
        const view = { ...first, newReady: 0, newUnready: 0, ending: 0 };
        for (let round = 0; round < 500; round++) {
          const { killOldReady, killOldUnready, start: started } = replaceMoves(view);
          view.oldReady -= killOldReady;
          view.oldUnready -= killOldUnready;
          view.newUnready += started;
          // One thing after another: an end first, then a new instance becomes ready.
          if (killOldReady + killOldUnready > 0) continue;
          if (view.newUnready > 0) {
            view.newUnready -= 1;
            view.newReady += 1;
          } else break;
        }
        expect(view).toMatchObject({ oldReady: 0, oldUnready: 0, newReady: first.target, newUnready: 0 });
      }),
    );
  });

  it.each([
    { target: 4, min: 1, over: 1, kill: 0, start: 4 },
    { target: 4, min: 0.5, over: 0.5, kill: 2, start: 2 },
    { target: 4, min: 0.5, over: 0, kill: 2, start: 0 },
    { target: 1, min: 0, over: 0, kill: 1, start: 0 },
    { target: 3, min: 1, over: 0, kill: 0, start: 1 },
    { target: 10, min: 0.9, over: 0.1, kill: 1, start: 1 },
    { target: 10, min: 0.7, over: 0.1, kill: 3, start: 1 },
  ])(
    'of $target with $min and $over begins with $kill kills and $start starts',
    ({ target, min, over, kill, start }) => {
      const moves = replaceMoves({
        target,
        minimumHealthCapacity: min,
        maximumOverCapacity: over,
        oldReady: target,
        oldUnready: 0,
        newReady: 0,
        newUnready: 0,
        ending: 0,
      });
      expect(moves).toEqual({ killOldReady: kill, killOldUnready: 0, start });
    },
  );

  it('keeps its bounds in a cluster, at every status update', () => {
    const run = fc.record({ instances: fc.integer({ min: 1, max: 8 }), min: capacity, over: capacity, seed: fc.nat() });
    fc.assert(
      fc.property(run, ({ instances, min, over, seed }) => {
        const cluster = new FakeCluster();
        for (let agent = 0; agent < 3; agent++) cluster.addAgent({ cpus: 16, mem: 16_384 });
        cluster.start();
        const strategy = { minimumHealthCapacity: min, maximumOverCapacity: over };
        const app = { id: '/a', cmd: 'old', cpus: 0.1, instances, upgradeStrategy: strategy };
        cluster.command({ kind: 'createApp', app, force: false });
        cluster.prompt = false;
        cluster.command({
          kind: 'updateApps',
          updates: [{ id: '/a', cmd: 'new' }],
          force: false,
          partial: true,
          mustExist: true,
          single: true,
        });
        const least = minimumReady(instances, min);
        const most = maximumTotal(instances, min, over);
        for (let round = seed; cluster.state.deployments.size > 0; round++) {
          const tasks = [...cluster.tasks.values()];
          // Killing instances count as gone for health, as there for capacity.
          const killing = new Set(cluster.callsOf('KILL').map(({ kill }) => kill?.taskId.value));
          const serving = tasks.filter(
            ({ state, info }) => state === 'TASK_RUNNING' && !killing.has(info.taskId.value),
          );
          expect(serving.length).toBeGreaterThanOrEqual(least);
          expect(tasks.length).toBeLessThanOrEqual(most);
          const movable = tasks.filter(({ state, info }) => state === 'TASK_STAGING' || killing.has(info.taskId.value));
          const next = movable[round % movable.length];
          expect(next).toBeDefined();
          const id = next?.info.taskId.value ?? '';
          cluster.status(id, killing.has(id) ? 'TASK_KILLED' : 'TASK_RUNNING');
        }
        expect([...cluster.tasks.values()].map(({ info }) => info.command?.value)).toEqual(
          Array(instances).fill('new'),
        );
      }),
      { numRuns: 60 },
    );
  });
});
