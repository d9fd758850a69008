import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import type { PluginManifest } from '@mezzo/sdk/contract';
import { cliCommandsSuite, dashboardPageSuite, PluginHarness, routesSuite } from '@mezzo/sdk/testing';
import commands from './commands.js';
import plugin from './plugin.js';

const { mezzo: manifest } = JSON.parse(readFileSync('package.json', 'utf8')) as { mezzo: PluginManifest };

let harness: PluginHarness;
let url: string;
before(async () => {
  harness = await PluginHarness.start(plugin, { manifest });
  assert.equal(harness.state, 'active', harness.reason);
  url = harness.endpoints.list[0]!.url;
});
after(() => harness.stop());

const put = (name: string, body: unknown) =>
  fetch(`${url}/links/${name}`, { method: 'PUT', body: JSON.stringify(body) });

for (const { title, run } of [
  ...routesSuite({ manifest, url: () => url }),
  ...dashboardPageSuite({ manifest, url: () => url }),
])
  test(title, run);
const link = { name: 'docs', url: 'https://example.org/' };
const calls = {
  'links list': [{ answers: { 'GET /links': { links: [link] } } }, { answers: { 'GET /links': { links: [] } } }],
  'links add': [{ args: link, answers: { 'PUT /links/docs': {} } }],
};
for (const { title, run } of cliCommandsSuite({ commands, manifest, calls })) test(title, run);

test('a link leads where it was made for, and is listed and shown', async () => {
  assert.equal((await put('docs', { url: 'https://example.org/a?b' })).status, 200);
  const gone = await fetch(`${url}/go/docs`, { redirect: 'manual' });
  assert.deepEqual([gone.status, gone.headers.get('location')], [302, 'https://example.org/a?b']);
  assert.deepEqual(await (await fetch(`${url}/links`)).json(), {
    links: [{ name: 'docs', url: 'https://example.org/a?b' }],
  });
  assert.match(await (await fetch(`${url}/links/page`)).text(), /<a href="\/go\/docs">docs<\/a>/);
});

test('what is no link is refused, and nothing in a URL becomes a part of the page', async () => {
  for (const wrong of [{ url: 'javascript:alert(1)' }, { url: '' }, {}, 'x'])
    assert.equal((await put('bad', wrong)).status, 400, JSON.stringify(wrong));
  assert.equal((await put('Not%20Good', { url: 'https://example.org/' })).status, 400);
  assert.equal((await put('quote', { url: 'https://example.org/?"<script>' })).status, 200);
  assert.doesNotMatch(await (await fetch(`${url}/links/page`)).text(), /<script>/);
  assert.equal((await fetch(`${url}/go/nowhere`, { redirect: 'manual' })).status, 404);
});
