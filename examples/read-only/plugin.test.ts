import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { PluginManifest } from '@mezzo/sdk/contract';
import { PluginHarness, routerMiddlewareSuite } from '@mezzo/sdk/testing';
import plugin from './plugin.js';

const { mezzo: manifest } = JSON.parse(readFileSync('package.json', 'utf8')) as { mezzo: Partial<PluginManifest> };

/** What everyone promises who watches over requests, in the words of the SDK. */
describe('the laws of middleware', () => {
  let harness: PluginHarness;
  before(async () => {
    harness = await PluginHarness.start(plugin, { manifest, config: { writers: ['ann'] } });
    assert.equal(harness.state, 'active', harness.reason);
  });
  after(() => harness.stop());
  const laws = routerMiddlewareSuite({
    manifest,
    url: () => harness.endpoints.list[0]!.url,
    cases: [
      { request: { method: 'GET', uid: 'bob' }, decision: { allow: true } },
      { request: { method: 'PUT', uid: 'ann' }, decision: { allow: true } },
      {
        request: { method: 'PUT', uid: 'bob' },
        decision: { allow: false, status: 403, reason: 'bob may only read here' },
      },
    ],
  });
  for (const { title, timeoutMs, run } of laws) test(title, { timeout: timeoutMs }, run);
});
