import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { PluginManifest } from '@mezzo/sdk/contract';
import type { ContainerSpec } from '@mezzo/sdk/points/containerizer';
import { ISOLATOR } from '@mezzo/sdk/points/isolator';
import { isolatorSuite, PluginHarness } from '@mezzo/sdk/testing';
import { Lifetime } from './lifetime.js';
import plugin from './plugin.js';

const { mezzo: manifest } = JSON.parse(readFileSync('package.json', 'utf8')) as { mezzo: Partial<PluginManifest> };

/** What every isolator promises, in the words of the SDK. */
describe('the laws of isolators', () => {
  const laws = isolatorSuite({
    create: async () => {
      const isolator = new Lifetime('__ID__', 60);
      return { isolator, stop: async () => isolator.close() };
    },
  });
  for (const { title, timeoutMs, run } of laws) test(title, { timeout: timeoutMs }, run);
});

const spec = (containerId: string, labels: Record<string, string> = {}): ContainerSpec => ({
  ...{ containerId, owner: 'o', sandbox: '/tmp', labels },
  command: { shell: true, argv: ['sleep 60'], env: {} },
  resources: { cpusMilli: 100, memMib: 32 },
});

test('the plugin brings an isolator that ends a container when its time is up', async () => {
  const harness = await PluginHarness.start(plugin, { manifest, config: { maxSeconds: 0.1 } });
  assert.equal(harness.state, 'active', harness.reason);
  const [isolator] = harness.contributions(ISOLATOR);
  await isolator!.prepare(spec('c1'));
  assert.deepEqual(await isolator!.watch!('c1'), {
    limitation: 'other',
    message: 'it has run for 0.1 s, which is all that it may',
  });
  await harness.stop();
});

test('its time goes on in another life', async () => {
  const { data } = new Lifetime('a', 60).prepare(spec('c1'));
  const next = new Lifetime('a', 60);
  next.recover('o', [{ containerId: 'c1', sandbox: '/tmp', pid: 1, data: { ...data, endsAtMs: Date.now() } }]);
  assert.equal((await next.watch('c1')).limitation, 'other');
  next.close();
});

test('a label says less, not more, and not nonsense', () => {
  const lifetime = new Lifetime('a', 60);
  assert.deepEqual(lifetime.prepare(spec('c1', { 'max-seconds': '5' })).env, { MAX_SECONDS: '5' });
  assert.deepEqual(lifetime.prepare(spec('c2', { 'max-seconds': '500' })).env, { MAX_SECONDS: '60' });
  assert.throws(() => lifetime.prepare(spec('c3', { 'max-seconds': 'soon' })), /max-seconds is "soon"/);
});
