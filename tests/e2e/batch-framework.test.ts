import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PluginStatus } from '@mezzo/sdk/contract';
import { TestCluster } from '../support/cluster.js';
import { until } from '../support/poll.js';
import { pids, readProc } from '../support/proc.js';
import { root } from '../tidy/sources.js';

interface Input {
  readonly input: string;
  readonly progress: string;
  readonly attempts: number;
}

const example = join(root, 'examples/batch-framework');
const INPUTS = Array.from({ length: 16 }, (_, i) => `input-${i}`);

let cluster: TestCluster;
let dir: string;
let token: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'mezzo-batch-'));
  cluster = await TestCluster.up(['--agents', '2']);
  token = (await cluster.mezzo(['auth', 'token'])).stdout.trim();
}, 120_000);
afterAll(async () => {
  await cluster?.destroy();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

async function mezzo(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cluster.mezzo(args);
  expect(code, stdout + stderr).toBe(0);
  return stdout;
}

const call = (path: string, body?: unknown) =>
  fetch(cluster.url(8000, `/service/batch${path}`), {
    headers: { authorization: `Bearer ${token}` },
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
  });
const inputs = async () => ((await (await call('/inputs')).json()) as { inputs: Input[] }).inputs;
/** Processes of the task of one input. */
const processesOf = (input: string): string[] =>
  pids().filter((pid) => {
    const environment = readProc(pid, 'environ');
    return environment.split('\0').includes(`INPUT=${input}`) && environment.includes(cluster.workDir);
  });
const lines = (name: string): string[] => readFileSync(join(dir, name), 'utf8').trim().split('\n').sort();

test('its own tests pass', async () => {
  expect(await mezzo('plugin', 'test', example)).toMatch(/pass [1-9]/);
});

test('a batch is done once, input for input, although a task is killed and then the plugin', async () => {
  await mezzo('plugin', 'pack', example, '--out', join(dir, 'batch.tgz'));
  await mezzo('plugin', 'install', join(dir, 'batch.tgz'), '--yes', '--allow-unsigned');
  const command = `echo "$INPUT" >>${dir}/begun && sleep 3 && echo "$INPUT" >>${dir}/done`;
  await mezzo('plugin', 'config', 'batch', `command=${JSON.stringify(command)}`, 'backoffMs=100');
  await until('its first answer', async () => (await call('/')).ok);
  expect((await call('/inputs', INPUTS)).status).toBe(200);

  const [victim = '0'] = await until('a task to kill', () => {
    const found = processesOf('input-3').filter((pid) => readProc(pid, 'cmdline').startsWith('sleep'));
    return found.length > 0 && found;
  });
  process.kill(Number(victim), 'SIGKILL');
  const { pid } = (await cluster.json<PluginStatus[]>('plugin', 'list')).find(({ id }) => id === 'batch')!;
  process.kill(pid!, 'SIGKILL');

  const ended = await until(
    'all inputs to be done',
    async () => {
      const all = await inputs();
      return all.every(({ progress }) => progress === 'done') && all;
    },
    90_000,
  );
  expect(ended.map(({ input }) => input).sort()).toEqual([...INPUTS].sort());
  // Each wrote its line at its end once; the one that was killed had begun twice.
  expect(lines('done')).toEqual([...INPUTS].sort());
  expect(lines('begun')).toEqual([...INPUTS, 'input-3'].sort());
  expect(ended.filter(({ attempts }) => attempts !== 1).map(({ input }) => input)).toEqual(['input-3']);
  const restarted = (await cluster.json<PluginStatus[]>('plugin', 'list')).find(({ id }) => id === 'batch');
  expect(restarted).toMatchObject({ state: 'active' });
  expect(restarted?.pid).not.toBe(pid);
}, 200_000);

test('what is done is not done again when it is wanted again', async () => {
  expect((await call('/inputs', INPUTS)).status).toBe(200);
  expect((await inputs()).every(({ progress }) => progress === 'done')).toBe(true);
  expect(lines('begun')).toHaveLength(INPUTS.length + 1);
});
