import { expect, test } from 'vitest';
import { ENDPOINTS, STORE, extensionPoint } from '../contract/index.js';
import { definePlugin } from '../runtime/index.js';
import { PluginHarness } from './plugin-harness.js';

const POINT = extensionPoint<string>('words.v1');

const plugin = definePlugin<{ word: string }>({
  configure: (bind, { word }) => bind.contribute(POINT, { useValue: word }),
  activate: async (ctx, { word }) => {
    await ctx.resolve(STORE).commit([{ op: 'put', key: 'word', value: word }]);
    ctx.own(await ctx.resolve(ENDPOINTS).announce({ name: word, url: 'http://127.0.0.1:1' }));
  },
});
const config = { properties: { word: { type: 'string', default: 'hi' } } };

test('a plugin runs on fakes as a host would run it', async () => {
  const harness = await PluginHarness.start(plugin, {
    manifest: { config, requires: ['store', 'endpoints'], provides: ['words.v1'] },
  });
  expect(harness.state).toBe('active');
  expect(harness.contributions(POINT)).toEqual(['hi']);
  expect(await harness.store.list('')).toEqual([{ key: 'word', value: 'hi', version: 1 }]);
  expect(harness.endpoints.list).toEqual([{ name: 'hi', url: 'http://127.0.0.1:1' }]);
  await harness.stop();
  expect(harness.endpoints.list).toEqual([]);
});

test('what its manifest does not declare is refused, as by a host', async () => {
  const harness = await PluginHarness.start(plugin, { manifest: { config, provides: ['words.v1'] } });
  expect(harness.state).toBe('failed');
  expect(harness.reason).toContain('add "store" to "requires"');
});
