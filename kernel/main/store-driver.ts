import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { MezzoError, messageOf, type Logger } from '@mezzo/sdk/contract';
import { STORE_DRIVER, type DurableStore, type StoreDriver } from '@mezzo/sdk/points/store-driver';
import { withDeadline } from '@mezzo/sdk/runtime';
import { guarded, loadLocalPlugin, type LocalPlugin } from '../plugin-host/index.js';
import { BoundedStore } from '../shell/store/bounded-store.js';
import { text, type Flag, type FlagValues } from './flags.js';

type Json = Readonly<Record<string, unknown>>;

const config: Flag<Json | undefined> = {
  help: 'Configuration of the package that store_driver names: a JSON object; secrets belong into a file: file://PATH',
  default: undefined,
  parse: (given) => {
    let json: unknown;
    try {
      json = JSON.parse(given);
    } catch {
      // The parser's own words show what it read.
    }
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Json;
    throw new Error('it is no JSON object');
  },
  show: () => '',
  secret: true,
};

export const storeDriverFlags = {
  store_driver: text(
    'Directory of an unpacked package that brings the store, on a disk of this machine, where root or we alone can write; instead of that of registry',
    undefined,
  ),
  store_driver_config: config,
};

const OPEN_MS = 120_000;

/** The store that a package of this machine brings. */
export class LocalDriver {
  private constructor(
    private readonly plugin: LocalPlugin<StoreDriver>,
    /** As messages name it. */
    readonly who: string,
    private readonly stateDir: string,
    private readonly log: Logger,
  ) {}

  /** Loads what the flags name; undefined: nothing. Rejects as `loadLocalPlugin` does, or with INVALID_FLAG. */
  static async of(
    {
      store_driver: dir,
      store_driver_config: given,
      zk,
    }: FlagValues<typeof storeDriverFlags> & { readonly zk: unknown },
    workDir: string,
    log: Logger,
  ): Promise<LocalDriver | undefined> {
    if (dir === undefined && given === undefined) return undefined;
    if (dir === undefined) throw invalid('flag --store_driver_config is given without --store_driver', 'give both');
    const home = join(workDir, 'store-driver');
    const plugin = await loadLocalPlugin(dir, STORE_DRIVER, {
      home: join(home, 'package'),
      config: given ?? {},
      log,
    }).catch((error: unknown) => {
      throw blamed(
        `flag --store_driver=${dir}`,
        error,
        'correct the package or what is said of it: nothing was stored yet',
      );
    });
    const { manifest, contribution } = plugin;
    const who = `store driver ${manifest.id} ${manifest.version}`;
    if (zk !== undefined && !contribution.shared) {
      await plugin.stop();
      throw invalid(
        `${who} is for one master alone, and --zk is for several`,
        'leave --zk out, or take a driver that several masters can share',
      );
    }
    log.info('the store is brought by a package', { plugin: manifest.id, version: manifest.version, dir });
    return new LocalDriver(plugin, who, join(home, 'state', manifest.id), log);
  }

  /** Once. Rejects as the driver does, and by its name. */
  async open(): Promise<DurableStore> {
    const { plugin, who, stateDir, log } = this;
    const { id } = plugin.manifest;
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    try {
      const opening = plugin.contribution.open({ stateDir, log: log.child({ plugin: id }) });
      const store = await withDeadline(opening, OPEN_MS, 'it', 'STORE_UNAVAILABLE');
      if (typeof (store as Partial<DurableStore> | undefined)?.commit !== 'function')
        throw new Error('it answers no store');
      return new BoundedStore(guarded(id, store, log), who, log);
    } catch (error) {
      throw blamed(
        `${who} failed to open`,
        error,
        'correct what --store_driver_config says, or the place that it names',
      );
    }
  }

  /** After the store. */
  close(): Promise<void> {
    return this.plugin.stop();
  }
}

const invalid = (message: string, next: string): MezzoError =>
  new MezzoError('INVALID_FLAG', message, { blame: 'operator', next });

/** An expected failure keeps its code and what to do about it. */
function blamed(where: string, error: unknown, instead: string): MezzoError {
  const { code, blame, next } = error as Partial<MezzoError>;
  const isKnown = typeof code === 'string' && blame !== undefined;
  return new MezzoError(isKnown ? code : 'STORE_UNAVAILABLE', `${where}: ${messageOf(error)}`, {
    blame: isKnown ? blame : 'plugin',
    next: next ?? instead,
    cause: error,
  });
}
