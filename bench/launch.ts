// Containers of the mesos containerizer beside the least that any launcher needs: a resident shell that forks and runs the same command.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { MesosContainerizer } from '../plugins/containerizer-mesos/shell/mesos-containerizer.js';
import { median, round, type Report } from './row.js';

const ROUNDS = 5;
const LAUNCHES = 200;
const ONE_BY_ONE = 30;
const AT_ONCE = 8;
const SLEEPERS = 50;
const OWNER = `bench-${process.pid}`;
const RESOURCES = { cpusMilli: 100, memMib: 32 };
const ACCT = '/sys/fs/cgroup/cpuacct';

/** Runs `true` in one way. */
interface Launcher {
  /** Milliseconds until it ran (undefined = not told apart) and until its end was told. */
  run(): Promise<{ readonly startedMs?: number; readonly endedMs: number }>;
}

class Containers implements Launcher {
  private count = 0;

  constructor(
    readonly containerizer: MesosContainerizer,
    private readonly home: string,
  ) {}

  async run() {
    const at = performance.now();
    const id = await this.launch('true');
    const startedMs = performance.now() - at;
    await this.containerizer.wait(id);
    const endedMs = performance.now() - at;
    await this.containerizer.remove(id);
    return { startedMs, endedMs };
  }

  async launch(text: string): Promise<string> {
    const containerId = `t${this.count++}`;
    const sandbox = join(this.home, containerId);
    mkdirSync(sandbox);
    const command = { shell: true, argv: [text], env: { PATH: '/usr/bin:/bin' } };
    await this.containerizer.launch({ containerId, owner: OWNER, command, resources: RESOURCES, sandbox });
    return containerId;
  }
}

class RawShell implements Launcher {
  private count = 0;
  private readonly waiting = new Map<string, () => void>();
  private readonly shell = spawn('/bin/sh', ['-c', 'while read -r id; do (/bin/sh -c true; echo "$id") & done'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });

  constructor() {
    createInterface(this.shell.stdout).on('line', (id) => this.waiting.get(id)?.());
  }

  async run() {
    const at = performance.now();
    const id = String(this.count++);
    await new Promise<void>((resolve) => {
      this.waiting.set(id, resolve);
      this.shell.stdin.write(`${id}\n`);
    });
    return { endedMs: performance.now() - at };
  }

  close(): void {
    this.shell.stdin.end();
  }
}

interface Round {
  readonly perSecond: number;
  readonly cpuMs: number | undefined;
  readonly startedMs: number;
  readonly endedMs: number;
}

async function measure(launcher: Launcher): Promise<Round> {
  const single = [];
  for (let i = 0; i < ONE_BY_ONE; i++) single.push(await launcher.run());
  const [cpuBefore, at] = [cpuUsedMs(), performance.now()];
  let left = LAUNCHES;
  const lane = async () => {
    while (left-- > 0) await launcher.run();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  const seconds = (performance.now() - at) / 1000;
  const cpuAfter = cpuUsedMs();
  return {
    perSecond: LAUNCHES / seconds,
    cpuMs: cpuAfter === undefined || cpuBefore === undefined ? undefined : (cpuAfter - cpuBefore) / LAUNCHES,
    startedMs: median(single.map(({ startedMs, endedMs }) => startedMs ?? endedMs)),
    endedMs: median(single.map(({ endedMs }) => endedMs)),
  };
}

const accounts = [`${ACCT}/mezzo-${OWNER}`, `${ACCT}/mezzo/${OWNER}`];

/** CPU time of this process, all that it starts, and the containers. Only root with cgroup v1 can tell. */
function cpuUsedMs(): number | undefined {
  try {
    return accounts.reduce((sum, dir) => sum + Number(readFileSync(`${dir}/cpuacct.usage`, 'latin1')) / 1e6, 0);
  } catch {
    return undefined;
  }
}

function joinAccount(): void {
  try {
    mkdirSync(accounts[0]!);
    writeFileSync(`${accounts[0]}/cgroup.procs`, String(process.pid));
  } catch {
    // Then cpu time is not told.
  }
}

/** kB of memory that shims and processes 1 take for each task: everything of the session but the task itself. */
function overheadKb(home: string): number {
  let sum = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(join(home, 'run/shim.sh'))) continue;
      sum += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1] ?? 0);
    } catch {
      // It ended meanwhile.
    }
  }
  return sum / SLEEPERS;
}

export async function run(report: Report): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'mezzo-bench-'));
  joinAccount();
  const containerizer = new MesosContainerizer({
    ...{ runtimeDir: join(home, 'run'), namespaces: true, cgroups: true, cfs: false },
  });
  await containerizer.start();
  await containerizer.recover(OWNER, []);
  const { namespaces, cgroups } = await containerizer.capabilities();
  const containers = new Containers(containerizer, home);
  const floor = new RawShell();
  try {
    await reportLaunches(
      report,
      containers,
      floor,
      `${namespaces ? 'namespaces' : 'process groups'}, cgroups ${cgroups}`,
    );
    await reportSleepers(report, containers, home);
  } finally {
    floor.close();
    await containerizer.close();
    rmSync(home, { recursive: true, force: true });
    leaveAccount();
  }
}

async function reportLaunches(report: Report, containers: Containers, floor: RawShell, how: string): Promise<void> {
  const [ours, raw]: [Round[], Round[]] = [[], []];
  const delay = monitorEventLoopDelay({ resolution: 1 });
  await measure(containers);
  for (let i = 0; i < ROUNDS; i++) {
    delay.enable();
    ours.push(await measure(containers));
    delay.disable();
    raw.push(await measure(floor));
  }
  const of = (rounds: Round[], value: (round: Round) => number) => round(median(rounds.map(value)));
  const [rate, rawRate] = [of(ours, (r) => r.perSecond), of(raw, (r) => r.perSecond)];
  const shell = 'raw sh -c true, here';
  report({
    name: `launches, 8 at once (${how})`,
    value: rate,
    unit: '/s',
    peer: shell,
    peerValue: rawRate,
    ratio: round(rate / rawRate),
  });
  report({
    name: 'launches, 8 at once',
    value: rate,
    unit: '/s',
    peer: 'Mesos 1.12, published 8-11/s',
    peerValue: 10,
    ratio: round(rate / 10),
  });
  if (ours[0]?.cpuMs !== undefined) {
    const [cpu, rawCpu] = [of(ours, (r) => r.cpuMs ?? 0), of(raw, (r) => r.cpuMs ?? 0)];
    report({
      name: 'cpu per launch',
      value: cpu,
      unit: 'ms',
      peer: shell,
      peerValue: rawCpu,
      ratio: round(rawCpu / cpu),
    });
  }
  const started = of(ours, (r) => r.startedMs);
  report({
    name: 'launch to running, one by one, p50',
    value: started,
    unit: 'ms',
    peer: 'Mesos 1.12, published',
    peerValue: 160,
    ratio: round(160 / started),
  });
  const [ended, rawEnded] = [of(ours, (r) => r.endedMs), of(raw, (r) => r.endedMs)];
  report({
    name: 'true, launch to end told, p50',
    value: ended,
    unit: 'ms',
    peer: shell,
    peerValue: rawEnded,
    ratio: round(rawEnded / ended),
  });
  report({ name: 'event loop held up meanwhile, p99', value: round(delay.percentile(99) / 1e6), unit: 'ms' });
}

async function reportSleepers(report: Report, containers: Containers, home: string): Promise<void> {
  const { containerizer } = containers;
  const ids = [];
  for (let i = 0; i < SLEEPERS; i++) ids.push(await containers.launch('exec sleep 600'));
  const kb = round(overheadKb(home));
  const noticed = [];
  for (const id of ids) {
    const at = performance.now();
    await containerizer.kill(id, 0);
    await containerizer.wait(id);
    noticed.push(performance.now() - at);
    await containerizer.remove(id);
  }
  report({
    name: 'memory per task beside the task (PSS)',
    value: kb,
    unit: 'kB',
    peer: 'Mesos 1.12, published',
    peerValue: 12_500,
    ratio: round(12_500 / kb),
  });
  const ms = round(median(noticed));
  report({
    name: 'kill to end told, p50',
    value: ms,
    unit: 'ms',
    peer: 'Mesos 1.12, published',
    peerValue: 90,
    ratio: round(90 / ms),
  });
}

function leaveAccount(): void {
  try {
    writeFileSync(`${ACCT}/cgroup.procs`, String(process.pid));
    rmdirSync(accounts[0]!);
  } catch {
    // It was never made.
  }
}
