import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { PluginManifest } from '@mezzo/sdk/contract';
import { eventually, FakeOperatorEvents, PluginHarness } from '@mezzo/sdk/testing';
import { EventLog } from './event-log.js';
import plugin from './plugin.js';

const { mezzo: manifest } = JSON.parse(readFileSync('package.json', 'utf8')) as { mezzo: Partial<PluginManifest> };

test('a task that comes and goes is in the log, and among the targets while it runs', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'cluster-sinks-'));
  const events = new FakeOperatorEvents();
  events.addAgent('S1', '10.0.0.1');
  const harness = await PluginHarness.start(plugin, { manifest, cluster: { stateDir }, sinks: { events } });
  assert.equal(harness.state, 'active', harness.reason);
  events.addTask('web', {
    resources: [{ name: 'ports', type: 'RANGES', ranges: { range: [{ begin: 31000, end: 31000 }] } }],
  });
  const { url } = harness.endpoints.list[0]!;
  const targets = async (): Promise<string> => (await fetch(`${url}/targets`)).text();
  await eventually('it is a target', async () => (await targets()).includes('"10.0.0.1:31000"'));
  events.updateTask('web', 'TASK_FINISHED');
  await eventually('it is none', async () => (await targets()) === '[]\n');
  const file = join(stateDir, 'events.jsonl');
  const log = (): string[] => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []);
  await eventually('all is written', () => log().length === 3);
  const types = log().map((line) => (JSON.parse(line) as { event: { type: string } }).event.type);
  assert.deepEqual(types, ['SUBSCRIBED', 'TASK_ADDED', 'TASK_UPDATED']);
  await harness.stop();
  rmSync(stateDir, { recursive: true });
});

test('what is measured goes out as lines', async () => {
  const receiver = createSocket('udp4');
  const texts: string[] = [];
  receiver.on('message', (data) => texts.push(String(data)));
  await new Promise<void>((resolve) => receiver.bind(0, '127.0.0.1', resolve));
  const daemon = { kind: 'master', id: '10.0.0.1:5050', url: 'http://10.0.0.1:5050' } as const;
  const sample = { name: 'up', labels: { role: 'a b' }, value: 1, timestampMs: 5, type: 'gauge' } as const;
  const harness = await PluginHarness.start(plugin, {
    manifest,
    config: { metricsPort: (receiver.address() as AddressInfo).port },
    sinks: { scraper: { daemons: async () => [daemon], scrape: async () => [{ target: daemon, samples: [sample] }] } },
  });
  await eventually(
    'it arrives',
    () => texts.join('') === 'up,kind=master,id=10.0.0.1:5050,role=a\\ b value=1 5000000\n',
  );
  await harness.stop();
  receiver.close();
});

test('full files are put aside, so many of them', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'cluster-sinks-'));
  const log = new EventLog(join(dir, 'events.jsonl'), 1000, 3);
  for (let i = 0; i < 100; i++)
    await log.write({ events: [{ type: 'HEARTBEAT' }, { type: 'HEARTBEAT' }], missed: false });
  assert.deepEqual(readdirSync(dir).sort(), ['events.jsonl', 'events.jsonl.1', 'events.jsonl.2']);
  rmSync(dir, { recursive: true });
});
