import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode, messageOf, type MezzoError, type PluginManifest } from '@mezzo/sdk/contract';
import { manifestOf } from '@mezzo/sdk/package';
import type { Interfaces } from '@oclif/core';
import type { Cluster } from '../lib/cluster.js';
import { listNodes } from '../lib/nodes.js';
import { installedCommands, type InstalledCommands } from './commands-index.js';
import { sendPlugin } from './install.js';
import { addCommands, builtInWords, putBackCommands } from './local-commands.js';
import { followLog, readable, readLog } from './log-tail.js';
import { packPlugin, readPackageJson, type Packed } from './pack.js';
import { callPlugins, listPlugins, watchVersion } from './plugins.js';
import { SourceWatch } from './source-watch.js';

export interface DevOptions {
  /** Leaves the last version installed at the end. */
  readonly keep: boolean;
  /** For how long a version is watched on its way to the nodes. */
  readonly timeoutMs: number;
  readonly say: (line: string) => void;
  /** Commands of the plugin are added to those of this `mezzo`. */
  readonly commandsOf: Interfaces.Config;
  /** Ends it. */
  readonly signal: AbortSignal;
}

const BUSY_RETRY_MS = 500;
const BUSY_MS = 60_000;

/**
 * Runs the plugin of a directory in a cluster, as a new version after each save, and shows what it writes, until the signal. Then what was
 * there before is there again. What does not work is said, and the next save tried; it rejects when there is no plugin, or no cluster.
 */
export async function developPlugin(cluster: Cluster, dir: string, options: DevOptions): Promise<void> {
  const { keep, say, signal } = options;
  const manifest = manifestOf(readPackageJson(resolve(dir)));
  const { id } = manifest;
  const before = manifest.runsOn.length === 0 ? undefined : await packageOf(cluster, id);
  const commands = installedCommands().find((one) => one.id === id);
  const saves = new SourceWatch(resolve(dir));
  const log = showLog(cluster, manifest, options).catch((error: unknown) => say(`no log: ${messageOf(error)}`));
  try {
    while (!signal.aborted) {
      await hurried(takeIn(cluster, dir, id, options, commands), cluster, id, signal);
      if (!signal.aborted) say(`waiting for changes in ${resolve(dir)} (Ctrl-C ends)`);
      await saves.next(signal);
    }
  } finally {
    saves.close();
    await log;
  }
  if (keep) say(`${id} stays; to remove it: mezzo plugin remove ${id}`);
  else {
    putBackCommands(id, commands);
    await putBack(cluster, id, before, options);
  }
}

/** Packs and installs; says what goes wrong. */
async function takeIn(
  cluster: Cluster,
  dir: string,
  id: string,
  options: DevOptions,
  before: InstalledCommands | undefined,
): Promise<void> {
  const { say, signal, commandsOf } = options;
  const staging = mkdtempSync(join(tmpdir(), 'mezzo-dev-'));
  try {
    const packageJson = readPackageJson(dir);
    // A version never changes: each save is a new one.
    const version = `${String(packageJson['version'])}-dev.${Date.now()}`;
    const packed = await packPlugin(dir, staging, undefined, version);
    if (packed.manifest.id !== id)
      throw new Error(`"mezzo.id" is ${packed.manifest.id} now, and ${id} runs: start again`);
    const { runsOn, cli } = packed.manifest;
    if (runsOn.length > 0) await patiently(() => send(cluster, packed, options));
    if (cli === undefined) return;
    await addCommands(packed, builtInWords(commandsOf), before);
    say(`mezzo has ${Object.keys(cli.commands).join(', ')} of ${version}`);
  } catch (error) {
    if (!signal.aborted) for (const line of wordsOf(error)) say(line);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

const send = (cluster: Cluster, packed: Pick<Packed, 'bytes' | 'signatures'>, { say, timeoutMs }: DevOptions) =>
  sendPlugin(cluster, packed, { allowUnsigned: true, wait: true, timeoutMs, say });

/** When it is to end, a version on its way to the nodes is taken back, rather than waited for. */
async function hurried(work: Promise<void>, cluster: Cluster, id: string, signal: AbortSignal): Promise<void> {
  const hurry = (): void => {
    // Nothing may be on its way, or no more.
    callPlugins(cluster, `/plugins/${id}/rollback`, { method: 'POST' }).catch(() => {});
  };
  signal.addEventListener('abort', hurry);
  await work;
  signal.removeEventListener('abort', hurry);
}

/** What is installed under this id; undefined: nothing, or what ships with Mezzo. */
async function packageOf(
  cluster: Cluster,
  id: string,
): Promise<(Pick<Packed, 'bytes' | 'signatures'> & { version: string }) | undefined> {
  const { version, builtIn = true } = (await listPlugins(cluster)).find((plugin) => plugin.id === id) ?? {};
  if (builtIn || version === undefined) return undefined;
  const file = encodeURIComponent(`${id}-${version}.tgz`);
  return { bytes: await cluster.bytes(`/mesos/plugins/v1/packages/${file}`), signatures: [], version };
}

async function putBack(
  cluster: Cluster,
  id: string,
  before: Awaited<ReturnType<typeof packageOf>>,
  options: DevOptions,
): Promise<void> {
  const { say, timeoutMs } = options;
  const there = (await listPlugins(cluster)).find((plugin) => plugin.id === id);
  if (before !== undefined) {
    if (there?.version !== before.version) await patiently(() => send(cluster, before, options));
    return say(`${id} ${before.version} is back`);
  }
  // None of its versions has ever come in.
  if (there === undefined || (there.builtIn && there.rollout === undefined)) return;
  try {
    await patiently(() => callPlugins(cluster, `/plugins/${id}`, { method: 'DELETE' }));
    await watchVersion(cluster, id, undefined, () => {}, timeoutMs);
  } catch (error) {
    // The one version on its way was taken back meanwhile.
    if (!hasCode(error, 'PLUGIN_NOT_FOUND') && !hasCode(error, 'PLUGIN_BUILT_IN')) throw error;
  }
  say(`${id} is removed`);
}

/** Again while another change of the plugin is under way. */
async function patiently(work: () => Promise<unknown>): Promise<void> {
  for (const deadline = Date.now() + BUSY_MS; ; await sleep(BUSY_RETRY_MS)) {
    try {
      await work();
      return;
    } catch (error) {
      if (!hasCode(error, 'PLUGIN_BUSY') || Date.now() > deadline) throw error;
    }
  }
}

/** Until the signal. */
async function showLog(
  cluster: Cluster,
  { id, process, runsOn }: PluginManifest,
  { say, signal }: DevOptions,
): Promise<void> {
  if (runsOn.length === 0) return;
  if (process === 'kernel') return say(`${id} runs inside the ${runsOn.join(' and ')}, and writes into the log there`);
  const agent = runsOn.includes('master') ? undefined : (await listNodes(cluster)).at(0)?.id;
  const log = { cluster, id, at: agent === undefined ? '/mesos' : `/agent/${agent}` };
  const old = await readLog(log).catch(() => []);
  for await (const line of followLog(log, old, signal)) say(`${id}: ${readable(line)}`);
}

function wordsOf(error: unknown): string[] {
  const { next } = error as Partial<MezzoError>;
  return [messageOf(error), ...(next === undefined ? [] : [`next: ${next}`])];
}
