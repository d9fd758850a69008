import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { contenders } from '../../../kernel/shell/coordination/zookeeper.js';
import { ZookeeperSession } from '../../../kernel/shell/zookeeper/session.js';
import { root } from '../../tidy/sources.js';
import { until } from '../poll.js';
import { pids, readProc } from '../proc.js';
import { Ensemble, PORT } from './ensemble.js';
import { Hosts } from './hosts.js';
import { Kept } from './kept.js';

const START_MS = 60_000;
/** Three masters, three ZooKeepers and three agents, each on a host of its own, with Marathon on the master that leads. */
export class FaultyCluster {
  readonly masters = ['m1', 'm2', 'm3'] as const;
  readonly agents = ['a1', 'a2', 'a3'] as const;
  readonly home = mkdtempSync(join(tmpdir(), 'mezzo-faults-'));
  readonly hosts = new Hosts();
  readonly zookeeper = new Ensemble(this.hosts, this.home);
  /** Hosts whose daemons read a clock that can be set, from their next start on. */
  readonly clocks = new Set<string>();
  /** The checkout whose build a host runs from its next start on, where it is not this one. */
  readonly builds = new Map<string, string>();
  private readonly daemons = new Map<string, Kept>();

  /** What was made is removed by `stop`, which the caller calls even when this fails. */
  async start(): Promise<void> {
    this.hosts.open();
    this.zookeeper.start();
    await until('ZooKeeper has a leader', () => this.zookeeper.leader(), START_MS, 200);
    writeFileSync(this.at('plugins.json'), JSON.stringify({ marathon: { insecure: true } }));
    for (const name of this.masters) {
      this.hosts.add(name, this.at(name));
      if (name !== 'm1') cpSync(this.at('m1', 'secrets'), this.at(name, 'secrets'), { recursive: true });
      this.keep(name, 'master', `--port=5050`, `--zk=zk://ann:secret@${this.zookeeper.hostPorts}/mesos`);
      await until(`${name} serves`, () => this.get(name, '/version'), START_MS, 200);
    }
    for (const name of this.agents) {
      this.hosts.add(name, this.at(name));
      cpSync(this.at('m1', 'secrets/join.token'), this.at(name, 'join.token'));
      const master = `--master=zk://${this.zookeeper.hostPorts}/mesos`;
      this.keep(name, 'agent', '--port=5051', master, '--resources=cpus:4;mem:1024', '--containerizers=mesos');
    }
    await until('all agents are active', () => this.agentsAreActive(), START_MS, 200);
  }

  at(...path: string[]): string {
    return join(this.home, ...path);
  }

  url(name: string, port: number, path: string): string {
    return `http://${this.hosts.address(name)}:${port}${path}`;
  }

  /** The masters that answer as one that leads does. */
  async leaders(): Promise<readonly string[]> {
    const answers = await Promise.all(this.masters.map((name) => this.get(name, '/state-summary')));
    return this.masters.filter((_, index) => answers[index] !== undefined);
  }

  async leader(): Promise<string | undefined> {
    return (await this.leaders())[0];
  }

  /** The server that a master is connected to. */
  zookeeperOf(name: string): string | undefined {
    const connections = readProc(this.daemons.get(name)!.pid!, 'net/tcp').split('\n');
    const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0').toUpperCase();
    return this.zookeeper.names.find((server) => {
      const bytes = this.hosts.address(server).split('.').map(Number).reverse();
      const address = bytes.map((byte) => hex(byte, 2)).join('');
      return connections.some((line) => line.includes(` ${address}:${hex(PORT, 4)} 01 `));
    });
  }

  async agentsAreActive(): Promise<boolean> {
    const name = await this.leader();
    const state = name && ((await this.get(name, '/slaves')) as { slaves: { active: boolean }[] } | undefined);
    return state ? state.slaves.filter(({ active }) => active).length === this.agents.length : false;
  }

  /** Whether each can be the next to lead: ZooKeeper knows of it. */
  async mastersStand(): Promise<boolean> {
    const session = await ZookeeperSession.open(
      { servers: this.zookeeper.hostPorts, path: '/mesos', digest: undefined },
      5_000,
    );
    try {
      await until('ZooKeeper is heard', () => session.state === 'connected', 5_000);
      return contenders((await session.children('/mesos')) ?? []).length === this.masters.length;
    } catch {
      return false;
    } finally {
      session.close();
    }
  }

  signal(name: string, signal: NodeJS.Signals): void {
    this.daemons.get(name)!.signal(signal);
  }

  /** nsenter becomes what it starts: it is the daemon's own. */
  commandLine(name: string): string[] {
    return readProc(this.daemons.get(name)!.pid!, 'cmdline').split('\0');
  }

  starts(name: string): number {
    return this.daemons.get(name)!.starts;
  }

  /** Of the plugin on that host; undefined when there is none. */
  pluginPid(host: string, plugin: string): number | undefined {
    const dir = this.at(host, 'run/plugins');
    const file = existsSync(dir) ? readdirSync(dir).find((name) => name === `${plugin}.json`) : undefined;
    return file === undefined ? undefined : (JSON.parse(readFileSync(join(dir, file), 'utf8')) as { pid: number }).pid;
  }

  fillDisk(name: string): void {
    spawnSync('dd', ['if=/dev/zero', `of=${this.at(name, 'ballast')}`, 'bs=64k']);
  }

  /** Whether it was full. */
  freeDisk(name: string): boolean {
    const wasFull = existsSync(this.at(name, 'ballast'));
    rmSync(this.at(name, 'ballast'), { force: true });
    return wasFull;
  }

  async get(name: string, path: string): Promise<unknown> {
    const init = { redirect: 'manual', signal: AbortSignal.timeout(1_500) } as const;
    const answer = await fetch(this.url(name, 5050, path), init).catch(() => undefined);
    return answer?.ok ? answer.json() : undefined;
  }

  async stop(): Promise<void> {
    this.hosts.mend();
    for (const name of this.agents) this.signalIfThere(name, 'SIGUSR1');
    for (const daemon of this.daemons.values()) await daemon.stop('SIGTERM');
    await this.zookeeper.stop();
    for (const pid of this.leftOver()) process.kill(pid, 'SIGKILL');
    this.hosts.close();
    rmSync(this.home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  /** How far it is off, as libfaketime reads it: `+1h`. Who reads it already sees it jump. */
  setClock(name: string, offset: string): void {
    this.clocks.add(name);
    writeFileSync(this.clockFile(name), offset);
  }

  private clockFile(name: string): string {
    return this.at(`${name}.clock`);
  }

  private environment(name: string): NodeJS.ProcessEnv {
    if (!this.clocks.has(name)) return process.env;
    const clock = { FAKETIME_TIMESTAMP_FILE: this.clockFile(name), FAKETIME_NO_CACHE: '1', DONT_FAKE_MONOTONIC: '1' };
    return { ...process.env, LD_PRELOAD: clockLibrary(), ...clock };
  }

  private signalIfThere(name: string, signal: NodeJS.Signals): void {
    this.daemons.get(name)?.signal(signal);
  }

  /** Plugins and tasks that outlived their daemons: all that name our home in their arguments or environment. */
  private leftOver(): number[] {
    return pids()
      .filter((pid) => Number(pid) !== process.pid)
      .filter((pid) => ['environ', 'cmdline'].some((file) => readProc(pid, file).includes(this.home)))
      .map(Number);
  }

  private keep(name: string, daemon: 'master' | 'agent', ...args: string[]): void {
    const address = this.hosts.address(name);
    const argv = (build: string): string[] => [
      ...[process.execPath, join(build, `kernel/dist/main/${daemon}.js`), `--work-dir=${this.at(name)}`, '--insecure'],
      ...[`--ip=${address}`, `--hostname=${address}`, `--plugins-registry=${join(build, 'build/registry')}`, '--quiet'],
      ...[`--plugin-config=${this.at('plugins.json')}`, `--log-dir=${this.at(name, 'logs')}`],
      ...['--zk-session-timeout=3secs', ...args],
    ];
    const start = () => this.hosts.spawn(name, argv(this.builds.get(name) ?? root), this.environment(name));
    this.daemons.set(name, new Kept(start));
  }
}

/** libfaketime; undefined where it is not installed. */
export function clockLibrary(): string | undefined {
  const dirs = readdirSync('/usr/lib').map((name) => `/usr/lib/${name}/faketime/libfaketimeMT.so.1`);
  return dirs.find((file) => existsSync(file));
}
