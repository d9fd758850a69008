import { join } from 'node:path';
import { messageOf } from '@mezzo/sdk/contract';
import { sdkPackage } from '@mezzo/sdk/runtime';
import type { Pace } from '../core/plugins/rollouts.js';
import { Fleet } from './fleet.js';
import { PluginHost, type PluginHostOptions } from './host.js';
import { Installer } from './installer.js';
import type { HostStore } from './plugin-store.js';
import { PluginRecords } from './records.js';
import { configDigest, WantedFile } from './wanted.js';

export interface PluginLeaderOptions extends PluginHostOptions {
  readonly store: HostStore;
  /** host:port of its API. */
  readonly node: string;
  readonly pace?: Pace;
  /** Under a new leader, rollouts go on when nodes have had so long to say what they have. */
  readonly gatherMs?: number;
}

/** The plugins of the leading master, and what it has to do with those of all others. */
export interface PluginLeader {
  readonly host: PluginHost;
  readonly fleet: Fleet;
  readonly installer: Installer;
  readonly records: PluginRecords;
  shutdown(options: { readonly keepPlugins: boolean }): Promise<void>;
}

/** Rejects as `PluginHost.start` does. */
export async function leadPlugins(options: PluginLeaderOptions): Promise<PluginLeader> {
  const { store, workDir, log, node } = options;
  const dir = join(workDir, 'registry');
  const records = new PluginRecords(store, dir, log);
  const fleet = new Fleet(records, node, dir, log, options.pace, options.gatherMs);
  const restarts = options.restart !== undefined;
  // What it was told by the leader before it is what it has.
  const had = new WantedFile(dir, log).read();
  const before = had.plugins.map(({ manifest: { id, version, process, runsOn } }) => ({
    ...{ id, version, process, runsOn, state: 'active' as const, config: configDigest(had.config[id]) },
    restarts: 0,
    endpoints: {},
  }));
  let told = await fleet.sayOwn(before, restarts);
  const host = await PluginHost.start({ ...options, wanted: told.wanted });
  // Again and again until there is nothing new: what it says may change what it is to have, and the other way round.
  let saying: Promise<void> = Promise.resolve();
  let isDue = false;
  let isClosed = false;
  const inTurn = (work: () => Promise<void>): void => {
    saying = saying
      .then(() => (isClosed ? undefined : work()))
      .catch((error: unknown) => log.error('plugins are not as they should be', { reason: messageOf(error) }));
  };
  const say = (): void => {
    if (isDue) return;
    isDue = true;
    inTurn(async () => {
      isDue = false;
      const now = await fleet.sayOwn(host.statuses(), restarts);
      if (now.digest === told.digest) return;
      await host.apply(now.wanted);
      told = now;
    });
  };
  host.onChange(say);
  fleet.onChange(say);
  fleet.onArrival(() => inTurn(() => host.apply(told.wanted)));
  say();
  const { builtIns, others } = host.shipped;
  const localConfig = options.config ?? {};
  const installer = new Installer({
    records,
    fleet,
    builtIns,
    others,
    sdkVersion: sdkPackage().version,
    dir,
    localConfig,
  });
  const shutdown: PluginLeader['shutdown'] = async (how) => {
    isClosed = true;
    fleet.close();
    await saying;
    await host.shutdown(how);
  };
  return { host, fleet, installer, records, shutdown };
}
