import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { MezzoError, type ExtensionPoint, type Logger, type PluginManifest } from '@mezzo/sdk/contract';
import { inspectPackage, integrityOf, readLocalPackage, requireSdk, unpackPackage } from '@mezzo/sdk/package';
import { checkConfig, linkSdk, sdkPackage } from '@mezzo/sdk/runtime';
import { KernelPlugins } from './kernel-plugins.js';
import { noStore } from './plugin-store.js';

export interface LocalPlugin<T> {
  readonly manifest: PluginManifest;
  readonly contribution: T;
  stop(): Promise<void>;
}

/**
 * Loads the one plugin that the machine's own configuration names, before there is a store or anything of a cluster: from a directory that is checked, and
 * copied below `home`, where it finds the SDK. It has to contribute one thing, to `point`. Rejects with PLUGIN_NOT_TRUSTED,
 * PLUGIN_PACKAGE_INVALID, PLUGIN_MANIFEST_INVALID, PLUGIN_SDK_MISMATCH, PLUGIN_CONFIG_INVALID, or PLUGIN_FAILED, which says in which phase.
 */
export async function loadLocalPlugin<T>(
  directory: string,
  point: ExtensionPoint<T>,
  { home, config, log }: { readonly home: string; readonly config: unknown; readonly log: Logger },
): Promise<LocalPlugin<T>> {
  const bytes = await readLocalPackage(directory);
  const [manifest, integrity] = [await inspectPackage(bytes), integrityOf(bytes)];
  const { id, version } = manifest;
  if (!manifest.provides.includes(point.id)) throw failed(id, `does not provide ${point.id}`);
  const sdk = sdkPackage();
  requireSdk(manifest, sdk.version);
  checkConfig(id, manifest.config, config);
  linkSdk(home, sdk.dir);
  const dir = await unpackPackage(home, manifest, bytes, integrity);
  for (const name of readdirSync(join(home, id)))
    if (name !== version) rmSync(join(home, id, name), { recursive: true, force: true });
  const plugins = new KernelPlugins(noStore, log);
  await plugins.start([{ manifest, integrity, dir, config, given: '', cluster: undefined }]);
  const contributions = plugins.contributions(point);
  if (contributions.length === 1) return { manifest, contribution: contributions[0]!, stop: () => plugins.stop() };
  const { state, reason } = plugins.statuses()[0]!;
  await plugins.stop();
  throw failed(
    id,
    reason ?? `is ${state}, and contributes ${contributions.length} times to ${point.id} instead of once`,
  );
}

const failed = (id: string, problem: string): MezzoError =>
  new MezzoError('PLUGIN_FAILED', problem.startsWith(`plugin ${id}`) ? problem : `plugin ${id} ${problem}`, {
    blame: 'plugin',
  });
