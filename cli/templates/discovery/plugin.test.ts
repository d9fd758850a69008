import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { PluginManifest } from '@mezzo/sdk/contract';
import type { RunningTask } from '@mezzo/sdk/points/discovery-sink';
import { discoverySinkSuite, eventually, FakeOperatorEvents, PluginHarness } from '@mezzo/sdk/testing';
import plugin from './plugin.js';
import { WrittenTasks } from './written-tasks.js';

const { mezzo: manifest } = JSON.parse(readFileSync('package.json', 'utf8')) as { mezzo: Partial<PluginManifest> };

// The laws that every sink of its kind keeps.
const create = async () => {
  const dir = mkdtempSync(join(tmpdir(), '__ID__-'));
  const shown = async () => {
    const { tasks } = JSON.parse(readFileSync(join(dir, 'tasks.json'), 'utf8')) as { tasks: RunningTask[] };
    return tasks.map(({ key, addresses: [address = ''] }) => ({ key, address }));
  };
  const open = () => new WrittenTasks(dir, 'cluster');
  return { sink: open(), shown, reopen: async () => open(), close: async () => rmSync(dir, { recursive: true }) };
};
for (const { title, timeoutMs, skip, run } of discoverySinkSuite({ create, unbreakable: 'disks do not fail to order' }))
  test(title, { timeout: timeoutMs, skip }, run);

test('the plugin writes into its state directory what it serves', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), '__ID__-'));
  const events = new FakeOperatorEvents();
  events.addAgent('S1', '10.0.0.1');
  const harness = await PluginHarness.start(plugin, { manifest, cluster: { stateDir }, sinks: { events } });
  assert.equal(harness.state, 'active', harness.reason);
  const { url } = harness.endpoints.list[0]!;
  const hosts = join(stateDir, 'hosts');
  const says = (expected: string): Promise<void> =>
    eventually(
      `it says ${expected}`,
      async () =>
        (await (await fetch(`${url}/hosts`)).text()) === expected &&
        existsSync(hosts) &&
        readFileSync(hosts, 'utf8') === expected,
    );
  events.addTask('web', { name: 'The web' });
  await says('10.0.0.1 the-web.marathon.cluster\n');
  events.updateTask('web', 'TASK_FINISHED');
  await says('');
  assert.equal((await fetch(`${url}/health`)).status, 200);
  await harness.stop();
  rmSync(stateDir, { recursive: true });
});
