import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { CLUSTER, LOG, type PluginManifest } from '@mezzo/sdk/contract';
import { CONTAINERIZER, type ContainerSpec, type LaunchedContainer } from '@mezzo/sdk/points/containerizer';
import { PluginRun, RootContainer } from '@mezzo/sdk/runtime';
import { silentLog } from '@mezzo/sdk/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import plugin from '../../plugins/containerizer-mesos/plugin.js';
import { exploreMachine } from '../../plugins/containerizer-mesos/shell/machine.js';
import { MesosContainerizer } from '../../plugins/containerizer-mesos/shell/mesos-containerizer.js';
import { bundle } from '../support/bundle.js';
import { until } from '../support/poll.js';
import { isRunning } from '../support/proc.js';
import { describeIf } from '../support/skip.js';

let home: string;
let owner: string;
let containerizer: MesosContainerizer;
let launched: string[];

async function open(): Promise<MesosContainerizer> {
  const opened = new MesosContainerizer({ runtimeDir: join(home, 'run'), namespaces: true, cgroups: true, cfs: false });
  await opened.start();
  return opened;
}

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'mezzo-mesos-'));
  owner = `test-${home.slice(-6)}`;
  containerizer = await open();
  await containerizer.recover(owner, []);
  launched = [];
});

afterEach(async () => {
  for (const id of launched) await containerizer.remove(id);
  await containerizer.close();
  rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
});

function spec(text: string, more: Partial<ContainerSpec> = {}, env: Record<string, string> = {}): ContainerSpec {
  const containerId = `c${launched.length}`;
  launched.push(containerId);
  const sandbox = join(home, containerId);
  mkdirSync(sandbox, { recursive: true });
  const resources = { cpusMilli: 100, memMib: 64 };
  return { containerId, owner, sandbox, resources, command: { shell: true, argv: [text], env }, ...more };
}

/** Runs it to its end, and answers what it printed. */
async function output(text: string, more: Partial<ContainerSpec> = {}, env: Record<string, string> = {}) {
  const wanted = spec(text, more, env);
  await containerizer.launch(wanted);
  const exit = await containerizer.wait(wanted.containerId);
  const [stdout, stderr] = ['stdout', 'stderr'].map((name) => readFileSync(join(wanted.sandbox, name), 'utf8'));
  return { ...exit, stdout, stderr };
}

/** Process number of a running container's first process, and its shim's. */
async function running(text = 'echo ready; sleep 600') {
  const wanted = spec(text);
  const { checkpoint, pid } = await containerizer.launch(wanted);
  const { containerId, sandbox } = wanted;
  await until('ready', () => readFileSync(join(sandbox, 'stdout'), 'utf8').includes('ready'));
  return { containerId, checkpoint, pid: pid!, shim: (checkpoint.data['shim'] as { pid: number }).pid };
}

/** Launches from an agent of its own, which has a pipe more than usual and is killed as soon as it has launched. */
async function launchAndDie(containerId: string, sandbox: string, command: string): Promise<LaunchedContainer> {
  const host = await bundle('tests/support/mesos-host.ts');
  const args = [host, join(home, 'run'), sandbox, owner, containerId, command];
  const agent = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit', 'pipe'] });
  const line = await new Promise<string>((resolve) => createInterface(agent.stdout!).once('line', resolve));
  const gone = new Promise((resolve) => agent.once('exit', resolve));
  agent.kill('SIGKILL');
  await gone;
  rmSync(dirname(host), { recursive: true });
  return JSON.parse(line) as LaunchedContainer;
}

const machine = await exploreMachine({ namespaces: true, cgroups: true });
const lacks = machine.mode === 'namespaces' && machine.cgroups !== undefined ? undefined : machine.notes.join('; ');

describeIf(lacks, 'containerizer-mesos as root', () => {
  test('a task survives kill -9 of its agent, and the next agent hears how it ends', async () => {
    const { containerId, sandbox } = spec('');
    const { checkpoint, pid } = await launchAndDie(
      containerId,
      sandbox,
      'while [ ! -e go ]; do sleep 0.02; done; exit 9',
    );
    expect(isRunning(pid!)).toBe(true);
    expect(await containerizer.recover(owner, [checkpoint])).toEqual([containerId]);
    writeFileSync(join(sandbox, 'go'), '');
    expect(await containerizer.wait(containerId)).toMatchObject({ code: 9 });
  });

  test('what an agent that was killed left of scripts with an environment is removed by the next one', async () => {
    const { containerId, sandbox } = spec('');
    const { checkpoint } = await launchAndDie(containerId, sandbox, 'sleep 600');
    const left = ['c0.run', 'c0.enter', 'orphan.run'].map((name) => join(home, 'run/containers', owner, name));
    for (const path of left) writeFileSync(path, "export PASSWORD='hunter2'");
    expect(await containerizer.recover(owner, [checkpoint])).toEqual([containerId]);
    expect(left.filter((path) => existsSync(path))).toEqual([]);
  });

  test('a task inherits nothing but its three streams, whatever its agent was started with', async () => {
    const { containerId, sandbox } = spec('');
    const list = 'for fd in /proc/self/fd/*; do readlink "$fd"; done';
    const { checkpoint } = await launchAndDie(containerId, sandbox, list);
    expect(await containerizer.recover(owner, [checkpoint])).toEqual([containerId]);
    await containerizer.wait(containerId);
    const allowed = /^$|^\/dev\/null$|^\/proc\/\d+\/fd$|\/(stdout|stderr)$/;
    const targets = readFileSync(join(sandbox, 'stdout'), 'utf8').split('\n');
    expect(targets.length).toBeGreaterThan(3);
    expect(targets.filter((target) => !allowed.test(target))).toEqual([]);
  });

  test('a task has namespaces of its own, sees its own processes only, and keeps the name of the host', async () => {
    const { pid } = await running();
    for (const kind of ['pid', 'mnt', 'uts', 'ipc'])
      expect(readlinkSync(`/proc/${pid}/ns/${kind}`)).not.toBe(readlinkSync(`/proc/self/ns/${kind}`));
    const { stdout } = await output('echo /proc/[0-9]*; hostname');
    expect(stdout?.split(' ').length).toBeLessThan(6);
    expect(stdout).toContain(readFileSync('/proc/sys/kernel/hostname', 'utf8'));
  });

  test("a hostname that is asked for is the container's own", async () => {
    const { stdout } = await output('hostname', { container: { type: 'MESOS', hostname: 'its-own' } });
    expect(stdout).toBe('its-own\n');
    expect(readFileSync('/proc/sys/kernel/hostname', 'utf8')).not.toContain('its-own');
  });

  test('its cgroups hold it to what it was given, and vanish with it', async () => {
    const { containerId } = await running();
    const file = (name: string) => join('/sys/fs/cgroup', name.split('.')[0]!, 'mezzo', owner, containerId, name);
    if (machine.cgroups?.version === 'v1') {
      expect(readFileSync(file('memory.limit_in_bytes'), 'utf8').trim()).toBe(String(64 << 20));
      expect(readFileSync(file('cpu.shares'), 'utf8').trim()).toBe('102');
    }
    // The kernel adds up memory in batches.
    const rss = () => containerizer.statistics(containerId).then(({ memRssBytes }) => (memRssBytes ?? 0) > 0);
    await until('memory is accounted', rss);
    const { memLimitBytes, processes } = await containerizer.statistics(containerId);
    expect(memLimitBytes).toBe(64 << 20);
    expect(processes).toBeGreaterThan(0);
    await containerizer.remove(containerId);
    expect(await machine.cgroups?.list(owner)).toEqual([]);
  });

  test('a task runs as its user, who owns the sandbox and may open his own output', async () => {
    const text = 'id -u; id -g; echo again >>/dev/stdout; touch mine && echo ok';
    const { stdout, code } = await output('', { command: { shell: true, argv: [text], env: {}, user: 'nobody' } });
    expect({ stdout, code }).toEqual({ stdout: '65534\n65534\nagain\nok\n', code: 0 });
  });

  test('a user whom nobody knows is a refused launch', async () => {
    const command = { shell: true, argv: ['true'], env: {}, user: 'no-such-user' };
    const refusal = { code: 'CONTAINER_LAUNCH_FAILED', message: expect.stringContaining('no-such-user') };
    await expect(containerizer.launch(spec('', { command }))).rejects.toMatchObject(refusal);
  });

  test('ten thousand variables and a command of 100 kB are nothing special', async () => {
    const env = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`VARIABLE_${i}`, `value ${i}`]));
    const long = `: ${'x'.repeat(100_000)}; env | grep -c ^VARIABLE_; echo "$VARIABLE_9999"`;
    expect((await output(long, {}, env)).stdout).toBe('10000\nvalue 9999\n');
  });

  test('what was fetched cannot lead the output of root elsewhere', async () => {
    const victim = join(home, 'victim');
    writeFileSync(victim, 'untouched');
    const wanted = spec('echo overwritten');
    symlinkSync(victim, join(wanted.sandbox, 'stdout'));
    await expect(containerizer.launch(wanted)).rejects.toMatchObject({ code: 'CONTAINER_LAUNCH_FAILED' });
    expect(readFileSync(victim, 'utf8')).toBe('untouched');
  });

  test('a code above 128 is a code, a signal is a signal', async () => {
    expect(await output('exit 137')).toMatchObject({ code: 137 });
    expect(await output('exit 143')).toMatchObject({ code: 143 });
    expect(await output('kill -KILL $$')).toMatchObject({ signal: 'SIGKILL' });
    expect(await output('kill -SEGV $$')).toMatchObject({ signal: 'SIGSEGV' });
  });

  test('no signal is ignored in a task that would not be elsewhere', async () => {
    expect((await output('trap "echo int" INT; kill -INT $$')).stdout).toBe('int\n');
    expect((await output('grep SigIgn /proc/self/status')).stdout).toBe('SigIgn:\t0000000000000000\n');
  });

  test('a task that signals its own group hits nobody else', async () => {
    const other = await running();
    expect(await output('kill -KILL 0')).toMatchObject({ signal: 'SIGKILL' });
    expect(await output('kill -KILL -1; exit 3')).toMatchObject({ code: 3 });
    expect(isRunning(other.pid)).toBe(true);
    expect(isRunning(other.shim)).toBe(true);
  });

  test('when the shim is killed from outside, its task ends with it and the end is told as unknown', async () => {
    const { containerId, shim, pid } = await running();
    process.kill(shim, 'SIGKILL');
    expect(await containerizer.wait(containerId)).toMatchObject({ limitation: 'unknown' });
    await until('the task has ended', () => !isRunning(pid));
  });

  test('when the shell that starts everything dies, what runs does not care and the next launch works', async () => {
    const { containerId, pid } = await running();
    const servers = readdirSync('/proc').filter((entry) => {
      try {
        return readFileSync(`/proc/${entry}/cmdline`, 'utf8').includes(join(home, 'run/fork-server.sh'));
      } catch {
        return false;
      }
    });
    expect(servers).toHaveLength(1);
    process.kill(Number(servers[0]), 'SIGKILL');
    await until('it has gone', () => !isRunning(Number(servers[0])));
    await until('a launch works', () => output('exit 5').then(({ code }) => code === 5));
    expect(isRunning(pid)).toBe(true);
    await containerizer.kill(containerId, 1000);
    expect(await containerizer.wait(containerId)).toMatchObject({ signal: 'SIGTERM' });
  });

  test('a process with the number of one that has ended is not taken for it', async () => {
    const { containerId, checkpoint } = await running();
    await containerizer.remove(containerId);
    const shim = { ...(checkpoint.data['shim'] as object), pid: process.pid };
    expect(await containerizer.recover(owner, [{ ...checkpoint, data: { ...checkpoint.data, shim } }])).toEqual([]);
  });

  test('as a plugin it brings one containerizer, which works', async () => {
    const { mezzo } = JSON.parse(readFileSync('plugins/containerizer-mesos/package.json', 'utf8')) as {
      mezzo: PluginManifest;
    };
    const run = new PluginRun({
      manifest: { ...mezzo, requires: [] },
      load: async () => plugin,
      config: undefined,
      services: new RootContainer().value(LOG, silentLog).value(CLUSTER, { stateDir: join(home, 'plugin') } as never),
      log: silentLog,
    });
    await run.start();
    expect(run.state).toBe('active');
    const [brought, ...others] = run.contributions(CONTAINERIZER);
    expect(others).toEqual([]);
    const { command, ...rest } = spec('exit 6');
    await brought!.recover(`${owner}-plugin`, []);
    await brought!.launch({ ...rest, command, owner: `${owner}-plugin` });
    expect(await brought!.wait(rest.containerId)).toMatchObject({ code: 6 });
    await brought!.remove(rest.containerId);
    await run.stop();
    expect(run.state).toBe('stopped');
  });
});
