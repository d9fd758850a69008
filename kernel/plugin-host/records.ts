import { join } from 'node:path';
import type { Logger, StoreWrite } from '@mezzo/sdk/contract';
import type { TrustedKey } from '@mezzo/sdk/package';
import type { Release } from '../core/plugins/rollouts.js';
import type { HostStore } from './plugin-store.js';
import { entryOf, packageOf, type PluginPackage } from './registry.js';

const PLUGINS = 'kernel/plugins/';
const CONFIG = 'kernel/plugin-config/';
const DISABLED = 'kernel/plugin-disabled/';
const KEYS = 'kernel/plugin-keys/';

type Json = Readonly<Record<string, unknown>>;

/** What is durable of a rollout. */
export interface RolloutRecord {
  /** Undefined: it is taken away. */
  readonly to: PluginPackage | undefined;
  /** Where another configuration is brought to nodes, and not another version: the one before, which those have that it has not reached. */
  readonly config?: { readonly of: Release; readonly was: Json } | undefined;
  readonly phase: 'forward' | 'back';
  readonly reason?: string | undefined;
  /** Nodes that were given something and had not been seen to be well with it. */
  readonly pending: readonly string[];
}

/** All that the cluster knows of one plugin that operators installed. */
export interface PluginRecord {
  /** The version that all nodes have that no rollout has reached. */
  readonly current: PluginPackage | undefined;
  readonly rollout?: RolloutRecord | undefined;
  /** The last rollout that was taken back. */
  readonly failure?: { readonly version: string; readonly reason: string } | undefined;
}

/** The plugins of a cluster as its leader keeps them in the store. `dir` is where packages lie. */
export class PluginRecords {
  readonly plugins = new Map<string, PluginRecord>();

  constructor(
    private readonly store: HostStore,
    private readonly dir: string,
    log: Logger,
  ) {
    for (const { key, value } of store.list(PLUGINS)) {
      const { rollout, failure, ...current } = parse(value) as {
        rollout?: Json;
        failure?: PluginRecord['failure'];
      } & Json;
      const read = (entry: unknown) => packageOf(this.dir, entry, false, log);
      this.plugins.set(key.slice(PLUGINS.length), {
        current: current['file'] === undefined ? undefined : read(current),
        ...(rollout && { rollout: { ...rollout, to: rollout['to'] && read(rollout['to']) } as RolloutRecord }),
        ...(failure && { failure }),
      });
    }
  }

  /** Undefined: the plugin is forgotten. With `config` it is configured so, at the same time. */
  async put(id: string, record: PluginRecord | undefined, config?: Json): Promise<void> {
    const isEmpty = record?.current === undefined && record?.rollout === undefined && record?.failure === undefined;
    await this.store.commit([
      writeOf(PLUGINS + id, record === undefined || isEmpty ? undefined : textOf(record)),
      ...(config === undefined ? [] : [writeOf(CONFIG + id, textOfConfig(config))]),
    ]);
    if (record === undefined || isEmpty) this.plugins.delete(id);
    else this.plugins.set(id, record);
  }

  /** Every version that any node may have to be given. */
  packages(): PluginPackage[] {
    return [...this.plugins.values()].flatMap(({ current, rollout }) =>
      [current, rollout?.to].filter((pkg) => pkg !== undefined),
    );
  }

  config(): Record<string, Json> {
    const entries = this.store.list(CONFIG).map(({ key, value }) => [key.slice(CONFIG.length), parse(value)]);
    return Object.fromEntries(entries) as Record<string, Json>;
  }

  setConfig(id: string, config: Json): Promise<void> {
    return this.write(CONFIG + id, textOfConfig(config));
  }

  disabled(): string[] {
    return this.store.list(DISABLED).map(({ key }) => key.slice(DISABLED.length));
  }

  setDisabled(id: string, isDisabled: boolean): Promise<void> {
    return this.write(DISABLED + id, isDisabled ? '1' : undefined);
  }

  /** Whose packages are let in. */
  keys(): TrustedKey[] {
    return this.store.list(KEYS).map(({ value }) => parse(value) as unknown as TrustedKey);
  }

  setKey(keyid: string, key: TrustedKey | undefined): Promise<void> {
    return this.write(KEYS + Buffer.from(keyid).toString('base64url'), key && JSON.stringify(key));
  }

  private async write(key: string, value: string | undefined): Promise<void> {
    await this.store.commit([writeOf(key, value)]);
  }
}

const writeOf = (key: string, value: string | undefined): StoreWrite =>
  value === undefined ? { op: 'delete', key } : { op: 'put', key, value };

const textOfConfig = (config: Json): string | undefined =>
  Object.keys(config).length === 0 ? undefined : JSON.stringify(config);

/** The current version stands as masters before rollouts wrote it, who leave the rest alone. */
function textOf({ current, rollout, failure }: PluginRecord): string {
  return JSON.stringify({
    ...(current && entryOf(current)),
    ...(rollout && { rollout: { ...rollout, to: rollout.to && entryOf(rollout.to) } }),
    ...(failure && { failure }),
  });
}

function parse(text: string): Json {
  try {
    return Object(JSON.parse(text)) as Json;
  } catch {
    return {};
  }
}

/** Where a package lies. */
export const packageFile = (dir: string, id: string, version: string): string => join(dir, `${id}-${version}.tgz`);
