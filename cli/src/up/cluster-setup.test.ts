import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WorkDir } from '../lib/workdir.js';
import { setUpCluster } from './cluster-setup.js';
import { planUp } from './plan.js';

let workDir: WorkDir;
beforeEach(() => void (workDir = new WorkDir(mkdtempSync(join(tmpdir(), 'mezzo-setup-')))));
afterEach(() => rmSync(workDir.path, { recursive: true }));

const options = { agents: 1, portOffset: 0, masters: 1, clusterName: 'c', tls: false };
const plan = planUp({ cpus: 4, memMib: 8192, diskMib: 100_000 }, options);
const mode = (...parts: string[]) => (statSync(workDir.at(...parts)).mode & 0o777).toString(8);

test.runIf(process.getuid?.() === 0)(
  'as root, users of tasks may pass to their sandboxes, and into nothing else',
  async () => {
    await setUpCluster(workDir, plan, options);
    expect([mode(), mode('agents')]).toEqual(['711', '711']);
    for (const closed of ['secrets', 'store', 'run', 'logs', 'plugins']) expect(mode(closed)).toBe('700');
    expect([mode('cluster.json'), mode('secrets', 'join.token')]).toEqual(['600', '600']);
  },
);

test('an operator who closes the directory later is not overruled', async () => {
  await setUpCluster(workDir, plan, options);
  chmodSync(workDir.path, 0o700);
  await setUpCluster(workDir, plan, options);
  expect(mode()).toBe('700');
});
