import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { PluginManifest } from '@mezzo/sdk/contract';
import { CONTAINERIZER } from '@mezzo/sdk/points/containerizer';
import { containerizerSuite, PluginHarness } from '@mezzo/sdk/testing';
import { PlainContainerizer } from './plain-containerizer.js';
import plugin from './plugin.js';

const { mezzo: manifest } = JSON.parse(readFileSync('package.json', 'utf8')) as { mezzo: Partial<PluginManifest> };

/** What every containerizer promises, in the words of the SDK. */
describe('the laws of containerizers', () => {
  const laws = containerizerSuite({
    create: async (home) => new PlainContainerizer('mesos', join(home, 'containers')),
    capabilities: { cgroups: 'none', nesting: false, streams: 'none' },
  });
  for (const { title, timeoutMs, skip, run } of laws) test(title, { timeout: timeoutMs, skip: skip ?? false }, run);
});

test('the plugin brings a containerizer of the name that it is given', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), '__ID__-'));
  const harness = await PluginHarness.start(plugin, { manifest, config: { name: 'docker' }, cluster: { stateDir } });
  assert.equal(harness.state, 'active', harness.reason);
  assert.deepEqual(
    harness.contributions(CONTAINERIZER).map(({ name }) => name),
    ['docker'],
  );
  await harness.stop();
  rmSync(stateDir, { recursive: true });
});

test('what it cannot do it refuses before anything is started', async () => {
  const dir = mkdtempSync(join(tmpdir(), '__ID__-'));
  const containerizer = new PlainContainerizer('mesos', join(dir, 'containers'));
  const launched = containerizer.launch({
    ...{ containerId: 'c1', owner: 'o', sandbox: dir, parent: 'c0' },
    command: { shell: true, argv: ['true'], env: {} },
    resources: { cpusMilli: 100, memMib: 32 },
  });
  await assert.rejects(launched, { code: 'CONTAINER_LAUNCH_FAILED', message: /containers in containers/ });
  await containerizer.close();
  rmSync(dir, { recursive: true });
});
