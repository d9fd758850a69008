import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { METRICS, type PluginManifest } from '@mezzo/sdk/contract';
import { SCHEDULER } from '@mezzo/sdk/framework';
import { FakeCluster, MemoryPluginStore, PluginHarness } from '@mezzo/sdk/testing';
import { Batch, type BatchConfig } from './batch.js';
import plugin from './plugin.js';

const { mezzo: manifest } = JSON.parse(readFileSync('package.json', 'utf8')) as { mezzo: Partial<PluginManifest> };
const config: BatchConfig = { command: 'work', cpus: 0.1, mem: 32, retries: 3, backoffMs: 1000, maxTasks: 100 };
const letters = [...'abcdefghij'];

/** A cluster in virtual time, whose tasks take a second. */
function world() {
  const cluster = new FakeCluster();
  cluster.addAgent();
  cluster.onLaunch = ({ id }) => {
    cluster.setState(id, 'TASK_RUNNING');
    cluster.time.after(1000, () => cluster.finish(id));
  };
  const store = new MemoryPluginStore();
  const start = (some: Partial<BatchConfig> = {}) =>
    Batch.start({ ...config, ...some }, { scheduler: cluster, store, clock: cluster.time });
  return { cluster, time: cluster.time, start };
}
const progress = (batch: Batch) => batch.inputs.map((one) => one.progress);

test('each input is done once, however often it is given', async () => {
  const { cluster, time, start } = world();
  const batch = await start();
  await batch.add(letters);
  await batch.add(letters);
  await time.advance(10_000);
  assert.deepEqual(
    progress(batch),
    letters.map(() => 'done'),
  );
  assert.equal(cluster.launched.length, letters.length);
  await batch.close();
});

test('it is done once although tasks are killed, the master changes and the plugin crashes', async () => {
  const { cluster, time, start } = world();
  const finished = new Set<string>();
  const first = await start();
  await first.add(letters);
  await time.advance(500);
  cluster.setState([...cluster.tasks.keys()][3]!, 'TASK_KILLED');
  cluster.failOver();
  // Nothing is closed: the process is gone.
  const second = await start();
  await time.advance(120_000);
  assert.deepEqual(
    progress(second),
    letters.map(() => 'done'),
  );
  assert.equal(cluster.launched.length, letters.length + 1);
  for (const { id, state } of cluster.launched) if (state === 'TASK_FINISHED') finished.add(id.split('.')[0]!);
  assert.equal(finished.size, letters.length);
  await second.close();
});

test('what fails for good says why, and can be forgotten', async () => {
  const { cluster, time, start } = world();
  cluster.onLaunch = ({ id }) => cluster.fail(id, 'no such number');
  const batch = await start({ retries: 1 });
  const [{ key } = { key: '' }] = await batch.add(['a']);
  await time.advance(60_000);
  assert.deepEqual(
    batch.inputs.map((one) => [one.progress, one.attempts, one.message]),
    [['failed', 2, 'no such number']],
  );
  assert.equal(await batch.remove(key), true);
  assert.equal(await batch.remove(key), false);
  assert.deepEqual(batch.inputs, []);
  await batch.close();
});

test('over HTTP inputs are given, listed and counted, and nonsense is refused', async () => {
  const { cluster } = world();
  const states: unknown[] = [];
  const harness = await PluginHarness.start(plugin, {
    manifest,
    services: (root) =>
      root.value(SCHEDULER, cluster).value(METRICS, {
        counter: () => ({ inc: (labels) => void states.push(labels?.['state']) }),
        gauge: () => ({ set() {} }),
      }),
  });
  assert.equal(harness.state, 'active', harness.reason);
  const { url } = harness.endpoints.list[0]!;
  const post = (body: string) => fetch(`${url}/inputs`, { method: 'POST', body });
  assert.equal((await post('["1","2"]')).status, 200);
  assert.equal((await post('{"1":2}')).status, 400);
  assert.equal((await post('[1]')).status, 400);
  assert.equal((await fetch(`${url}/inputs/none`, { method: 'DELETE' })).status, 404);
  assert.equal(((await (await fetch(url)).json()) as { inputs: number }).inputs, 2);
  const failed = (await (await fetch(`${url}/inputs?progress=failed`)).json()) as { inputs: unknown[] };
  assert.deepEqual(failed.inputs, []);
  assert.ok(states.includes('TASK_RUNNING'));
  await harness.stop();
});
