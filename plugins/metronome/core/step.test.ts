import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { World } from '../testing/world.js';

let world: World;
beforeEach(async () => {
  world = new World();
  await world.start();
});
afterEach(() => world.die());

const job = (id = 'a', run: Record<string, unknown> = {}, more: Record<string, unknown> = {}) =>
  world.createJob({ id, run: { cmd: 'true', ...run }, ...more });
const minutely = (more: Record<string, unknown> = {}) => world.createSchedule('a', { cron: '* * * * *', ...more });
const start = (jobId = 'a') => world.ask({ kind: 'startRun', jobId });
const active = (jobId = 'a') => [...world.live.engine.state.jobs.get(jobId)!.active.values()];
const finished = (jobId = 'a') => world.live.engine.state.jobs.get(jobId)!.finished;
const MINUTE = 60_000;
const T0 = '2026-01-01T00:';

async function restart(awayMs = 0): Promise<void> {
  world.die();
  await world.time.advance(awayMs);
  await world.start();
  await world.time.advance(500);
}

describe('a run', () => {
  it('goes from INITIAL over STARTING and ACTIVE to history', async () => {
    await job();
    const { status, body } = await start();
    expect([status, body]).toMatchObject([201, { jobId: 'a', status: 'INITIAL', completedAt: null, tasks: [] }]);
    expect(active()).toMatchObject([{ status: 'ACTIVE', attempt: 1, tasks: [{ status: 'TASK_RUNNING' }] }]);
    world.cluster.finish(world.tasksOf('a')[0]!);
    await world.time.advance(0);
    expect(active()).toEqual([]);
    expect(finished().succeeded).toMatchObject([{ id: (body as { id: string }).id, succeeded: true }]);
    expect(world.summaryOf('a')).toMatchObject({ successCount: 1, failureCount: 0 });
    expect(world.live.framework.tasks).toEqual([]);
    expect([...world.store.entries.keys()].filter((key) => /^run|task/.test(key))).toEqual([]);
  });

  it('fails once with the policy NEVER', async () => {
    await job();
    await start();
    world.cluster.fail(world.tasksOf('a')[0]!, 'exited with 7');
    await world.time.advance(MINUTE);
    expect(world.launchesOf('a')).toHaveLength(1);
    expect(finished().failed).toMatchObject([{ message: 'TASK_FAILED: exited with 7' }]);
  });

  it('is launched again with ON_FAILURE, in growing steps, until its deadline', async () => {
    await job('a', { restart: { policy: 'ON_FAILURE', activeDeadlineSeconds: 10 } });
    world.cluster.onLaunch = ({ id }) => world.cluster.fail(id);
    await start();
    await world.time.advance(5 * MINUTE);
    // After 0, 1, 2.5, 4.75, 8.1 s; the next would be too late.
    expect(world.launchesOf('a')).toHaveLength(5);
    expect(new Set(world.runsOf('a')).size).toBe(1);
    expect(world.summaryOf('a')).toMatchObject({ successCount: 0, failureCount: 1 });
  });

  it('waits over a restart for its next attempt', async () => {
    await job('a', { restart: { policy: 'ON_FAILURE' } });
    await start();
    world.cluster.fail(world.tasksOf('a')[0]!);
    await world.time.advance(100);
    await restart(200);
    expect(world.launchesOf('a')).toHaveLength(1);
    await world.time.advance(2000);
    expect(world.launchesOf('a')).toHaveLength(2);
  });

  it('fails when it does not run in time, and its task is ended', async () => {
    await job('a', { maxLaunchDelay: 20 });
    world.cluster.onLaunch = () => {};
    await start();
    await world.time.advance(19_000);
    expect(active()).toHaveLength(1);
    await world.time.advance(2000);
    expect(active()).toEqual([]);
    expect(world.tasksOf('a')).toEqual([]);
    expect(finished().failed[0]?.message).toContain('did not start in time');
  });

  it('is stopped: its task is killed, then it has failed', async () => {
    await job();
    world.cluster.onKill = ({ id }) => void world.time.after(3000, () => world.cluster.setState(id, 'TASK_KILLED'));
    const { id } = (await start()).body as { id: string };
    expect((await world.ask({ kind: 'stopRun', jobId: 'a', runId: id })).status).toBe(200);
    expect(active()).toHaveLength(1);
    await world.time.advance(3000);
    expect(finished().failed).toMatchObject([{ id, message: 'stopped' }]);
    expect((await world.ask({ kind: 'stopRun', jobId: 'a', runId: id })).status).toBe(404);
  });

  it('keeps what its job said when it was created', async () => {
    await job('a', { restart: { policy: 'ON_FAILURE' } });
    await start();
    await world.ask({
      kind: 'updateJob',
      job: { ...world.live.engine.state.jobs.get('a')!.job, run: { ...active()[0]!.run, cmd: 'other' } },
      withSchedules: false,
    });
    world.cluster.fail(world.tasksOf('a')[0]!);
    await world.time.advance(2000);
    expect(world.launchesOf('a').map(({ info }) => info.command?.value)).toEqual(['true', 'true']);
  });

  it('that the master lost while nobody listened has failed', async () => {
    await job();
    await start();
    world.die();
    world.cluster.removeAgent('S1');
    await world.start();
    await world.time.advance(MINUTE);
    expect(world.summaryOf('a')).toMatchObject({ failureCount: 1 });
  });
});

describe('a schedule', () => {
  it('fires at its time, to the millisecond', async () => {
    await job();
    world.endTasksAfter(1000);
    await minutely();
    const at: number[] = [];
    const { onLaunch } = world.cluster;
    world.cluster.onLaunch = (task) => (at.push(world.time.now()), onLaunch(task));
    await world.time.advance(3 * MINUTE);
    expect(at.map((each) => each - Date.UTC(2026, 0, 1))).toEqual([1 * MINUTE, 2 * MINUTE, 3 * MINUTE]);
    expect(world.summaryOf('a')?.successCount).toBeGreaterThanOrEqual(3);
  });

  it('is one of several of a job', async () => {
    await job();
    world.endTasksAfter(1000);
    await world.createSchedule('a', { id: 'one', cron: '5 * * * *' });
    await world.createSchedule('a', { id: 'two', cron: '7 * * * *' });
    expect((await world.createSchedule('a', { id: 'two', cron: '8 * * * *' })).status).toBe(409);
    await world.time.advance(10 * MINUTE);
    expect(world.dues('a')).toEqual([`${T0}05:00.000Z`, `${T0}07:00.000Z`]);
  });

  it('that is disabled or removed does not fire; enabled again it begins then', async () => {
    await job();
    await world.createSchedule('a', { cron: '* * * * *', enabled: false });
    await world.time.advance(10 * MINUTE);
    expect(world.launchesOf('a')).toEqual([]);
    const schedule = { ...world.live.engine.state.jobs.get('a')!.job.schedules[0]!, enabled: true };
    await world.time.advance(1);
    await world.ask({ kind: 'updateSchedule', jobId: 'a', id: 'default', schedule });
    await world.time.advance(MINUTE);
    expect(world.dues('a')).toEqual([`${T0}11:00.000Z`]);
    await world.ask({ kind: 'removeSchedule', jobId: 'a', id: 'default' });
    await world.time.advance(10 * MINUTE);
    expect(world.launchesOf('a')).toHaveLength(1);
  });

  it.each([
    ['ALLOW', 4, 4],
    ['FORBID', 1, 1],
    ['REPLACE', 4, 1],
  ])('%s beside an active run', async (concurrencyPolicy, launches, alive) => {
    await job();
    await world.time.advance(1);
    await minutely({ concurrencyPolicy });
    await world.time.advance(4 * MINUTE);
    expect(world.launchesOf('a')).toHaveLength(launches);
    expect(world.tasksOf('a')).toHaveLength(alive);
  });

  it('that replaces waits until the other is gone', async () => {
    await job();
    world.cluster.onKill = ({ id }) => void world.time.after(90_000, () => world.cluster.setState(id, 'TASK_KILLED'));
    await world.time.advance(1);
    await minutely({ concurrencyPolicy: 'REPLACE' });
    await world.time.advance(2 * MINUTE);
    expect(active().map(({ status }) => status)).toEqual(['ACTIVE', 'INITIAL']);
    await world.time.advance(MINUTE + 31_000);
    // The one that waited was replaced in its turn.
    expect(active()).toMatchObject([{ status: 'ACTIVE', dueMs: Date.UTC(2026, 0, 1, 0, 3) }]);
    expect(world.launchesOf('a')).toHaveLength(2);
  });

  it('of ISO 8601 fires as often as it says, also over a restart', async () => {
    await job();
    world.endTasksAfter(1000);
    await world.createSchedule('a', { iso8601: 'R3//PT1M' });
    await world.time.advance(MINUTE);
    await restart();
    await world.time.advance(10 * MINUTE);
    expect(world.dues('a')).toEqual([`${T0}00:00.000Z`, `${T0}01:00.000Z`, `${T0}02:00.000Z`]);
  });
});

describe('what was missed while nobody was there', () => {
  const away = async (catchUpPolicy: string, more: Record<string, unknown> = {}) => {
    await job();
    world.endTasksAfter(1000);
    await world.time.advance(1);
    await minutely({ catchUpPolicy, ...more });
    await world.time.advance(MINUTE);
    await restart(5 * MINUTE);
    return world
      .dues('a')
      .slice(1)
      .map((due) => due.slice(14, 19));
  };

  it('is made up for by the latest', async () => {
    expect(await away('latest')).toEqual(['06:00']);
  });

  it('is passed over', async () => {
    expect(await away('skip')).toEqual([]);
    await world.time.advance(MINUTE);
    expect(world.dues('a')).toHaveLength(2);
  });

  it('is made up for by all, within the starting deadline and the bound', async () => {
    expect(await away('all')).toEqual(['02:00', '03:00', '04:00', '05:00', '06:00']);
  });

  it('is too old beyond the starting deadline', async () => {
    expect(await away('all', { startingDeadlineSeconds: 130 })).toEqual(['04:00', '05:00', '06:00']);
  });

  it('is bounded', async () => {
    world.die();
    world = new World({ catchUpMax: 2 });
    await world.start();
    expect(await away('all')).toEqual(['05:00', '06:00']);
  });

  it('fires once, not again with each restart', async () => {
    await away('latest');
    for (let n = 0; n < 3; n++) await restart(1000);
    expect(world.dues('a')).toHaveLength(2);
  });
});

describe('jobs that depend on others', () => {
  const chain = async (links: Record<string, string[]>) => {
    for (const [id, parents] of Object.entries(links))
      expect((await job(id, {}, { dependencies: parents.map((parent) => ({ id: parent })) })).status).toBe(201);
  };
  const end = async (id: string, well = true) => {
    const [task] = world.tasksOf(id);
    if (task === undefined) throw new Error(`${id} does not run`);
    if (well) world.cluster.finish(task);
    else world.cluster.fail(task);
    await world.time.advance(0);
  };
  const alive = () => [...world.cluster.tasks.values()].map(({ info }) => info.name).sort();

  it('run when all their parents have ended well', async () => {
    await chain({ a: [], b: ['a'], c: ['a'], d: ['b', 'c'] });
    await start('a');
    await end('a');
    expect(alive()).toEqual(['b', 'c']);
    await end('b');
    expect(alive()).toEqual(['c']);
    await restart();
    await end('c');
    expect(alive()).toEqual(['d']);
    await end('d');
    expect(alive()).toEqual([]);
  });

  it('do not mix two rounds after a failure', async () => {
    await chain({ a: [], b: ['a'], c: ['a'], d: ['b', 'c'] });
    await start('a');
    await end('a');
    await end('b');
    await end('c', false);
    expect(alive()).toEqual([]);
    await start('a');
    await end('a');
    await end('c');
    // b has ended well, but in the round before.
    expect(alive()).toEqual(['b']);
    await end('b');
    expect(alive()).toEqual(['d']);
    await end('d');
    expect(world.launchesOf('d')).toHaveLength(1);
  });

  it('find the round that a slow parent is in, although another is ahead', async () => {
    await chain({ a: [], fast: ['a'], slow: ['a'], join: ['fast', 'slow'] });
    for (let n = 0; n < 3; n++) {
      await start('a');
      await end('a');
      await end('fast');
    }
    await end('slow');
    expect(alive()).toEqual(['join', 'slow']);
    await end('slow');
    await end('join');
    // The slow one has seen the first round and the third.
    expect(alive()).toEqual(['join']);
    await end('join');
    expect(alive()).toEqual([]);
    expect(world.launchesOf('join')).toHaveLength(2);
  });

  it('go on when a failed parent is run by hand', async () => {
    await chain({ a: [], b: ['a'], c: ['a'], d: ['b', 'c'] });
    await start('a');
    await end('a');
    await end('b');
    await end('c', false);
    await start('c');
    await end('c');
    expect(alive()).toEqual(['d']);
  });

  it('never run beside themselves, and catch up afterwards', async () => {
    await chain({ a: [], b: ['a'] });
    for (let n = 0; n < 3; n++) {
      await start('a');
      await end('a');
    }
    expect(alive()).toEqual(['b']);
    await end('b');
    expect(alive()).toEqual(['b']);
    await end('b');
    expect(alive()).toEqual([]);
  });

  it('a new one does not fire for what was before it', async () => {
    await chain({ a: [] });
    await start('a');
    await end('a');
    await chain({ b: ['a'] });
    expect(alive()).toEqual([]);
    await restart();
    expect(alive()).toEqual([]);
  });

  it('unknown parents, circles, and schedules beside parents are refused', async () => {
    const refused = async (answer: ReturnType<typeof job>) => expect(JSON.stringify(await answer)).toContain('422');
    await chain({ a: [], b: ['a'], c: ['b'] });
    await refused(job('x', {}, { dependencies: [{ id: 'nobody' }] }));
    await refused(job('x', {}, { dependencies: [{ id: 'x' }] }));
    const { job: a } = world.live.engine.state.jobs.get('a')!;
    const circle = await world.ask({
      kind: 'updateJob',
      job: { ...a, dependencies: [{ id: 'c' }] },
      withSchedules: false,
    });
    expect(JSON.stringify(circle.body)).toContain('circle');
    expect((await world.createSchedule('b', { cron: '* * * * *' })).status).toBe(422);
    expect((await world.ask({ kind: 'removeJob', id: 'a', stopRuns: true })).status).toBe(409);
  });
});

describe('bounds', () => {
  it('of jobs, active runs and history hold', async () => {
    world.die();
    world = new World({ maxJobs: 2, maxActiveRuns: 3, historyPerJob: 4 });
    await world.start();
    await job('a');
    await job('b');
    expect((await job('c')).status).toBe(503);
    for (let n = 0; n < 3; n++) expect((await start()).status).toBe(201);
    expect((await start('b')).status).toBe(503);
    await minutely();
    await world.time.advance(2 * MINUTE);
    expect(world.live.engine.state.skipped).toBeGreaterThan(0);
    world.endTasksAfter(10);
    for (const id of world.tasksOf('a')) world.cluster.finish(id);
    await world.time.advance(10 * MINUTE);
    expect(finished().succeeded).toHaveLength(4);
    expect([...world.store.entries.keys()].filter((key) => key.startsWith('done/'))).toHaveLength(4);
    await world.time.advance(1000);
    const before = finished().succeeded.map(({ id }) => id);
    await restart();
    expect(finished().succeeded.map(({ id }) => id)).toEqual(before);
  });

  it('of what one step writes hold: large runs are made up for in several', async () => {
    const kilobytes = 'x'.repeat(60_000);
    await job('a', {}, { labels: { one: kilobytes, two: kilobytes, three: kilobytes, four: kilobytes } });
    world.endTasksAfter(1000);
    await world.time.advance(1);
    await minutely({ catchUpPolicy: 'all', startingDeadlineSeconds: 36_000 });
    world.die();
    let most = 0;
    world.fateOf = (batch) => {
      most = Math.max(most, JSON.stringify(batch).length);
      return 'lands';
    };
    await world.time.advance(40 * MINUTE);
    await world.start();
    await world.time.advance(MINUTE);
    expect(new Set(world.dues('a')).size).toBe(41);
    expect(world.dues('a')).toHaveLength(41);
    // What is larger than 8 MiB is written in parts, and a firing must not be torn from its run.
    expect(most).toBeLessThan(4_000_000);
  });

  it('of all jobs together hold', async () => {
    world.die();
    world = new World({ maxChars: 10_000 });
    await world.start();
    expect((await job('a', {}, { labels: { one: 'x'.repeat(9000) } })).status).toBe(201);
    expect((await job('b', {}, { labels: { one: 'x'.repeat(9000) } })).status).toBe(503);
    expect((await job('a2')).status).toBe(201);
    for (let n = 0; n < 20; n++) await start();
    expect(active().length).toBe(1);
  });

  it('a parent may have many children', async () => {
    await job();
    for (let n = 0; n < 450; n++) await job(`c${n}`, {}, { dependencies: [{ id: 'a' }] });
    world.endTasksAfter(1000);
    await start();
    await world.time.advance(10_000);
    expect(world.cluster.launched).toHaveLength(451);
  });

  it('what a removal left that was cut short is swept up', async () => {
    await job();
    world.endTasksAfter(1000);
    await start();
    await world.time.advance(2000);
    await start();
    world.die();
    world.store.entries.delete('job/a');
    await world.start();
    await world.time.advance(1000);
    expect([...world.store.entries.keys()].filter((key) => key !== 'framework/id')).toEqual([]);
    expect(world.cluster.tasks.size).toBe(0);
  });

  it('a removed job leaves nothing behind', async () => {
    await job();
    await minutely();
    await start();
    expect((await world.ask({ kind: 'removeJob', id: 'a', stopRuns: false })).status).toBe(409);
    expect((await world.ask({ kind: 'removeJob', id: 'a', stopRuns: true })).status).toBe(200);
    await world.time.advance(5 * MINUTE);
    expect([...world.store.entries.keys()].filter((key) => key !== 'framework/id')).toEqual([]);
    expect(world.live.engine.state.agenda.size).toBe(0);
    expect(world.cluster.tasks.size).toBe(0);
  });
});
