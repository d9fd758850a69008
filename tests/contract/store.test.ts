import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LoggedStore, MemoryStore, type LoggedStoreOptions, type MemoryLog } from '@mezzo/sdk/store';
import { silentLog, storeDriverSuite, storeSuite, type Law, type StoreDriverMedium } from '@mezzo/sdk/testing';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { FileLog } from '../../examples/file-store/file-log.js';
import { openLevelStore } from '../../kernel/shell/store/level-store.js';
import { ZookeeperStore, type ZookeeperStoreOptions } from '../../kernel/shell/store/zookeeper-store.js';
import { ZookeeperSession } from '../../kernel/shell/zookeeper/session.js';
import { FakeSession, FakeZookeeper } from '../support/fake-zookeeper.js';
import { SharedLog, SharedPlace } from '../support/shared-log.js';
import { describeIf } from '../support/skip.js';
import { ZookeeperServer, zookeeperClientMissing, zookeeperServerMissing } from '../support/zookeeper-server.js';

const check = (name: string, laws: readonly Law[]) =>
  describe(name, () =>
    laws
      // The others are of another kind of store.
      .filter(({ skip }) => skip === undefined)
      .forEach(({ title, timeoutMs, run }) => it(title, { timeout: timeoutMs }, run)),
  );

async function levelMedium(options?: LoggedStoreOptions): Promise<StoreDriverMedium> {
  const home = await mkdtemp(join(tmpdir(), 'mezzo-store-'));
  const directory = join(home, 'store');
  let copies = 0;
  return {
    open: () => openLevelStore(directory, options),
    crashed: async () => {
      const copy = join(home, String(++copies));
      await cp(directory, copy, { recursive: true, filter: (source) => !source.endsWith('LOCK') });
      return openLevelStore(copy, options);
    },
    destroy: () => rm(home, { recursive: true }),
  };
}

function fakeMedium(loseEvery: number, options?: ZookeeperStoreOptions): Promise<StoreDriverMedium> {
  const server = new FakeZookeeper();
  const open = (): Promise<ZookeeperStore> => {
    const session = new FakeSession(server);
    session.loseEvery = loseEvery;
    return ZookeeperStore.open(session, '/store', options);
  };
  return Promise.resolve({ open, crashed: open, destroy: () => Promise.resolve() });
}

check(
  'MemoryStore',
  storeSuite({
    create: () => {
      const log: MemoryLog = [];
      return Promise.resolve({ open: () => Promise.resolve(new MemoryStore(log)), destroy: () => Promise.resolve() });
    },
  }),
);

/** As a driver on a database would be. */
function sharedMedium(snapshotEvery: number): Promise<StoreDriverMedium> {
  const place = new SharedPlace();
  const open = () => LoggedStore.open(new SharedLog(place), { snapshotEvery });
  return Promise.resolve({ open, crashed: open, destroy: () => Promise.resolve() });
}
for (const every of [10_000, 2])
  check(
    `a log that several masters share, with a snapshot after ${every} entries`,
    storeDriverSuite({ create: () => sharedMedium(every), shared: true }),
  );

async function fileMedium(): Promise<StoreDriverMedium> {
  const home = await mkdtemp(join(tmpdir(), 'mezzo-file-store-'));
  const file = join(home, 'store.jsonl');
  const openAt = async (path: string) => LoggedStore.open(await FileLog.open(path, silentLog), { snapshotEvery: 3 });
  let copies = 0;
  return {
    open: () => openAt(file),
    crashed: async () => {
      const copy = join(home, `${++copies}.jsonl`);
      await cp(file, copy);
      return openAt(copy);
    },
    destroy: () => rm(home, { recursive: true }),
  };
}
check(
  'examples/file-store',
  storeDriverSuite({ create: fileMedium, shared: false, sources: { 'the embedded store': levelMedium } }),
);

const level = (create: () => Promise<StoreDriverMedium>) =>
  storeDriverSuite({ create, shared: false, sources: { ZooKeeper: () => fakeMedium(Infinity) } });
check('the embedded store', level(levelMedium));
check(
  'the embedded store with a snapshot after every other entry',
  level(() => levelMedium({ snapshotEvery: 2 })),
);

const zookeeper = (create: () => Promise<StoreDriverMedium>) =>
  storeDriverSuite({ create, shared: true, sources: { 'the embedded store': levelMedium } });
const inMemory: Readonly<Record<string, [number, ZookeeperStoreOptions?]>> = {
  'ZookeeperStore on nodes in memory': [Infinity],
  'ZookeeperStore with a snapshot after every other entry': [Infinity, { snapshotEvery: 2 }],
  'ZookeeperStore where answers are lost': [3, { snapshotEvery: 5 }],
};
for (const [name, given] of Object.entries(inMemory))
  check(
    name,
    zookeeper(() => fakeMedium(...given)),
  );

describeIf(zookeeperServerMissing() ?? (await zookeeperClientMissing()), 'on a real ZooKeeper', () => {
  let server: ZookeeperServer;
  let stores = 0;
  beforeAll(async () => {
    server = await ZookeeperServer.start();
  }, 60_000);
  afterAll(() => server.stop());

  async function medium(options?: ZookeeperStoreOptions): Promise<StoreDriverMedium> {
    const path = `/store-${++stores}`;
    const digest = stores % 2 === 0 ? 'ann:secret' : undefined;
    const sessions: ZookeeperSession[] = [];
    const open = async (): Promise<ZookeeperStore> => {
      const session = await ZookeeperSession.open({ servers: server.hostPort, path, digest }, 10_000);
      sessions.push(session);
      return ZookeeperStore.open(session, path, options);
    };
    const destroy = (): Promise<void> => Promise.resolve(sessions.forEach((session) => session.close()));
    return Promise.resolve({ open, crashed: open, destroy });
  }
  check(
    'ZookeeperStore',
    zookeeper(() => medium()),
  );
  check(
    'ZookeeperStore with a snapshot after every other entry',
    zookeeper(() => medium({ snapshotEvery: 2 })),
  );
});
