import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeSigningKey, signerOf, keyIdOf } from '@mezzo/sdk/package';
import { packPlugin } from './pack.js';
import { fetchPlugin, findPlugin, openRegistry } from './registry.js';
import { registryServer } from './serve.js';

const hello = fileURLToPath(new URL('../../../examples/hello-plugin', import.meta.url));
const { privatePem, publicPem } = makeSigningKey();
const us = { keyid: keyIdOf(publicPem), name: 'us', pem: publicPem };

let dir: string;
let server: Server | undefined;
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'mezzo-registry-'))));
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  server = undefined;
  rmSync(dir, { recursive: true, force: true });
});

const registryDir = () => join(dir, 'registry');

async function serve(token?: string): Promise<string> {
  server = registryServer(registryDir(), token);
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The example in another version. */
async function packed(version: string, code = '') {
  const source = join(dir, `hello-${version}${code.length}`);
  cpSync(hello, source, { recursive: true });
  const json = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as object;
  writeFileSync(join(source, 'package.json'), JSON.stringify({ ...json, version, scripts: { postinstall: 'false' } }));
  writeFileSync(join(source, 'plugin.js'), readFileSync(join(source, 'plugin.js'), 'utf8') + code);
  return packPlugin(source, dir, privatePem);
}

test('the same sources are packed into the same bytes, without scripts', async () => {
  const [one, other] = [await packed('1.0.0'), await packed('1.0.0')];
  expect(other.integrity).toBe(one.integrity);
  expect(one.bytes.includes('postinstall')).toBe(false);
  expect(signerOf({ name: 'hello-plugin', version: '1.0.0', integrity: one.integrity }, one.signatures, [us])).toBe(us);
});

test('a directory without a plugin is refused, and says what is wrong', async () => {
  await expect(packPlugin(dir, dir)).rejects.toThrow(/package\.json cannot be read/);
  writeFileSync(
    join(dir, 'package.json'),
    JSON.stringify({
      name: 'x',
      version: '1.0.0',
      mezzo: { id: 'x', sdk: '*', runsOn: ['master'], entry: 'plugin.js' },
    }),
  );
  await expect(packPlugin(dir, dir)).rejects.toThrow(/no source of "mezzo.entry" "plugin.js"/);
  writeFileSync(join(dir, 'plugin.js'), "import 'not-there';");
  await expect(packPlugin(dir, dir)).rejects.toThrow(/cannot be bundled.*not-there/s);
});

test.each(['a directory', 'HTTP'])(
  'over %s a plugin is found by name, id, text and range, and comes with its signature',
  async (how) => {
    const local = openRegistry(registryDir());
    for (const version of ['1.0.0', '1.1.0', '2.0.0-rc.1']) await local.publish(await packed(version), undefined);
    const registry = how === 'HTTP' ? openRegistry(await serve()) : local;
    const versionOf = async (wanted: string) => (await findPlugin(registry, wanted)).version.version;
    expect(await versionOf('hello-plugin')).toBe('1.1.0');
    expect(await versionOf('hello-plugin@~1.0.0')).toBe('1.0.0');
    expect(await versionOf('hello-plugin@2.0.0-rc.1')).toBe('2.0.0-rc.1');
    await expect(versionOf('hello-plugin@^9')).rejects.toThrow('has no version ^9; there are 1.0.0, 1.1.0');
    await expect(versionOf('other')).rejects.toMatchObject({ code: 'PLUGIN_NOT_FOUND' });
    expect((await registry.search('greets')).map(({ name }) => name)).toEqual(['hello-plugin']);
    expect(await registry.search('nothing like it')).toEqual([]);
    const { manifest, integrity, signatures, bytes } = await fetchPlugin(
      registry,
      await findPlugin(registry, 'hello-plugin'),
    );
    expect(bytes.length).toBeGreaterThan(100);
    expect(signerOf({ ...manifest, integrity }, signatures, [us])).toBe(us);
  },
);

test('a tarball that is not what the index says is refused before anybody looks into it', async () => {
  const registry = openRegistry(registryDir());
  await registry.publish(await packed('1.0.0'), undefined);
  writeFileSync(join(registryDir(), 'hello-plugin-1.0.0.tgz'), 'changed');
  const found = await findPlugin(registry, 'hello-plugin');
  await expect(fetchPlugin(registry, found)).rejects.toMatchObject({ code: 'PLUGIN_INTEGRITY_MISMATCH' });
});

test('an index that says of a package what is not in it is caught before anything runs', async () => {
  await openRegistry(registryDir()).publish(await packed('1.0.0'), undefined);
  const index = join(registryDir(), 'index.json');
  const text = readFileSync(index, 'utf8').replace(/"requires":\s*\[[^\]]*\]/, '"requires":[]');
  writeFileSync(index, text);
  const registry = openRegistry(registryDir());
  const found = await findPlugin(registry, 'hello-plugin');
  expect(found.manifest.requires).toEqual([]);
  await expect(fetchPlugin(registry, found)).rejects.toMatchObject({
    code: 'PLUGIN_INDEX_WRONG',
    message: expect.stringMatching(/hello 1\.0\.0 .*"requires"/) as string,
  });
});

test('a version never changes, in a directory and over HTTP', async () => {
  const url = await serve('secret');
  await openRegistry(registryDir()).publish(await packed('1.0.0'), undefined);
  const other = await packed('1.0.0', '\nexport const changed = true;');
  await expect(openRegistry(registryDir()).publish(other, undefined)).rejects.toMatchObject({ code: 'VERSION_EXISTS' });
  await expect(openRegistry(url).publish(other, 'secret')).rejects.toThrow(
    'there is another hello-plugin 1.0.0 already',
  );
});

test('over HTTP only those with the token publish, and nobody where there is none', async () => {
  const plugin = await packed('1.0.0');
  const closed = openRegistry(await serve());
  await expect(closed.publish(plugin, 'guess')).rejects.toThrow('nobody may publish here');
  server!.close();
  const open = openRegistry(await serve('secret'));
  await expect(open.publish(plugin, 'guess')).rejects.toThrow('a token is needed');
  await expect(open.publish(plugin, undefined)).rejects.toMatchObject({ code: 'HTTP_403' });
  await open.publish(plugin, 'secret');
  expect((await findPlugin(open, 'hello-plugin')).version.dist.signatures).toHaveLength(1);
});

test('what is no package does not get in, and paths lead nowhere', async () => {
  const url = await serve('secret');
  const put = (name: string, body: unknown) =>
    fetch(`${url}/${name}`, { method: 'PUT', headers: { authorization: 'Bearer secret' }, body: JSON.stringify(body) });
  expect((await put('hello-plugin', {})).status).toBe(422);
  const data = (await packed('1.0.0')).bytes.toString('base64');
  expect((await put('other', { _attachments: { a: { data } } })).status).toBe(403);
  expect(
    (await fetch(`${url}/hello-plugin`, { method: 'PUT', headers: { authorization: 'Bearer secret' }, body: '{' }))
      .status,
  ).toBe(400);
  for (const path of ['..%2f..%2fetc%2fpasswd', '__proto__', 'x/-/..%2f..%2fpackage.tgz', '%E0%A4%A'])
    expect((await fetch(`${url}/${path}`)).status).toBeGreaterThanOrEqual(400);
});

test('npm itself reads it', { timeout: 60_000 }, async () => {
  await openRegistry(registryDir()).publish(await packed('1.0.0'), undefined);
  const args = [
    'view',
    'hello-plugin',
    'mezzo.id',
    'version',
    '--json',
    `--registry=${await serve()}`,
    `--cache=${join(dir, 'cache')}`,
  ];
  const { stdout } = await promisify(execFile)('npm', args, { cwd: dir });
  expect(JSON.parse(stdout)).toEqual({ 'mezzo.id': 'hello', version: '1.0.0' });
});
