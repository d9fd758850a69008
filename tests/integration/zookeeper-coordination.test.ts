import type { MasterInfo } from '@mezzo/sdk/api';
import { silentLog } from '@mezzo/sdk/testing';
import { setTimeout as after } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Leadership } from '../../kernel/ports/coordination.js';
import { ZookeeperCoordination } from '../../kernel/shell/coordination/zookeeper.js';
import { ZookeeperSession } from '../../kernel/shell/zookeeper/session.js';
import { CutLine } from '../support/cut-line.js';
import { until } from '../support/poll.js';
import { describeIf } from '../support/skip.js';
import { ZookeeperServer, zookeeperClientMissing, zookeeperServerMissing } from '../support/zookeeper-server.js';

const SESSION_MS = 2_000;
const ELECTED_MS = 15_000;

interface Contender {
  readonly coordination: ZookeeperCoordination;
  /** All it was told, the last one last. */
  readonly told: Leadership[];
}

const infoOf = (id: string, port = 5050): MasterInfo => ({
  id,
  ip: 0x0100007f,
  port,
  hostname: 'localhost',
  pid: `master@127.0.0.1:${port}`,
  version: '1.11.0',
  address: { hostname: 'localhost', ip: '127.0.0.1', port },
});

describeIf(zookeeperServerMissing() ?? (await zookeeperClientMissing()), 'election over a real ZooKeeper', () => {
  let server: ZookeeperServer;
  let path = '/none';
  let elections = 0;
  const opened: { close(): unknown }[] = [];

  const keep = <T extends { close(): unknown }>(one: T): T => {
    opened.push(one);
    return one;
  };

  async function watcher(
    servers = server.hostPort,
    digest?: string,
    sessionMs: number = SESSION_MS,
  ): Promise<Contender> {
    const coordination = keep(await ZookeeperCoordination.open({ servers, path, digest }, sessionMs, silentLog));
    const told: Leadership[] = [];
    coordination.watch((leadership) => told.push(leadership));
    return { coordination, told };
  }

  async function contender(id: string, ...where: Parameters<typeof watcher>): Promise<Contender> {
    const made = await watcher(...where);
    await made.coordination.contend(infoOf(id));
    return made;
  }

  const session = async (digest?: string): Promise<ZookeeperSession> =>
    keep(await ZookeeperSession.open({ servers: server.hostPort, path, digest }, 4_000));

  const last = ({ told }: Contender): Leadership => told.at(-1)!;
  const leads = (one: Contender) => until('it is elected', () => last(one).elected, ELECTED_MS);
  const follows = (one: Contender, id: string) =>
    until(`it follows ${id}`, () => !last(one).elected && last(one).leader?.id === id, ELECTED_MS);

  beforeAll(async () => {
    server = await ZookeeperServer.start();
  });
  afterEach(async () => {
    for (const one of opened.splice(0).reverse()) await one.close();
  });
  afterAll(() => server.stop());
  const election = (title: string, law: () => Promise<void>): void =>
    test(title, { timeout: 60_000 }, () => {
      path = `/clusters/${++elections}`;
      return law();
    });

  election('who comes first leads; when it leaves, the next one does, and all are told', async () => {
    const [onlooker, first] = [await watcher(), await contender('first')];
    await leads(first);
    const second = await contender('second');
    await follows(second, 'first');
    const third = await contender('third');
    await Promise.all([follows(third, 'first'), follows(onlooker, 'first')]);
    await first.coordination.close();
    expect(last(first)).toEqual({ leader: undefined, elected: false });
    await Promise.all([leads(second), follows(third, 'second'), follows(onlooker, 'second')]);
    const ids = onlooker.told.map(({ leader }) => leader?.id);
    expect(ids.filter((id) => id !== undefined)).toEqual(['first', 'second']);
  });

  election('clients of Mesos find the leader in the lowest of the nodes, as JSON', async () => {
    await leads(await contender('one'));
    const reader = await session();
    const names = (await reader.children(path))!;
    expect(names).toEqual(['json.info_0000000000']);
    const { data } = (await reader.get(`${path}/${names[0]}`))!;
    expect(JSON.parse(data.toString())).toMatchObject({
      id: 'one',
      ip: 16777343,
      port: 5050,
      pid: 'master@127.0.0.1:5050',
      address: { hostname: 'localhost', ip: '127.0.0.1', port: 5050 },
    });
  });

  election('who only watches never stands, and makes no node', async () => {
    const onlooker = await watcher();
    const reader = await session();
    await until('the reader connects', () => reader.state === 'connected');
    await leads(await contender('one'));
    await follows(onlooker, 'one');
    expect(await reader.children(path)).toHaveLength(1);
  });

  election('a leader that is cut off stops before another one begins, and stands again later', async () => {
    const line = keep(await CutLine.to(server.port));
    const first = await contender('first', line.hostPort);
    await leads(first);
    const second = await contender('second');
    await follows(second, 'first');
    let overlap = false;
    second.coordination.watch(({ elected }) => (overlap ||= elected && last(first).elected));
    line.cut();
    await leads(second);
    expect(overlap).toBe(false);
    expect(last(first)).toEqual({ leader: undefined, elected: false });
    line.mend();
    await follows(first, 'second');
    await second.coordination.close();
    await leads(first);
  });

  election('a connection that breaks costs the leader nothing if there is another one in time', async () => {
    const line = keep(await CutLine.to(server.port));
    const sessionMs = 6_000;
    const first = await contender('first', line.hostPort, undefined, sessionMs);
    await leads(first);
    const since = first.told.length;
    line.break();
    await after(sessionMs / 2);
    line.mend();
    await until('it is back', () => first.coordination.currentSession?.state === 'connected');
    await after(sessionMs / 2);
    expect(first.told.slice(since)).toEqual([]);
  });

  election('a crash of the only server costs the leader nothing if it is back in time', async () => {
    const first = await contender('first');
    await leads(first);
    const second = await contender('second');
    await follows(second, 'first');
    await server.kill();
    await server.run();
    await until('all are back', () =>
      [first, second].every((one) => one.coordination.currentSession?.state === 'connected'),
    );
    await leads(first);
    await follows(second, 'first');
  });

  election('whose node an operator removes, leads no more and stands again at the end of the line', async () => {
    const first = await contender('first');
    await leads(first);
    const second = await contender('second');
    await follows(second, 'first');
    const operator = await session();
    await until('the operator connects', () => operator.state === 'connected');
    expect(await operator.delete(`${path}/json.info_0000000000`)).toBe(true);
    await leads(second);
    await follows(first, 'second');
    expect(await operator.children(path)).toHaveLength(2);
  });

  election('a node that nobody can read is no leader, and takes nobody along', async () => {
    const stranger = await session();
    await until('the stranger connects', () => stranger.state === 'connected');
    await stranger.ensure(path);
    await stranger.create(`${path}/json.info_`, 'garbage', { ephemeral: true, sequence: true });
    const onlooker = await watcher();
    const first = await contender('first');
    await until('it stands', async () => (await stranger.children(path))?.length === 2);
    expect(last(onlooker)).toEqual({ leader: undefined, elected: false });
    stranger.close();
    await leads(first);
  });

  election(
    'a session that nobody answers gives way to a new one: its client may stop trying without a word',
    async () => {
      const { coordination } = await watcher('127.0.0.1:9');
      const first = coordination.currentSession;
      await until('a new session', () => coordination.currentSession !== first, ELECTED_MS);
    },
  );

  election('with credentials nobody else may take a leader down or stand', async () => {
    await leads(await contender('first', undefined, 'ann:secret'));
    const stranger = await session();
    await until('the stranger connects', () => stranger.state === 'connected');
    const refused = { code: 'ZOOKEEPER_NOT_ALLOWED' };
    await expect(stranger.create(`${path}/json.info_0`, '')).rejects.toMatchObject(refused);
    await expect(stranger.set(`${path}/json.info_0000000000`, '{}')).rejects.toMatchObject(refused);
    // Deleting is a right of the parent.
    await expect(stranger.delete(`${path}/json.info_0000000000`)).rejects.toMatchObject(refused);
    await follows(await watcher(), 'first');
  });
});
