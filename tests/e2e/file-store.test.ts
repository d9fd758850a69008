import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestCluster } from '../support/cluster.js';
import { until } from '../support/poll.js';
import { root } from '../tidy/sources.js';

const example = join(root, 'examples/file-store');

interface State {
  readonly slaves: readonly { id: string }[];
  readonly frameworks: readonly { id: string; name: string; tasks: readonly { id: string; state: string }[] }[];
}

type Triple = [string, string, string];

let cluster: TestCluster;
let home: string;
let driver: string;
let tgz: string;
let file: string;

async function mezzo(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cluster.mezzo(args);
  expect(code, stdout + stderr + cluster.logs()).toBe(0);
  return stdout;
}
const state = async () => (await (await fetch(cluster.url(5050, '/state'))).json()) as State;
/** Ids of agents, of frameworks, and of the tasks that run. */
async function ids() {
  const { slaves, frameworks } = await state();
  const tasks = frameworks.flatMap((one) => one.tasks).filter((one) => one.state === 'TASK_RUNNING');
  return [slaves, frameworks, tasks].map((list) => list.map(({ id }) => id).sort());
}
const masterPid = async () => {
  const { masters } = await cluster.json<{ masters: { pid?: number; state: string }[] }>('status');
  return masters[0]?.state === 'running' ? masters[0].pid : undefined;
};

/** Starts a master by itself, which must not come to serve; answers its last words. */
async function refused(...args: string[]): Promise<string> {
  const master = cluster.spawn(['master', '--quiet', `--work-dir=${home}/other`, '--port=0', ...args]);
  let words = '';
  for (const stream of [master.stdout, master.stderr]) stream.on('data', (chunk: Buffer) => (words += String(chunk)));
  const [code] = (await once(master, 'close')) as [number];
  expect(code, words).toBe(1);
  return words;
}

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'mezzo-file-store-'));
  [driver, tgz, file] = ['driver', 'file-store.tgz', 'kept/store.jsonl'].map((name) => join(home, name)) as Triple;
  const config = JSON.stringify({ path: file, snapshotEvery: 20 });
  cluster = await TestCluster.create({ MEZZO_STORE_DRIVER: driver, MEZZO_STORE_DRIVER_CONFIG: config });
  await mezzo('plugin', 'pack', example, '--out', tgz);
  mkdirSync(driver, { mode: 0o755 });
  execFileSync('tar', ['-xzf', tgz, '-C', driver, '--strip-components=1', '--no-same-owner']);
  const { code, stdout, stderr } = await cluster.start();
  expect(code, stdout + stderr + cluster.logs()).toBe(0);
}, 120_000);
afterAll(async () => {
  await cluster?.destroy();
  rmSync(home, { recursive: true, force: true });
}, 60_000);

test('its own tests pass', async () => {
  expect(await mezzo('plugin', 'test', example)).toMatch(/pass [1-9]/);
}, 120_000);

test('after kill -9 of the master agents, frameworks and tasks are as before, and so is what plugins keep', async () => {
  const app = join(home, 'app.json');
  writeFileSync(app, JSON.stringify({ id: '/kept', cmd: 'exec sleep 100000', cpus: 0.1, mem: 32, instances: 2 }));
  await mezzo('app', 'add', app);
  await until('its tasks', async () => (await ids())[2]!.length === 2, 60_000);
  const before = await ids();
  expect(before.map((list) => list.length)).toEqual([expect.any(Number), 1, 2]);
  const pid = await masterPid();
  process.kill(pid!, 'SIGKILL');
  await until('the next master', async () => ![undefined, pid].includes(await masterPid()), 60_000);
  await until('all is there again', async () => JSON.stringify(await ids()) === JSON.stringify(before), 60_000);
  expect((await cluster.json<{ id: string }[]>('app', 'list')).map(({ id }) => id)).toEqual(['/kept']);
  expect(readFileSync(file, 'utf8')).toContain('registry/');
  expect(readdirSync(join(cluster.workDir, 'store'))).toEqual([]);
}, 180_000);

test('it is not installed: the refusal says what to do instead', async () => {
  const { code, stdout, stderr } = await cluster.mezzo(['plugin', 'install', tgz, '--yes', '--allow-unsigned']);
  expect(code).not.toBe(0);
  expect(stdout + stderr).toMatch(/plugin file-store 1\.0\.0 brings the store[\s\S]*--store_driver=DIRECTORY/);
}, 60_000);

test('a file that is in use, a directory that others can write, a key that is wrong: refused in words', async () => {
  expect(await refused()).toMatch(/^STORE_LOCKED: store driver file-store 1\.0\.0 failed to open: .* process \d+/m);
  chmodSync(driver, 0o777);
  expect(await refused()).toMatch(/^PLUGIN_NOT_TRUSTED: .*driver can be written by others.*chmod go-w/m);
  chmodSync(driver, 0o755);
  expect(await refused('--store-driver-config={"snapshotEvery": 0}')).toMatch(
    /^PLUGIN_CONFIG_INVALID: .*file-store: "snapshotEvery" must be >= 1/m,
  );
}, 60_000);

test('a damaged file is refused in words; a backup takes its place, and the cluster is as it was', async () => {
  const before = await ids();
  await mezzo('backup', join(home, 'x.backup'));
  await mezzo('down', '--keep-tasks');
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace(/"registry\//, '"REGISTRY/'));
  expect(await refused()).toMatch(/^STORE_CORRUPT: .*store\.jsonl is damaged: line \d+, at byte \d+: its checksum/m);
  renameSync(file, `${file}.damaged`);
  expect(await mezzo('restore', join(home, 'x.backup'))).toMatch(
    /of store driver file-store 1\.0\.0 holds \d+ entries/,
  );
  const { code, stdout, stderr } = await cluster.start();
  expect(code, stdout + stderr + cluster.logs()).toBe(0);
  await until('all is there again', async () => JSON.stringify(await ids()) === JSON.stringify(before), 60_000);
}, 180_000);
