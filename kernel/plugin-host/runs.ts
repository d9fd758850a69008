import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterInfo, Logger, PluginManifest } from '@mezzo/sdk/contract';
import { readPackage, requireSdk, unpackPackage } from '@mezzo/sdk/package';
import { checkConfig, type RunSpec, type SdkPackage } from '@mezzo/sdk/runtime';
import { clusterKey, mintToken } from '@mezzo/sdk/secrets';
import type { PluginCgroups } from './cgroups.js';
import { API_SOCKET, CONTROL_SOCKET, type HostFiles } from './host-files.js';
import type { Launcher } from './own-plugin.js';
import type { PluginPackage } from './registry.js';
import type { Sandbox } from './sandbox.js';

const KERNEL_TOKEN_SECONDS = 3 * 24 * 3600;

export interface RunOptions {
  readonly files: HostFiles;
  readonly sandbox: Sandbox;
  readonly cgroups: PluginCgroups | undefined;
  readonly sdk: SdkPackage;
  /** Holds cluster.key. */
  readonly secretsDir: string;
  /** PEM of the authority that the kernel's certificates come from. */
  readonly caFile: string | undefined;
  readonly logLevel: string;
}

export interface Prepared {
  readonly spec: RunSpec;
  readonly launcher: Launcher;
  /** What lets it in at its host's socket. */
  readonly token: string;
}

/** Unpacks a plugin, lays out what it needs to run in a process of its own, and tells how that is started. */
export async function prepareRun(
  { manifest, file, integrity }: PluginPackage,
  given: unknown,
  cluster: ClusterInfo,
  { files, sandbox, cgroups, sdk, secretsDir, caFile: authority, logLevel }: RunOptions,
): Promise<Prepared> {
  const { id } = manifest;
  requireSdk(manifest, sdk.version);
  const dirs = files.dirs(id, await unpackPackage(files.plugins, manifest, readPackage(file), integrity));
  const config = checkConfig(id, manifest.config, given);
  const token = files.token(id);
  sandbox.prepare(id, dirs);
  const seen = sandbox.inside(dirs);
  const give = (name: string, text: string): string => {
    sandbox.write(id, join(dirs.run, name), text);
    return join(seen.run, name);
  };
  const caFile = authority === undefined ? undefined : give('ca.pem', readFileSync(authority, 'utf8'));
  const key = (): string => give('cluster.key', readFileSync(join(secretsDir, 'cluster.key'), 'utf8'));
  const parts = {
    format: 1 as const,
    pluginDir: seen.package,
    manifest,
    config,
    cluster: { ...cluster, stateDir: seen.state },
    apiSocket: join(seen.api, API_SOCKET),
    tokenFile: give('token', token),
    kernelTokenFile: give('jwt', await kernelToken(manifest, secretsDir)),
    ...(caFile !== undefined && { caFile }),
    controlSocket: join(seen.socket, CONTROL_SOCKET),
    logLevel,
    ...(manifest.requires.includes('cluster-key') && { clusterKeyFile: key() }),
  };
  const digest = createHash('sha256')
    .update(JSON.stringify([parts, integrity, sdk]))
    .digest('hex');
  const spec = { ...parts, digest };
  const launcher: Launcher = {
    controlSocket: join(dirs.socket, CONTROL_SOCKET),
    lack: sandbox.lack,
    start: (logFd) => {
      give('spec', JSON.stringify(spec));
      return sandbox.spawn(id, dirs, manifest.limits, logFd, caFile);
    },
    clean: async () => {
      const outOfMemory = cgroups?.wasOutOfMemory(id) ?? false;
      await cgroups?.end(id);
      return outOfMemory;
    },
  };
  return { spec, launcher, token };
}

/** Before it expires. */
export async function renewKernelToken(
  manifest: PluginManifest,
  { files, sandbox, secretsDir }: RunOptions,
): Promise<void> {
  const { id } = manifest;
  sandbox.write(id, join(files.dirs(id, '').run, 'jwt'), await kernelToken(manifest, secretsDir));
}

/** Speaks for the plugin on the kernel's public APIs, and lets it do there what its manifest declares. */
function kernelToken({ id, permissions: { roles, operator } }: PluginManifest, secretsDir: string): Promise<string> {
  const claims = { uid: id, scope: 'plugin', may: { roles, operator } } as const;
  return mintToken(clusterKey(secretsDir), claims, KERNEL_TOKEN_SECONDS);
}

/** Without the names that its manifest does not claim: whoever announces the name of another gets what is meant for that. */
export function permitted(
  { id, permissions }: PluginManifest,
  endpoints: Readonly<Record<string, string>>,
  log: Logger,
): Readonly<Record<string, string>> {
  const all = Object.entries(endpoints);
  for (const [name] of all)
    if (!permissions.endpoints.includes(name))
      log.warn(
        `plugin ${id} announces ${name} without declaring it: add it to "permissions.endpoints" of its manifest`,
      );
  return Object.fromEntries(all.filter(([name]) => permissions.endpoints.includes(name)));
}
