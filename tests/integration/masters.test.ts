import { afterEach, beforeEach, expect, test } from 'vitest';
import { mintToken } from '@mezzo/sdk/secrets';
import type { StandbyMaster } from '../../kernel/main/master.js';
import { startAgentOf } from '../golden/agent-support.js';
import { ask, JSON_HEADERS, post } from '../golden/master-support.js';
import { TestFramework } from '../golden/session-support.js';
import { TestMasters } from '../support/masters.js';
import { until } from '../support/poll.js';
import { describeIf } from '../support/skip.js';
import { zookeeperClientMissing, zookeeperServerMissing } from '../support/zookeeper-server.js';

const info = { user: 'root', name: 'ha', roles: ['web'], checkpoint: true, failover_timeout: 600 };
const ELECTED_MS = 15_000;

describeIf(zookeeperServerMissing() ?? (await zookeeperClientMissing()), 'several masters', () => {
  let masters: TestMasters;
  const opened: { close(): Promise<void> }[] = [];

  beforeEach(async () => {
    masters = await TestMasters.start();
  }, 60_000);
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.close();
    await masters.stop();
  });

  const json = async <T>(daemon: { readonly url: string }, path: string): Promise<T> =>
    JSON.parse((await ask(daemon, path)).text) as T;
  const follows = (master: StandbyMaster) =>
    until('it follows', async () => (await ask(master, '/state')).status === 307, ELECTED_MS);

  async function addAgent(leader: StandbyMaster) {
    const token = await mintToken(leader.clusterKey, { uid: 'agent', scope: 'agent' }, 3600);
    const flags = ['--hostname=localhost', '--resources=cpus:2;mem:2048', '--registration_backoff_factor=100ms'];
    const agent = await startAgentOf(masters.zk, token, [...flags, '--zk_session_timeout=2secs']);
    opened.push(agent);
    return agent;
  }
  const hasAgent = (master: StandbyMaster) =>
    until(
      'the agent is there',
      async () => (await json<{ slaves?: { active: boolean }[] }>(master, '/slaves')).slaves?.[0]?.active,
      ELECTED_MS,
    );

  test('what operators and frameworks have settled outlives each leader', { timeout: 120_000 }, async () => {
    const first = await masters.add();
    const { epoch } = await first.leading;
    const second = await masters.add();
    await follows(second);
    const agent = await addAgent(first);
    await hasAgent(first);
    const framework = await TestFramework.subscribe(first, info);
    const id = await framework.id();
    const call = async (body: object) => expect((await post(first, '/api/v1', body)).status).toBe(200);
    await call({ type: 'UPDATE_WEIGHTS', update_weights: { weight_infos: [{ role: 'web', weight: 2.5 }] } });
    const limits = { cpus: { value: 1.5 } };
    await call({ type: 'UPDATE_QUOTA', update_quota: { quota_configs: [{ role: 'web', limits }] } });
    await masters.kill(first);

    const next = await second.leading;
    expect(next.epoch).toBeGreaterThan(epoch);
    expect(await json(second, '/weights')).toEqual([{ role: 'web', weight: 2.5 }]);
    const quota = await post(second, '/api/v1', { type: 'GET_QUOTA' }, JSON_HEADERS);
    expect(quota.text).toContain('"limits":{"cpus":{"value":1.5}}');
    const { frameworks } = await json<{ frameworks: object[] }>(second, '/frameworks');
    expect(frameworks).toMatchObject([{ id: id.value, recovered: true, failover_timeout: 600 }]);
    await hasAgent(second);
    expect(await json(second, '/slaves')).toMatchObject({
      slaves: [{ id: `${first.masterId}-S0` }],
      recovered_slaves: [],
    });
    expect(await json(agent.daemon, '/state')).toMatchObject({ master_hostname: 'localhost' });
    const again = await TestFramework.subscribe(second, { ...info, id });
    expect(await again.id()).toEqual(id);
  });

  test(
    'a leader that is cut off ends before another one begins, and what it writes late does not land',
    { timeout: 120_000 },
    async () => {
      const ended: { code: string }[] = [];
      const first = await masters.add([], (error) => ended.push(error as never));
      await first.leading;
      const second = await masters.add();
      await follows(second);
      let overlap = false;
      void second.leading.then(() => (overlap = ended.length === 0));
      masters.cut(first);
      const late = post(first, '/api/v1', {
        type: 'UPDATE_WEIGHTS',
        update_weights: { weight_infos: [{ role: 'late', weight: 9 }] },
      });
      await second.leading;
      expect(overlap).toBe(false);
      expect(ended[0]).toMatchObject({ code: 'LEADERSHIP_LOST' });
      expect((await late).status).toBe(503);
      expect(await json(second, '/weights')).toEqual([]);
    },
  );

  test('who takes old answers is served by a standby, also while nobody leads', { timeout: 60_000 }, async () => {
    const first = await masters.add();
    await first.leading;
    const second = await masters.add();
    await follows(second);
    const read = () => ask(second, '/state', { headers: { 'Cache-Control': 'max-stale=60' } });
    const marked = await until('it passes on what the leader says', async () => {
      const answer = await read();
      return answer.status === 200 && answer;
    });
    expect(JSON.parse(marked.text)).toMatchObject({ id: first.masterId });
    expect(marked.headers['cache-status']).toBe('mezzo-standby; fwd=uri-miss');
    await masters.kill(first);
    const late = await until('the copy is old', async () => {
      const answer = await read();
      return answer.headers.age !== '0' && answer;
    });
    expect(JSON.parse(late.text)).toMatchObject({ id: first.masterId });
    expect(late.headers).toMatchObject({ 'cache-status': expect.stringMatching(/^mezzo-standby; hit; ttl=(0|-\d)$/) });
    await second.leading;
    const own = await read();
    expect(JSON.parse(own.text)).toMatchObject({ id: second.masterId });
    expect(own.headers).not.toHaveProperty('age');
  });

  test('one that is started again where the dead leader was sends nobody to itself', { timeout: 60_000 }, async () => {
    const first = await masters.add(['--zk_session_timeout=6secs']);
    await first.leading;
    await masters.kill(first);
    const again = await masters.add([`--port=${new URL(first.url).port}`]);
    const answers = new Set<number>();
    await until('it leads', async () => answers.add((await ask(again, '/state')).status).has(200), ELECTED_MS);
    expect([...answers]).toEqual([503, 200]);
  });

  test('one that is told to stop hands over at once', { timeout: 60_000 }, async () => {
    const first = await masters.add(['--zk_session_timeout=30secs']);
    await first.leading;
    const second = await masters.add(['--zk_session_timeout=30secs']);
    await follows(second);
    const beganMs = performance.now();
    await first.close();
    await second.leading;
    expect(performance.now() - beganMs).toBeLessThan(5_000);
  });
});
