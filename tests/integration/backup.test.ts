import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mintToken } from '@mezzo/sdk/secrets';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadFlags } from '../../kernel/main/flags.js';
import { restore, restoreFlags } from '../../kernel/main/restore.js';
import { AgentCluster } from '../support/agent-cluster.js';
import { until } from '../support/poll.js';
import { describeIf } from '../support/skip.js';
import { ZookeeperServer, zookeeperClientMissing, zookeeperServerMissing } from '../support/zookeeper-server.js';

interface State {
  readonly slaves: readonly { id: string; active: boolean }[];
  readonly frameworks: readonly { tasks: readonly { id: string; state: string }[] }[];
}

describeIf(
  zookeeperServerMissing() ?? (await zookeeperClientMissing()),
  'a cluster whose store is carried from one place to another',
  () => {
    let cluster: AgentCluster;
    let zookeeper: ZookeeperServer;
    let file: string;
    beforeEach(async () => {
      zookeeper = await ZookeeperServer.start();
      cluster = await AgentCluster.start();
      file = join(cluster.home, 'x.backup');
    }, 90_000);
    afterEach(async () => {
      await cluster.destroy();
      await zookeeper.stop();
    }, 60_000);

    async function backUp(): Promise<void> {
      const token = await mintToken(cluster.master.clusterKey, { uid: 'admin', scope: 'operator' }, 60);
      const headers = { authorization: `Bearer ${token}` };
      const answer = await fetch(`${cluster.master.url}/store/v1/backup`, { headers });
      expect(answer.status).toBe(200);
      writeFileSync(file, Buffer.from(await answer.arrayBuffer()));
    }
    /** Into a store of which the master, with the secrets it had, is started. */
    async function move(to: 'first' | 'other' | 'zookeeper', ...more: string[]): Promise<void> {
      await cluster.master.close();
      const zk = to === 'zookeeper' ? [`--zk=zk://ann:secret@${zookeeper.hostPort}/mesos`] : [];
      const where = [`--work_dir=${cluster.home}/${to === 'first' ? 'master' : to}`, ...zk];
      await restore(loadFlags(restoreFlags, { argv: [...where, `--from=${file}`, ...more], env: {} }));
      cluster.masterArgs = [...where, `--secrets_dir=${cluster.home}/master/secrets`, '--hostname=localhost'];
      await cluster.startMaster();
    }
    async function moveAgent(...master: string[]): Promise<void> {
      await cluster.stopAgent();
      await cluster.startAgent(master);
    }
    const runs = (agentId: string) =>
      until('agent and task are back', async () => {
        const state = (await (await fetch(`${cluster.master.url}/state`)).json()) as State;
        const tasks = state.frameworks.flatMap((one) => one.tasks).filter((one) => one.state === 'TASK_RUNNING');
        expect(state.slaves.map(({ id }) => id)).toEqual([agentId]);
        return state.slaves[0]!.active && tasks.length === 1;
      });
    async function startTask() {
      const scheduler = cluster.scheduler({ failoverTimeout: 3600 });
      await scheduler.run('t', 'exec sleep 1000');
      const { agentId } = await scheduler.reaches('t', 'TASK_RUNNING');
      await scheduler.close();
      return { agentId: agentId!.value, scheduler };
    }

    test('its agent and its task outlive the way from the embedded store to ZooKeeper and back', async () => {
      const { agentId, scheduler } = await startTask();
      const { epoch, store } = cluster.master;
      const registry = store.list('registry/').map(({ key, version }) => [key, version]);
      await backUp();
      await move('zookeeper');
      expect(cluster.master.epoch).toBeGreaterThan(epoch);
      await moveAgent(`--master=zk://${zookeeper.hostPort}/mesos`);
      await runs(agentId);
      await backUp();
      await move('other');
      expect(cluster.master.store.list('registry/').map(({ key }) => key)).toEqual(registry.map(([key]) => key));
      await moveAgent();
      await runs(agentId);
      expect(scheduler.states('t')).toEqual(['TASK_STARTING', 'TASK_RUNNING']);
    });

    test('an agent that the backup does not know comes back with its task', async () => {
      await cluster.stopAgent();
      await backUp();
      await cluster.startAgent();
      const { agentId } = await startTask();
      await move('first', '--force');
      await runs(agentId);
    });

    test('a store in ZooKeeper that masters use is refused', async () => {
      await backUp();
      await move('zookeeper');
      const argv = [`--zk=zk://ann:secret@${zookeeper.hostPort}/mesos`, `--from=${file}`, '--force'];
      await expect(restore(loadFlags(restoreFlags, { argv, env: {} }))).rejects.toMatchObject({
        code: 'STORE_IN_USE',
        message: expect.stringMatching(/at \/mesos on .*json\.info_\d{10}/) as string,
      });
      const anybody = argv.map((arg) => arg.replace('ann:secret@', ''));
      await cluster.master.close();
      const refusal = await until('its place is free', async () => {
        const error = await restore(loadFlags(restoreFlags, { argv: anybody, env: {} })).catch((one: unknown) => one);
        return (error as { code: string }).code !== 'STORE_IN_USE' && error;
      });
      expect(refusal).toMatchObject({
        code: 'ZOOKEEPER_NOT_ALLOWED',
        next: expect.stringContaining('give the') as string,
      });
      const strange = argv.map((arg) => arg.replace(zookeeper.hostPort, '127.0.0.1:1'));
      await expect(
        restore(loadFlags(restoreFlags, { argv: [...strange, '--zk_session_timeout=1secs'], env: {} })),
      ).rejects.toMatchObject({ code: 'ZOOKEEPER_UNREACHABLE' });
    });
  },
);
