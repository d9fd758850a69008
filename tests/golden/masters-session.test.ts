import { afterAll, beforeAll, expect, test } from 'vitest';
import { mintToken } from '@mezzo/sdk/secrets';
import type { StandbyMaster } from '../../kernel/main/master.js';
import { TestMasters } from '../support/masters.js';
import { until } from '../support/poll.js';
import { describeIf } from '../support/skip.js';
import { zookeeperClientMissing, zookeeperServerMissing } from '../support/zookeeper-server.js';
import { startAgentOf, type TestPair } from './agent-support.js';
import { ask, JSON_HEADERS } from './master-support.js';
import { Session, TestFramework } from './session-support.js';

const GETS = [
  ...['/files/debug', '/flags', '/frameworks', '/health', '/maintenance/schedule', '/master/redirect', '/master/state'],
  ...[
    '/quota',
    '/redirect',
    '/redirect/state',
    '/roles',
    '/slaves',
    '/state-summary',
    '/state',
    '/state?x=1',
    '/tasks',
  ],
  ...['/version', '/weights'],
];
const CALLS = ['GET_FLAGS', 'GET_HEALTH', 'GET_MASTER', 'GET_STATE', 'GET_VERSION'];
const ROLE = { allocation_info: { role: 'web' } };
const resources = [
  { name: 'cpus', type: 'SCALAR', scalar: { value: 0.1 }, ...ROLE },
  { name: 'mem', type: 'SCALAR', scalar: { value: 32 }, ...ROLE },
];
const info = { user: 'root', name: 'ha', roles: ['web'], checkpoint: true, failover_timeout: 600 };

describeIf(zookeeperServerMissing() ?? (await zookeeperClientMissing()), 'two masters on ZooKeeper', () => {
  let masters: TestMasters;
  let agent: (TestPair['agent'] & { close(): Promise<void> }) | undefined;
  const played = {
    master: { daemon: undefined as unknown as StandbyMaster },
    agent: undefined as TestPair['agent'] | undefined,
  };

  beforeAll(async () => {
    masters = await TestMasters.start();
  }, 60_000);
  afterAll(async () => {
    await agent?.close();
    await masters.stop();
  });

  test('answers and events are those of Mesos', { timeout: 90_000 }, async () => {
    const session = new Session(played as never);
    const asked = async (when: string, who: string, daemon: StandbyMaster): Promise<void> => {
      played.master.daemon = daemon;
      const step = (what: string): string => `${when}, ${who}: ${what}`;
      for (const path of GETS) await session.view(step(''), path);
      for (const type of CALLS) await session.master(step(type), '/api/v1', { type });
      await session.master(step('a teardown'), '/teardown', undefined, { method: 'POST', body: 'frameworkId=x' });
      await session.master(step('a bad SUBSCRIBE'), '/api/v1/scheduler', { type: 'SUBSCRIBE' });
      const { text } = await ask(daemon, '/metrics/snapshot');
      expect(JSON.parse(text)).toMatchObject({ 'master/elected': who === 'standby' ? 0 : 1 });
    };

    const leader = await masters.add(['--registry=in_memory']);
    const first = await leader.leading;
    const survivor = await masters.add(['--registry=in_memory']);
    const token = await mintToken(leader.clusterKey, { uid: 'agent', scope: 'agent' }, 3600);
    agent = await startAgentOf(masters.zk, token, [
      ...['--hostname=localhost', '--resources=cpus:2;mem:2048;disk:4096;ports:[31000-32000]'],
      ...['--attributes=rack:r1;zone:z1;level:3', '--zk_session_timeout=2secs', '--registration_backoff_factor=100ms'],
    ]);
    played.agent = agent;
    const hasAgent = (daemon: StandbyMaster) =>
      until('the agent is there', async () => (await ask(daemon, '/slaves')).text.includes('rack'), 15_000);
    await hasAgent(leader);
    await until('it follows', async () => (await ask(survivor, '/state')).status === 307, 15_000);
    await asked('both up', 'leader', leader);
    await asked('both up', 'standby', survivor);
    expect((await ask(survivor, '/flags')).text).not.toContain('secret@');

    const framework = await TestFramework.subscribe(leader, info);
    const id = await framework.id();
    const agent_id = { value: `${first.masterId}-S0` };
    await framework.launch({
      name: 'ha-1',
      task_id: { value: 'ha-1' },
      agent_id,
      resources,
      command: { value: 'sleep 600' },
    });
    await framework.hears('TASK_STARTING', 'TASK_RUNNING');

    await masters.kill(leader);
    await framework.stream.until(({ ended }) => ended);
    await asked('leader just killed', 'standby', survivor);
    await survivor.leading;
    await hasAgent(survivor);
    await asked('survivor elected', 'survivor', survivor);
    const again = await TestFramework.subscribe(survivor, { ...info, id });
    await again.call('RECONCILE', { tasks: [] });
    await again.hears('TASK_RUNNING');
    await again.take();
    await asked('agent and framework back', 'survivor', survivor);
    for (const name of ['/state', '/metrics/snapshot'])
      expect((await ask(agent.daemon, name, { headers: JSON_HEADERS })).status).toBe(200);
    session.stream(framework.stream, 'what the first stream brought');
    session.stream(again.stream, 'what the second stream brought');
    await again.call('TEARDOWN');
    await again.stream.until(({ ended }) => ended);
    await session.matches('masters');
  });
});
