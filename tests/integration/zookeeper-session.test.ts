import { spawn } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { hasCode } from '@mezzo/sdk/contract';
import { withoutStrays } from '@mezzo/sdk/runtime';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { MAX_NODE_BYTES, ZookeeperSession, type SessionState } from '../../kernel/shell/zookeeper/session.js';
import { until } from '../support/poll.js';
import { describeIf } from '../support/skip.js';
import { ZookeeperServer, zookeeperClientMissing, zookeeperServerMissing } from '../support/zookeeper-server.js';

const ELECTION = { ephemeral: true, sequence: true };

describeIf(zookeeperServerMissing() ?? (await zookeeperClientMissing()), 'a session with a real ZooKeeper', () => {
  let server: ZookeeperServer;
  const sessions: ZookeeperSession[] = [];

  async function open(path = '/test', digest?: string, timeoutMs = 4_000): Promise<ZookeeperSession> {
    const session = await ZookeeperSession.open({ servers: server.hostPort, path, digest }, timeoutMs);
    sessions.push(session);
    await until('it connects', () => session.state === 'connected');
    return session;
  }

  beforeAll(async () => {
    server = await ZookeeperServer.start();
  });
  afterEach(() => {
    for (const session of sessions.splice(0)) session.close();
  });
  afterAll(() => server.stop());

  test('a contender that leaves takes its node along, and the next one is told', async () => {
    const [first, second] = [await open(), await open()];
    await first.ensure('/cluster/election');
    const a = await first.create('/cluster/election/json.info_', 'a', ELECTION);
    const b = await second.create('/cluster/election/json.info_', 'b', ELECTION);
    expect([a, b]).toEqual(['/cluster/election/json.info_0000000000', '/cluster/election/json.info_0000000001']);
    let told = false;
    await second.children('/cluster/election', () => (told = true));
    first.close();
    await until('the watch fires', () => told);
    expect(await second.children('/cluster/election')).toEqual(['json.info_0000000001']);
  });

  test('a node can be created by one writer only', async () => {
    const [first, second] = [await open(), await open()];
    const tries = await Promise.allSettled([first.create('/one', 'a'), second.create('/one', 'b')]);
    expect(tries.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const lost = tries.find((result) => result.status === 'rejected');
    expect(lost?.reason).toMatchObject({ code: 'ZOOKEEPER_NODE_EXISTS' });
  });

  test('the largest node comes back byte for byte, a larger one is refused before it is sent', async () => {
    const session = await open();
    const data = Buffer.alloc(MAX_NODE_BYTES, 'mezzo');
    await session.create('/big', data);
    expect((await session.get('/big'))?.data.equals(data)).toBe(true);
    await expect(session.create('/bigger', Buffer.alloc(MAX_NODE_BYTES + 1))).rejects.toMatchObject({
      code: 'ZOOKEEPER_NODE_TOO_LARGE',
    });
    expect(session.state).toBe('connected');
  });

  test('what is not there is undefined, or false', async () => {
    const session = await open();
    expect(await session.get('/nothing')).toBeUndefined();
    expect(await session.children('/nothing')).toBeUndefined();
    expect(await session.delete('/nothing')).toBe(false);
    await expect(session.create('/nothing/below', '')).rejects.toMatchObject({ code: 'ZOOKEEPER_NO_NODE' });
  });

  test('a change that was meant for an older version is refused', async () => {
    const session = await open();
    await session.create('/versioned', 'a');
    await session.set('/versioned', 'b', 0);
    await expect(session.set('/versioned', 'c', 0)).rejects.toMatchObject({ code: 'ZOOKEEPER_VERSION' });
    await expect(session.delete('/versioned', 0)).rejects.toMatchObject({ code: 'ZOOKEEPER_VERSION' });
    expect(await session.get('/versioned')).toMatchObject({ data: Buffer.from('b'), version: 1 });
  });

  test('nodes of one who has credentials are read by all and changed by nobody else', async () => {
    const [owner, stranger] = [await open('/test', 'ann:secret'), await open()];
    await owner.ensure('/guarded');
    await owner.create('/guarded/a', '1');
    expect((await stranger.get('/guarded/a'))?.data.toString()).toBe('1');
    for (const change of [
      () => stranger.set('/guarded/a', '2'),
      () => stranger.delete('/guarded/a'),
      () => stranger.create('/guarded/b', ''),
    ]) {
      await expect(change()).rejects.toMatchObject({ code: 'ZOOKEEPER_NOT_ALLOWED' });
    }
    await owner.set('/guarded/a', '3');
    await owner.ensure('/guarded/c/d');
    expect(await owner.children('/guarded')).toHaveLength(2);
  });

  test('a session outlives a crash of the server; what is asked meanwhile is lost within its time', async () => {
    const session = await open('/test', undefined, 2_000);
    const states: SessionState[] = [];
    session.onState((state) => states.push(state));
    await session.create('/kept', 'x', { ephemeral: true });
    await server.kill();
    await until('it knows', () => session.state === 'connecting');
    await expect(session.get('/kept')).rejects.toMatchObject({ code: 'ZOOKEEPER_CONNECTION_LOST', retryable: true });
    await server.run();
    await until('it is back', () => session.state === 'connected', 10_000);
    expect((await session.get('/kept'))?.data.toString()).toBe('x');
    expect(states).toEqual(['connecting', 'connected']);
  });

  test('nobody answers: each call says so', async () => {
    const session = await ZookeeperSession.open({ servers: '127.0.0.1:1', path: '/x', digest: undefined }, 500);
    sessions.push(session);
    await expect(session.get('/x')).rejects.toMatchObject({ code: 'ZOOKEEPER_CONNECTION_LOST' });
    session.close();
    await expect(session.get('/x')).rejects.toMatchObject({ code: 'ZOOKEEPER_SESSION_OVER' });
    expect(session.state).toBe('over');
  });

  test('a child that lives on keeps none of its connections, and stands in the way of no later one', async () => {
    const session = await open();
    const child = withoutStrays(['ignore', 'ignore', 'ignore'], (stdio) => spawn('sleep', ['1000'], { stdio }));
    try {
      expect(descriptorsOf(child.pid).filter((target) => target.startsWith('socket:'))).toEqual([]);
      await server.kill();
      await until('it is not heard', () => session.state !== 'connected');
      session.close();
      await server.run();
      await open();
    } finally {
      child.kill();
    }
  });
});

/** What each leads to. One that goes while we look, as those of libraries do while a program is loaded, is none that it keeps. */
function descriptorsOf(pid: number | undefined): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return [];
      throw error;
    }
  });
}
