import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PluginCommands, PluginManifest } from '@mezzo/sdk/contract';
import { defineCommand, type PluginCommandModule } from '@mezzo/sdk/points/command';
import { cliCommandsSuite } from '@mezzo/sdk/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { createPlugin } from '../../cli/src/plugin/create.js';

const dir = mkdtempSync(join(tmpdir(), 'mezzo-commands-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const agent = { hostname: 'one', resources: { cpus: 4, mem: 64 }, used_resources: { cpus: 1, mem: 32 } };
const calls = [
  { answers: { 'GET /mesos/slaves': { slaves: [agent] } } },
  { args: { host: 'no' }, answers: { 'GET /mesos/slaves': { slaves: [] } } },
];

const { dir: made } = await createPlugin(join(dir, 'mine'), { kind: 'cli', js: false });
const { mezzo: manifest } = JSON.parse(readFileSync(join(made, 'package.json'), 'utf8')) as { mezzo: PluginManifest };
const { default: commands } = (await import(join(made, 'commands.ts'))) as { default: PluginCommandModule };

describe('the commands that `plugin create` makes', () => {
  const laws = cliCommandsSuite({ commands, manifest, calls: { 'mine free': calls } });
  for (const { title, timeoutMs, run } of laws) it(title, { timeout: timeoutMs }, run);
});

describe('the suite bites', () => {
  const description = 'Look';
  const LOOK: PluginCommands = { entry: 'c.js', commands: { look: description } };
  const look = (run: Parameters<typeof defineCommand>[0]['run']) => defineCommand({ description, run });
  const failing = async (command: ReturnType<typeof look>, cli: PluginCommands = LOOK) => {
    const calls = { look: [{ answers: { 'GET /x': 1 } }] };
    const failed: string[] = [];
    for (const { title, run } of cliCommandsSuite({ commands: { look: command }, manifest: { cli }, calls }))
      await run().catch(() => failed.push(title));
    return failed.join('; ');
  };
  const good = look(({ cluster }) => cluster.json('/x'));

  it('lets a good one pass', async () => expect(await failing(good)).toBe(''));
  it('sees one that its manifest does not name', async () =>
    expect(await failing(good, { entry: 'c.js', commands: { other: 'Else' } })).toContain('its manifest names'));
  it('sees one that hides that nobody answers', async () =>
    expect(await failing(look(({ cluster }) => cluster.json('/x').catch(() => 0)))).toContain('does not answer'));
  it('sees one that answers what JSON loses', async () =>
    expect(await failing(look(async ({ cluster }) => new Map([[await cluster.json('/x'), 1]])))).toContain(
      'plain JSON',
    ));
  it('sees one that keeps something', async () => {
    let count = 0;
    expect(await failing(look(({ cluster }) => cluster.json('/x').then(() => ++count)))).toContain('the same');
  });
  it('sees a path that would not stay with the cluster', async () =>
    expect(await failing(look(({ cluster }) => cluster.json('@elsewhere/')))).toContain('does its work'));
});
