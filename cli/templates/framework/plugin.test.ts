import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { PluginManifest } from '@mezzo/sdk/contract';
import { SCHEDULER } from '@mezzo/sdk/framework';
import { FakeCluster, MemoryPluginStore, PluginHarness } from '@mezzo/sdk/testing';
import { startBatch, statusOf, type BatchConfig } from './batch.js';
import plugin from './plugin.js';

const config: BatchConfig = { command: 'work', inputs: ['a', 'b', 'c'], cpus: 0.1, mem: 32, retries: 3 };
const { mezzo: manifest } = JSON.parse(readFileSync('package.json', 'utf8')) as { mezzo: Partial<PluginManifest> };

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
    startBatch({ ...config, ...some }, { scheduler: cluster, store, clock: cluster.time });
  return { cluster, time: cluster.time, start };
}

test('each input is done once', async () => {
  const { cluster, time, start } = world();
  const framework = await start();
  await time.advance(5000);
  assert.equal(statusOf(framework).done, 3);
  assert.equal(cluster.launched.length, 3);
  await framework.close();
});

test('what fails is tried again, as often as it may', async () => {
  const { cluster, time, start } = world();
  cluster.onLaunch = ({ id }) => cluster.fail(id);
  const framework = await start({ inputs: ['a'], retries: 2 });
  await time.advance(60_000);
  assert.equal(statusOf(framework).failed, 1);
  assert.equal(cluster.launched.length, 3);
  await framework.close();
});

test('a framework that is started again goes on where it was', async () => {
  const { cluster, time, start } = world();
  const first = await start();
  await time.advance(500);
  await first.close();
  const second = await start();
  await time.advance(30_000);
  assert.equal(statusOf(second).done, 3);
  assert.equal(cluster.launched.length, 3);
  await second.close();
});

test('inputs that are taken out of the configuration are forgotten', async () => {
  const { time, start } = world();
  const first = await start();
  await time.advance(500);
  await first.close();
  const second = await start({ inputs: ['a', 'd'] });
  await time.advance(30_000);
  assert.deepEqual(
    statusOf(second)
      .tasks.map(({ input }) => input)
      .sort(),
    ['a', 'd'],
  );
  await second.close();
});

test('the plugin tells how it goes over HTTP', async () => {
  const { cluster } = world();
  const harness = await PluginHarness.start(plugin, {
    manifest,
    config: { inputs: ['a', 'b', 'c'] },
    services: (root) => root.value(SCHEDULER, cluster),
  });
  assert.equal(harness.state, 'active', harness.reason);
  const { url } = harness.endpoints.list[0]!;
  const status = (await (await fetch(url)).json()) as ReturnType<typeof statusOf>;
  assert.equal(status.inputs, 3);
  await harness.stop();
  assert.deepEqual(harness.endpoints.list, []);
});
