import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestCluster } from '../support/cluster.js';
import { until } from '../support/poll.js';
import { describeIf } from '../support/skip.js';
import { zookeeperClientMissing, zookeeperServerMissing } from '../support/zookeeper-server.js';

interface Master {
  readonly name: string;
  readonly pid: number;
  readonly state: string;
  readonly leader: boolean;
}

describeIf(zookeeperServerMissing() ?? (await zookeeperClientMissing()), 'mezzo up --masters 3', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await TestCluster.up(['--masters=3', '--sample']);
  }, 150_000);
  afterAll(async () => {
    await cluster?.destroy();
  }, 60_000);

  const masters = async (): Promise<Master[]> => (await cluster.json<{ masters: Master[] }>('status')).masters;
  const leader = () => until('a leader', async () => (await masters()).find((one) => one.leader), 60_000);
  const tasks = async (): Promise<string[]> =>
    (await cluster.json<{ id: string }[]>('task', 'list')).map(({ id }) => id);

  test('the leader is killed: another leads, no task notices, and apps are changed through the next one', async () => {
    expect(await masters()).toHaveLength(3);
    const before = await tasks();
    expect(before).toHaveLength(1);
    const { pid, name } = await leader();
    process.kill(pid, 'SIGKILL');
    await until('another leader', async () => (await masters()).some((one) => one.leader && one.pid !== pid), 60_000);
    await until(
      'a change of the app',
      async () => (await cluster.mezzo(['app', 'scale', '/hello', '2'])).code === 0,
      60_000,
    );
    expect(await tasks()).toEqual(expect.arrayContaining(before));
    await until('the old one to be back', async () =>
      (await masters()).every((one) => one.state === 'running' && (one.name !== name || one.pid !== pid)),
    );
  }, 200_000);

  test('ZooKeeper loses all it has on every member: a backup brings back apps, framework and agent; no task notices', async () => {
    const file = join(cluster.workDir, 'x.backup');
    const frameworks = async () => (await cluster.json<{ id: string }[]>('framework', 'list')).map(({ id }) => id);
    const apps = async () => (await cluster.json<{ id: string }[]>('app', 'list')).map(({ id }) => id);
    await until('two tasks', async () => (await tasks()).length === 2, 30_000);
    const before = [await frameworks(), (await tasks()).sort()];
    await cluster.json('backup', file);
    expect((await cluster.mezzo(['down', '--keep-tasks'])).code).toBe(0);
    for (const dir of ['', 'masters/1/', 'masters/2/'])
      rmSync(join(cluster.workDir, `${dir}plugins/ensemble/state/data/version-2`), { recursive: true });

    expect((await cluster.start()).code).toBe(0);
    expect(await apps()).toEqual([]);
    expect((await cluster.mezzo(['down', '--masters-only'])).code).toBe(0);
    expect((await cluster.mezzo(['restore', file])).stderr).toContain('STORE_NOT_EMPTY');
    expect(await cluster.json('restore', file, '--force')).toMatchObject({
      into: expect.stringContaining('/mezzo/store at ') as string,
    });
    expect((await cluster.start()).code).toBe(0);
    expect(await apps()).toEqual(['/hello']);
    await until('tasks as before', async () => (await tasks()).length === 2, 30_000);
    expect([await frameworks(), (await tasks()).sort()]).toEqual(before);
    const restarted = await cluster.mezzo(['task', 'list', '--completed']);
    expect(restarted.stdout.match(/hello\.instance/g)).toHaveLength(2);
  }, 150_000);

  test('a number of masters that cannot be, and one that changes, are refused', async () => {
    const wrong = await cluster.mezzo(['up', '--detach', '--masters=2']);
    expect(wrong.code).not.toBe(0);
    expect(wrong.stderr).toContain('--masters is 2');
    expect((await cluster.mezzo(['down'])).code).toBe(0);
    const changed = await cluster.start(['--masters=1']);
    expect(changed.code).not.toBe(0);
    expect(changed.stderr + changed.stdout).toContain('3 master(s)');
  }, 100_000);
});
