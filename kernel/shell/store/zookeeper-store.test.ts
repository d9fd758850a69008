import { expect, test } from 'vitest';
import { FakeSession, FakeZookeeper } from '../../../tests/support/fake-zookeeper.js';
import { ZookeeperStore } from './zookeeper-store.js';

const OPTIONS = { snapshotEvery: 3 };
const BIG = 'x'.repeat(300_000);
const put = (key: string, value = key) => ({ op: 'put' as const, key, value });

const open = (server: FakeZookeeper, session = new FakeSession(server)): Promise<ZookeeperStore> =>
  ZookeeperStore.open(session, '/store', OPTIONS);

/** Key and value of all there is, as the next leader finds it. */
async function found(server: FakeZookeeper): Promise<Record<string, string>> {
  const store = await open(server);
  await store.startEpoch();
  const all = Object.fromEntries(store.list('').map(({ key, value }) => [key, value]));
  await store.commit({ epoch: store.epoch, writes: [put('after')] });
  await store.close();
  const again = await open(server);
  expect(Object.fromEntries(again.list('').map(({ key, value }) => [key, value]))).toEqual({ ...all, after: 'after' });
  return all;
}

/** Two reigns, each with snapshots and with one batch that no node can hold. Adds what is certain to have landed. */
async function reigns(session: FakeSession, server: FakeZookeeper, landed: Record<string, string>): Promise<void> {
  for (const reign of ['a', 'b']) {
    const store = await open(server, session);
    const epoch = await store.startEpoch();
    for (let n = 0; n < 12; n++) {
      const value = n === 2 ? BIG : `${reign}${n}`;
      await store.commit({ epoch, writes: [put(`${reign}${n}`, value), put('last', `${reign}${n}`)] });
      Object.assign(landed, { [`${reign}${n}`]: value, last: `${reign}${n}` });
    }
    await store.close();
  }
}

test('whoever dies between any two writes leaves what was certain, and at most what was under way', async () => {
  for (let dieAfter = 0; ; dieAfter++) {
    const server = new FakeZookeeper();
    const session = new FakeSession(server);
    session.dieAfter = dieAfter;
    const landed: Record<string, string> = {};
    const died = await reigns(session, server, landed).then(
      () => false,
      () => true,
    );
    const all = await found(server);
    const more = Object.keys(all).filter((key) => key !== 'last' && !(key in landed));
    expect(more.length, `after ${dieAfter} changes`).toBeLessThanOrEqual(died ? 1 : 0);
    expect(all).toMatchObject({ ...landed, ...(more.length > 0 && { last: more[0] }) });
    if (!died) return expect(dieAfter).toBeGreaterThan(50);
  }
});

test.each([2, 3, 4, 5, 7])('where every %ith answer is lost, all lands once', async (loseEvery) => {
  const server = new FakeZookeeper();
  const session = new FakeSession(server);
  session.loseEvery = loseEvery;
  const landed: Record<string, string> = {};
  await reigns(session, server, landed);
  expect(await found(server)).toEqual(landed);
  expect(server.childrenOf('/store/log').length).toBe(4);
});

test('what an old leader writes does not land, wherever the new one comes in between', async () => {
  for (let pauseAfter = 12; ; pauseAfter++) {
    const server = new FakeZookeeper();
    const session = new FakeSession(server);
    let resume: () => void = () => undefined;
    session.pause = new Promise((resolve) => (resume = resolve));
    session.pauseAfter = pauseAfter;
    const old: Record<string, string> = {};
    const oldReign = reigns(session, server, old).then(
      () => 'done',
      (error: { code: string }) => error.code,
    );
    const paused = await Promise.race([oldReign, pausedAt(session)]);
    if (paused === 'done') return expect(pauseAfter).toBeGreaterThan(50);
    const before = { ...old };
    const young = await open(server);
    const epoch = await young.startEpoch();
    const taken = Object.fromEntries(young.list('').map(({ key, value }) => [key, value]));
    expect(taken).toMatchObject(before);
    for (let n = 0; n < 5; n++) await young.commit({ epoch, writes: [put(`young${n}`)] });
    resume();
    // In its second reign the old one begins anew, and takes over as it may.
    if ((await oldReign) === 'STORE_FENCED') {
      await young.commit({ epoch, writes: [put('last', 'young')] });
      await young.close();
      expect(await found(server)).toEqual({ ...taken, ...youngs, last: 'young' });
    } else {
      await young.close();
      expect(await found(server), `after ${pauseAfter} calls`).toMatchObject({ ...before, ...youngs, ...old });
    }
  }
});

const youngs = Object.fromEntries([0, 1, 2, 3, 4].map((n) => [`young${n}`, `young${n}`]));

/** Polled by turns: nothing here takes time. */
async function pausedAt(session: FakeSession): Promise<string> {
  while (session.calls < session.pauseAfter) await new Promise((resolve) => setImmediate(resolve));
  return 'paused';
}

test('of two who begin at once both may, one after the other, and the first can write no more', async () => {
  const server = new FakeZookeeper();
  const stores = [await open(server), await open(server)];
  const epochs = await Promise.all(stores.map((store) => store.startEpoch()));
  expect([...epochs].sort()).toEqual([1, 2]);
  const [first, second] = epochs[0] === 1 ? stores : [stores[1]!, stores[0]!];
  await expect(first!.commit({ epoch: 1, writes: [put('late')] })).rejects.toMatchObject({ code: 'STORE_FENCED' });
  await second!.commit({ epoch: 2, writes: [put('a')] });
  expect(first!.list('')).toEqual([]);
  expect(await found(server)).toEqual({ a: 'a' });
});

test('the log is trimmed: what a snapshot holds need not be kept, but for a margin', async () => {
  const server = new FakeZookeeper();
  const store = await open(server);
  const epoch = await store.startEpoch();
  for (let n = 0; n < 500; n++) await store.commit({ epoch, writes: [put('k', String(n))] });
  await store.close();
  expect(server.nodes.size).toBeLessThan(120);
  expect((await found(server)).k).toBe('499');
});

const BACKUP = {
  ...{ sequence: 4, epoch: 2 },
  entries: ['r1', 'r2'].map((key) => ({ key, value: BIG, version: 3 })),
};
const RESTORED = { r1: BIG, r2: BIG };

test('whoever dies between any two writes of a restore leaves what was there, or what was restored', async () => {
  const before = new FakeZookeeper();
  const old: Record<string, string> = {};
  await reigns(new FakeSession(before), before, old);
  const left = new Set<string>();
  for (let dieAfter = 0; ; dieAfter++) {
    const server = before.copy();
    const session = new FakeSession(server);
    session.dieAfter = dieAfter;
    const restoring = async (): Promise<void> => {
      const store = await open(server, session);
      await store.startEpoch();
      await store.restore(BACKUP);
    };
    const died = await restoring().then(
      () => false,
      () => true,
    );
    const all = await found(server);
    expect([old, RESTORED], `after ${dieAfter} changes`).toContainEqual(all);
    left.add('r1' in all ? 'restored' : 'before');
    if (!died) return expect([...left]).toEqual(['before', 'restored']);
  }
});

test('a master that begins amid a restore ends it, and one that led before writes no more', async () => {
  const server = new FakeZookeeper();
  const [old, restorer, young] = [await open(server), await open(server), await open(server)];
  await old.commit({ epoch: await old.startEpoch(), writes: [put('old')] });
  await restorer.startEpoch();
  await young.startEpoch();
  await expect(restorer.restore(BACKUP)).rejects.toMatchObject({ code: 'STORE_FENCED' });
  await young.commit({ epoch: young.epoch, writes: [put('young')] });
  expect(await found(server)).toEqual({ old: 'old', young: 'young' });

  const late = await open(server);
  const epoch = await late.startEpoch();
  const again = await open(server);
  await again.startEpoch();
  await again.restore(BACKUP);
  await expect(late.commit({ epoch, writes: [put('late')] })).rejects.toMatchObject({ code: 'STORE_FENCED' });
  expect(await found(server)).toEqual(RESTORED);
});

test('a newer format is refused, and a part that is missing is said', async () => {
  const server = new FakeZookeeper();
  const store = await open(server);
  const epoch = await store.startEpoch();
  for (let n = 0; n < 4; n++) await store.commit({ epoch, writes: [put('k', String(n))] });
  await store.close();
  const damaged = server.copy();
  for (const path of damaged.nodes.keys()) if (path.startsWith('/store/chunks/')) damaged.nodes.delete(path);
  await expect(open(damaged)).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  server.nodes.set('/store/format', { data: Buffer.from('2'), version: 1 });
  await expect(open(server)).rejects.toMatchObject({ code: 'STORE_TOO_NEW', details: { format: 2 } });
});
