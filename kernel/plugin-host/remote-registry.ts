import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent, fetch } from 'undici';
import type { ConnectionOptions } from 'node:tls';
import { messageOf, type Logger } from '@mezzo/sdk/contract';
import { entryOf, packageOf, type PluginPackage } from './registry.js';
import { MAX_PACKAGE_BYTES, readPackage, requireIntegrity } from './unpack.js';

const INDEX_TIMEOUT_MS = 2_000;
const PACKAGE_TIMEOUT_MS = 60_000;
const MAX_INDEX_BYTES = 4 * 1024 * 1024;

export interface RemoteRegistry {
  /** Of a master. */
  readonly url: string;
  readonly token: string;
  /** For https. */
  readonly tls?: ConnectionOptions | undefined;
  /** Where packages and the last index are kept. */
  readonly dir: string;
  readonly log: Logger;
}

/**
 * What operators installed on the cluster for agents, fetched from a master and verified. When no master answers: what was known
 * the last time. Never rejects: an agent must be able to take its tasks back alone.
 */
export async function fetchInstalled(remote: RemoteRegistry): Promise<PluginPackage[]> {
  const cache = join(remote.dir, 'index.json');
  await mkdir(remote.dir, { recursive: true, mode: 0o700 });
  let entries: unknown;
  try {
    const bytes = await get(remote, '/plugins/v1/index', INDEX_TIMEOUT_MS, MAX_INDEX_BYTES);
    entries = (JSON.parse(bytes.toString('utf8')) as { plugins?: unknown }).plugins;
  } catch (error) {
    remote.log.info('no master tells what is installed: going by what was known', { reason: messageOf(error) });
    entries = readCache(cache);
  }
  const wanted = (Array.isArray(entries) ? entries : [])
    .flatMap((entry) => packageOf(remote.dir, entry, false, remote.log) ?? [])
    .filter(({ manifest }) => manifest.runsOn.includes('agent'));
  const there: PluginPackage[] = [];
  for (const pkg of wanted) if (await fetchPackage(remote, pkg)) there.push(pkg);
  write(cache, JSON.stringify(wanted.map(entryOf)));
  return there;
}

async function fetchPackage(remote: RemoteRegistry, { manifest, file, integrity }: PluginPackage): Promise<boolean> {
  try {
    requireIntegrity(manifest.id, readPackage(file), integrity);
    return true;
  } catch {
    // not here, or another one: fetched below
  }
  try {
    const path = `/plugins/v1/packages/${encodeURIComponent(entryOf({ manifest, file, integrity, builtIn: false }).file)}`;
    const bytes = await get(remote, path, PACKAGE_TIMEOUT_MS, MAX_PACKAGE_BYTES);
    requireIntegrity(manifest.id, bytes, integrity);
    write(file, bytes);
    return true;
  } catch (error) {
    remote.log.error(`plugin ${manifest.id} cannot be fetched: ${messageOf(error)}`, { plugin: manifest.id });
    return false;
  }
}

async function get(remote: RemoteRegistry, path: string, timeoutMs: number, maxBytes: number): Promise<Buffer> {
  const { url, token, tls } = remote;
  const dispatcher = new Agent({ ...(tls && { connect: tls }) });
  try {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(url + path, { dispatcher, headers, signal: AbortSignal.timeout(timeoutMs) });
    if (response.status !== 200) throw new Error(`GET ${path} answered ${response.status}`);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      if ((bytes += chunk.length) > maxBytes) throw new Error(`GET ${path} answered more than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } finally {
    await dispatcher.destroy();
  }
}

function readCache(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return [];
  }
}

function write(file: string, bytes: string | Uint8Array): void {
  writeFileSync(`${file}.tmp`, bytes, { mode: 0o600 });
  renameSync(`${file}.tmp`, file);
}
