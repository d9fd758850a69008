// What the mesos containerizer promises where version 2 is the only kind of cgroups. Run inside a machine that is like that.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CONTAINERIZER, type Containerizer, type ContainerResources } from '../../sdk/points/containerizer.js';
import { Bench } from '../../sdk/testing/containerizer-bench.js';
import { eventually, PATIENCE } from '../../sdk/testing/eventually.js';
import { SHELL_BEHAVIOURS as does } from '../../sdk/testing/containerizer-behaviours.js';
import { containerizerSuite, type ContainerizerSuiteOptions, type Law } from '../../sdk/testing/containerizer-suite.js';
import { PluginHarness } from '../../sdk/testing/plugin-harness.js';
import plugin from '../../plugins/containerizer-mesos/plugin.js';

const MOUNT = '/sys/fs/cgroup';
const MIB = 1_048_576;
const MODES = ['namespaces', 'group'] as const;
type Mode = (typeof MODES)[number];
type Check = (bench: Bench, mode: Mode) => Promise<void>;

/** The plugin as a host runs it; closing what it brought stops it. */
const create = (mode: Mode) => async (home: string) => {
  const harness = await PluginHarness.start(plugin, {
    manifest: { provides: [CONTAINERIZER.id], config: { additionalProperties: true } },
    config: { runtimeDir: join(home, 'run'), namespaces: mode === 'namespaces', cgroups: true, cfs: false },
  });
  assert.equal(harness.state, 'active', harness.reason);
  const [brought] = harness.contributions(CONTAINERIZER);
  return Object.assign(Object.create(brought as object) as Containerizer, { close: () => harness.stop() });
};

const dirOf = (bench: Bench, id = '') => join(MOUNT, 'mezzo', bench.owner, id);
const text = (bench: Bench, id: string, file: string) => readFileSync(join(dirOf(bench, id), file), 'utf8').trim();
const shell = (line: string) => ({ shell: true, argv: [line], env: {} });

function residue(home: string, owner: string): Promise<string[]> {
  const dirs = [join(MOUNT, 'mezzo', owner), join(home, 'run/containers', owner), join(home, 'run/exits', owner)];
  const names = dirs.filter(existsSync).flatMap((dir) => readdirSync(dir).map((name) => join(dir, name)));
  return Promise.resolve(names.filter((path) => !/\/(cgroup|cpu|memory|io|pids|hugetlb|rdma|misc)\.[^/]*$/.test(path)));
}

/** Cpus that a container has used on average over some seconds. */
async function cpusUsed(bench: Bench, id: string, overMs: number): Promise<number> {
  const used = async () => {
    const { cpusUserTimeSecs = 0, cpusSystemTimeSecs = 0 } = await bench.containerizer.statistics(id);
    return { secs: cpusUserTimeSecs + cpusSystemTimeSecs, atMs: performance.now() };
  };
  const before = await used();
  await sleep(overMs);
  const after = await used();
  return ((after.secs - before.secs) * 1000) / (after.atMs - before.atMs);
}

async function bounds(bench: Bench, resources: ContainerResources, files: readonly string[]) {
  const container = await bench.launch(does.waits(0), { resources });
  await container.ready();
  const found = Object.fromEntries(files.map((file) => [file, text(bench, container.id, file)]));
  await container.end();
  await container.wait();
  return found;
}

const CHECKS: readonly (readonly [string, Check])[] = [
  [
    'version 2 is found, and nothing is amiss',
    async (bench, mode) => {
      assert.doesNotMatch(readFileSync('/proc/self/mounts', 'utf8'), / cgroup /);
      const { cgroups, namespaces, notes } = await bench.containerizer.capabilities();
      assert.deepEqual({ cgroups, namespaces }, { cgroups: 'v2', namespaces: mode === 'namespaces' });
      assert.equal(notes.length, mode === 'namespaces' ? 0 : 1, notes.join());
    },
  ],
  [
    'the bounds of a container are in the files of its cgroup, and its processes too',
    async (bench) => {
      const resources = { cpusMilli: 500, memMib: 64, limits: { cpusMilli: 700, memMib: 96 } };
      const files = ['memory.max', 'memory.low', 'memory.oom.group', 'cpu.weight', 'cpu.max'];
      assert.deepEqual(await bounds(bench, resources, files), {
        'memory.max': String(96 * MIB),
        'memory.low': String(64 * MIB),
        'memory.oom.group': '1',
        'cpu.weight': '50',
        'cpu.max': '70000 100000',
      });
      const container = await bench.launch(does.waits(0));
      await container.ready();
      const { main } = container.checkpoint.data as { main?: { pid: number } };
      assert.ok(text(bench, container.id, 'cgroup.procs').split('\n').includes(String(main?.pid)));
    },
  ],
  [
    'a container without limits has none',
    async (bench) => {
      const limits = { cpusMilli: 'unlimited', memMib: 'unlimited' } as const;
      const files = ['memory.max', 'cpu.max', 'cpu.weight'];
      const found = await bounds(bench, { cpusMilli: 2000, memMib: 64, limits }, files);
      assert.deepEqual(found, { 'memory.max': 'max', 'cpu.max': 'max 100000', 'cpu.weight': '200' });
    },
  ],
  [
    'a busy container gets the cpu of its limit and no more',
    async (bench) => {
      const resources = { cpusMilli: 100, memMib: 64, limits: { cpusMilli: 200 } };
      const container = await bench.launch(shell('echo ready; while :; do :; done'), { resources });
      await container.ready();
      const cpus = await cpusUsed(bench, container.id, 4000);
      assert.ok(cpus > 0.02 && cpus < 0.3, `${cpus} cpus`);
      assert.match(text(bench, container.id, 'cpu.stat'), /^nr_throttled [1-9]/m);
    },
  ],
  [
    'statistics are those of the cgroup',
    async (bench) => {
      const container = await bench.launch(shell('sleep 600 & echo ready; wait'));
      await container.ready();
      await eventually('memory is accounted', async () => {
        const { memRssBytes = 0, memTotalBytes = 0 } = await bench.containerizer.statistics(container.id);
        return memRssBytes > 0 && memTotalBytes >= memRssBytes;
      });
      const { memTotalBytes = 0, ...statistics } = await bench.containerizer.statistics(container.id);
      assert.equal(statistics.memLimitBytes, 64 * MIB);
      assert.equal(statistics.processes, 2);
      assert.ok(
        memTotalBytes < 64 * MIB && Math.abs(memTotalBytes - Number(text(bench, container.id, 'memory.current'))) < MIB,
      );
      assert.ok((statistics.cpusUserTimeSecs ?? 0) + (statistics.cpusSystemTimeSecs ?? 0) > 0);
    },
  ],
  [
    'the kernel counts what it kills for memory, and the whole container ends with it',
    async (bench) => {
      const hog = 'x=0123456789abcdef; while :; do x=$x$x; done';
      const resources = { cpusMilli: 100, memMib: 32 };
      const container = await bench.launch(shell(`sleep 600 & (${hog}); echo survived; exit 0`), { resources });
      const exit = await container.wait();
      assert.match(text(bench, container.id, 'memory.events'), /^oom_kill [1-9]/m);
      assert.match(text(bench, container.id, 'memory.events'), /^oom_group_kill 1$/m);
      assert.deepEqual(
        { limitation: exit.limitation, stdout: await container.stdout() },
        { limitation: 'oom', stdout: '' },
      );
    },
  ],
  [
    'a SIGKILL that memory has nothing to do with is no lack of memory',
    async (bench) => {
      const exit = await (await bench.launch(shell('kill -KILL $$'))).wait();
      assert.deepEqual([exit.signal, exit.limitation], ['SIGKILL', undefined]);
    },
  ],
  [
    'what has left its session and its group ends with the container, and no cgroup stays',
    async (bench) => {
      const container = await bench.launch(shell('setsid sleep 600 & setsid sleep 600 & echo ready; wait'));
      await container.ready();
      await bench.containerizer.remove(container.id);
      assert.equal(existsSync(dirOf(bench, container.id)), false);
      await eventually('all have ended', async () => (await bench.processes()) === 0);
    },
  ],
  [
    'a cgroup of the owner that nobody knows is emptied and removed, even where it has children',
    async (bench) => {
      await bench.launch(does.exits(0)).then((container) => container.wait());
      const stray = dirOf(bench, 'stray');
      mkdirSync(join(stray, 'inner'), { recursive: true });
      const sleeper = spawn('sleep', ['600'], { stdio: 'ignore' });
      const ended = once(sleeper, 'exit');
      writeFileSync(join(stray, 'inner/cgroup.procs'), String(sleeper.pid));
      await bench.restart([]);
      assert.deepEqual(await ended, [null, 'SIGKILL']);
      assert.equal(existsSync(stray), false);
    },
  ],
  [
    'a container that makes cgroups of its own can be removed',
    async (bench) => {
      const script = `mkdir ${MOUNT}/mezzo/${bench.owner}/"$ME"/inner && echo ready; sleep 600`;
      const containerId = 'nests';
      const container = await bench.launch({ ...shell(script), env: { ME: containerId } }, { containerId });
      await container.ready();
      await bench.containerizer.remove(container.id);
      assert.equal(existsSync(dirOf(bench, container.id)), false);
    },
  ],
  [
    'what is left when all containers are removed and the containerizer is closed is nothing',
    async (bench) => {
      const container = await bench.launch(does.exits(0));
      await container.wait();
      await bench.containerizer.remove(container.id);
      await bench.forget();
      assert.equal(existsSync(dirOf(bench)), false);
      await bench.remember([]);
    },
  ],
];

export function cgroupV2Laws(): Law[] {
  return MODES.flatMap((mode) => {
    const options: ContainerizerSuiteOptions = {
      create: create(mode),
      capabilities: { cgroups: 'v2', nesting: true, streams: 'plain' },
      residue,
    };
    const own = CHECKS.map(([title, check]) => ({
      title,
      timeoutMs: 60_000 * PATIENCE,
      run: () => Bench.run(options, (bench) => check(bench, mode)),
    }));
    return [...own, ...containerizerSuite(options)].map((law) => ({ ...law, title: `${mode}: ${law.title}` }));
  });
}
