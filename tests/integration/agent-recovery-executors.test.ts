import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutorInfo, TaskState } from '@mezzo/sdk/api';
import { expect, test } from 'vitest';
import { scalar } from '../support/agent-cluster.js';
import { AgentRecovery, mesosLack } from '../support/agent-recovery.js';
import { until } from '../support/poll.js';
import { describeIf } from '../support/skip.js';
import { root } from '../tidy/sources.js';

const world = new AgentRecovery();

const PROGRAM = join(root, 'tests/support/test-executor.mjs');

const executor = (id: string): ExecutorInfo => ({
  ...{ type: 'CUSTOM', executorId: { value: id } },
  command: world.marked(id, `exec ${process.execPath} ${PROGRAM}`).command,
  resources: [scalar('cpus', 0.1), scalar('mem', 64)],
  shutdownGracePeriod: { nanoseconds: 1e9 },
});
const launch = (executorId: string, ...ids: string[]): Promise<void> =>
  world.scheduler.launch(
    ...ids.map((id) => {
      const labels = { labels: [{ key: 'until', value: file(id) }] };
      return { taskId: { value: id }, executor: executor(executorId), resources: [scalar('cpus', 0.1)], labels };
    }),
  );
/** A task ends well when there is a file of its name. */
const file = (id: string): string => join(world.cluster.home, `end-${id}`);
/** Each update once, however often it was told. */
const heard = (id: string): TaskState[] => [
  ...new Map(world.scheduler.of(id).map(({ uuid, state }) => [uuid, state])).values(),
];
const pidOf = (id: string): number => world.scheduler.of(id).at(-1)!.containerStatus!.executorPid!;

describeIf(mesosLack, 'agents that recover with custom executors', () => {
  const ids = Array.from({ length: 8 }, (_, i) => `t${i}`);

  test.each([0, 5, 13])(
    'killed amid launches, after %i statuses: the executor goes on and tells each update once, or all are told to be over',
    async (moment) => {
      await world.start();
      await launch('e', ...ids);
      await world.killAfter(moment);
      await world.start();
      await until('each is told', () => ids.every((id) => world.isTold(id) || heard(id).includes('TASK_RUNNING')));
      expect(world.starts('e')).toBeLessThanOrEqual(1);
      if (world.isTold('t0')) {
        for (const id of ids) expect(heard(id), id).toEqual([moment === 0 ? 'TASK_DROPPED' : 'TASK_GONE']);
        return world.onlyLive([]);
      }
      for (const id of ids) writeFileSync(file(id), '');
      await until('each has ended', () => ids.every((id) => world.isTold(id)));
      for (const id of ids) expect(heard(id), id).toEqual(['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED']);
      await world.onlyLive(['e']);
    },
  );

  async function running(...started: [id: string, ...tasks: string[]][]): Promise<void> {
    await world.start();
    for (const [id, ...tasks] of started) await launch(id, ...tasks);
    for (const id of started.flatMap(([, ...tasks]) => tasks)) await world.scheduler.reaches(id, 'TASK_RUNNING');
  }

  test('what happened in an executor while the agent was away is told once, and the rest of it can be killed', async () => {
    await running(['e', 'ends', 'stays']);
    const pid = pidOf('stays');
    await world.agent!.kill();
    writeFileSync(file('ends'), '');
    for (const _ of ['once', 'again']) {
      await world.start();
      await world.scheduler.reaches('ends', 'TASK_FINISHED');
      await world.agent!.kill();
    }
    await world.start();
    await world.scheduler.kill('stays');
    await until('it is killed', () => world.isTold('stays'));
    expect(heard('ends')).toEqual(['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED']);
    expect(heard('stays')).toEqual(['TASK_STARTING', 'TASK_RUNNING', 'TASK_KILLED']);
    expect(pidOf('stays')).toBe(pid);
    expect(world.starts('e')).toBe(1);
  });

  test('an executor that died while the agent was away is told with its tasks, and others go on', async () => {
    await running(['dies', 'a', 'b'], ['lives', 'c']);
    const pid = pidOf('a');
    await world.agent!.kill();
    process.kill(pid, 'SIGKILL');
    await world.onlyLive(['lives']);
    await world.start();
    for (const id of ['a', 'b'])
      expect(await world.scheduler.reaches(id, 'TASK_FAILED')).toMatchObject({ reason: 'REASON_EXECUTOR_TERMINATED' });
    await until('the executor is told', () => world.scheduler.failures.length > 0);
    expect(world.scheduler.failures).toMatchObject([{ executorId: 'dies' }]);
    writeFileSync(file('c'), '');
    await world.scheduler.reaches('c', 'TASK_FINISHED');
  });

  test('an executor that does not subscribe again in time is ended, and others go on', async () => {
    await running(['hangs', 'a', 'b'], ['lives', 'c']);
    process.kill(pidOf('a'), 'SIGSTOP');
    await world.agent!.kill();
    await world.start({ flags: ['--executor_reregistration_timeout=1secs'] });
    for (const id of ['a', 'b'])
      expect(await world.scheduler.reaches(id, 'TASK_GONE')).toMatchObject({
        reason: 'REASON_EXECUTOR_REREGISTRATION_TIMEOUT',
      });
    await world.onlyLive(['lives']);
    writeFileSync(file('c'), '');
    await world.scheduler.reaches('c', 'TASK_FINISHED');
  });

  test('a kill that came while its executor was away outlives the agent, too', async () => {
    const flags = ['--executor_reregistration_timeout=15secs'];
    await running(['e', 'a', 'b']);
    const pid = pidOf('a');
    process.kill(pid, 'SIGSTOP');
    await world.agent!.kill();
    await world.start({ flags });
    await world.scheduler.kill('a');
    await until('it is written down', () => readFileSync(world.journal, 'latin1').includes('"killing":true'));
    await world.agent!.kill();
    await world.start({ flags });
    process.kill(pid, 'SIGCONT');
    await world.scheduler.reaches('a', 'TASK_KILLED');
    expect(world.isTold('b')).toBe(false);
    await world.onlyLive(['e']);
  });
});
