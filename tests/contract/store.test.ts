import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { LevelStore, type LevelStoreOptions } from '../../kernel/shell/store/level-store.js';
import { MemoryStore, type MemoryLog } from '../../kernel/shell/store/memory-store.js';
import { ZookeeperStore, type ZookeeperStoreOptions } from '../../kernel/shell/store/zookeeper-store.js';
import { ZookeeperSession } from '../../kernel/shell/zookeeper/session.js';
import { FakeSession, FakeZookeeper } from '../support/fake-zookeeper.js';
import { describeIf } from '../support/skip.js';
import { ZookeeperServer, zookeeperClientMissing, zookeeperServerMissing } from '../support/zookeeper-server.js';
import { durableSuite, storeSuite, type StoreMedium } from './store-suite.js';

async function levelMedium(options: LevelStoreOptions): Promise<StoreMedium<LevelStore>> {
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

function fakeMedium(loseEvery: number, options?: ZookeeperStoreOptions): Promise<StoreMedium<ZookeeperStore>> {
  const server = new FakeZookeeper();
  const open = (): Promise<ZookeeperStore> => {
    const session = new FakeSession(server);
    session.loseEvery = loseEvery;
    return ZookeeperStore.open(session, '/store', options);
  };
  return Promise.resolve({ open, destroy: () => Promise.resolve() });
}
storeSuite('ZookeeperStore on nodes in memory', () => fakeMedium(Infinity));
storeSuite('ZookeeperStore with a snapshot after every other entry', () => fakeMedium(Infinity, { snapshotEvery: 2 }));
storeSuite('ZookeeperStore where answers are lost', () => fakeMedium(3, { snapshotEvery: 5 }));

const SOURCES = { LevelStore: () => levelMedium({}), ZookeeperStore: () => fakeMedium(Infinity) };
durableSuite('LevelStore', () => levelMedium({ snapshotEvery: 3 }), SOURCES);
durableSuite('ZookeeperStore', () => fakeMedium(Infinity, { snapshotEvery: 3 }), SOURCES);
durableSuite('ZookeeperStore where answers are lost', () => fakeMedium(3), SOURCES);

describeIf(zookeeperServerMissing() ?? (await zookeeperClientMissing()), 'on a real ZooKeeper', () => {
  let server: ZookeeperServer;
  let stores = 0;
  beforeAll(async () => {
    server = await ZookeeperServer.start();
  }, 60_000);
  afterAll(() => server.stop());

  async function medium(options?: ZookeeperStoreOptions): Promise<StoreMedium<ZookeeperStore>> {
    const path = `/store-${++stores}`;
    const sessions: ZookeeperSession[] = [];
    const open = async (): Promise<ZookeeperStore> => {
      const address = { servers: server.hostPort, path, digest: stores % 2 === 0 ? 'ann:secret' : undefined };
      const session = await ZookeeperSession.open(address, 10_000);
      sessions.push(session);
      return ZookeeperStore.open(session, path, options);
    };
    const destroy = (): Promise<void> => Promise.resolve(sessions.forEach((session) => session.close()));
    return Promise.resolve({ open, destroy });
  }
  durableSuite('ZookeeperStore', () => medium(), { ...SOURCES, 'ZookeeperStore on a server': () => medium() });
  storeSuite('ZookeeperStore', () => medium());
  storeSuite('ZookeeperStore with a snapshot after every other entry', () => medium({ snapshotEvery: 2 }));
});
