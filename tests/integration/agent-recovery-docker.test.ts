import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AgentRecovery } from '../support/agent-recovery.js';
import { dockerdLack, TEST_IMAGE, TestDockerd } from '../support/dockerd.js';
import { until } from '../support/poll.js';
import { describeIf } from '../support/skip.js';

const world = new AgentRecovery();
let engine: TestDockerd;

/** The first process of a container ends by SIGTERM only if it says so. */
const LONG = 'trap "exit 9" TERM; sleep 1000 & wait';

const docker = (id: string, command: string) => ({
  ...world.marked(id, command),
  container: {
    type: 'DOCKER' as const,
    docker: { image: TEST_IMAGE, network: 'HOST' as const },
    volumes: [{ mode: 'RW' as const, hostPath: world.cluster.home, containerPath: world.cluster.home }],
  },
});
const start = () => world.start({ docker: engine.socket });
const nameOf = (id: string): string =>
  world.scheduler.of(id).find(({ containerStatus }) => containerStatus !== undefined)!.containerStatus!.containerId!
    .value;
/** What the engine has, whether it runs or not, by our ids; no test leaves anything. */
const kept = async (): Promise<Map<string, string>> =>
  new Map(
    (await engine.docker.listContainers({ all: true })).map(({ Id, Labels }) => [Labels['mezzo.container']!, Id]),
  );
/** Ids of tasks that have processes. */
const living = (): string[] => [...new Set(world.living().tasks)];
const onlyKept = async (ids: readonly string[]): Promise<boolean> =>
  [...(await kept()).keys()].sort().join() === ids.map(nameOf).sort().join();
/** Waits until these tasks have processes and containers, and no other has. */
async function onlyLive(ids: readonly string[]): Promise<void> {
  await until('only they live', () => living().join() === [...ids].sort().join());
  await until('the engine has no other', () => onlyKept(ids));
}
/** How a task ended, as it was told: once. */
function endOf(id: string) {
  const ends = world.scheduler
    .of(id)
    .filter(({ state }) => !['TASK_STARTING', 'TASK_RUNNING', 'TASK_KILLING'].includes(state));
  expect(new Set(ends.map(({ uuid }) => uuid)).size, id).toBe(1);
  return ends[0]!;
}
const go = () => join(world.cluster.home, 'go');

describeIf(dockerdLack(), 'agents that recover with Docker', () => {
  beforeAll(async () => {
    engine = await TestDockerd.start();
  });
  afterAll(() => engine?.destroy());

  const tasks = Array.from({ length: 6 }, (_, i) => ({ id: `t${i}`, ends: i % 2 === 0, status: 3 + i }));

  /** Each is told to be over, or runs and is in the engine; nothing else is. `lost`: the status that the engine tells where it knows none. */
  async function eachRunsOrIsTold(lost?: number): Promise<string[]> {
    const runs = () => tasks.map(({ id }) => id).filter((id) => !world.isTold(id));
    const isClear = (id: string, ends: boolean) =>
      world.isTold(id) || (!ends && world.scheduler.states(id).includes('TASK_RUNNING'));
    await until(
      'each is told, and so it is',
      () => tasks.every(({ id, ends }) => isClear(id, ends)) && onlyKept(runs()),
    );
    for (const { id, ends, status } of tasks) {
      expect(world.starts(id)).toBeLessThanOrEqual(1);
      if (!world.isTold(id)) continue;
      const { state, message } = endOf(id);
      if (state === 'TASK_DROPPED') expect(world.starts(id)).toBe(0);
      const exits = [status, lost].map((code) => `Command exited with status ${code}`);
      if (ends && message?.startsWith('Command exited')) expect(exits).toContain(message);
    }
    return runs();
  }

  const launch = () =>
    world.scheduler.launch(
      ...tasks.map(({ id, ends, status }) => docker(id, ends ? `sleep 0.${status}; exit ${status}` : LONG)),
    );

  test.each([0, 8])(
    'killed amid launches, after %i statuses: each task runs on, or its end is told',
    async (moment) => {
      await start();
      await launch();
      await world.killAfter(moment);
      await start();
      const [one, ...rest] = await eachRunsOrIsTold();
      await onlyLive(one === undefined ? [] : [one, ...rest]);
      if (one === undefined) return;
      await world.scheduler.kill(one);
      await world.scheduler.reaches(one, 'TASK_KILLED');
      await onlyLive(rest);
    },
  );

  /** Started, and the agent killed: of three tasks one that ends with 7 then. */
  async function threeTasks(): Promise<number> {
    await start();
    await world.scheduler.launch(
      docker('ends', `while [ ! -e ${go()} ]; do sleep 0.02; done; exit 7`),
      docker('other', LONG),
      docker('runs', LONG),
    );
    for (const id of ['ends', 'other', 'runs']) await world.scheduler.reaches(id, 'TASK_RUNNING');
    await world.agent!.kill();
    writeFileSync(go(), '');
    await until('it ended', () => living().join() === 'other,runs');
    return world.toldLast('runs').containerStatus!.executorPid!;
  }

  test('what ended, was removed or is unknown: each is told, an orphan is ended with a warning, and the rest runs on', async () => {
    const pid = await threeTasks();
    const name = nameOf('other');
    await world.forget((key) => key.includes(name));
    await start();
    expect((await world.scheduler.reaches('ends', 'TASK_FAILED')).message).toBe('Command exited with status 7');
    await until('its end is told', () => world.isTold('other'));
    expect(endOf('other')).toMatchObject({ state: 'TASK_GONE', reason: 'REASON_RECONCILIATION' });
    expect(world.warnedOfOrphan(name)).toBe(true);
    await onlyLive(['runs']);
    await world.scheduler.kill('runs');
    expect((await world.scheduler.reaches('runs', 'TASK_KILLED')).containerStatus?.executorPid).toBe(pid);
    await onlyLive([]);
  });

  test('a container that somebody else removed is told to be gone, or failed where the agent sees it, and others run on', async () => {
    await threeTasks();
    const remove = async (id: string) =>
      engine.docker.getContainer((await kept()).get(nameOf(id))!).remove({ force: true });
    await remove('other');
    await start();
    await until('its end is told', () => world.isTold('other'));
    expect(endOf('other')).toMatchObject({ state: 'TASK_GONE', reason: 'REASON_AGENT_RESTARTED' });
    await until('its end is told', () => world.isTold('ends'));
    expect(endOf('ends').message).toBe('Command exited with status 7');
    await onlyLive(['runs']);
    await world.scheduler.launch(docker('new', LONG));
    await world.scheduler.reaches('new', 'TASK_RUNNING');
    await remove('runs');
    await until('its end is told', () => world.isTold('runs'));
    expect(endOf('runs')).toMatchObject({ state: 'TASK_FAILED' });
    await onlyLive(['new']);
  });

  test('an agent that lacks the containerizer of its tasks ends and says why; they run on, and the next that has it takes them up', async () => {
    await start();
    await world.scheduler.launch(docker('a', LONG));
    await world.scheduler.reaches('a', 'TASK_RUNNING');
    await world.agent!.kill();
    const lacking = await world.start();
    expect(await lacking.ended).toBe(1);
    expect(lacking.complaint).toContain('tasks run in containerizer docker, which no plugin brings now');
    await start();
    await world.scheduler.launch(docker('b', LONG));
    await world.scheduler.reaches('b', 'TASK_RUNNING');
    expect([world.isTold('a'), world.starts('a')]).toEqual([false, 1]);
    await onlyLive(['a', 'b']);
  });

  /** As an engine leaves one that was killed before it could say that it had made it. */
  async function makeUnknown(): Promise<void> {
    const [{ Labels } = { Labels: {} }] = await engine.docker.listContainers();
    const options = { Image: TEST_IMAGE, Cmd: ['sh', '-c', LONG], Labels: { ...Labels, 'mezzo.container': 'unknown' } };
    await (await engine.docker.createContainer(options)).start();
  }

  test.each(['is away', 'is there'])(
    'the engine is killed and started again while the agent %s: what ended with it is told once, what nobody knows is removed',
    async (where) => {
      await start();
      await world.scheduler.launch(docker('a', LONG), docker('b', LONG));
      for (const id of ['a', 'b']) await world.scheduler.reaches(id, 'TASK_RUNNING');
      await makeUnknown();
      if (where === 'is away') await world.agent!.kill();
      await engine.crash();
      await engine.run();
      if (where === 'is away') await start();
      await until('their ends are told', () => ['a', 'b'].every((id) => world.isTold(id)));
      await world.scheduler.launch(docker('new', LONG));
      await world.scheduler.reaches('new', 'TASK_RUNNING');
      for (const id of ['a', 'b'])
        expect(endOf(id)).toMatchObject({ state: 'TASK_FAILED', message: 'Command exited with status 9' });
      await onlyLive(['new']);
    },
  );

  test('the engine is killed amid launches and started again: each task runs, or its end is told', async () => {
    await start();
    await launch();
    await until('the moment', () => world.scheduler.statuses.length >= 8, 15_000, 1);
    await engine.crash();
    await engine.run();
    // Of a container that it was about to start, the engine itself may have lost the process.
    await eachRunsOrIsTold(255);
  });
});
