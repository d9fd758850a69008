import { join } from 'node:path';
import { STORE_DRIVER, type StoreDriver } from '@mezzo/sdk/points/store-driver';
import { definePlugin } from '@mezzo/sdk/runtime';
import { LoggedStore } from '@mezzo/sdk/store';
import { FileLog } from './file-log.js';

interface Config {
  readonly path?: string;
  readonly snapshotEvery: number;
}

const fileStore = ({ path, snapshotEvery }: Config): StoreDriver => ({
  name: 'file-store',
  // A lock of one machine keeps others out.
  shared: false,
  async open({ stateDir, log }) {
    const file = await FileLog.open(path ?? join(stateDir, 'store.jsonl'), log);
    return LoggedStore.open(file, { snapshotEvery, log });
  },
});

export default definePlugin<Config>({
  configure(bind, config) {
    bind.contribute(STORE_DRIVER, { useFactory: () => fileStore(config) });
  },
  activate() {},
});
