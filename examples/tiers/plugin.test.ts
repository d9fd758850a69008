import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { PluginManifest } from '@mezzo/sdk/contract';
import { ALLOCATOR_POLICY } from '@mezzo/sdk/points/allocator-policy';
import { allocatorPolicySuite, PluginHarness } from '@mezzo/sdk/testing';
import plugin from './plugin.js';
import { Tiers } from './tiers.js';

const { mezzo: manifest } = JSON.parse(readFileSync('package.json', 'utf8')) as { mezzo: Partial<PluginManifest> };
const policy = new Tiers({
  tiers: [
    ['prod', 'ops'],
    ['batch', 'prod/trial'],
  ],
  dedicatedBy: 'dedicated',
});
const rank = (role: string, dominantShare = 0, weight = 1) =>
  policy.rank({ kind: 'role', role, weight, dominantShare, shareOf: () => dominantShare });
const admits = (role: string, value?: string) =>
  policy.admits({ user: '', name: '' }, role, {
    hostname: 'h',
    attributes: value === undefined ? [] : [{ name: 'dedicated', type: 'TEXT', text: { value } }],
  });

/** What every policy promises, in the words of the SDK. */
describe('the laws of policies', () => {
  for (const { title, timeoutMs, run } of allocatorPolicySuite({ policy })) test(title, { timeout: timeoutMs }, run);
});

test('an earlier tier comes first, however much it holds; roles below one are in its tier unless they are named', () => {
  assert.ok(rank('ops', 1, 0.0001) < rank('batch'));
  assert.ok(rank('prod/web/a', 1) < rank('batch'));
  assert.ok(rank('batch', 1) < rank('product'));
  assert.equal(rank('prod/trial'), rank('batch'));
});

test('within a tier the smaller share comes first, by weight', () => {
  assert.ok(rank('prod', 0.2) < rank('ops', 0.3));
  assert.ok(rank('prod', 0.4, 2) < rank('ops', 0.3));
});

test('an agent that is kept for a role goes to that and to roles below it; all others go to all', () => {
  assert.deepEqual(
    ['prod', 'prod/web', 'product', '*'].map((role) => admits(role, 'prod')),
    [true, true, false, false],
  );
  assert.ok(admits('*'));
});

test('as a plugin it brings one policy', async () => {
  const harness = await PluginHarness.start(plugin, { manifest, config: { tiers: [['prod']] } });
  assert.deepEqual(
    harness.contributions(ALLOCATOR_POLICY).map(({ name }) => name),
    ['tiers'],
  );
  await harness.stop();
});
