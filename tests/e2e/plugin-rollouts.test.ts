import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PluginStatus } from '@mezzo/sdk/contract';
import { TestCluster } from '../support/cluster.js';
import { until } from '../support/poll.js';
import { pids, readProc } from '../support/proc.js';

let cluster: TestCluster;
let dir: string;
/** Of the tasks, which nothing here may touch. */
let taskPids: string[];

const rows = async (id: string) =>
  (await cluster.json<(PluginStatus & { host: string })[]>('plugin', 'list')).filter((plugin) => plugin.id === id);
const sleepers = (): string[] =>
  pids().filter((pid) => readProc(pid, 'cmdline').startsWith(`sleep\0${cluster.offset}77\0`));
const agentPids = () =>
  ['agent-0', 'agent-1'].map(
    (name) =>
      (JSON.parse(readFileSync(join(cluster.workDir, 'run', 'daemons', `${name}.json`), 'utf8')) as { pid: number })
        .pid,
  );

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'mezzo-rollout-'));
  cluster = await TestCluster.up(['--agents', '2']);
  const app = join(dir, 'app.json');
  const definition = {
    id: '/sleep',
    cmd: `exec sleep ${cluster.offset}77`,
    instances: 2,
    cpus: 0.1,
    mem: 16,
    constraints: [['@hostname', 'UNIQUE']],
  };
  writeFileSync(app, JSON.stringify(definition));
  const { code, stderr } = await cluster.mezzo(['app', 'add', app]);
  expect(code, stderr).toBe(0);
  taskPids = await until('two tasks', () => (sleepers().length === 2 ? sleepers() : undefined));
}, 180_000);
afterAll(async () => {
  await cluster?.destroy();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

/** A plugin of the agents' own process, packed and installed as its author does. */
async function install(version: string, code: string) {
  const source = join(dir, version);
  mkdirSync(source);
  const mezzo = { id: 'guest', sdk: '*', runsOn: ['agent'], process: 'kernel', entry: 'plugin.js', config: CONFIG };
  writeFileSync(join(source, 'package.json'), JSON.stringify({ name: 'guest', version, type: 'module', mezzo }));
  writeFileSync(join(source, 'plugin.js'), code);
  const file = join(dir, `guest-${version}.tgz`);
  const packed = await cluster.mezzo(['plugin', 'pack', source, '--out', file]);
  expect(packed.code, packed.stderr).toBe(0);
  return cluster.mezzo(['plugin', 'install', file, '--yes', '--allow-unsigned']);
}

const CONFIG = { properties: { ends: { type: 'boolean' }, word: { type: 'string' } } };
const QUIET = 'export default { async activate(ctx, { ends }) { if (ends) process.exit(3); } };';

test('agents take a plugin of their process one after the other, and their tasks run on', async () => {
  const before = agentPids();
  const { code, stdout, stderr } = await install('1.0.0', QUIET);
  expect(code, stdout + stderr).toBe(0);
  expect((await rows('guest')).map(({ version, state }) => `${version} ${state}`)).toEqual([
    '1.0.0 active',
    '1.0.0 active',
  ]);
  expect(agentPids().filter((pid) => before.includes(pid))).toEqual([]);
  expect(sleepers()).toEqual(taskPids);
});

test.each([
  [
    'throws when it is activated',
    '2.0.0',
    `export default { async activate() { throw new Error('no good'); } };`,
    /no good/,
  ],
  ['ends its agent', '3.0.0', 'process.exit(3);', /it ended this daemon when it was loaded: 1\.0\.0 runs in its place/],
  ['blocks its agent', '4.0.0', 'for (;;);', /it ended this daemon when it was loaded: 1\.0\.0 runs in its place/],
])(
  'a version that %s meets one agent, which goes on with the one before; tasks run on',
  async (_, version, code, reason) => {
    const before = agentPids();
    const { code: status, stdout, stderr } = await install(version, code);
    expect(status, stdout).toBe(1);
    // The terminal breaks lines.
    expect(stderr.replaceAll(/[\s›]+/g, ' ')).toMatch(reason);
    expect((await rows('guest')).map((row) => `${row.version} ${row.state}`)).toEqual(['1.0.0 active', '1.0.0 active']);
    // The other one was never asked.
    expect(agentPids().filter((pid) => before.includes(pid))).toHaveLength(1);
    expect(sleepers()).toEqual(taskPids);
  },
  240_000,
);

test('agents take its configuration one after the other; one that ends its agent meets one, which goes on with the one before', async () => {
  const before = agentPids();
  const { code, stdout, stderr } = await cluster.mezzo(['plugin', 'config', 'guest', 'word=moin']);
  expect(code, stdout + stderr).toBe(0);
  const between = agentPids();
  expect(between.filter((pid) => before.includes(pid))).toEqual([]);
  const bad = await cluster.mezzo(['plugin', 'config', 'guest', 'ends=true']);
  expect(bad.code, bad.stdout).toBe(1);
  expect(bad.stderr.replaceAll(/[\s›]+/g, ' ')).toMatch(/1\.0\.0 as it was configured before runs in its place/);
  expect((await rows('guest')).map((row) => `${row.version} ${row.state}`)).toEqual(['1.0.0 active', '1.0.0 active']);
  expect(agentPids().filter((pid) => between.includes(pid))).toHaveLength(1);
  expect(await cluster.json('plugin', 'config', 'guest')).toEqual({ word: 'moin' });
  expect(sleepers()).toEqual(taskPids);
}, 240_000);

test('it is removed as it came', async () => {
  const { code, stderr } = await cluster.mezzo(['plugin', 'remove', 'guest', '--yes']);
  expect(code, stderr).toBe(0);
  expect(await rows('guest')).toEqual([]);
  expect(sleepers()).toEqual(taskPids);
});
