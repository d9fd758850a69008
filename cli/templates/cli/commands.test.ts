import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { PluginManifest } from '@mezzo/sdk/contract';
import { cliCommandsSuite, FakeAnswer, runCommand } from '@mezzo/sdk/testing';
import commands from './commands.js';

const { mezzo: manifest } = JSON.parse(readFileSync('package.json', 'utf8')) as { mezzo: PluginManifest };
const free = commands['__ID__ free'];

const agent = (hostname: string, cpus: number) => ({
  hostname,
  resources: { cpus, mem: 1024 },
  used_resources: { cpus: 1, mem: 24 },
});
const answers = { 'GET /mesos/slaves': { slaves: [agent('one', 4), agent('two', 2)] } };

for (const { title, run } of cliCommandsSuite({ commands, manifest, calls: { '__ID__ free': [{ answers }] } }))
  test(title, run);

test('it shows what is left, to people and to programs', async () => {
  const { lines, result } = await runCommand(free, { answers });
  assert.deepEqual(lines, ['one  3  1000', 'two  1  1000']);
  assert.deepEqual(result, [
    { host: 'one', cpus: 3, mem: 1000 },
    { host: 'two', cpus: 1, mem: 1000 },
  ]);
});

test('argument and flag choose', async () => {
  assert.deepEqual((await runCommand(free, { answers, args: { host: 'tw' } })).lines, ['two  1  1000']);
  assert.deepEqual((await runCommand(free, { answers, flags: { cpus: 2 } })).lines, ['one  3  1000']);
  assert.deepEqual((await runCommand(free, { answers, args: { host: 'x' } })).lines, ['no such agents']);
});

test('who may not ask is told so', async () => {
  const refused = { 'GET /mesos/slaves': new FakeAnswer(401, { message: 'sign in' }) };
  await assert.rejects(runCommand(free, { answers: refused }), { code: 'HTTP_401' });
});
