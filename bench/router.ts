import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, get, Agent } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MasterEvent, Task } from '@mezzo/sdk/api';
import type { Logger } from '@mezzo/sdk/contract';
import { Router } from '../plugins/router/shell/router.js';
import { median, round, type Report } from './row.js';

// A signed-in client's GETs of 90 bytes of JSON: wrk and the backend (nginx) on one core, the proxy on the other; five rounds, peers in turn.

const ROUNDS = 5;
const SECONDS = 2;
const CONNECTIONS = 32;
const KEY = new Uint8Array(32).fill(7);
const BODY = JSON.stringify({ id: 1, text: 'x'.repeat(70) });

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const CONFIG = {
  port: 0,
  public: [],
  appFrameworks: ['marathon'],
  tokenTtlSeconds: 3600,
  connectTimeoutMs: 5000,
  responseTimeoutMs: 60_000,
  bodyMaxMib: 16,
  maxConnections: 10_000,
};
const noStore = { get: async () => undefined, list: async () => [], commit: async () => 0 };

const task = (id: string, port: number): Task => ({
  name: 'web',
  taskId: { value: id },
  frameworkId: { value: 'F0' },
  agentId: { value: 'M-S0' },
  state: 'TASK_RUNNING',
  resources: [{ name: 'ports', type: 'RANGES', ranges: { range: [{ begin: port, end: port }] } }],
});

const snapshot = (tasks: Task[]): MasterEvent => ({
  subscribed: {
    getState: {
      getTasks: { tasks },
      getAgents: {
        agents: [
          { agentInfo: { hostname: 'h', id: { value: 'M-S0' } }, active: true, version: '1', pid: 's@127.0.0.1:5051' },
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

async function makeRouter(): Promise<Router> {
  const cluster = {
    clusterId: 'bench',
    clusterName: 'bench',
    host: 'master',
    kernelUrl: 'http://127.0.0.1:1',
    listenIp: '127.0.0.1',
    portOffset: 0,
    stateDir: tmpdir(),
  } as const;
  const router = new Router(CONFIG, {
    cluster,
    place: { ip: '127.0.0.1', port: 0 },
    key: KEY,
    store: noStore,
    log: silent,
    version: 'bench',
  });
  await router.listen();
  return router;
}

/** Runs in a process of its own: the router in front of one backend. Prints its port and a token. */
export async function serve(backendPort: number): Promise<void> {
  const router = await makeRouter();
  await router.feed.take(snapshot([task('1', backendPort)]));
  console.log(
    JSON.stringify({ port: Number(new URL(router.url).port), token: await router.tokens.mint('bench', 3600) }),
  );
}

/** The library alone, twenty lines, no checks. */
export async function bare(backendPort: number): Promise<void> {
  const httpProxy = createRequire(import.meta.url)('http-proxy') as typeof import('http-proxy');
  const proxy = httpProxy.createProxyServer({
    target: `http://127.0.0.1:${backendPort}`,
    agent: new Agent({ keepAlive: true }),
  });
  const server = createServer((req, res) => proxy.web(req, res));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  console.log(JSON.stringify({ port: (server.address() as AddressInfo).port, token: '' }));
}

interface Proxy {
  readonly name: string;
  readonly process: ChildProcess;
  readonly url: string;
  readonly token: string;
  /** Whose CPU time counts. */
  readonly pid: () => number;
}

export async function run(report: Report): Promise<void> {
  await routeChange(report);
  const missing = ['wrk', 'nginx'].filter((program) => !has(program));
  if (missing.length > 0)
    return report({ name: 'proxied requests', value: 0, unit: 'req/s', peer: `not installed: ${missing.join(', ')}` });
  const dir = mkdtempSync(join(tmpdir(), 'mezzo-bench-router-'));
  const running: ChildProcess[] = [];
  try {
    const backendPort = await freePort();
    running.push(startNginx(dir, 'backend', 1, backendPort, `default_type application/json; return 200 '${BODY}';`));
    const nginxPort = await freePort();
    const nginx = startNginx(
      dir,
      'proxy',
      0,
      nginxPort,
      PASS,
      `upstream b { server 127.0.0.1:${backendPort}; keepalive 64; }`,
    );
    const proxies: Proxy[] = [
      await ours('ours', `serve(${backendPort})`, '/service/web/'),
      await ours('http-proxy alone', `bare(${backendPort})`, '/'),
      {
        name: 'nginx proxy_pass',
        process: nginx,
        url: `http://127.0.0.1:${nginxPort}/`,
        token: '',
        pid: () => worker(nginx.pid!),
      },
    ];
    running.push(...proxies.map((proxy) => proxy.process));
    await sleep(500);
    compare(report, proxies);
  } finally {
    for (const process of running) process.kill('SIGTERM');
    await sleep(200);
    rmSync(dir, { recursive: true });
  }
}

const PASS =
  'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; proxy_pass http://b;';

function compare(report: Report, proxies: readonly Proxy[]): void {
  const results = new Map(proxies.map(({ name }) => [name, { perSecond: [] as number[], cpuUs: [] as number[] }]));
  for (let i = 0; i <= ROUNDS; i++) {
    for (const { name, url, token, pid } of proxies) {
      const before = cpuTicks(pid());
      const header = token ? ['-H', `Authorization: token=${token}`] : [];
      const args = ['-t', '1', '-c', String(CONNECTIONS), '-d', `${SECONDS}s`, ...header, url];
      const text = execFileSync('taskset', ['-c', '1', 'wrk', ...args], { encoding: 'utf8' });
      if (text.includes('Non-2xx')) throw new Error(`${name}: ${text}`);
      const done = Number(/(\d+) requests in/.exec(text)?.[1]);
      // The first round warms up.
      if (i === 0) continue;
      results.get(name)!.perSecond.push(Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]));
      results.get(name)!.cpuUs.push(((cpuTicks(pid()) - before) * 10_000) / done);
    }
  }
  const [mine, ...peers] = proxies.map(({ name }) => ({ name, ...results.get(name)! }));
  for (const peer of peers) {
    const [ours, theirs] = [median(mine!.perSecond), median(peer.perSecond)];
    const [ourCpu, theirCpu] = [median(mine!.cpuUs), median(peer.cpuUs)];
    report({
      name: 'proxied requests',
      value: round(ours),
      unit: 'req/s',
      peer: peer.name,
      peerValue: round(theirs),
      ratio: round(ours / theirs),
    });
    report({
      name: 'CPU of a proxied request',
      value: round(ourCpu),
      unit: 'us',
      peer: peer.name,
      peerValue: round(theirCpu),
      ratio: round(theirCpu / ourCpu),
    });
  }
}

/** Instances replace each other while a client asks without pause. */
async function routeChange(report: Report): Promise<void> {
  const router = await makeRouter();
  const agent = new Agent({ keepAlive: true });
  const token = await router.tokens.mint('bench', 3600);
  const ask = (): Promise<string> =>
    new Promise((resolve) => {
      const req = get(`${router.url}/service/web/`, { agent, headers: { authorization: `token=${token}` } }, (res) => {
        let text = '';
        res.on('data', (chunk) => (text += String(chunk)));
        res.on('end', () => resolve(res.statusCode === 200 ? text : 'failed'));
      });
      req.on('error', () => resolve('failed'));
    });
  const timesMs: number[] = [];
  let [failed, asked] = [0, 0];
  const first = await instance('0');
  await router.feed.take(snapshot([task('t0', first.port)]));
  let old = first;
  for (let i = 1; i <= 100; i++) {
    const next = await instance(String(i));
    const startedAt = performance.now();
    await router.feed.take({ taskAdded: { task: task(`t${i}`, next.port) } });
    await router.feed.take(killed(`t${i - 1}`));
    for (let answer = ''; answer !== String(i); asked++) if ((answer = await ask()) === 'failed') failed++;
    timesMs.push(performance.now() - startedAt);
    old.close();
    old = next;
  }
  old.close();
  agent.destroy();
  await router.dispose();
  timesMs.sort((a, b) => a - b);
  const p99 = timesMs[Math.floor(timesMs.length * 0.99)]!;
  report({
    name: 'route change to answer, p99',
    value: round(p99),
    unit: 'ms',
    peer: 'Admin Router polls every 25 s (its default, not measured here)',
    peerValue: 12_500,
    ratio: round(12_500 / p99),
  });
  report({ name: `failed of ${asked} requests over 100 changes`, value: failed, unit: 'requests' });
}

const killed = (id: string): MasterEvent => ({
  taskUpdated: {
    frameworkId: { value: 'F0' },
    state: 'TASK_KILLED',
    status: { taskId: { value: id }, state: 'TASK_KILLED' },
  },
});

async function instance(text: string): Promise<{ port: number; close(): void }> {
  const server = createServer((_, res) => res.end(text));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close();
      server.closeIdleConnections();
    },
  };
}

async function ours(name: string, call: string, path: string): Promise<Proxy> {
  const script = `import(${JSON.stringify(import.meta.url)}).then((bench) => bench.${call})`;
  const process = spawn('taskset', ['-c', '0', globalThis.process.execPath, '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [chunk] = (await once(process.stdout!, 'data')) as [Buffer];
  const { port, token } = JSON.parse(String(chunk)) as { port: number; token: string };
  return { name, process, url: `http://127.0.0.1:${port}${path}`, token, pid: () => process.pid! };
}

function startNginx(dir: string, name: string, core: number, port: number, location: string, extra = ''): ChildProcess {
  const home = join(dir, name);
  mkdirSync(home);
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${home}/${kind};`)
    .join(' ');
  const server = `server { listen 127.0.0.1:${port}; location / { ${location} } }`;
  const http = `http { access_log off; keepalive_requests 10000000; ${paths} ${extra} ${server} }`;
  const file = join(home, 'nginx.conf');
  writeFileSync(
    file,
    `daemon off; worker_processes 1; pid ${home}/pid; error_log ${home}/error.log; events {} ${http}`,
  );
  return spawn('taskset', ['-c', String(core), 'nginx', '-c', file, '-e', `${home}/error.log`], { stdio: 'inherit' });
}

/** The only child of an nginx master. */
const worker = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]);

async function freePort(): Promise<number> {
  const server = createTcpServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
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
