import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { ZookeeperStore, type ZookeeperStoreOptions } from '../../kernel/shell/store/zookeeper-store.js';
import { ZookeeperSession } from '../../kernel/shell/zookeeper/session.js';
import { CutLine } from '../support/cut-line.js';
import { until } from '../support/poll.js';
import { describeIf } from '../support/skip.js';
import { ZookeeperServer, zookeeperClientMissing, zookeeperServerMissing } from '../support/zookeeper-server.js';

const put = (key: string, value = key) => ({ op: 'put' as const, key, value });

/** The contract of stores runs on a real server too (tests/contract/store.test.ts); here is what only a server can do to one. */
describeIf(zookeeperServerMissing() ?? (await zookeeperClientMissing()), 'a store on a real ZooKeeper', () => {
  let server: ZookeeperServer;
  const sessions: ZookeeperSession[] = [];

  async function open(path: string, servers = server.hostPort, options: ZookeeperStoreOptions = {}) {
    const session = await ZookeeperSession.open({ servers, path, digest: 'ann:secret' }, 8_000);
    sessions.push(session);
    return ZookeeperStore.open(session, path, options);
  }

  beforeAll(async () => {
    server = await ZookeeperServer.start();
  }, 60_000);
  afterEach(() => {
    for (const session of sessions.splice(0)) session.close();
  });
  afterAll(() => server.stop());

  test('what was certain when the server died is there when it is back, each once', { timeout: 120_000 }, async () => {
    const store = await open('/died', server.hostPort, { snapshotEvery: 50 });
    const epoch = await store.startEpoch();
    const versions: number[] = [];
    const writer = (async () => {
      for (let n = 0; n < 300; n++) versions.push(await store.commit({ epoch, writes: [put(`k${n}`)] }));
    })();
    for (const landed of [40, 130]) {
      await until('it is under way', () => versions.length > landed, 60_000);
      await server.kill();
      await server.run();
    }
    await writer;
    expect(versions).toEqual(versions.map((_, index) => versions[0]! + index));
    const again = await open('/died');
    expect(again.list('').map(({ key, version }) => [key, version])).toEqual(
      versions.map((version, n) => [`k${n}`, version] as const).sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  });

  test('a leader that was cut off finds its place taken', { timeout: 60_000 }, async () => {
    const line = await CutLine.to(server.port);
    const old = await open('/cut', line.hostPort);
    const epoch = await old.startEpoch();
    await old.commit({ epoch, writes: [put('a', 'old')] });
    line.cut();
    const late = old.commit({ epoch, writes: [put('a', 'late')] });
    const failed = expect(late).rejects.toMatchObject({ code: expect.stringMatching(/STORE_FENCED|SESSION_OVER/) });
    const young = await open('/cut');
    await young.startEpoch();
    await young.commit({ epoch: young.epoch, writes: [put('b')] });
    line.mend();
    await failed;
    expect((await open('/cut')).list('').map(({ value }) => value)).toEqual(['old', 'b']);
    line.close();
  });

  test('others may not read it', async () => {
    const store = await open('/secret');
    await store.commit({ epoch: await store.startEpoch(), writes: [put('password')] });
    const stranger = await ZookeeperSession.open({ servers: server.hostPort, path: '/x', digest: undefined }, 8_000);
    sessions.push(stranger);
    for (const path of ['/secret/head', '/secret/log/0000000001/0000000001'])
      await expect(stranger.get(path)).rejects.toMatchObject({ code: 'ZOOKEEPER_NOT_ALLOWED' });
  });

  test('100,000 records are there in a few seconds', { timeout: 120_000 }, async () => {
    const store = await open('/many');
    const epoch = await store.startEpoch();
    const value = 'v'.repeat(400);
    for (let at = 0; at < 100_000; at += 5_000)
      await Promise.all(
        Array.from({ length: 5_000 }, (_, n) => store.commit({ epoch, writes: [put(`agents/${at + n}`, value)] })),
      );
    await store.close();
    const beganMs = performance.now();
    const again = await open('/many');
    expect(again.list('agents/').length).toBe(100_000);
    expect(performance.now() - beganMs).toBeLessThan(10_000);
  });
});
