import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MasterEvent, Task } from '@mezzo/sdk/api';
import type { Logger } from '@mezzo/sdk/contract';
import { DnsServer } from '../plugins/dns/shell/server.js';
import { median, round, type Report } from './row.js';

// Queries of 1,000 apps, 80 % A and 20 % SRV, by dnsperf on one core against a server on the other; five rounds, peers in turn.

const APPS = 1000;
const ROUNDS = 5;
const SECONDS = 2;
const MANY_TASKS = 100_000;

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const CONFIG = {
  port: 0,
  httpPort: 0,
  domain: 'mesos',
  ttlSeconds: 5,
  srvWeight: 1,
  onlyHealthy: true,
  ipSources: 'auto',
  enforceRfc952: false,
  external: false,
  resolvers: [],
  forwardTimeoutMs: 1000,
  forwardMaxInFlight: 16,
  udpMaxBytes: 4096,
  tcpMaxConnections: 100,
  tcpIdleTimeoutMs: 10_000,
  enumeration: true,
  masters: [],
} as const;

const task = (i: number, state: Task['state'] = 'TASK_RUNNING'): Task => ({
  name: `app${i}`,
  taskId: { value: `app${i}.1` },
  frameworkId: { value: 'F0' },
  agentId: { value: 'M-S0' },
  state,
  resources: [{ name: 'ports', type: 'RANGES', ranges: { range: [{ begin: 31_000, end: 31_000 }] } }],
});

const snapshot = (tasks: Task[]): MasterEvent => ({
  subscribed: {
    getState: {
      getTasks: { tasks },
      getAgents: {
        agents: [
          { agentInfo: { hostname: 'h', id: { value: 'M-S0' } }, active: true, version: '1', pid: 's@10.0.0.5:5051' },
        ],
      },
      getFrameworks: {
        frameworks: [
          {
            frameworkInfo: { user: 'root', name: 'marathon', id: { value: 'F0' } },
            active: true,
            connected: true,
            recovered: false,
          },
        ],
      },
    },
  },
});

const ended = (i: number): MasterEvent => ({
  taskUpdated: {
    frameworkId: { value: 'F0' },
    state: 'TASK_FAILED',
    status: { taskId: { value: `app${i}.1` }, state: 'TASK_FAILED' },
  },
});

const ANY = { ip: '127.0.0.1', port: 0 };

/** Runs in a process of its own: serves `tasks` tasks, and with `churn` ends and starts that many a second. Prints its port. */
export async function serve(tasks: number, churnPerSecond: number): Promise<void> {
  const server = new DnsServer(CONFIG, { dns: ANY, http: ANY }, silent);
  await server.feed.take(snapshot(Array.from({ length: tasks }, (_, i) => task(i))));
  await server.listen('bench');
  console.log(server.places.dns.port);
  let next = 0;
  if (churnPerSecond > 0)
    setInterval(() => {
      for (let n = 0; n < churnPerSecond / 100; n++) {
        const i = APPS + (next++ % (tasks - APPS));
        void server.feed.take(ended(i));
        void server.feed.take({ taskAdded: { task: task(i) } });
      }
    }, 10);
}

/** The least that Node can do with a packet: send it back as a response. */
export async function echo(): Promise<void> {
  const socket = createSocket({ type: 'udp4', lookup: (address, _, done) => done(null, address, 4) });
  socket.on('message', (bytes, from) => {
    bytes[2]! |= 0x80;
    socket.send(bytes, from.port, from.address);
  });
  const listening = once(socket, 'listening');
  socket.bind(0, '127.0.0.1');
  await listening;
  console.log(socket.address().port);
}

interface Server {
  readonly name: string;
  readonly process: ChildProcess;
  readonly port: number;
}

export async function run(report: Report): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'mezzo-bench-dns-'));
  const running: Server[] = [];
  try {
    await freshness(report);
    if (!has('dnsperf'))
      return report({
        name: 'DNS queries',
        value: 0,
        unit: 'q/s',
        peer: 'dnsperf is not installed: apt-get install dnsperf',
      });
    const queries = join(dir, 'queries');
    writeFileSync(queries, queryLines());
    running.push(await ours('ours', `serve(${APPS}, 0)`), await ours('echo of node:dgram', 'echo()'));
    for (const [program, start] of [
      ['dnsmasq', startDnsmasq],
      ['knotd', startKnot],
    ] as const)
      if (has(program)) running.push(await start(dir));
      else report({ name: 'DNS queries', value: 0, unit: 'q/s', peer: `${program} is not installed` });
    await compare(report, running, queries);
    for (const { process } of running.splice(0)) process.kill('SIGKILL');
    running.push(await ours('idle', `serve(${MANY_TASKS}, 0)`), await ours('churn', `serve(${MANY_TASKS}, 1000)`));
    await churn(report, running, queries);
  } finally {
    for (const { process } of running) process.kill('SIGKILL');
    rmSync(dir, { recursive: true });
  }
}

async function compare(report: Report, servers: readonly Server[], queries: string): Promise<void> {
  const results = await measure(servers, queries);
  const [mine, ...peers] = servers;
  for (const peer of peers) {
    const [a, b] = [results.get(mine!.name)!, results.get(peer.name)!];
    const values = { perSecond: [a, b].map((r) => median(r.perSecond)), cpuUs: [a, b].map((r) => median(r.cpuUs)) };
    const [ourQps, peerQps] = values.perSecond as [number, number];
    const [ourCpu, peerCpu] = values.cpuUs as [number, number];
    report({
      name: 'DNS queries',
      value: round(ourQps),
      unit: 'q/s',
      peer: peer.name,
      peerValue: round(peerQps),
      ratio: round(ourQps / peerQps),
    });
    report({
      name: 'DNS CPU of a query',
      value: round(ourCpu),
      unit: 'us',
      peer: peer.name,
      peerValue: round(peerCpu),
      ratio: round(peerCpu / ourCpu),
    });
  }
}

async function churn(report: Report, servers: readonly Server[], queries: string): Promise<void> {
  const results = await measure(servers, queries);
  const [idle, busy] = servers.map(({ name }) => median(results.get(name)!.perSecond));
  report({
    name: `DNS queries, ${MANY_TASKS} tasks, 2,000 changes/s`,
    value: round(busy!),
    unit: 'q/s',
    peer: 'the same without changes',
    peerValue: round(idle!),
    ratio: round(busy! / idle!),
  });
  const kb = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${servers[0]!.process.pid}/status`, 'utf8'))![1]);
  report({ name: `DNS memory, ${MANY_TASKS} tasks`, value: round(kb / 1024), unit: 'MiB' });
}

interface Measured {
  readonly perSecond: number[];
  readonly cpuUs: number[];
}

async function measure(servers: readonly Server[], queries: string): Promise<Map<string, Measured>> {
  const results = new Map(servers.map(({ name }) => [name, { perSecond: [] as number[], cpuUs: [] as number[] }]));
  for (let i = 0; i <= ROUNDS; i++) {
    for (const { name, port, process } of servers) {
      const before = cpuTicks(process.pid!);
      const args = [
        '-s',
        '127.0.0.1',
        '-p',
        String(port),
        '-d',
        queries,
        '-l',
        String(SECONDS),
        '-c',
        '4',
        '-q',
        '100',
      ];
      const text = execFileSync('taskset', ['-c', '1', 'dnsperf', ...args], { encoding: 'utf8' });
      const completed = Number(/Queries completed:\s+(\d+)/.exec(text)?.[1]);
      // The first round warms up.
      if (i === 0) continue;
      results.get(name)!.perSecond.push(Number(/Queries per second:\s+([\d.]+)/.exec(text)?.[1]));
      results.get(name)!.cpuUs.push(((cpuTicks(process.pid!) - before) * 10_000) / completed);
    }
  }
  return results;
}

/** From the event to the first answer that tells of it. */
async function freshness(report: Report): Promise<void> {
  const server = new DnsServer(CONFIG, { dns: ANY, http: ANY }, silent);
  await server.listen('bench');
  await server.feed.take(snapshot(Array.from({ length: 10_000 }, (_, i) => task(i))));
  const resolver = new Resolver({ timeout: 1000, tries: 1 });
  resolver.setServers([`127.0.0.1:${server.places.dns.port}`]);
  const found = (i: number): Promise<boolean> =>
    resolver.resolve4(`app${i}.marathon.mesos`).then(
      () => true,
      () => false,
    );
  const timesMs: number[] = [];
  for (let i = 0; i < 200; i++) {
    for (const [event, there] of [
      [ended(i), false],
      [{ taskAdded: { task: task(i) } }, true],
    ] as const) {
      const startedAt = performance.now();
      await server.feed.take(event);
      while ((await found(i)) !== there);
      timesMs.push(performance.now() - startedAt);
    }
  }
  timesMs.sort((a, b) => a - b);
  const p99 = timesMs[Math.floor(timesMs.length * 0.99)]!;
  report({
    name: 'DNS event to answer, p99',
    value: round(p99),
    unit: 'ms',
    peer: 'Mesos-DNS polls every 60 s (its default, not measured here)',
    peerValue: 30_000,
    ratio: round(30_000 / p99),
  });
  await server.dispose();
}

const queryLines = (): string =>
  Array.from({ length: APPS }, (_, i) =>
    i % 5 === 4 ? `_app${i}._tcp.marathon.mesos SRV` : `app${i}.marathon.mesos A`,
  ).join('\n');

async function ours(name: string, call: string): Promise<Server> {
  const script = `import(${JSON.stringify(import.meta.url)}).then((bench) => bench.${call})`;
  const process = spawn('taskset', ['-c', '0', globalThis.process.execPath, '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [chunk] = (await once(process.stdout!, 'data')) as [Buffer];
  return { name, process, port: Number(String(chunk)) };
}

async function startDnsmasq(dir: string): Promise<Server> {
  const port = await freePort();
  const file = join(dir, 'dnsmasq.conf');
  const names = Array.from({ length: APPS }, (_, i) => [
    `host-record=app${i}.marathon.mesos,10.0.0.5,5`,
    `srv-host=_app${i}._tcp.marathon.mesos,app${i}.marathon.mesos,31000,0,1`,
  ]).flat();
  writeFileSync(
    file,
    ['no-resolv', 'no-hosts', 'bind-interfaces', 'listen-address=127.0.0.1', 'user=root', ...names].join('\n'),
  );
  return foreign('dnsmasq', 'dnsmasq', ['-k', '-p', String(port), '-C', file], port);
}

async function startKnot(dir: string): Promise<Server> {
  const port = await freePort();
  const names = Array.from({ length: APPS }, (_, i) => [
    `app${i}.marathon 5 A 10.0.0.5`,
    `_app${i}._tcp.marathon 5 SRV 0 1 31000 app${i}.marathon`,
  ]).flat();
  writeFileSync(
    join(dir, 'mesos.zone'),
    ['$ORIGIN mesos.', '@ 5 SOA ns1 root 1 60 600 86400 5', '@ 5 NS ns1', 'ns1 A 127.0.0.1', ...names, ''].join('\n'),
  );
  const config = [
    `server:\n  rundir: ${dir}\n  listen: 127.0.0.1@${port}\n  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1`,
    `database:\n  storage: ${dir}`,
    `template:\n  - id: default\n    storage: ${dir}\n    journal-content: none\n    zonefile-sync: -1`,
    `zone:\n  - domain: mesos\n    file: mesos.zone\n`,
  ];
  writeFileSync(join(dir, 'knot.conf'), config.join('\n'));
  return foreign('knot', 'knotd', ['-c', join(dir, 'knot.conf')], port);
}

async function foreign(name: string, program: string, args: readonly string[], port: number): Promise<Server> {
  const process = spawn('taskset', ['-c', '0', program, ...args], { stdio: 'ignore' });
  const resolver = new Resolver({ timeout: 200, tries: 1 });
  resolver.setServers([`127.0.0.1:${port}`]);
  for (let i = 0; i < 50; i++) {
    if (await resolver.resolve4('app1.marathon.mesos').catch(() => undefined)) return { name, process, port };
    await sleep(100);
  }
  process.kill('SIGKILL');
  throw new Error(`${name} does not answer`);
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  const listening = once(socket, 'listening');
  socket.bind(0, '127.0.0.1');
  await listening;
  const { port } = socket.address();
  socket.close();
  return port;
}

/** User and system time in hundredths of a second. */
function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

function has(program: string): boolean {
  try {
    execFileSync('which', [program], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
