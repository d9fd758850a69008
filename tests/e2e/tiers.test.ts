import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestCluster } from '../support/cluster.js';
import { until } from '../support/poll.js';
import { root } from '../tidy/sources.js';

const example = join(root, 'examples/tiers');

let cluster: TestCluster;
let dir: string;

async function mezzo(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cluster.mezzo(args);
  expect(code, stdout + stderr).toBe(0);
  return stdout;
}
const json = async <T>(...args: string[]): Promise<T> => JSON.parse(await mezzo(...args, '--json')) as T;
const running = async (id: string) => (await json<{ tasksRunning: number }>('app', 'show', id)).tasksRunning;
/** Of the only framework, Marathon. */
async function reasons(): Promise<string[]> {
  const [framework] = await json<{ id: string }[]>('framework', 'list');
  const { roles } = await json<{ roles: { reasons: { reason: string }[] }[] }>('framework', 'explain', framework!.id);
  return roles.flatMap((role) => role.reasons.map(({ reason }) => reason));
}

describe('examples/tiers', () => {
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'mezzo-tiers-'));
    cluster = await TestCluster.up([], { MEZZO_ALLOCATOR: 'tiers' });
  }, 120_000);
  afterAll(async () => {
    await cluster?.destroy();
    rmSync(dir, { recursive: true, force: true });
  }, 60_000);

  test('its own tests pass', async () => {
    expect(await mezzo('plugin', 'test', example)).toMatch(/pass [1-9]/);
  }, 60_000);

  test('a cluster that waits for its policy offers nothing, and says why', async () => {
    const file = join(dir, 'app.json');
    writeFileSync(file, JSON.stringify({ id: '/sleeps', cmd: 'exec sleep 1000', cpus: 0.1, mem: 32 }));
    await mezzo('app', 'add', file, '--no-wait');
    expect(await until('the reason', async () => (await reasons()).includes('POLICY_HOLD'))).toBe(true);
    expect(await running('/sleeps')).toBe(0);
  }, 60_000);

  test('installed by its tarball, it lets the app run', async () => {
    await mezzo('plugin', 'pack', example, '--out', join(dir, 'tiers.tgz'));
    await mezzo('plugin', 'install', join(dir, 'tiers.tgz'), '--yes', '--allow-unsigned');
    await until('the task', async () => (await running('/sleeps')) === 1, 60_000);
  }, 120_000);

  test('configured so that the agent is kept for a role that Marathon does not have, it leaves what runs, and starts no more', async () => {
    // Agents of `mezzo up` have the attribute `node`, with their name.
    await mezzo('plugin', 'config', 'tiers', 'dedicatedBy=node');
    await mezzo('app', 'scale', '/sleeps', '2', '--no-wait');
    expect(await until('the reason', async () => (await reasons()).includes('POLICY'), 60_000)).toBe(true);
    expect(await running('/sleeps')).toBe(1);
    await mezzo('plugin', 'config', 'tiers', 'dedicatedBy=');
    await until('both tasks', async () => (await running('/sleeps')) === 2, 60_000);
  }, 180_000);

  test('it is neither removed nor disabled as long as the master is told to use it', async () => {
    for (const args of [
      ['remove', 'tiers', '--yes'],
      ['disable', 'tiers'],
    ]) {
      const { code, stderr } = await cluster.mezzo(['plugin', ...args]);
      // The terminal breaks lines.
      expect([code, stderr.replaceAll(/[\s›]+/g, ' ')]).toEqual([
        1,
        expect.stringContaining('was started with --allocator=tiers'),
      ]);
    }
  });
});
