import { createSocket } from 'node:dgram';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PluginStatus } from '@mezzo/sdk/contract';
import { TestCluster } from '../support/cluster.js';
import { until } from '../support/poll.js';
import { root } from '../tidy/sources.js';

const example = join(root, 'examples/cluster-sinks');

let cluster: TestCluster;
let dir: string;
let token: string;
const receiver = createSocket('udp4');
const measured = new Set<string>();

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'mezzo-sinks-'));
  await new Promise<void>((resolve) => receiver.bind(0, '127.0.0.1', resolve));
  receiver.on('message', (data) => {
    for (const line of String(data).split('\n')) measured.add(line.split(' value=')[0]!);
  });
  cluster = await TestCluster.up();
  token = (await cluster.mezzo(['auth', 'token'])).stdout.trim();
}, 120_000);
afterAll(async () => {
  await cluster?.destroy();
  receiver.close();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

async function mezzo(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cluster.mezzo(args);
  expect(code, stdout + stderr).toBe(0);
  return stdout;
}

interface Group {
  readonly targets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

const targets = async (): Promise<Group[]> => {
  const response = await fetch(cluster.url(8000, '/service/cluster-sinks/targets'), {
    headers: { authorization: `Bearer ${token}` },
  });
  return (await response.json()) as Group[];
};
const tasks = async (): Promise<string[]> => (await targets()).map(({ labels }) => labels['__meta_mezzo_task'] ?? '');
const status = async () =>
  (await cluster.json<PluginStatus[]>('plugin', 'list')).find(({ id }) => id === 'cluster-sinks');

interface Line {
  readonly missed?: string;
  readonly event: { readonly type: string; readonly task_added?: { readonly task: { readonly name: string } } };
}

const log = (): Line[] => {
  const file = readdirSync(cluster.workDir, { recursive: true }).find((name) => String(name).endsWith('events.jsonl'));
  const text = file === undefined ? '' : readFileSync(join(cluster.workDir, String(file)), 'utf8');
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Line);
};
const app = (id: string) => {
  const json = JSON.stringify({
    id,
    cmd: 'sleep 1000',
    cpus: 0.1,
    mem: 32,
    portDefinitions: [{ port: 0, name: 'http' }],
  });
  return fetch(cluster.url(8080, '/v2/apps'), {
    method: 'POST',
    body: json,
    headers: { 'content-type': 'application/json' },
  });
};

test('a task comes and goes in each sink, and the sinks outlive the master', async () => {
  await mezzo('plugin', 'pack', example, '--out', join(dir, 'sinks.tgz'));
  await mezzo('plugin', 'install', join(dir, 'sinks.tgz'), '--yes', '--allow-unsigned');
  const { port } = receiver.address() as AddressInfo;
  await mezzo('plugin', 'config', 'cluster-sinks', `metricsPort=${port}`, 'metricsSeconds=1');
  await until('it to be active', async () => (await status())?.state === 'active');

  expect((await app('/web')).status).toBe(201);
  const [group] = await until('a target', async () => {
    const found = await targets().catch(() => []);
    return found.length > 0 && found;
  });
  expect(group?.targets[0]).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(group?.labels).toMatchObject({ __meta_mezzo_task: 'web', __meta_mezzo_framework: 'marathon' });
  await until('metrics of master, agent and plugins', () => {
    const all = [...measured];
    const of = (text: string) => all.some((line) => line.includes(text));
    return of('mezzo_master_tasks_running,kind=master') && of(',kind=agent') && of(',kind=plugin') && of('/marathon');
  });
  await until('the events', () => log().some(({ event }) => event.task_added?.task.name === 'web'));
  expect(log()[0]).toMatchObject({ missed: 'start', event: { type: 'SUBSCRIBED' } });

  const { masters } = await cluster.json<{ masters: { pid: number }[] }>('status');
  process.kill(masters[0]!.pid, 'SIGKILL');
  await until('a snapshot after the gap', () => log().some(({ missed }) => missed === 'connection'), 60_000);
  expect(await until('an answer', async () => (await tasks().catch(() => [])).length > 0 && tasks())).toEqual(['web']);

  const gone = await fetch(cluster.url(8080, '/v2/apps/web'), { method: 'DELETE' });
  expect(gone.status).toBe(200);
  await until('no target', async () => (await tasks()).length === 0);
  await until('its end in the log', () => log().some(({ event: { type } }) => type === 'TASK_UPDATED'));
  // While the master was away, its metrics could not be had.
  await until('all to be well again', async () => (await status())?.state === 'active');
}, 200_000);

test('a sink that fails is told of by its name, the others go on, and it is well again when it can', async () => {
  await mezzo('plugin', 'config', 'cluster-sinks', 'metricsHost=nowhere.invalid');
  const troubled = await until('it to be degraded', async () => {
    const now = await status();
    return now?.state === 'degraded' && now;
  });
  expect(troubled.reason).toMatch(/^metrics-sink\.v1: it fails.*nowhere\.invalid/);
  const before = log().length;
  expect((await app('/other')).status).toBe(201);
  await until('a target', async () => (await tasks().catch(() => [])).join() === 'other');
  await until('its events', () => log().length > before);
  await mezzo('plugin', 'config', 'cluster-sinks', 'metricsHost=');
  await until('it to be active', async () => (await status())?.state === 'active');
}, 200_000);
