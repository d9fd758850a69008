import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from 'tar';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PluginStatus } from '@mezzo/sdk/contract';
import { TestCluster } from '../support/cluster.js';

let cluster: TestCluster;
let dir: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'mezzo-commands-'));
  cluster = await TestCluster.up();
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
const added = () => cluster.json<{ command: string; version: string }[]>('plugin', 'commands', 'list');

/** A package as a stranger may make it, by hand. */
async function pack(name: string, mezzo: object, files: Readonly<Record<string, string>>, version = '1.0.0') {
  const from = join(dir, `${name}-${version}`);
  mkdirSync(join(from, 'package'), { recursive: true });
  const packageJson = { name, version, type: 'module', mezzo: { id: name, sdk: '*', ...mezzo } };
  for (const [file, text] of Object.entries({ ...files, 'package.json': JSON.stringify(packageJson) }))
    writeFileSync(join(from, 'package', file), text);
  const out = join(dir, `${name}-${version}.tgz`);
  await create({ gzip: true, file: out, cwd: from }, ['package']);
  return out;
}
const commands = (words: Readonly<Record<string, string>>) => ({ runsOn: [], cli: { entry: 'c.js', commands: words } });
const code = (name: string, run: string): string => `
  import { defineCommand } from '@mezzo/sdk/points/command';
  export default { '${name}': defineCommand({ description: 'Try', run: ${run} }) };`;
const install = (file: string, ...flags: string[]) =>
  cluster.mezzo(['plugin', 'install', file, '--yes', '--allow-unsigned', ...flags]);

test('commands are made, tested, signed, installed, run, upgraded and removed', async () => {
  const made = join(dir, 'mine');
  await mezzo('plugin', 'create', made, '--kind', 'cli');
  expect(await mezzo('plugin', 'test', made)).toMatch(/pass [1-9]/);
  const registry = join(dir, 'registry');
  const key = join(dir, 'signing.key');
  await mezzo('plugin', 'key', 'create', key);
  await mezzo('plugin', 'publish', made, '--registry', registry, '--key', key);

  const unsigned = await cluster.mezzo(['plugin', 'install', 'mine', '--registry', registry, '--yes']);
  expect(unsigned).toMatchObject({ code: 1, stderr: expect.stringMatching(/PLUGIN_UNSIGNED/) as string });
  expect(await added()).toEqual([]);
  await mezzo('plugin', 'key', 'trust', `${key}.pub`, '--name', 'us');
  const said = await mezzo('plugin', 'install', 'mine', '--registry', registry, '--yes');
  expect(said).toMatch(/runs on no node[^]*brings `mezzo mine free`: Show what agents have left/);
  expect(said).toMatch(/may do all that you may/);

  expect((await cluster.mezzo(['--help'])).stdout).toMatch(/mine +from the plugin mine 0\.1\.0/);
  expect((await cluster.mezzo(['mine', 'free', '--help'])).stdout).toMatch(/--cpus=<value>[^]*--url=URL[^]*--json/);
  expect(await mezzo('mine', 'free')).toMatch(/^HOST +CPUS +MEM\n127\.0\.0\.1 +\d/);
  expect(await cluster.json('mine', 'free', '-c', '100000')).toEqual([]);
  expect((await cluster.mezzo(['mine', 'free', '--cpus', 'many'])).stderr).toMatch(/integer/);
  const elsewhere = await cluster.mezzo(['mine', 'free', '--url', 'http://127.0.0.1:1', '--token', 'x']);
  expect(elsewhere).toMatchObject({ code: 1, stderr: expect.stringMatching(/UNREACHABLE/) as string });

  for (const file of ['commands.ts', 'package.json', 'commands.test.ts']) {
    const text = readFileSync(join(made, file), 'utf8');
    writeFileSync(join(made, file), text.replace('"0.1.0"', '"0.2.0"').replaceAll('mine free', 'mine spare'));
  }
  await mezzo('plugin', 'publish', made, '--registry', registry, '--key', key);
  await mezzo('plugin', 'upgrade', 'mine', '--registry', registry, '--yes');
  expect(await added()).toMatchObject([{ command: 'mine spare', version: '0.2.0' }]);
  expect(await mezzo('mine', 'spare')).toMatch(/127\.0\.0\.1/);
  expect((await cluster.mezzo(['mine', 'free'])).code).not.toBe(0);
  expect(await mezzo('plugin', 'list')).toContain('mine 0.2.0 adds to mezzo on this machine: mine spare');
  expect(existsSync(join(cluster.workDir, 'data/commands/mine/0.1.0'))).toBe(false);

  await mezzo('plugin', 'remove', 'mine', '--yes');
  expect((await cluster.mezzo(['mine', 'spare'])).stderr).toMatch(/not found/);
  expect(existsSync(join(cluster.workDir, 'data/commands/mine/0.2.0'))).toBe(false);
});

test('a plugin of the cluster brings its commands to those machines alone where they are wanted', async () => {
  const plugin = 'export default { activate() {} };';
  const words = { 'jobs count': 'Try' };
  const both = { runsOn: ['master'], entry: 'p.js', cli: { entry: 'c.js', commands: words } };
  const files = (answer: number) => ({ 'p.js': plugin, 'c.js': code('jobs count', `async () => ${answer}`) });
  const first = await pack('jobs', both, files(1));
  const unasked = await cluster.mezzo(['plugin', 'install', first, '--allow-unsigned']);
  expect(unasked).toMatchObject({ code: 1, stderr: expect.stringMatching(/NOT_CONFIRMED/) as string });
  expect((await install(first, '--no-commands')).code).toBe(0);
  expect(await added()).toEqual([]);
  expect((await cluster.json<PluginStatus[]>('plugin', 'list')).find(({ id }) => id === 'jobs')?.state).toBe('active');

  const other = await TestCluster.create();
  try {
    const at = ['--url', cluster.url(8000), '--token', (await mezzo('auth', 'token')).trim()];
    const asked = await other.mezzo(['plugin', 'commands', 'add', 'jobs', ...at]);
    expect(asked).toMatchObject({ code: 1, stderr: expect.stringMatching(/NOT_CONFIRMED/) as string });
    expect((await other.mezzo(['plugin', 'commands', 'add', 'jobs', '--yes', ...at])).code).toBe(0);
    expect(await other.json('jobs', 'count')).toBe(1);
    expect((await cluster.mezzo(['jobs', 'count'])).code).not.toBe(0);
    // The cluster goes on; this machine has what was agreed to.
    expect((await install(await pack('jobs', both, files(2), '1.1.0'))).code).toBe(0);
    expect(await cluster.json('jobs', 'count')).toBe(2);
    expect(await other.json('jobs', 'count')).toBe(1);
    const { stdout } = await other.mezzo(['plugin', 'list', ...at]);
    expect(stdout).toContain('the cluster has 1.1.0: mezzo plugin commands add jobs');
    expect((await other.mezzo(['plugin', 'commands', 'remove', 'jobs'])).code).toBe(0);
    expect((await other.mezzo(['jobs', 'count'])).code).not.toBe(0);
  } finally {
    await other.destroy();
  }
  await mezzo('plugin', 'remove', 'jobs', '--yes');
  expect(await added()).toEqual([]);
});

test('no command stands in the way of one of Mezzo, or of another plugin', async () => {
  for (const name of ['up', 'app list', 'app frobnicate', 'plugin', 'help', 'version']) {
    const { code: status, stderr } = await install(await pack('thief', commands({ [name]: 'x' }), { 'c.js': '' }));
    expect(status, name).toBe(1);
    expect(stderr).toMatch(/COMMAND_TAKEN/);
  }
  expect((await install(await pack('one', commands({ 'tools a': 'x' }), { 'c.js': '' }))).code).toBe(0);
  const second = await install(await pack('two', commands({ 'tools b': 'x' }), { 'c.js': '' }));
  expect(second.stderr).toMatch(/"tools" belongs\W+to plugin one/);
  // Whoever writes into the index by hand gains nothing by it.
  const index = join(cluster.workDir, 'data/commands.json');
  writeFileSync(index, readFileSync(index, 'utf8').replaceAll('tools a', 'status'));
  expect(await mezzo('status')).toMatch(/master/);
  await mezzo('plugin', 'commands', 'remove', 'one');
});

test('a command that is broken names its plugin, and all others go on', async () => {
  const broken = { 'bad thrown': 'x', 'bad missing': 'x' };
  await install(await pack('bad', commands(broken), { 'c.js': 'throw new Error("boom");' }));
  const ran = await cluster.mezzo(['bad', 'thrown']);
  expect(ran).toMatchObject({ code: 1 });
  expect(ran.stderr).toMatch(/plugin bad 1\.0\.0: its commands cannot be loaded: boom[^]*COMMAND_BROKEN/);
  expect(JSON.parse((await cluster.mezzo(['bad', 'thrown', '--json'])).stdout)).toMatchObject({
    error: { code: 'COMMAND_BROKEN', blame: 'plugin' },
  });
  expect(await mezzo('bad', '--help')).toContain('bad thrown');
  expect(await mezzo('--help')).toMatch(/^ {2}up /m);
  await mezzo('status');

  const text = code('bad thrown', 'async () => { throw new Error("no luck") }');
  await install(await pack('bad', commands(broken), { 'c.js': text }, '1.0.1'));
  expect((await cluster.mezzo(['bad', 'thrown'])).stderr).toMatch(
    /"bad thrown" of the plugin bad 1\.0\.1 failed: no luck/,
  );
  expect((await cluster.mezzo(['bad', 'missing'])).stderr).toMatch(/has no command "bad missing"/);
  await mezzo('plugin', 'commands', 'remove', 'bad');
});

test('what a command prints arrives whole, however much it is, and the token goes nowhere else', async () => {
  const loud = code(
    'loud all',
    'async ({ log }) => { for (let i = 0; i < 200_000; i++) log(`${i} ${"x".repeat(90)}`) }',
  );
  await install(await pack('loud', commands({ 'loud all': 'x' }), { 'c.js': loud }));
  const lines = (await mezzo('loud', 'all')).trimEnd().split('\n');
  expect([lines.length, lines.at(-1)?.slice(0, 8)]).toEqual([200_000, '199999 x']);
  const away = code('away all', 'async ({ cluster }) => cluster.json("@127.0.0.1:9/")');
  await install(await pack('away', commands({ 'away all': 'x' }), { 'c.js': away }));
  expect((await cluster.mezzo(['away', 'all'])).stderr).toMatch(/PATH_INVALID/);
  for (const id of ['loud', 'away']) await mezzo('plugin', 'commands', 'remove', id);
});

test('what leaves its package, or steers the terminal, is refused before it is unpacked', async () => {
  const from = join(dir, 'escape');
  mkdirSync(join(from, 'package'), { recursive: true });
  writeFileSync(join(from, 'stray'), 'stray');
  const mezzoField = { id: 'escape', sdk: '*', ...commands({ 'escape now': 'x' }) };
  writeFileSync(
    join(from, 'package/package.json'),
    JSON.stringify({ name: 'escape', version: '1.0.0', mezzo: mezzoField }),
  );
  writeFileSync(join(from, 'package/c.js'), '');
  const file = join(dir, 'escape.tgz');
  await create({ gzip: true, file, cwd: join(from, 'package'), preservePaths: true, prefix: 'package' }, [
    'package.json',
    'c.js',
    '../stray',
  ]);
  expect((await install(file)).stderr).toMatch(/PLUGIN_PACKAGE_INVALID/);
  const lies = commands({ 'lies now': 'x\u001b[1A\u001b[2Kharmless' });
  expect((await install(await pack('lies', lies, { 'c.js': '' }))).stderr).toMatch(/"mezzo\.cli\.commands\.lies now"/);
  const missing = await install(await pack('hollow', commands({ 'hollow now': 'x' }), {}));
  expect(missing.stderr).toMatch(/it holds no c\.js/);
  expect(await added()).toEqual([]);
});

test('what brings commands alone is no business of the nodes', async () => {
  const file = await pack('alone', commands({ 'alone now': 'x' }), { 'c.js': '' });
  const answer = await fetch(cluster.url(8000, '/mesos/plugins/v1/plugins?allowUnsigned=true'), {
    method: 'POST',
    headers: { authorization: `Bearer ${(await mezzo('auth', 'token')).trim()}` },
    body: readFileSync(file),
  });
  expect(await answer.json()).toMatchObject({ code: 'PLUGIN_FOR_NO_NODE' });
});
