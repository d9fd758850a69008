import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PluginStatus } from '@mezzo/sdk/contract';
import { TestCluster } from '../support/cluster.js';
import { until } from '../support/poll.js';
import { describeIf } from '../support/skip.js';
import { root } from '../tidy/sources.js';

const NOBODY = 65_534;

/** Root can become nobody; whoever is not root is tested by all the other suites. */
function lack(): string | undefined {
  if (process.getuid?.() !== 0) return 'we are not root ourselves';
  try {
    execFileSync(process.execPath, ['-e', `require('fs').readFileSync('${join(root, 'package.json')}')`], {
      uid: NOBODY,
      gid: NOBODY,
      stdio: 'ignore',
    });
    return undefined;
  } catch {
    return 'this checkout cannot be read by others';
  }
}

describeIf(lack(), 'without root', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await TestCluster.up([`--deploy=${join(root, 'examples/hello.json')}`], {}, NOBODY);
  }, 120_000);
  afterAll(async () => {
    await cluster?.destroy();
  }, 60_000);

  const tasks = async () =>
    (await cluster.json<{ id: string; state: string }[]>('task', 'list')).filter(
      ({ state }) => state === 'TASK_RUNNING',
    );

  test('the main job works, with weaker isolation that is said', async () => {
    expect((await fetch(cluster.url(8000, '/service/hello/'))).status).toBe(200);
    expect(readFileSync(join(cluster.workDir, 'logs', 'supervisor.log'), 'utf8')).toMatch(
      /not root: tasks are plain process groups/,
    );
    const plugins = await cluster.json<PluginStatus[]>('plugin', 'list');
    expect(plugins.find(({ id }) => id === 'containerizer-mesos')?.state).toBe('active');
  });

  test('it scales and comes back to what was there after down and up', async () => {
    expect((await cluster.mezzo(['app', 'scale', '/hello', '3'])).code).toBe(0);
    expect(await tasks()).toHaveLength(3);
    expect((await cluster.mezzo(['down'])).code).toBe(0);
    const again = await cluster.start();
    expect(again.code, again.stderr).toBe(0);
    await until('three instances again', async () => (await tasks()).length === 3, 30_000);
  });

  test('doctor names what is lost', async () => {
    const { findings } = await cluster.json<{ findings: { name: string; state: string; cost?: string }[] }>('doctor');
    expect(findings.find(({ name }) => name === 'root')).toMatchObject({
      state: 'lack',
      cost: expect.stringMatching(/no namespaces/),
    });
  });
});
