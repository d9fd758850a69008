import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '@mezzo/sdk/contract';
import { Level } from 'level';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '@mezzo/sdk/points/store-driver';
import { createAgentState } from '../../kernel/core/agent/state.js';
import { agentMachine } from '../../kernel/core/agent/step.js';
import type { AgentEvent } from '../../kernel/core/agent/events.js';
import { JournalCheckpointStore } from '../../kernel/shell/agent/checkpoint-store.js';
import { openLevelStore } from '../../kernel/shell/store/level-store.js';
import { ZookeeperStore } from '../../kernel/shell/store/zookeeper-store.js';
import { ask, post, startTestMaster } from '../golden/master-support.js';
import { config } from '../support/agent-world.js';
import { TestCluster } from '../support/cluster.js';
import { FakeSession, FakeZookeeper } from '../support/fake-zookeeper.js';
import { root } from '../tidy/sources.js';

/** What record.mjs wrote: one directory for each version that once was in use. */
const FIXTURES = join(root, 'tests/upgrade/fixtures');
const versions = readdirSync(FIXTURES);

interface Told {
  readonly agents: readonly string[];
  readonly frameworks: readonly (readonly [id: string, name: string])[];
  readonly tasks: readonly (readonly [id: string, state: string])[];
  readonly weights: unknown;
  readonly quota: unknown;
  readonly maintenance: unknown;
  readonly apps: readonly string[];
}
type Pairs = readonly (readonly [string, string])[];

let dir: string;
const warned: unknown[] = [];
const log = { warn: (...what: unknown[]) => void warned.push(what) } as unknown as Logger;
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'mezzo-upgrade-'))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const read = <T>(version: string, name: string): T =>
  JSON.parse(readFileSync(join(FIXTURES, version, name), 'utf8')) as T;
const has = (version: string, name: string): boolean => readdirSync(join(FIXTURES, version)).includes(name);

/** The embedded store, as that version left it. */
async function layStore(version: string, workDir: string, change: (pairs: Pairs) => Pairs = (pairs) => pairs) {
  const db = new Level(join(workDir, 'store'), { valueEncoding: 'utf8' });
  await db.batch(change(read(version, 'store.json')).map(([key, value]) => ({ type: 'put' as const, key, value })));
  await db.close();
}
async function layNodes(version: string): Promise<Store> {
  const server = new FakeZookeeper();
  for (const [path, data] of read<Pairs>(version, 'zookeeper.json'))
    server.nodes.set(path, { data: Buffer.from(data), version: 0 });
  return ZookeeperStore.open(new FakeSession(server), '/store');
}
function layJournal(version: string, meta: string): void {
  mkdirSync(meta, { recursive: true });
  cpSync(join(FIXTURES, version, 'journal'), join(meta, 'journal'));
}

describe.each(versions)('what version %s left', (version) => {
  const told = read<Told>(version, 'told.json');

  test('the embedded store: a master of today knows all that was settled', async () => {
    await layStore(version, dir);
    const { daemon, close } = await startTestMaster([], dir);
    const json = async <T>(path: string): Promise<T> => JSON.parse((await ask(daemon, path)).text) as T;
    const { recovered_slaves } = await json<{ recovered_slaves: { id: string }[] }>('/slaves');
    expect(recovered_slaves.map(({ id }) => id)).toEqual(told.agents);
    const { frameworks } = await json<{ frameworks: { id: string; name: string; recovered: boolean }[] }>(
      '/frameworks',
    );
    expect(frameworks.map(({ id, name }) => [id, name]).sort()).toEqual(told.frameworks);
    expect(await json('/weights')).toEqual(told.weights);
    expect(await json('/maintenance/schedule')).toEqual(told.maintenance);
    const quota = JSON.parse((await post(daemon, '/api/v1', { type: 'GET_QUOTA' })).text) as {
      get_quota: { status: { configs: unknown } };
    };
    expect(quota.get_quota.status.configs).toEqual(told.quota);
    expect(daemon.store.get('plugins/record/in-snapshot')?.version).toBe(18);
    expect(daemon.store.get('plugins/record/in-log')).toMatchObject({ value: 'plugins/record/in-log', version: 20 });
    expect(daemon.store.list('plugins/marathon/app/')).toHaveLength(told.apps.length);
    expect(daemon.epoch).toBe(4);
    await close();
  });

  test("the agent's journal: an agent of today takes all tasks and volumes back", async () => {
    layJournal(version, dir);
    const checkpoints = new JournalCheckpointStore(dir, log);
    const records = await checkpoints.load();
    await checkpoints.close();
    const state = createAgentState({
      ...config,
      resources: [{ name: 'disk', type: 'SCALAR', scalar: { value: 4096 } }],
    });
    const step = (event: AgentEvent) => agentMachine.step(state, event, 1_000_000);
    const { bootId } = records.find(({ key }) => key === 'agent')!.value as { bootId: string };
    const seed = 'aaaaaaaa-0000-4000-8000-000000000000';
    const effects = step({ type: 'checkpointsLoaded', seed, bootId, recover: 'reconnect', records });
    expect(effects.map(({ type }) => type)).toEqual(['createVolume', 'recoverContainers']);
    const containerIds = [...state.runs.keys(), ...state.containers.keys()];
    expect(effects[1]).toMatchObject({
      containers: containerIds.map((containerId) => ({ containerizer: 'mesos', checkpoint: { containerId } })),
    });
    step({ type: 'containersRecovered', containerIds });
    expect(state.agentId).toBe(told.agents[0]);
    const tasks = [...state.runs.values()].flatMap((run) => [...run.tasks.values()]);
    expect(tasks.map((task) => [task.info.taskId.value, task.state]).sort()).toEqual(told.tasks);
    const waiting = tasks.filter((task) => task.updates.length > 0).map((task) => task.info.taskId.value);
    expect(waiting.sort()).toEqual(['pod-a', 'pod-b', 'single']);
    const { kept } = records.find(({ key }) => key === 'resources')!.value as { kept: { disk: unknown }[] };
    expect(kept.map(({ disk }) => disk)).toMatchObject([{ persistence: { id: 'v1' } }]);
    expect([...state.frameworks.keys()].sort()).toEqual(told.frameworks.map(([id]) => id));
    expect(warned).toEqual([]);
  });

  test('a cluster of today runs its apps, on the agent that it knows', { timeout: 120_000 }, async () => {
    const cluster = await TestCluster.create();
    try {
      await layStore(version, cluster.workDir);
      layJournal(version, join(cluster.workDir, 'agents/0/meta'));
      const { code, stderr } = await cluster.start();
      expect(code, stderr + cluster.logs()).toBe(0);
      const nodes = await cluster.json<{ id: string }[]>('node', 'list');
      expect(nodes.map(({ id }) => id)).toEqual(told.agents);
      const apps = await cluster.json<{ id: string }[]>('app', 'list');
      expect(apps.map(({ id }) => id)).toEqual(told.apps);
    } finally {
      await cluster.destroy();
    }
  });
});

describe.each(versions.filter((version) => has(version, 'zookeeper.json')))(
  'what version %s left in ZooKeeper',
  (version) => {
    test('is what its embedded store holds, and it goes on', async () => {
      await layStore(version, dir);
      const embedded = await openLevelStore(join(dir, 'store'));
      const expected = embedded.list('').map(({ key, value }) => [key, value] as const);
      await embedded.close();
      const store = await layNodes(version);
      const found = store.list('').map(({ key, value }) => [key, value] as const);
      const big = found.filter(([key]) => key === 'plugins/record/big');
      expect(big[0]?.[1]).toHaveLength(140_000);
      expect(found.filter((one) => one !== big[0])).toEqual(expected);
      const epoch = await store.startEpoch();
      expect(epoch).toBe(3);
      await store.commit({ epoch, writes: [{ op: 'put', key: 'next', value: '' }] });
      await store.close();
    });
  },
);

describe('what a newer version left is refused', () => {
  const [version] = versions as [string];

  test('the store, by its format', async () => {
    await layStore(version, dir, (pairs) => pairs.map(([key, value]) => [key, key === 'format' ? '2' : value]));
    const refusal = {
      code: 'STORE_TOO_NEW',
      message: `The store ${join(dir, 'store')} has format 2; this version reads 1`,
    };
    await expect(startTestMaster([], dir)).rejects.toMatchObject(refusal);
  });
});
