import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { PluginManifest } from '@mezzo/sdk/contract';
import { PluginHarness, routesSuite } from '@mezzo/sdk/testing';
import plugin from './plugin.js';

const { mezzo: manifest } = JSON.parse(readFileSync('package.json', 'utf8')) as { mezzo: Partial<PluginManifest> };

let harness: PluginHarness;
let url: string;
beforeEach(async () => {
  harness = await PluginHarness.start(plugin, { manifest, config: { greeting: 'Good day' } });
  assert.equal(harness.state, 'active', harness.reason);
  url = harness.endpoints.list[0]!.url;
});
afterEach(() => harness.stop());

/** What everyone promises who claims paths of the front door, in the words of the SDK. */
describe('the laws of routes', () => {
  for (const { title, timeoutMs, run } of routesSuite({ manifest, url: () => url }))
    test(title, { timeout: timeoutMs }, run);
});

test('it greets in the words of its configuration', async () => {
  assert.deepEqual(await (await fetch(`${url}/__ID__`)).json(), { message: 'Good day from test' });
});

test('what is put can be got, and lies in the store', async () => {
  assert.equal((await fetch(`${url}/__ID__/notes/one`, { method: 'PUT', body: 'Hello' })).status, 200);
  assert.deepEqual(await (await fetch(`${url}/__ID__/notes/one`)).json(), { name: 'one', text: 'Hello' });
  assert.deepEqual(await (await fetch(`${url}/__ID__/notes`)).json(), { notes: ['one'] });
  assert.equal((await harness.store.get('notes/one'))?.value, 'Hello');
});

test('what is not there, not allowed or too large is refused', async () => {
  assert.equal((await fetch(`${url}/__ID__/notes/none`)).status, 404);
  assert.equal((await fetch(`${url}/__ID__/nowhere`)).status, 404);
  assert.equal((await fetch(`${url}/__ID__/notes/one`, { method: 'DELETE' })).status, 405);
  assert.equal((await fetch(`${url}/__ID__/notes/one`, { method: 'PUT', body: 'x'.repeat(70_000) })).status, 413);
});

test('it is healthy as long as its store answers', async () => {
  assert.equal((await fetch(`${url}/health`)).status, 200);
  harness.store.list = () => Promise.reject(new Error('the store is away'));
  assert.equal((await fetch(`${url}/health`)).status, 503);
});

test('it is gone when it is stopped', async () => {
  await harness.stop();
  assert.deepEqual(harness.endpoints.list, []);
  await assert.rejects(fetch(url));
});
