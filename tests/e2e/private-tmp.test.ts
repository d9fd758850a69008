import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exploreMachine } from '../../plugins/containerizer-mesos/shell/machine.js';
import { TestCluster } from '../support/cluster.js';
import { until } from '../support/poll.js';
import { pids, readProc } from '../support/proc.js';
import { describeIf } from '../support/skip.js';
import { root } from '../tidy/sources.js';

const example = join(root, 'examples/private-tmp');
const MARK = `mark-of-${process.pid}`;

let cluster: TestCluster;
let dir: string;

async function mezzo(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cluster.mezzo(args);
  expect(code, stdout + stderr).toBe(0);
  return stdout;
}
async function run(id: string, cmd: string, more: object = {}): Promise<void> {
  const file = join(dir, `${id}.json`);
  writeFileSync(file, JSON.stringify({ id: `/${id}`, cmd, cpus: 0.1, mem: 32, ...more }));
  await mezzo('app', 'add', file);
}
/** First processes of the instances of an app that run. */
const running = (seconds: number) =>
  pids().filter((pid) => readProc(pid, 'cmdline').startsWith(`sleep\0${cluster.offset}${seconds}\0`));
const writesAndSleeps = (seconds: number) =>
  `[ ! -e /tmp/${MARK} ] && touch /tmp/${MARK} && echo alone >${dir}/$MESOS_TASK_ID; exec sleep ${cluster.offset}${seconds}`;

const { mode, notes } = await exploreMachine({ namespaces: true, cgroups: true });

describeIf(mode === 'namespaces' ? undefined : notes.join('; '), 'examples/private-tmp', () => {
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'mezzo-private-'));
    cluster = await TestCluster.up();
  }, 120_000);
  afterAll(async () => {
    await cluster?.destroy();
    rmSync(dir, { recursive: true, force: true });
    rmSync(join('/tmp', MARK), { force: true });
  }, 60_000);

  test('its own tests pass', async () => {
    expect(await mezzo('plugin', 'test', example)).toMatch(/pass [1-9]/);
  }, 60_000);

  test('installed by its tarball, it gives each task a /tmp of its own, and those that ran before run on', async () => {
    await run('before', `exec sleep ${cluster.offset}11`);
    const [before] = await until('a task', () => running(11).length === 1 && running(11));
    await mezzo('plugin', 'pack', example, '--out', join(dir, 'private-tmp.tgz'));
    await mezzo('plugin', 'install', join(dir, 'private-tmp.tgz'), '--yes', '--allow-unsigned');
    await run('after', writesAndSleeps(22), { instances: 2 });
    const both = await until('two tasks', () => running(22).length === 2 && running(22), 60_000);
    for (const pid of both) expect(existsSync(`/proc/${pid}/root/tmp/${MARK}`)).toBe(true);
    expect(existsSync(join('/tmp', MARK))).toBe(false);
    expect(running(11)).toEqual([before]);
    expect(existsSync(`/proc/${before}/root/tmp/${MARK}`)).toBe(false);
  }, 180_000);

  test('a task that fills it ends with the reason in words, and what it wrote is gone', async () => {
    const label = { 'private-tmp.mib': '2' };
    await run('fills', `head -c 4000000 /dev/zero >/tmp/much; exec sleep ${cluster.offset}33`, { labels: label });
    const message = await until(
      'its failure',
      async () => {
        const { stdout } = await cluster.mezzo(['app', 'show', '/fills', '--json']);
        return /\/tmp holds \d MiB, 2 MiB are allowed/.exec(stdout)?.[0];
      },
      60_000,
    );
    expect(message).toBe('/tmp holds 4 MiB, 2 MiB are allowed');
  }, 120_000);

  test('removed again, it leaves the tasks that it gave a /tmp to, and new ones have that of the machine', async () => {
    const both = running(22);
    await mezzo('plugin', 'remove', 'private-tmp', '--yes');
    await run('later', writesAndSleeps(44));
    await until('a task without it', () => running(44).length === 1 && existsSync(join('/tmp', MARK)), 60_000);
    expect(running(22)).toEqual(both);
  }, 180_000);
});
