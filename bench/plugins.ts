import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { PluginStatus } from '@mezzo/sdk/contract';
import { clusterKey, mintToken } from '@mezzo/sdk/secrets';
import { TestCluster } from '../tests/support/cluster.js';
import { until } from '../tests/support/poll.js';
import { repacked } from '../tests/support/repacked.js';
import { httpRequests, udpQueries } from '../tests/support/steady-load.js';
import { root } from '../tests/tidy/sources.js';
import { median, type Report, round } from './row.js';

const AGENTS = 5;
const CALLS = 2_000;

/** What an operator's request takes, without the start of a command. */
class Cluster {
  constructor(
    readonly up: TestCluster,
    readonly token: string,
  ) {}

  static async start(): Promise<Cluster> {
    const up = await TestCluster.up([`--agents=${AGENTS}`]);
    const key = clusterKey(join(up.workDir, 'secrets'));
    return new Cluster(up, await mintToken(key, { uid: 'bench', scope: 'operator' }, 3600));
  }

  async call<T>(method: string, path: string, body?: Uint8Array): Promise<T> {
    const url = `http://127.0.0.1:${this.up.port(5050)}/plugins/v1${path}`;
    const headers = { authorization: `Bearer ${this.token}` };
    const response = await fetch(url, { method, headers, ...(body && { body: new Uint8Array(body) }) });
    if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
    return (await response.json()) as T;
  }

  install = (file: string): Promise<unknown> => this.call('POST', '/plugins?allowUnsigned=true', readFileSync(file));

  async rows(id: string): Promise<PluginStatus[]> {
    const { nodes } = await this.call<{ nodes: { plugins: PluginStatus[] }[] }>('GET', '/nodes');
    return nodes.flatMap(({ plugins }) => plugins.filter((one) => one.id === id));
  }

  /** From the request until `count` nodes have it active in this version. */
  async timed(id: string, version: string, count: number, work: () => Promise<unknown>): Promise<number> {
    const start = performance.now();
    await work();
    const isThere = async (): Promise<boolean> => {
      const rows = await this.rows(id);
      return rows.length === count && rows.every((row) => row.version === version && row.state === 'active');
    };
    await until(`${id} ${version} on ${count} nodes`, isThere, 120_000, 5);
    return performance.now() - start;
  }

  idle = (id: string): Promise<unknown> =>
    until(
      'no rollout',
      async () => {
        const { plugins } = await this.call<{ plugins: { id: string; rollout?: unknown }[] }>('GET', '/catalogue');
        return plugins.every((one) => one.id !== id || one.rollout === undefined);
      },
      120_000,
    );
}

async function pack(dir: string, id: string, version: string, mezzo: object, code: string): Promise<string> {
  const source = join(dir, `${id}-${version}`);
  mkdirSync(source, { recursive: true });
  const manifest = { id, sdk: '*', entry: 'plugin.js', ...mezzo };
  writeFileSync(join(source, 'package.json'), JSON.stringify({ name: id, version, type: 'module', mezzo: manifest }));
  writeFileSync(join(source, 'plugin.js'), code);
  const file = join(dir, `${id}-${version}.tgz`);
  await promisify(execFile)(process.execPath, [
    join(root, 'cli/bin/mezzo.js'),
    'plugin',
    'pack',
    source,
    '--out',
    file,
  ]);
  return file;
}

const QUIET = 'export default { async activate() {} };';
/** Measures the way to its host and back, and beside it a call in its own process that does as much. */
const CALLER = `import { STORE } from '@mezzo/sdk/contract';
export default { async activate(ctx) {
  const store = ctx.resolve(STORE);
  const local = new Map([['key', { key: 'key', value: 'value', version: 1 }]]);
  const inProcess = { get: async (key) => JSON.parse(JSON.stringify(local.get(key))) };
  await store.commit([{ op: 'put', key: 'key', value: 'value' }]);
  const times = async (of) => {
    const all = [];
    for (let i = 0; i < ${CALLS}; i++) { const start = performance.now(); await of.get('key'); all.push(performance.now() - start); }
    all.sort((a, b) => a - b);
    return { 50: all[${CALLS} / 2 - 1], 99: all[${CALLS} * 0.99 - 1] };
  };
  await times(store);
  ctx.degraded(JSON.stringify({ host: await times(store), here: await times(inProcess) }));
} };`;

/** Resident memory that is this process's alone, and its share of what others have, too: MiB. */
function pssMib(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0) / 1024;
}

export async function run(report: Report): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'mezzo-bench-plugins-'));
  const cluster = await Cluster.start();
  const ms = (name: string, values: readonly number[], peer?: { peer: string; peerValue: number }): void =>
    report({
      name,
      value: round(median(values)),
      unit: 'ms',
      ...peer,
      ...(peer && { ratio: round(peer.peerValue / median(values)) }),
    });
  try {
    const bare = await bareStarts(dir);
    report({ name: 'node with the SDK, start to ready', value: round(bare), unit: 'ms' });
    const [own, onAgents]: [number[], number[]] = [[], []];
    for (let round = 0; round < 5; round++) {
      const version = `1.0.${round}`;
      const file = await pack(dir, `own-${round}`, version, { runsOn: ['master'] }, QUIET);
      own.push(await cluster.timed(`own-${round}`, version, 1, () => cluster.install(file)));
      const wide = await pack(dir, `wide-${round}`, version, { runsOn: ['agent'] }, QUIET);
      onAgents.push(await cluster.timed(`wide-${round}`, version, AGENTS, () => cluster.install(wide)));
    }
    ms('install to active, 1 master', own, { peer: 'start of a bare process', peerValue: round(bare) });
    ms(`install to active, ${AGENTS} agents`, onAgents);
    const upgrade = await pack(dir, 'wide-0', '2.0.0', { runsOn: ['agent'] }, QUIET);
    ms(`upgrade to active, ${AGENTS} agents one by one`, [
      await cluster.timed('wide-0', '2.0.0', AGENTS, () => cluster.install(upgrade)),
    ]);
    await cluster.idle('wide-0');
    const inKernel = await pack(dir, 'inside', '1.0.0', { runsOn: ['agent'], process: 'kernel' }, QUIET);
    ms(`into ${AGENTS} agents, one restart each`, [
      await cluster.timed('inside', '1.0.0', AGENTS, () => cluster.install(inKernel)),
    ]);
    await cluster.idle('inside');
    await downtime(cluster, dir, report);
    await firstTask(cluster, dir, report);
    await boundary(cluster, dir, report);
    await memory(cluster, report);
  } finally {
    await cluster.up.destroy();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** What no host can be faster than: Node, and the SDK's modules. */
async function bareStarts(dir: string): Promise<number> {
  const file = join(dir, 'bare.mjs');
  writeFileSync(file, `await import(${JSON.stringify(join(root, 'sdk/dist/runtime/index.js'))});`);
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    const start = performance.now();
    await promisify(execFile)(process.execPath, [file]);
    times.push(performance.now() - start);
  }
  return median(times);
}

/** An upgrade, and the removal that brings the old version back, while somebody asks all the time. */
async function downtime(cluster: Cluster, dir: string, report: Report): Promise<void> {
  const loads = {
    dns: () => udpQueries(cluster.up.port(8053), 'leader.mesos'),
    router: () =>
      httpRequests(cluster.up.url(8000, '/service/marathon/ping'), { authorization: `token=${cluster.token}` }),
  };
  for (const [id, start] of Object.entries(loads)) {
    const load = start();
    const file = repacked(id, '0.1.1', dir);
    await cluster.timed(id, '0.1.1', 1, () => cluster.install(file));
    await cluster.idle(id);
    const { sent, lost, problems, longestGapMs } = await load.end();
    if (problems.length > 0) console.error(`${id}: ${problems.join('; ')}`);
    report({ name: `upgrade of ${id}, lost of ${sent}`, value: lost, unit: 'requests' });
    report({ name: `upgrade of ${id}, longest silence`, value: round(longestGapMs), unit: 'ms' });
  }
}

/** From `plugin create` to a task that runs: what somebody types, without the pauses to think. */
async function firstTask({ up, token }: Cluster, dir: string, report: Report): Promise<void> {
  const start = performance.now();
  const source = join(dir, 'first');
  for (const args of [
    ['create', source, '--kind', 'framework'],
    ['pack', source, '--out', `${source}.tgz`],
    ['install', `${source}.tgz`, '--yes', '--allow-unsigned'],
  ]) {
    const { code, stderr } = await up.mezzo(['plugin', ...args]);
    if (code !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
  }
  const headers = { authorization: `Bearer ${token}` };
  await until('a task', async () => {
    const response = await fetch(`http://127.0.0.1:${up.port(5050)}/tasks?limit=1000`, { headers });
    const { tasks } = (await response.json()) as { tasks: { state: string }[] };
    return tasks.some(({ state }) => state === 'TASK_RUNNING' || state === 'TASK_FINISHED');
  });
  report({ name: 'create, pack, install: a task runs', value: round(performance.now() - start), unit: 'ms' });
}

async function boundary(cluster: Cluster, dir: string, report: Report): Promise<void> {
  const file = await pack(dir, 'caller', '1.0.0', { runsOn: ['master'], requires: ['store'] }, CALLER);
  await cluster.install(file);
  const said = await until('the measurement', async () => (await cluster.rows('caller'))[0]?.reason, 60_000);
  const { host, here } = JSON.parse(said) as Record<'host' | 'here', Record<50 | 99, number>>;
  for (const percent of [50, 99] as const) {
    const [value, peerValue] = [host[percent], here[percent]];
    report({
      name: `plugin asks its host, p${percent}`,
      value: round(value),
      unit: 'ms',
      peer: 'the same in its own process',
      peerValue: round(peerValue),
      ratio: round(peerValue / value),
    });
  }
}

async function memory(cluster: Cluster, report: Report): Promise<void> {
  await sleep(2_000);
  const { plugins } = await cluster.call<{ plugins: PluginStatus[] }>('GET', '/plugins');
  for (const { id, pid } of plugins)
    if (pid !== undefined && /^(dns|marathon|router|own-0)$/.test(id))
      report({
        name: `memory of ${id === 'own-0' ? 'a plugin that does nothing' : id}`,
        value: round(pssMib(pid)),
        unit: 'MiB PSS',
      });
  report({
    name: 'files that it has open',
    value: openFiles(plugins.find(({ id }) => id === 'own-0')?.pid),
    unit: 'descriptors',
  });
}

const openFiles = (pid: number | undefined): number => (pid === undefined ? 0 : readdirSync(`/proc/${pid}/fd`).length);
