import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MezzoError, type PluginStatus, type StoreEntry } from '@mezzo/sdk/contract';
import type { HostStore, PluginHostOptions } from '@mezzo/kernel/plugin-host/index';
import { silentLog } from '@mezzo/sdk/testing';
import { create } from 'tar';
import { pids, readProc } from '../../support/proc.js';
import { root } from '../../tidy/sources.js';

/** Plugins in processes of their own run the built SDK. */
export function buildSdk(): void {
  spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-b', 'sdk'], { cwd: root });
}

export interface TestPlugin {
  readonly id: string;
  readonly version?: string;
  readonly code: string;
  readonly mezzo?: Record<string, unknown>;
}

export const hello = (): TestPlugin => ({
  id: 'hello',
  code: readFileSync(join(root, 'examples/hello-plugin/plugin.js'), 'utf8'),
  mezzo: (JSON.parse(readFileSync(join(root, 'examples/hello-plugin/package.json'), 'utf8')) as { mezzo: object })
    .mezzo as Record<string, unknown>,
});

/** A plugin whose activation is this code; `ctx`, `config` and the exports of the contract are in scope. */
export const plugin = (
  id: string,
  activate: string,
  mezzo: Record<string, unknown> = {},
  version?: string,
): TestPlugin => ({
  id,
  mezzo,
  ...(version !== undefined && { version }),
  code: `import * as contract from '@mezzo/sdk/contract';
import { definePlugin, skipped } from '@mezzo/sdk/runtime';
export default definePlugin({ async activate(ctx, config) { ${activate} } });`,
});

export function packageJsonOf({ id, version = '1.0.0', mezzo }: TestPlugin) {
  return {
    name: id,
    version,
    type: 'module',
    description: `test plugin ${id}`,
    mezzo: { id, sdk: '*', runsOn: ['master'], entry: 'plugin.js', ...mezzo },
  };
}

/** A tarball as `npm pack` makes it. */
export function pack(dir: string, made: TestPlugin): Buffer {
  const json = packageJsonOf(made);
  const staging = mkdtempSync(join(dir, 'pack-'));
  mkdirSync(join(staging, 'package'));
  writeFileSync(join(staging, 'package', 'package.json'), JSON.stringify(json));
  writeFileSync(join(staging, 'package', 'plugin.js'), made.code);
  const file = join(staging, 'package.tgz');
  create({ gzip: true, sync: true, file, cwd: staging, portable: true, mtime: new Date(0) }, ['package']);
  const bytes = readFileSync(file);
  rmSync(staging, { recursive: true });
  return bytes;
}

export function makeRegistry(dir: string, plugins: readonly TestPlugin[]): string {
  const registry = join(dir, 'built-in');
  mkdirSync(registry, { recursive: true });
  const packages = plugins.map((made) => {
    const bytes = pack(dir, made);
    const { mezzo, name, version, description } = packageJsonOf(made);
    const file = `${made.id}-${version}.tgz`;
    writeFileSync(join(registry, file), bytes);
    const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
    const entry = { name, version, description, mezzo, dist: { tarball: file, integrity } };
    return [name, { name, 'dist-tags': { latest: version }, versions: { [version]: entry } }];
  });
  writeFileSync(join(registry, 'index.json'), JSON.stringify({ packages: Object.fromEntries(packages) as object }));
  writeFileSync(join(registry, 'distribution.json'), JSON.stringify({ plugins: plugins.map(({ id }) => id) }));
  return registry;
}

export class MapStore implements HostStore {
  readonly map = new Map<string, StoreEntry>();
  available = true;
  private version = 0;

  get(key: string) {
    return this.map.get(key);
  }
  list(prefix: string) {
    return [...this.map.values()].filter(({ key }) => key.startsWith(prefix)).sort((a, b) => (a.key < b.key ? -1 : 1));
  }
  async commit(writes: Parameters<HostStore['commit']>[0]) {
    if (!this.available) throw new MezzoError('STORE_UNAVAILABLE', 'not leading', { blame: 'kernel', retryable: true });
    this.version++;
    for (const write of writes)
      if (write.op === 'put') this.map.set(write.key, { key: write.key, value: write.value, version: this.version });
      else this.map.delete(write.key);
    return this.version;
  }
}

export function hostOptions(workDir: string, registryDir: string, store: HostStore): PluginHostOptions {
  const secretsDir = join(workDir, 'secrets');
  mkdirSync(secretsDir, { recursive: true });
  writeFileSync(join(secretsDir, 'cluster.key'), '0'.repeat(64), { mode: 0o600 });
  return {
    runsOn: 'master',
    workDir,
    registryDir,
    secretsDir,
    cluster: {
      clusterId: 'c1',
      clusterName: 'test',
      kernelUrl: 'http://127.0.0.1:5050',
      listenIp: '127.0.0.1',
      portOffset: 0,
    },
    log: silentLog,
    store,
  };
}

export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

export const newDir = (): string => mkdtempSync(join(tmpdir(), 'mezzo-ph-'));

/** Pids of all processes whose command line names the directory. */
export function processesOf(dir: string): number[] {
  return pids()
    .filter((pid) =>
      readProc(pid, 'cmdline')
        .split('\0')
        .some((arg) => arg.startsWith(dir)),
    )
    .map(Number);
}

/** Ends what a red test left, and says so: nothing of a green one is left. */
export function requireNothingLeft(dir: string): void {
  const left = processesOf(dir);
  for (const pid of left) process.kill(pid, 'SIGKILL');
  rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  if (left.length > 0) throw new Error(`processes were left behind: ${left.join(', ')}`);
}

export const find = (plugins: readonly PluginStatus[], id: string): PluginStatus => {
  const found = plugins.find((status) => status.id === id);
  if (found === undefined) throw new Error(`no plugin ${id} in ${JSON.stringify(plugins)}`);
  return found;
};

/** A request on a Unix socket, as a plugin makes it. */
export function overSocket(
  socketPath: string,
  path: string,
  token: string,
  body?: unknown,
): Promise<{ status: number; json: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const options = {
      socketPath,
      path,
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${token}` },
    };
    request(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, json: JSON.parse(text) as Record<string, unknown> }),
      );
    })
      .once('error', reject)
      .end(body === undefined ? undefined : JSON.stringify(body));
  });
}
