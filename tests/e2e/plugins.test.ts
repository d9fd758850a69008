import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from 'tar';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PluginStatus } from '@mezzo/sdk/contract';
import { TestCluster } from '../support/cluster.js';
import { until } from '../support/poll.js';
import { root } from '../tidy/sources.js';

let cluster: TestCluster;
let dir: string;
const list = () => cluster.json<(PluginStatus & { host: string })[]>('plugin', 'list');
const find = async (id: string) => (await list()).find((plugin) => plugin.id === id);

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'mezzo-plugin-'));
  cluster = await TestCluster.up();
}, 120_000);
afterAll(async () => {
  await cluster?.destroy();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

async function pack(from: string, name: string): Promise<string> {
  const staging = join(dir, name);
  cpSync(from, join(staging, 'package'), { recursive: true });
  const file = join(dir, `${name}.tgz`);
  await create({ gzip: true, file, cwd: staging }, ['package']);
  return file;
}

test('all six built-in plugins come through the host, each with a state', async () => {
  const plugins = await list();
  expect(plugins.map(({ id }) => id).sort()).toEqual([
    'containerizer-docker',
    'containerizer-mesos',
    'dns',
    'ensemble',
    'marathon',
    'router',
  ]);
  for (const { state, reason } of plugins)
    expect(state === 'active' || (state === 'skipped' && reason !== undefined)).toBe(true);
});

test("a stranger's plugin is installed from a tarball and runs", async () => {
  const { code, stdout, stderr } = await cluster.mezzo([
    'plugin',
    'install',
    await pack(join(root, 'examples/hello-plugin'), 'hello'),
    '--yes',
    '--allow-unsigned',
  ]);
  expect(code, stdout + stderr).toBe(0);
  const plugin = await until('it to be active', async () =>
    (await list()).find(({ id, state }) => id.startsWith('hello') && state === 'active'),
  );
  expect(plugin.pid).toBeGreaterThan(0);
});

test('a plugin that is killed is back within two seconds, and nobody else notices', async () => {
  const before = await list();
  const victim = before.find(({ id }) => id.startsWith('hello'))!;
  process.kill(victim.pid!, 'SIGKILL');
  const killedAt = Date.now();
  await until('it to be back', async () => {
    const now = await find(victim.id);
    return now?.state === 'active' && now.pid !== victim.pid;
  });
  // The CLI that asks takes most of this time.
  expect(Date.now() - killedAt).toBeLessThan(5000);
  const others = (rows: typeof before) =>
    rows.filter(({ id }) => id !== victim.id).map(({ id, pid, restarts }) => [id, pid, restarts]);
  expect(others(await list())).toEqual(others(before));
});

test('what ships with Mezzo and is not run is installed by its name, without more ado, and removed', async () => {
  const { code, stdout, stderr } = await cluster.mezzo(['plugin', 'install', 'metronome', '--yes']);
  expect(code, stdout + stderr).toBe(0);
  expect(stdout).toContain('signed by Mezzo');
  expect(await find('metronome')).toMatchObject({ state: 'active' });
  expect((await cluster.mezzo(['plugin', 'remove', 'metronome', '--yes'])).code).toBe(0);
  expect(await find('metronome')).toBeUndefined();
});

test('what is no plugin is refused, and says why', async () => {
  const { code, stderr } = await cluster.mezzo([
    'plugin',
    'install',
    await pack(join(root, 'docs/adr'), 'docs'),
    '--yes',
  ]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/package\.json/);
});
