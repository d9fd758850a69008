import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { EndpointAnnouncement, PluginStatus } from '@mezzo/sdk/contract';
import { until } from '../../support/poll.js';
import { root } from '../../tidy/sources.js';
import { buildSdk, find, hello, makeRegistry, newDir, plugin, requireNothingLeft, type TestPlugin } from './support.js';

/** Beside the installed packages, so that they are found from it. */
const bundle = join(root, 'node_modules', '.cache', `mezzo-host-process-${process.pid}.mjs`);

interface HostProcess {
  readonly child: ChildProcess;
  readonly said: () => { plugins: PluginStatus[]; endpoints: EndpointAnnouncement[] };
  end(signal: NodeJS.Signals): Promise<void>;
}

let dir: string;
let host: HostProcess | undefined;

beforeAll(async () => {
  buildSdk();
  mkdirSync(join(root, 'node_modules', '.cache'), { recursive: true });
  const entry = join(root, 'tests/integration/plugin-host/host-process.ts');
  await build({
    entryPoints: [entry],
    outfile: bundle,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
  });
}, 120_000);
afterAll(() => rmSync(bundle, { force: true }));
beforeEach(() => (dir = newDir()));
afterEach(async () => {
  await host?.end('SIGKILL');
  host = undefined;
});

/** The plugins outlive the host: this is how a test ends them, and sees that it was all. */
async function finish(): Promise<void> {
  await host!.end('SIGKILL');
  for (const pid of pidsInRecords()) process.kill(pid, 'SIGKILL');
  await until('all ended', () => pidsInRecords().every((pid) => !alive(pid)));
  requireNothingLeft(dir);
}

const pidsInRecords = () =>
  readdirSync(join(dir, 'work/run/plugins'))
    .filter((name) => name.endsWith('.json'))
    .map((name) => (JSON.parse(readFileSync(join(dir, 'work/run/plugins', name), 'utf8')) as { pid: number }).pid);

function alive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z');
  } catch {
    return false;
  }
}

async function startHost(plugins: readonly TestPlugin[], config: object = {}): Promise<HostProcess> {
  const args = [bundle, join(dir, 'work'), makeRegistry(dir, plugins), JSON.stringify(config)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  let errors = '';
  let last: ReturnType<HostProcess['said']> | undefined;
  child.stderr.on('data', (chunk: Buffer) => (errors += String(chunk)));
  child.stdout.on('data', (chunk: Buffer) => {
    const lines = (text + String(chunk)).split('\n');
    text = lines.pop()!;
    if (lines.length > 0) last = JSON.parse(lines.at(-1)!) as typeof last;
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const end = async (signal: NodeJS.Signals) => (child.kill(signal), await gone);
  host = { child, end, said: () => last! };
  await until('the host speaks', () => {
    if (child.exitCode !== null) throw new Error(errors);
    return last !== undefined;
  });
  return host;
}

const status = (id: string) => find(host!.said().plugins, id);
const active = (id: string) => until(`${id} is active`, () => status(id).state === 'active' && status(id));

test('a host that was killed finds its plugins again: same processes, same endpoints, and they served all the while', async () => {
  await startHost([hello(), plugin('other', '')]);
  const before = await active('hello');
  const other = (await active('other')).pid;
  const url = before.endpoints['hello']!;
  expect(await (await fetch(url)).text()).toContain('for the 1. time');
  await host!.end('SIGKILL');
  // It accepts the request, and answers once it can reach its store again.
  const meanwhile = fetch(url).then((response) => response.text());
  await startHost([hello(), plugin('other', '')]);
  expect(status('hello')).toMatchObject({ state: 'active', pid: before.pid, startedAt: before.startedAt, restarts: 0 });
  expect(host!.said().endpoints).toEqual([{ name: 'hello', url }]);
  expect(status('other').pid).toBe(other);
  expect(await meanwhile).toContain('Hello from test');
  process.kill(before.pid!, 'SIGKILL');
  await until(
    'an adopted plugin is watched, too',
    () => status('hello').restarts === 1 && status('hello').state === 'active',
  );
  await finish();
});

test('a host that was asked to go leaves its plugins running', async () => {
  await startHost([plugin('p', '')]);
  const { pid } = await active('p');
  await host!.end('SIGTERM');
  expect(alive(pid!)).toBe(true);
  await startHost([plugin('p', '')]);
  expect(status('p')).toMatchObject({ state: 'active', pid });
  await finish();
});

test('another version or another configuration is not adopted but replaced', async () => {
  const made = hello();
  await startHost([made, plugin('same', '')]);
  const [first, same] = [(await active('hello')).pid!, (await active('same')).pid];
  await host!.end('SIGKILL');
  await startHost([made, plugin('same', '')], { hello: { greeting: 'Salve' } });
  const { pid: second, endpoints } = await active('hello');
  expect(second).not.toBe(first);
  expect(alive(first)).toBe(false);
  expect(await (await fetch(endpoints['hello']!)).text()).toContain('Salve from test');
  await host!.end('SIGKILL');
  await startHost([{ ...made, version: '1.0.1' }, plugin('same', '')], { hello: { greeting: 'Salve' } });
  expect(await active('hello')).toMatchObject({ version: '1.0.1' });
  expect(alive(second!)).toBe(false);
  expect(status('same').pid).toBe(same);
  await finish();
});

test('what died while the host was away is started, what is no longer wanted is ended', async () => {
  await startHost([plugin('dies', ''), plugin('goes', '')]);
  const [dies, goes] = [(await active('dies')).pid!, (await active('goes')).pid!];
  await host!.end('SIGKILL');
  process.kill(dies, 'SIGKILL');
  await startHost([plugin('dies', '')]);
  expect((await active('dies')).pid).not.toBe(dies);
  expect(alive(goes)).toBe(false);
  expect(host!.said().plugins).toHaveLength(1);
  await finish();
});

test('a stranger with the pid of a plugin that died is left alone', async () => {
  await startHost([plugin('p', '')]);
  const { pid } = await active('p');
  await host!.end('SIGKILL');
  process.kill(pid!, 'SIGKILL');
  const stranger = spawn('sleep', ['60'], { stdio: 'ignore' });
  const file = join(dir, 'work/run/plugins/p.json');
  const record = JSON.parse(readFileSync(file, 'utf8')) as object;
  writeFileSync(file, JSON.stringify({ ...record, pid: stranger.pid }));
  writeFileSync(join(dir, 'work/run/plugins/gone.json'), JSON.stringify({ ...record, id: 'gone', pid: stranger.pid }));
  await startHost([plugin('p', '')]);
  await active('p');
  expect(alive(stranger.pid!)).toBe(true);
  stranger.kill();
  await finish();
});

test('a plugin process that is stopped and deaf when the host comes back is replaced', async () => {
  await startHost([plugin('p', '')]);
  const { pid } = await active('p');
  await host!.end('SIGKILL');
  process.kill(pid!, 'SIGSTOP');
  await startHost([plugin('p', '')]);
  expect((await active('p')).pid).not.toBe(pid);
  expect(alive(pid!)).toBe(false);
  await finish();
});

test('deaths and restarts leave no descriptor and no process behind', async () => {
  await startHost([plugin('p', '')]);
  const descriptors = () => readdirSync(`/proc/${host!.child.pid}/fd`).length;
  let { pid } = await active('p');
  const before = descriptors();
  for (let i = 0; i < 2; i++) {
    process.kill(pid!, 'SIGKILL');
    pid = (await until('it is back', () => status('p').pid !== pid && status('p').state === 'active' && status('p')))
      .pid;
  }
  await until('as many descriptors as before', () => descriptors() <= before);
  await finish();
});

test('a plugin in the process of the host that forgets a rejection or throws in a timer degrades, and nothing else', async () => {
  const inKernel = { process: 'kernel' };
  const stray = (id: string, code: string) => plugin(id, code, inKernel);
  await startHost([
    stray('rejects', `setTimeout(() => void Promise.reject(new Error('forgotten')), 20)`),
    stray('throws', `setTimeout(() => { throw new Error('in a timer') }, 20)`),
    stray('fails', `throw new Error('not today')`),
    stray('works', ''),
  ]);
  await until('both are known', () => status('rejects').state === 'degraded' && status('throws').state === 'degraded');
  expect(status('rejects').reason).toContain('forgotten');
  expect(status('throws').reason).toContain('in a timer');
  expect(status('fails')).toMatchObject({ state: 'failed', reason: expect.stringContaining('not today') });
  expect(status('works').state).toBe('active');
  expect(host!.child.exitCode).toBe(null);
  await finish();
});
