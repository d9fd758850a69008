import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type ZooKeeper from 'zookeeper';
import { until } from '../support/poll.js';
import { describeIf } from '../support/skip.js';
import { ZookeeperServer, zookeeperClientMissing, zookeeperServerMissing } from './zookeeper-server.js';

const EPHEMERAL_SEQUENTIAL = 3;
const NODE_EXISTS = /-110/;
/**
 * The client gives up a session after this many reads in a row without a whole answer, 10 by default: too few for an answer of
 * a few hundred kB, or for a small one that a slow network delivers in pieces.
 */
const RESPONSE_COUNTER_LIMIT = 100_000;

describeIf(zookeeperServerMissing() ?? (await zookeeperClientMissing()), 'a real ZooKeeper', () => {
  let server: ZookeeperServer;
  const sessions: ZooKeeper[] = [];

  async function session(): Promise<ZooKeeper> {
    const { default: Client } = await import('zookeeper');
    const client = new Client({});
    sessions.push(client);
    const connected = new Promise<void>((resolve) => client.once('connect', () => resolve()));
    const config = { connect: server.hostPort, timeout: 4_000, debug_level: 1 };
    client.init({ ...config, response_counter_limit: RESPONSE_COUNTER_LIMIT });
    await connected;
    return client;
  }

  beforeAll(async () => {
    server = await ZookeeperServer.start();
  });
  afterEach(() => {
    for (const client of sessions.splice(0)) client.close();
  });
  afterAll(() => server.stop());

  test('a contender that leaves takes its node along, and the next one is told', async () => {
    const [first, second] = [await session(), await session()];
    await first.create('/election', '', 0);
    const a = await first.create('/election/json.info_', 'a', EPHEMERAL_SEQUENTIAL);
    const b = await second.create('/election/json.info_', 'b', EPHEMERAL_SEQUENTIAL);
    expect([a, b]).toEqual(['/election/json.info_0000000000', '/election/json.info_0000000001']);
    let told = false;
    await second.w_get_children('/election', () => (told = true));
    first.close();
    await until('the watch fires', () => told);
    expect(await second.get_children('/election', false)).toEqual(['json.info_0000000001']);
  });

  test('a sequence number can be created by one writer only', async () => {
    const [first, second] = [await session(), await session()];
    await first.create('/log', '', 0);
    const tries = await Promise.allSettled([first.create('/log/1', 'a', 0), second.create('/log/1', 'b', 0)]);
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const lost = tries.find((result) => result.status === 'rejected');
    expect(String(lost?.reason)).toMatch(NODE_EXISTS);
  });

  test('900 kB come back byte for byte', async () => {
    const client = await session();
    const data = Buffer.alloc(900_000, 'mezzo');
    await client.create('/big', data, 0);
    const [, read] = (await client.get('/big', false)) as [unknown, Buffer];
    expect(read.equals(data)).toBe(true);
  });

  test('a session outlives a crash of the server', async () => {
    const client = await session();
    await client.create('/kept', 'x', 1);
    await server.kill();
    await server.run();
    await until('it is back', async () => (await client.exists('/kept', false)) !== undefined, 10_000);
  });
});
