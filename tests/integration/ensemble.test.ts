import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { mkdtemp, readdir, rm, truncate } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mintToken } from '@mezzo/sdk/secrets';
import { silentLog } from '@mezzo/sdk/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Member } from '../../plugins/ensemble/core/members.js';
import { serveHttpApi, type HttpApi } from '../../plugins/ensemble/shell/http-api.js';
import { MemberServer, type MemberStatus } from '../../plugins/ensemble/shell/member-server.js';
import { until } from '../support/poll.js';
import { describeIf } from '../support/skip.js';
import { zookeeperServerMissing } from '../support/zookeeper-server.js';

const KEY = new Uint8Array(32).fill(7);
const JVM_MS = 60_000;

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => (server.close(), once(server, 'close'))));
  return ports;
}

interface Running {
  readonly server: MemberServer;
  readonly api: HttpApi;
  readonly dir: string;
}

describeIf(zookeeperServerMissing(), 'an ensemble of real ZooKeepers', () => {
  const running = new Map<number, Running>();
  let home: string;
  let all: Member[];
  let token: string;

  async function run(id: number, members: readonly Member[]): Promise<Running> {
    const dir = join(home, `${id}-${members.length}`);
    const rules = { tickTimeMs: 500, initLimit: 20, syncLimit: 10, heapMib: 96, snapshotsMax: 2 };
    const config = { ...rules, myId: id, members, java: 'java', jar: '/usr/share/java/zookeeper.jar' };
    const server = new MemberServer(config, dir, KEY, silentLog);
    server.start();
    const one = { server, api: await serveHttpApi('127.0.0.1', 0, server, KEY), dir };
    running.set(id, one);
    return one;
  }
  const call = (id: number, method: string, path: string, body?: object, headers: Record<string, string> = {}) =>
    fetch(`http://127.0.0.1:${running.get(id)!.api.port}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...headers },
      ...(body && { body: JSON.stringify(body) }),
    });
  const serving = async (id: number): Promise<MemberStatus[]> =>
    (await running.get(id)!.server.status()).filter(({ health }) => health === 'leader' || health === 'follower');
  const allServe = (id: number, count: number) =>
    until(`${count} members serve`, async () => (await serving(id)).length === count, JVM_MS, 200);

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'mezzo-ensemble-'));
    token = await mintToken(KEY, { uid: 'admin', scope: 'operator' }, 600);
    const ports = await freePorts(12);
    all = [1, 2, 3, 4].map((id, i) => {
      const [quorumPort, electionPort, clientPort] = ports.slice(3 * i);
      return { id, host: '127.0.0.1', quorumPort: quorumPort!, electionPort: electionPort!, clientPort: clientPort! };
    });
    mkdirSync(join(home, '3-3'));
    if (process.getuid?.() === 0) spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=200m', 'tmpfs', join(home, '3-3')]);
    for (const { id } of all.slice(0, 3)) await run(id, all.slice(0, 3));
    await allServe(1, 3);
  }, 120_000);

  test('every member tells of all, with one leader, as Exhibitor did', async () => {
    const rows = (await (await call(2, 'GET', '/exhibitor/v1/cluster/status')).json()) as { isLeader: boolean }[];
    expect(rows.filter(({ isLeader }) => isLeader)).toEqual([
      { code: 3, description: 'serving', hostname: '127.0.0.1', isLeader: true },
    ]);
    expect(rows).toHaveLength(3);
    const list = { servers: ['127.0.0.1', '127.0.0.1', '127.0.0.1'], port: all[1]!.clientPort };
    expect(await (await call(2, 'GET', '/exhibitor/v1/cluster/list')).json()).toEqual(list);
    const accept = { accept: 'application/x-www-form-urlencoded' };
    expect(await (await call(2, 'GET', '/exhibitor/v1/cluster/list', undefined, accept)).text()).toMatch(/^count=3&/);
    const status = (await (await call(1, 'GET', '/ensemble/v1/status')).json()) as { metrics: Record<string, string> };
    expect(status.metrics['zk_version']).toMatch(/^3\./);
  });

  test('a member that is killed is started again and serves', async () => {
    const { server } = running.get(3)!;
    const { pid } = server;
    process.kill(pid!, 'SIGKILL');
    await until('it runs again', () => server.pid !== undefined && server.pid !== pid, JVM_MS);
    await allServe(1, 3);
    expect(server.starts).toBe(2);
  });

  test.runIf(process.getuid?.() === 0)(
    'a member whose disk is full is away until there is room',
    async () => {
      const { server, dir } = running.get(3)!;
      const { starts } = server;
      const ballast = join(dir, 'ballast');
      spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=64k']);
      process.kill(server.pid!, 'SIGKILL');
      await until('the others serve', async () => (await serving(1)).length === 2, JVM_MS, 200);
      // Twice as long as it takes to start one that may start.
      const since = Date.now();
      await until('it stays away', () => server.pid === undefined && Date.now() - since > 2_500, JVM_MS);
      expect(server.starts).toBe(starts);
      await rm(ballast);
      await allServe(1, 3);
    },
    120_000,
  );

  test('whoever shows no token of an operator changes nothing', async () => {
    const user = await mintToken(KEY, { uid: 'ann', scope: 'user' }, 600);
    for (const authorization of ['', 'Bearer x.y.z', `Bearer ${user}`])
      for (const path of ['members', 'snapshots', 'restore', 'stop', 'start'])
        expect((await call(1, 'POST', `/ensemble/v1/${path}`, { remove: 3 }, { authorization })).status).toBe(401);
    expect(await serving(1)).toHaveLength(3);
  });

  test('a member is replaced: one leaves, another one that has caught up joins', async () => {
    const early = await call(1, 'POST', '/ensemble/v1/members', { add: all[3] });
    expect([early.status, ((await early.json()) as { code: string }).code]).toEqual([409, 'NOT_RUNNING']);
    expect((await call(1, 'POST', '/ensemble/v1/members', { add: { id: 0, host: 'x' } })).status).toBe(400);

    await running.get(3)!.server.stop();
    const lost = await call(1, 'POST', '/ensemble/v1/members', { remove: 2 });
    expect([lost.status, ((await lost.json()) as { code: string }).code]).toEqual([409, 'WOULD_LOSE_QUORUM']);
    expect((await call(1, 'POST', '/ensemble/v1/members', { remove: 3 })).status).toBe(200);
    await until('two are left', () => running.get(2)!.server.members.length === 2, JVM_MS);

    await run(4, [all[0]!, all[1]!, all[3]!]);
    await until('the new one follows', async () => (await serving(4)).some(({ isSelf }) => isSelf), JVM_MS, 200);
    const added = await call(1, 'POST', '/ensemble/v1/members', { add: all[3] });
    const { members } = (await added.json()) as { members: { id: number }[] };
    // ZooKeeper names them in an order of its own.
    expect([added.status, members.sort((a, b) => a.id - b.id)]).toEqual([200, [all[0], all[1], all[3]]]);
    await allServe(2, 3);

    await running.get(4)!.server.stop();
    running.get(4)!.server.start();
    await allServe(1, 3);
    expect(
      running
        .get(1)!
        .server.members.map(({ id }) => id)
        .sort(),
    ).toEqual([1, 2, 4]);
  }, 180_000);

  test('a snapshot goes back only onto a member that is stopped and empty, and only whole', async () => {
    const { server, dir } = running.get(1)!;
    const { name } = (await (await call(1, 'POST', '/ensemble/v1/snapshots')).json()) as { name: string };
    expect((await server.listSnapshots()).map((snapshot) => snapshot.name)).toEqual([name]);
    const restore = async () => {
      const answer = await call(1, 'POST', '/ensemble/v1/restore', { name });
      return [answer.status, ((await answer.json()) as { code?: string }).code];
    };
    expect(await restore()).toEqual([409, 'MEMBER_RUNS']);
    await server.stop();
    expect(await restore()).toEqual([409, 'DATA_PRESENT']);
    await rm(join(dir, 'data/version-2'), { recursive: true });
    expect(await restore()).toEqual([200, undefined]);
    server.start();
    await allServe(2, 3);

    await server.stop();
    await rm(join(dir, 'data/version-2'), { recursive: true });
    const [file] = (await readdir(join(dir, 'snapshots', name))).filter((found) => found.startsWith('log.'));
    await truncate(join(dir, 'snapshots', name, file!), 100);
    expect(await restore()).toEqual([409, 'SNAPSHOT_DAMAGED']);
  }, 180_000);

  afterAll(async () => {
    for (const { server, api } of running.values()) {
      await api.dispose();
      await server.dispose();
    }
    spawnSync('umount', ['-l', join(home, '3-3')]);
    await rm(home, { recursive: true, force: true });
  }, 60_000);
});
