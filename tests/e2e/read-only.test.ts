import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestCluster } from '../support/cluster.js';
import { until } from '../support/poll.js';
import { root } from '../tidy/sources.js';

const example = join(root, 'examples/read-only');

let cluster: TestCluster;
let dir: string;

async function mezzo(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cluster.mezzo(args);
  expect(code, stdout + stderr).toBe(0);
  return stdout;
}

describe('examples/read-only', () => {
  let headers: Record<string, string>;
  const ask = async (method: string): Promise<[number, string]> => {
    const answer = await fetch(cluster.url(8000, '/service/marathon/v2/apps'), { method, headers });
    return [answer.status, await answer.text()];
  };

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'mezzo-read-only-'));
    cluster = await TestCluster.up();
    headers = { authorization: `Bearer ${(await mezzo('auth', 'token')).trim()}` };
  }, 120_000);
  afterAll(async () => {
    await cluster?.destroy();
    rmSync(dir, { recursive: true, force: true });
  }, 60_000);

  test('its own tests pass', async () => {
    expect(await mezzo('plugin', 'test', example)).toMatch(/pass [1-9]/);
  }, 60_000);

  test('installed by its tarball it lets those change something who may; removed, everybody', async () => {
    await mezzo('plugin', 'pack', example, '--out', join(dir, 'read-only.tgz'));
    await mezzo('plugin', 'install', join(dir, 'read-only.tgz'), '--yes', '--allow-unsigned');
    await until('reading', async () => (await ask('GET'))[0] === 200);
    const [status, text] = await ask('POST');
    const [, uid] = /([\w.@-]+) may only read here/.exec(text) ?? [];
    expect([status, uid]).toEqual([403, expect.any(String)]);
    await mezzo('plugin', 'config', 'read-only', `writers=["${uid}"]`);
    // Marathon's own answer to a body that is none.
    await until('writing', async () => [400, 415, 422].includes((await ask('POST'))[0]));
    await mezzo('plugin', 'config', 'read-only', 'writers=');
    await until('reading alone', async () => (await ask('POST'))[0] === 403);
    await mezzo('plugin', 'remove', 'read-only', '--yes');
    await until('writing', async () => [400, 415, 422].includes((await ask('POST'))[0]));
  }, 120_000);
});
