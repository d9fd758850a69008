import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { PluginManifest } from '@mezzo/sdk/contract';
import { SECRET_STORE, type SecretRequester } from '@mezzo/sdk/points/secret-store';
import { PluginHarness, secretStoreSuite, silentLog } from '@mezzo/sdk/testing';
import { FileSecrets } from './file-secrets.js';
import plugin from './plugin.js';

const { mezzo: manifest } = JSON.parse(readFileSync('package.json', 'utf8')) as { mezzo: Partial<PluginManifest> };

let home: string;
let store: FileSecrets;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'file-secrets-'));
  store = new FileSecrets(home, silentLog);
});
afterEach(() => rmSync(home, { recursive: true }));

function write(path: string, text: string | Uint8Array, mode = 0o600, dir = home): string {
  const file = join(dir, path);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, text, { mode });
  return file;
}
const text = async (name: string, key?: string): Promise<string> =>
  Buffer.from(await store.resolve({ name, ...(key !== undefined && { key }) })).toString();
const isDenied = (name: string) => assert.rejects(text(name), { code: 'SECRET_DENIED' });
const isMissing = (name: string) => assert.rejects(text(name), { code: 'SECRET_NOT_FOUND' });

/** What every secret store promises, in the words of the SDK. */
describe('the laws of secret stores', () => {
  const laws = secretStoreSuite({
    create: async (at) => {
      chmodSync(at, 0o700);
      write('db/password', 'hunter2 of the db\n', 0o600, at);
      write('token', 'tökens of a kind', 0o600, at);
      write('open', 'for all to read', 0o644, at);
      return { store: new FileSecrets(at, silentLog) };
    },
    known: [
      { reference: { name: 'db/password' }, value: 'hunter2 of the db' },
      { reference: { name: 'db', key: 'password' }, value: 'hunter2 of the db' },
      { reference: { name: 'token' }, value: 'tökens of a kind' },
    ],
    denied: [{ name: 'open' }],
  });
  for (const { title, timeoutMs, run } of laws) test(title, { timeout: timeoutMs }, run);
});

test('a file that changes is read anew, and one newline at its end is not part of it', async () => {
  write('s', 'one\n');
  assert.equal(await text('s'), 'one');
  write('s', 'two\n\n');
  assert.equal(await text('s'), 'two\n');
  write('s', '');
  assert.equal(await text('s'), '');
});

test('links, directories and pipes are no secrets, wherever they lead', async () => {
  write('real/s', 'value');
  symlinkSync('real/s', join(home, 'link'));
  symlinkSync('real', join(home, 'linked'));
  symlinkSync('/etc/passwd', join(home, 'passwd'));
  execFileSync('mkfifo', ['-m', '600', join(home, 'pipe')]);
  for (const name of ['link', 'linked/s', 'passwd', 'real', 'pipe', '../file-secrets', 'real/../real/s'])
    await isMissing(name);
});

test('what others could read or have written is not given, nor what lies in such a directory', async () => {
  for (const mode of [0o640, 0o604, 0o620, 0o602]) {
    chmodSync(write('s', 'value'), mode);
    await isDenied('s');
  }
  write('d/s', 'value');
  chmodSync(join(home, 'd'), 0o755);
  await isDenied('d/s');
  chmodSync(join(home, 'd'), 0o700);
  assert.equal(await text('d/s'), 'value');
  chmodSync(home, 0o711);
  await isDenied('d/s');
});

test('what belongs to another user is not given', { skip: process.getuid?.() !== 0 && 'needs root' }, async () => {
  chownSync(write('s', 'value'), 12_345, 0);
  await isDenied('s');
});

test('what is too long for a variable is not given; what is just short enough is', async () => {
  write('s', `${'x'.repeat(65_536)}\n`);
  assert.equal((await text('s')).length, 65_536);
  write('s', 'x'.repeat(65_537));
  await isDenied('s');
});

test('without its directory it cannot be asked', async () => {
  const none = new FileSecrets(join(home, 'none'), silentLog);
  await assert.rejects(none.resolve({ name: 's' }), { code: 'SECRET_STORE_UNAVAILABLE' });
});

test('as a plugin it brings one store', async () => {
  write('s', 'value');
  const harness = await PluginHarness.start(plugin, { manifest, config: { directory: home } });
  const [brought] = harness.contributions(SECRET_STORE);
  assert.equal(brought?.name, 'file-secrets');
  const value = await brought?.resolve({ name: 's' }, {} as SecretRequester, new AbortController().signal);
  assert.equal(Buffer.from(value ?? '').toString(), 'value');
  await harness.stop();
});
