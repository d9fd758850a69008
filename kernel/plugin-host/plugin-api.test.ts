import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PluginManifest } from '@mezzo/sdk/contract';
import { silentLog } from '@mezzo/sdk/testing';
import { EndpointDirectory } from './endpoint-directory.js';
import { PluginApi } from './plugin-api.js';

let dir: string;
let api: PluginApi;
const store = { get: () => undefined, list: () => [], commit: async () => 1 };
const RATE = { perSecond: 50, burst: 10 };

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'mezzo-api-'));
  api = new PluginApi(store, new EndpointDirectory(silentLog), silentLog, RATE);
  for (const id of ['flood', 'sibling']) api.admit(id, { id, requires: ['store'] } as unknown as PluginManifest);
  await api.listen(join(dir, 'api.sock'));
});
afterEach(async () => {
  await api.close();
  rmSync(dir, { recursive: true });
});

/** Milliseconds until the answer. */
function ask(token: string): Promise<number> {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    request(
      { socketPath: join(dir, 'api.sock'), path: '/plugin/v1/store/entry?key=k', headers, agent: false },
      (response) => response.resume().once('end', () => resolve(performance.now() - start)),
    )
      .once('error', reject)
      .end();
  });
}

test('a plugin that floods its host is answered at a pace, its sibling at once', async () => {
  const flood = Promise.all(Array.from({ length: RATE.burst + 40 }, () => ask('flood')));
  const sibling = await ask('sibling');
  const times = (await flood).sort((a, b) => a - b);
  // The first ten at once; the last of the other forty has waited for most of a second.
  expect(times.at(-1)).toBeGreaterThan((40 / RATE.perSecond) * 1000 * 0.9);
  expect(sibling).toBeLessThan(times[RATE.burst + 20]!);
});
