import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { PluginManifest } from '@mezzo/sdk/contract';
import type { ContainerSpec } from '@mezzo/sdk/points/containerizer';
import { ISOLATOR } from '@mezzo/sdk/points/isolator';
import { isolatorSuite, PluginHarness } from '@mezzo/sdk/testing';
import plugin from './plugin.js';
import { PrivateTmp } from './private-tmp.js';

const { mezzo: manifest } = JSON.parse(readFileSync('package.json', 'utf8')) as { mezzo: Partial<PluginManifest> };

let home: string;
let isolator: PrivateTmp;
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'private-tmp-'));
  isolator = open(home);
  await isolator.recover('o', []);
});
afterEach(() => {
  isolator.close();
  rmSync(home, { recursive: true });
});

const open = (at: string) => new PrivateTmp({ dir: join(at, 'containers'), sizeMib: 8, checkMs: 10 });
const spec = (containerId: string, labels: Record<string, string> = {}): ContainerSpec => ({
  ...{ containerId, owner: 'o', sandbox: home, labels },
  command: { shell: true, argv: ['sleep 60'], env: {} },
  resources: { cpusMilli: 100, memMib: 32 },
});

/** What every isolator promises, in the words of the SDK. */
describe('the laws of isolators', () => {
  const laws = isolatorSuite({
    create: async (at) => {
      const one = open(at);
      return { isolator: one, stop: async () => one.close() };
    },
    residue: async (at) => readdirSync(join(at, 'containers')),
  });
  for (const { title, timeoutMs, run } of laws) test(title, { timeout: timeoutMs }, run);
});

test('a container gets a directory that whoever it runs as can write to', async () => {
  const { mounts } = await isolator.prepare(spec('c1'));
  const source = join(home, 'containers/c1');
  assert.deepEqual(mounts, [{ type: 'bind', source, target: '/tmp' }]);
  assert.equal(statSync(source).mode & 0o7777, 0o1777);
});

test('one that writes more than it may is told, by what it has of the disk; links do not count', async () => {
  await isolator.prepare(spec('c1', { 'private-tmp.mib': '2' }));
  const dir = join(home, 'containers/c1');
  symlinkSync('/', join(dir, 'all'));
  mkdirSync(join(dir, 'deep'));
  const told = isolator.watch('c1');
  writeFileSync(join(dir, 'deep/file'), 'x'.repeat(3 << 20));
  const { limitation, message } = await told;
  assert.equal(limitation, 'disk');
  assert.match(message, /^\/tmp holds [34] MiB, 2 MiB are allowed$/);
});

test('a label that makes no sense fails the launch', async () => {
  await assert.rejects(isolator.prepare(spec('c1', { 'private-tmp.mib': 'much' })), /private-tmp\.mib is "much"/);
});

test('as a plugin it brings one isolator, or says why it cannot', async () => {
  const harness = await PluginHarness.start(plugin, { manifest, cluster: { stateDir: home } });
  if (process.getuid?.() === 0)
    assert.deepEqual(
      harness.contributions(ISOLATOR).map(({ name }) => name),
      ['private-tmp'],
    );
  else assert.equal(harness.state, 'skipped');
  await harness.stop();
});
