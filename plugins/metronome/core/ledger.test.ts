import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { World, type Fate } from '../testing/world.js';
import { isoTime } from './calendar.js';

const T0 = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;
const minutes = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => isoTime(T0 + (from + index) * MINUTE, 'Z'));
const leftovers = (world: World) =>
  [...world.store.entries.keys()].filter((key) => /^(run|framework\/task)\//.test(key));

/** Lets time pass, and has it start again when it has died. */
async function pass(world: World, ms: number, awayMs = 500): Promise<void> {
  for (let left = ms; left > 0; left -= awayMs) {
    await world.time.advance(awayMs);
    for (let tries = 0; !world.running && tries < 50; tries++) await world.start();
  }
}

/** A job that runs each minute for two seconds, and one that fails the first time. */
async function begin(world: World): Promise<void> {
  await world.start();
  world.cluster.onLaunch = ({ id, info }) => {
    world.cluster.setState(id, 'TASK_RUNNING');
    const fails = info.name === 'flaky' && id.includes('.1.');
    world.time.after(2000, () => (fails ? world.cluster.fail(id) : world.cluster.finish(id)));
  };
  await world.createJob({ id: 'a' });
  await world.createJob({ id: 'flaky', run: { cmd: 'true', restart: { policy: 'ON_FAILURE' } } });
  await world.time.advance(1);
  for (const id of ['a', 'flaky'])
    await world.createSchedule(id, { cron: '* * * * *', catchUpPolicy: 'all', startingDeadlineSeconds: 36_000 });
}

describe('the ledger', () => {
  it('starts each run once, wherever in its life the process dies', { timeout: 60_000 }, async () => {
    const stories: Fate[][] = [
      ...[['diesBefore'], ['diesAfter'], ['refused'], ['doubtful'], ['diesBefore', 'diesAfter']],
      // The ledger's write is late, others of the same moment are not, and then it is over.
      ...[1, 2, 3, 4, 5].map((more): Fate[] => ['refused', ...Array<Fate>(more).fill('lands'), 'diesBefore']),
    ] as Fate[][];
    let points = 0;
    for (const fates of stories)
      for (let at = 0; ; at++) {
        const world = new World();
        await begin(world);
        let count = 0;
        world.fateOf = () => fates[count++ - at] ?? 'lands';
        await pass(world, MINUTE + 20_000);
        world.fateOf = () => 'lands';
        await pass(world, 20_000);
        expect(world.dues('a'), `${fates.join()} at ${at}`).toEqual(minutes(1, 1));
        expect(world.dues('flaky'), `${fates.join()} at ${at}`).toEqual([...minutes(1, 1), ...minutes(1, 1)]);
        expect(new Set(world.runsOf('flaky')).size).toBe(1);
        for (const id of ['a', 'flaky'])
          expect(world.summaryOf(id)).toMatchObject({ successCount: 1, failureCount: 0 });
        expect(leftovers(world)).toEqual([]);
        const reached = count > at;
        world.die();
        if (!reached) break;
        points++;
      }
    expect(points).toBeGreaterThan(100);
  });

  const fate = fc.oneof(
    { weight: 20, arbitrary: fc.constant<Fate>('lands') },
    fc.constantFrom<Fate>('refused', 'doubtful', 'diesBefore', 'diesAfter'),
  );
  const trouble = fc.constantFrom('none', 'none', 'disconnect', 'failOver', 'die', 'loseAgent', 'noLeader', 'start');

  it('holds in chaos: each firing becomes one run, each run ends once', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fate, { minLength: 100, maxLength: 400 }),
        fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 50, maxLength: 50 }),
        fc.array(trouble, { minLength: 30, maxLength: 30 }),
        async (fates, copies, troubles) => {
          const world = new World();
          await begin(world);
          await world.createJob({ id: 'child', dependencies: [{ id: 'a' }] });
          await world.createJob({ id: 'iso' });
          await world.createSchedule('iso', {
            iso8601: 'R7//PT20S',
            catchUpPolicy: 'all',
            startingDeadlineSeconds: 36_000,
          });
          let alive = 0;
          const { onLaunch } = world.cluster;
          world.cluster.onLaunch = (task) => {
            onLaunch(task);
            alive = Math.max(alive, world.tasksOf('child').length);
          };
          const acknowledged = await rage(world, fates, copies, troubles);
          await settle(world);

          const lastMinute = Math.floor((world.time.now() - T0) / MINUTE);
          const firings = world.dues('a').filter((due) => due.endsWith(':00.000Z'));
          expect(new Set(firings).size).toBe(firings.length);
          expect(minutes(1, lastMinute)).toEqual(expect.arrayContaining(firings));
          expect(firings.length + unlaunched(world, 'a').length).toBeGreaterThanOrEqual(lastMinute - 1);
          expect(world.dues('iso').length + unlaunched(world, 'iso').length).toBe(7);
          for (const id of ['a', 'iso', 'child']) expect(new Set(world.runsOf(id)).size).toBe(world.runsOf(id).length);
          const known = [...world.runsOf('a'), ...unlaunched(world, 'a').map((run) => run.id)];
          expect(known).toEqual(expect.arrayContaining(acknowledged));
          expect(alive).toBeLessThanOrEqual(1);
          for (const id of ['a', 'flaky', 'child', 'iso']) {
            const { successCount = 0, failureCount = 0 } = world.summaryOf(id) ?? {};
            const active = world.live.engine.state.jobs.get(id)?.active.size ?? 0;
            expect(successCount + failureCount + active).toBe(
              new Set(world.runsOf(id)).size + unlaunched(world, id).length,
            );
            // Nobody can tell whether it ran: that is what it says, and it is not tried again behind its user's back.
            for (const run of unlaunched(world, id)) expect(run.message).toMatch(/^TASK_(GONE|LOST|UNKNOWN)/);
          }
          expect(world.dues('child').length).toBeGreaterThan(0);
          world.die();
        },
      ),
      { numRuns: 25, endOnFailure: true },
    );
  });
});

/** Runs whose launch was lost on its way. */
function unlaunched(world: World, jobId: string) {
  const { succeeded, failed } = world.live.engine.state.jobs.get(jobId)!.finished;
  const launched = new Set(world.runsOf(jobId));
  return [...succeeded, ...failed].filter(({ id }) => !launched.has(id));
}

/** Everything goes wrong for a while. Answers the runs that were acknowledged. */
async function rage(world: World, fates: Fate[], copies: number[], troubles: string[]): Promise<string[]> {
  const acknowledged: string[] = [];
  let [write, copy] = [0, 0];
  world.fateOf = () => fates[write++] ?? 'lands';
  world.cluster.copies = () => copies[copy++ % copies.length]!;
  for (const each of troubles) {
    if (each === 'disconnect') world.cluster.disconnect();
    if (each === 'failOver') world.cluster.failOver();
    if (each === 'die') world.die();
    if (each === 'loseAgent') {
      world.cluster.loseAgent('S1');
      world.time.after(15_000, () => world.cluster.returnAgent('S1'));
    }
    if (each === 'noLeader') {
      world.cluster.leading = false;
      world.cluster.disconnect();
      world.time.after(10_000, () => (world.cluster.leading = true));
    }
    if (each === 'start' && world.running)
      void world.live.engine.ask({ kind: 'startRun', jobId: 'a' }).then(({ status, body }) => {
        if (status === 201) acknowledged.push((body as { id: string }).id);
      });
    await pass(world, 13_000, 1300);
  }
  return acknowledged;
}

async function settle(world: World): Promise<void> {
  world.fateOf = () => 'lands';
  world.cluster.copies = () => 1;
  world.cluster.leading = true;
  world.cluster.returnAgent('S1');
  await pass(world, 3 * MINUTE + 30_000);
}
