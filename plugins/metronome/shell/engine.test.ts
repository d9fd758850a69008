import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { World } from '../testing/world.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
let world: World;

beforeEach(async () => {
  world = new World();
  await world.start();
  world.endTasksAfter(1000);
  await world.createJob({ id: 'a' });
  await world.time.advance(1);
  await world.createSchedule('a', { cron: '30 * * * *' });
});
afterEach(() => world.die());

const dues = () => world.dues('a').map((due) => due.slice(11, 16));

describe('the engine', () => {
  it('notices within ten seconds that the clock was set forward', async () => {
    await world.time.advance(5 * MINUTE);
    world.skewMs = 26 * MINUTE;
    await world.time.advance(10_000);
    expect(dues()).toEqual(['00:30']);
  });

  it('does nothing twice when the clock was set back, and goes on when it has caught up', async () => {
    await world.time.advance(40 * MINUTE);
    world.skewMs = -20 * MINUTE;
    await world.time.advance(30 * MINUTE);
    expect(dues()).toEqual(['00:30']);
    await world.time.advance(HOUR);
    expect(dues()).toEqual(['00:30', '01:30']);
  });

  it('answers when what it decided is stored, and not before', async () => {
    world.fateOf = () => 'refused';
    let answered = false;
    void world.live.engine.ask({ kind: 'startRun', jobId: 'a' }).then(() => (answered = true));
    await world.time.advance(2000);
    expect([answered, world.launchesOf('a').length]).toEqual([false, 0]);
    world.fateOf = () => 'lands';
    await world.time.advance(3000);
    expect([answered, world.launchesOf('a').length]).toEqual([true, 1]);
  });

  it('does not take more than the store keeps up with', async () => {
    world.fateOf = () => 'refused';
    const answers = Array.from({ length: 1100 }, () => world.live.engine.ask({ kind: 'startRun', jobId: 'a' }));
    expect((await answers.at(-1))?.status).toBe(503);
  });
});
