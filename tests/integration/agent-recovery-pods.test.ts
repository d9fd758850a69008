import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutorInfo } from '@mezzo/sdk/api';
import { expect, test } from 'vitest';
import { scalar } from '../support/agent-cluster.js';
import { AgentRecovery, LONG, mesosLack } from '../support/agent-recovery.js';
import { until } from '../support/poll.js';
import { describeIf } from '../support/skip.js';

const world = new AgentRecovery();

const executor = (id: string): ExecutorInfo => ({
  ...{ type: 'DEFAULT', executorId: { value: id } },
  resources: [scalar('cpus', 0.1), scalar('mem', 32), scalar('disk', 8)],
});
/** One pod for each, of tasks by id. */
const launch = (pods: Record<string, Record<string, string>>): Promise<void> =>
  world.scheduler.launchGroups(
    ...Object.entries(pods).map(([id, members]) => {
      const resources = [scalar('cpus', 0.1), scalar('mem', 32)];
      const tasks = Object.entries(members).map(([one, command]) => ({ ...world.marked(one, command), resources }));
      return [executor(id), tasks] as const;
    }),
  );
const statusOf = (id: string) => world.scheduler.of(id).find(({ state }) => state === 'TASK_RUNNING')?.containerStatus;
const told = (...ids: string[]) => until('their ends are told', () => ids.every((id) => world.isTold(id)));
const go = () => join(world.cluster.home, 'go');
const waits = (then: string) => `while [ ! -e ${go()} ]; do sleep 0.02; done; ${then}`;
/** A pod has a shim of its own beside those of its tasks. */
const onlyLive = (pods: Record<string, string[]>) => {
  const ids = Object.values(pods).flat();
  return world.onlyLive(ids, ids.length + Object.keys(pods).length);
};

describeIf(mesosLack, 'agents that recover with pods', () => {
  test.each([0, 5, 9])(
    'killed amid launches, after %i statuses: a group runs on whole, or each of it is told to be over',
    async (moment) => {
      await world.start();
      const pods = Object.fromEntries(['p', 'q', 'r'].map((id) => [id, ['a', 'b'].map((one) => `${id}-${one}`)]));
      const ids = Object.values(pods).flat();
      await launch(
        Object.fromEntries(
          Object.entries(pods).map(([id, members]) => [id, Object.fromEntries(members.map((one) => [one, LONG]))]),
        ),
      );
      await world.killAfter(moment);
      const before = new Map(ids.map((id) => [id, statusOf(id)?.executorPid]));
      await world.start();
      await until('each is told', () => ids.every((id) => world.isTold(id) || statusOf(id) !== undefined));
      const isOver = (members: string[]) => members.every((id) => world.isTold(id));
      const isUp = (members: string[]) => members.every((id) => !world.isTold(id) && statusOf(id) !== undefined);
      await until('no group is half', () => Object.values(pods).every((members) => isOver(members) || isUp(members)));
      const up = Object.fromEntries(Object.entries(pods).filter(([, members]) => isUp(members)));
      await onlyLive(up);
      for (const id of ids) {
        expect(world.starts(id)).toBeLessThanOrEqual(1);
        expect(statusOf(id)?.executorPid).toBe(before.get(id) ?? statusOf(id)?.executorPid);
        if (world.toldLast(id).state === 'TASK_DROPPED')
          expect([world.starts(id), world.scheduler.states(id)]).toEqual([0, ['TASK_DROPPED']]);
      }
      for (const [one = ''] of Object.values(up)) await world.scheduler.kill(one);
      await told(...ids);
      for (const id of Object.values(up).flat()) expect(world.toldLast(id).state).toBe('TASK_KILLED');
      await onlyLive({});
    },
  );

  test('one that ended well while it was away is told so, and the other runs on; one that ended badly ends its group', async () => {
    await world.start();
    await launch({ p: { stays: LONG, ends: waits('exit 0') }, q: { falls: LONG, fails: waits('exit 7') } });
    const { executorPid } = (await world.scheduler.reaches('stays', 'TASK_RUNNING')).containerStatus!;
    for (const id of ['ends', 'falls', 'fails']) await world.scheduler.reaches(id, 'TASK_RUNNING');
    await world.agent!.kill();
    writeFileSync(go(), '');
    await until('they ended', () => world.living().tasks.join() === 'falls,stays');
    await world.start();
    await told('ends', 'falls', 'fails');
    expect(['ends', 'falls', 'fails'].map((id) => world.toldLast(id))).toMatchObject([
      { state: 'TASK_FINISHED', message: 'Command exited with status 0' },
      { state: 'TASK_KILLED', message: 'Command terminated with signal Terminated' },
      { state: 'TASK_FAILED', message: 'Command exited with status 7' },
    ]);
    await onlyLive({ p: ['stays'] });
    await world.scheduler.kill('stays');
    expect((await world.scheduler.reaches('stays', 'TASK_KILLING')).containerStatus).toMatchObject({ executorPid });
    await world.scheduler.reaches('stays', 'TASK_KILLED');
    await until('both executors are told', () => world.scheduler.failures.length > 1);
    expect(world.scheduler.failures.map(({ executorId }) => executorId).sort()).toEqual(['p', 'q']);
    await onlyLive({});
  });

  test('a pod whose own container ended while it was away is told with all that was in it, and others run on', async () => {
    await world.start();
    await launch({ p: { a: LONG, b: LONG }, q: { c: LONG, d: LONG } });
    for (const id of ['a', 'b', 'c', 'd']) await world.scheduler.reaches(id, 'TASK_RUNNING');
    const run = join(world.home, 'run');
    const [owner = ''] = readdirSync(join(run, 'exits'));
    const parent = statusOf('a')!.containerId!.parent!.value;
    const [, , , main] = readFileSync(join(run, 'containers', owner, `${parent}.log`), 'utf8').split(/[ \n]/);
    await world.agent!.kill();
    process.kill(Number(main), 'SIGKILL');
    await onlyLive({ q: ['c', 'd'] });
    await world.start();
    await told('a', 'b');
    await until('the executor is told', () => world.scheduler.failures.length > 0);
    expect(world.scheduler.failures).toMatchObject([{ executorId: 'p' }]);
    await world.scheduler.kill('c');
    await told('c', 'd');
    expect(['c', 'd'].map((id) => world.toldLast(id).state)).toEqual(['TASK_KILLED', 'TASK_KILLED']);
    await onlyLive({});
  });

  test.each(['containers/', 'tasks/', 'runs/'])(
    'what it knew of a pod under %s is lost: what nobody knows any more is ended, and the rest of the group with it',
    async (kind) => {
      await world.start();
      await launch({ p: { a: LONG, b: LONG }, q: { c: LONG } });
      for (const id of ['a', 'b', 'c']) await world.scheduler.reaches(id, 'TASK_RUNNING');
      const { value, parent } = statusOf('a')!.containerId!;
      await world.agent!.kill();
      const keys = [`containers/${value}`, `tasks/${parent!.value}/a`, `runs/${parent!.value}`];
      await world.forget((key) => key.startsWith(kind) && keys.includes(key));
      await world.start();
      await told('a', 'b');
      await onlyLive({ q: ['c'] });
      if (kind === 'containers/') expect(world.warnedOfOrphan(value)).toBe(true);
      if (kind === 'runs/') expect(world.warnedOfOrphan(parent!.value)).toBe(true);
      expect(world.isTold('c')).toBe(false);
    },
  );
});
