import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterInfo, Logger, PluginManifest } from '@mezzo/sdk/contract';
import { readPackage, requireSdk, unpackPackage } from '@mezzo/sdk/package';
import { checkConfig, type RunSpec, type SdkPackage } from '@mezzo/sdk/runtime';
import { clusterKey, mintToken } from '@mezzo/sdk/secrets';
import type { PluginCgroups } from './cgroups.js';
import { API_SOCKET, CONTROL_SOCKETS, type HostFiles } from './host-files.js';
import { Keeper } from './keeper.js';
import type { Place } from './open-sockets.js';
import type { Launcher } from './own-plugin.js';
import type { PluginPackage } from './registry.js';
import { spawnAlone, type Sandbox } from './sandbox.js';

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
  readonly log: Logger;
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
  { files, sandbox, cgroups, sdk, secretsDir, caFile: authority, logLevel, log }: RunOptions,
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
  const places = placesOf(manifest, config, cluster);
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
    controlSocket: join(seen.socket, CONTROL_SOCKETS[0]),
    listeners: places,
    logLevel,
    ...(manifest.requires.includes('cluster-key') && { clusterKeyFile: key() }),
  };
  const digest = createHash('sha256')
    .update(JSON.stringify([parts, integrity, sdk]))
    .digest('hex');
  const spec = { ...parts, digest };
  const { log: logFile } = files.of(id);
  const keeperFiles = files.keeper(id);
  const hasPlaces = Object.keys(places).length > 0;
  const launcher: Launcher = {
    controlSockets: CONTROL_SOCKETS.map((name) => join(dirs.socket, name)),
    mark: dirs.run,
    lack: sandbox.lack,
    keepsSockets: () => hasPlaces && Keeper.find(keeperFiles, places) !== undefined,
    start: async (seat) => {
      const keeper = hasPlaces ? await Keeper.open(keeperFiles, places, log) : undefined;
      const listeners = keeper?.listeners ?? places;
      give('spec', JSON.stringify({ ...spec, listeners, controlSocket: join(seen.socket, CONTROL_SOCKETS[seat]) }));
      const command = sandbox.command(id, dirs, manifest.limits, caFile);
      return keeper === undefined ? spawnAlone(command, logFile) : keeper.run(command, logFile);
    },
    release: () => Keeper.end(keeperFiles),
    clean: async () => {
      const outOfMemory = cgroups?.wasOutOfMemory(id) ?? false;
      await cgroups?.end(id);
      return outOfMemory;
    },
  };
  return { spec, launcher, token };
}

/** A port that is configured is taken as it is; the defaults move with the cluster's offset. */
function placesOf(
  { listens }: PluginManifest,
  config: Readonly<Record<string, unknown>>,
  { listenIp, portOffset }: ClusterInfo,
): Record<string, Place> {
  return Object.fromEntries(
    Object.entries(listens).map(([name, { protocols, port, portKey, ipKey }]) => {
      const [givenIp, givenPort] = [config[ipKey], config[portKey]];
      const ip = typeof givenIp === 'string' ? givenIp : listenIp;
      return [
        name,
        { ip, port: typeof givenPort === 'number' ? givenPort : port === 0 ? 0 : port + portOffset, protocols },
      ];
    }),
  );
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
