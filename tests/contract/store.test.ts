import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LevelStore, type LevelStoreOptions } from '../../kernel/shell/store/level-store.js';
import { MemoryStore, type MemoryLog } from '../../kernel/shell/store/memory-store.js';
import { storeSuite, type StoreMedium } from './store-suite.js';

async function levelMedium(options: LevelStoreOptions): Promise<StoreMedium> {
  const directory = await mkdtemp(join(tmpdir(), 'mezzo-store-'));
  return {
    open: () => LevelStore.open(directory, options),
    destroy: () => rm(directory, { recursive: true }),
  };
}

storeSuite('MemoryStore', () => {
  const log: MemoryLog = [];
  return Promise.resolve({ open: () => Promise.resolve(new MemoryStore(log)), destroy: () => Promise.resolve() });
});
storeSuite('LevelStore', () => levelMedium({}));
storeSuite('LevelStore with a snapshot after every other entry', () => levelMedium({ snapshotEvery: 2 }));
