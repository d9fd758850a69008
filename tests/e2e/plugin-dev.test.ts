import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PluginStatus } from '@mezzo/sdk/contract';
import { TestCluster } from '../support/cluster.js';
import { until } from '../support/poll.js';

let cluster: TestCluster;
let dir: string;
let token: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'mezzo-dev-'));
  cluster = await TestCluster.up();
  token = (await cluster.mezzo(['auth', 'token'])).stdout.trim();
  const { code, stderr } = await cluster.mezzo(['plugin', 'create', join(dir, 'mine'), '--kind', 'routes']);
  expect(code, stderr).toBe(0);
}, 120_000);
afterAll(async () => {
  await cluster?.destroy();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

const version = async (): Promise<string | undefined> =>
  (await cluster.json<PluginStatus[]>('plugin', 'list')).find(({ id }) => id === 'mine')?.version;

async function greeting(): Promise<string> {
  const answer = await fetch(cluster.url(8000, '/mine'), { headers: { authorization: `Bearer ${token}` } });
  return answer.text();
}

/** `mezzo plugin dev`, and what it has printed. */
function develop(...flags: string[]) {
  const child = cluster.spawn(['plugin', 'dev', join(dir, 'mine'), ...flags]);
  const dev = {
    out: '',
    async end(): Promise<number | null> {
      child.kill('SIGINT');
      return child.exitCode ?? ((await once(child, 'exit')) as [number | null])[0];
    },
    prints: (text: RegExp) => until(`it to print ${text}, not ${dev.out}`, () => text.test(dev.out), 60_000),
  };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (dev.out += String(data)));
  return dev;
}

function edit(from: RegExp | string, to: string): void {
  const file = join(dir, 'mine/plugin.ts');
  writeFileSync(file, readFileSync(file, 'utf8').replace(from, to));
}

test('each save is seen in the cluster, errors are told, and Ctrl-C removes it', async () => {
  const dev = develop();
  await dev.prints(/waiting for changes/);
  expect(await until('the first greeting', async () => /Hello/.test(await greeting()))).toBe(true);
  await dev.prints(/mine: serves at http/);

  edit('from ${clusterName}', 'once more');
  await until('the second greeting', async () => /Hello once more/.test(await greeting()), 60_000);

  edit('once more', 'once ${more');
  await dev.prints(/plugin\.ts[^]*cannot be bundled[^]*next: correct it/);
  expect(await greeting()).toMatch(/Hello once more/);

  edit('once ${more', 'again');
  await until('the third greeting', async () => /Hello again/.test(await greeting()), 60_000);

  edit('ctx.log.info', "throw new Error('no good'); ctx.log.info");
  await dev.prints(/taken back: .*no good/);
  await until('what was well before', async () => /Hello again/.test(await greeting()), 60_000);
  edit("throw new Error('no good'); ", '');
  await dev.prints(/taken back[^]*is accepted[^]*waiting for changes/);

  expect(await dev.end(), dev.out).toBe(0);
  expect(dev.out).toContain('mine is removed');
  expect(await version()).toBeUndefined();
}, 200_000);

test('Ctrl-C puts back what was installed before, unless it is to stay', async () => {
  const file = join(dir, 'mine-0.1.0.tgz');
  expect((await cluster.mezzo(['plugin', 'pack', join(dir, 'mine'), '--out', file])).code).toBe(0);
  expect((await cluster.mezzo(['plugin', 'install', file, '--yes', '--allow-unsigned'])).code).toBe(0);
  const dev = develop();
  await dev.prints(/waiting for changes/);
  expect(await version()).toMatch(/^0\.1\.0-dev\.\d+$/);
  expect(await dev.end(), dev.out).toBe(0);
  expect(dev.out).toContain('mine 0.1.0 is back');
  expect(await version()).toBe('0.1.0');

  const kept = develop('--keep');
  await kept.prints(/waiting for changes/);
  expect(await kept.end(), kept.out).toBe(0);
  expect(await version()).toMatch(/^0\.1\.0-dev\.\d+$/);
}, 200_000);
