import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asId, type AgentId } from '@mezzo/sdk/contract';
import type { Store } from '@mezzo/sdk/points/store-driver';
import { Allocator, type Grant } from '../kernel/core/allocator/index.js';
import type { RegistryWrite } from '../kernel/core/master/index.js';
import { Resources } from '../kernel/core/resources/index.js';
import { readRegistry, storeWrite } from '../kernel/shell/master/registry.js';
import { openLevelStore } from '../kernel/shell/store/level-store.js';
import { ZookeeperStore } from '../kernel/shell/store/zookeeper-store.js';
import { ZookeeperSession } from '../kernel/shell/zookeeper/session.js';
import { ZookeeperServer, zookeeperClientMissing, zookeeperServerMissing } from '../tests/support/zookeeper-server.js';
import { median, round, type Report } from './row.js';

/** The recipes of Mesos' own benchmarks that `allocator`, `resources`, `load` and `failover` leave out, in its shapes. */
export async function run(report: Report): Promise<void> {
  const row = (name: string, value: number): void => report({ name, value: round(value), unit: 'ms' });
  addAndUpdate(report, row);
  labels(row);
  suppressed(row);
  backlog(row);
  for (const kind of ['regular', 'shared'] as const) volumes(row, kind);
  reserveAndUnreserve(report);
  for (const isLimited of [false, true]) quotaOrNot(row, isLimited);
  manyKinds(report);
  for (const [height, width] of TREES) sortTree(row, height, width);
  await registrars(report);
}

type Row = (name: string, value: number) => void;

const PORTS = 'ports:[31000-32000]';
const TREES = [
  [3, 32],
  [7, 3],
  [10, 2],
] as const;
const FOR_EVER = 2 ** 31 - 1;

const ranges = (count: number): string =>
  `ports:[${Array.from({ length: count }, (_, i) => `${31000 + 10 * i}-${31000 + 10 * i + 4}`).join(',')}]`;

function timed(work: () => void): number {
  const beganMs = performance.now();
  work();
  return performance.now() - beganMs;
}

function withFrameworks(count: number, roleOf: (i: number) => string = () => '*'): Allocator {
  const allocator = new Allocator();
  for (let i = 0; i < count; i++) allocator.addFramework(`F${i}`, { roles: [roleOf(i)] });
  return allocator;
}

function decline(allocator: Allocator, grants: readonly Grant[]): void {
  const refusal = { atMs: 0, refuseSeconds: FOR_EVER };
  for (const { frameworkId, agentId, resources } of grants)
    allocator.recoverResources(frameworkId, agentId, resources, refusal);
}

/** AddAndUpdateSlave. */
function addAndUpdate(report: Report, row: Row): void {
  const allocator = withFrameworks(1_000);
  const total = Resources.parse(`cpus:2;mem:1024;disk:4096;${PORTS}`);
  const used = Resources.parse(`cpus:1;mem:128;disk:1024;${ranges(5)}`);
  const more = Resources.of([
    ...total.toMessages(),
    { name: 'cpus', type: 'SCALAR', scalar: { value: 10 }, revocable: {} },
  ]);
  const add = (i: number): void =>
    allocator.addAgent(`S${i}`, { total, used: [{ frameworkId: `F${i % 1_000}`, role: '*', resources: used }] });
  const all = Array.from({ length: 10_000 }, (_, i) => i);
  const ms = timed(() => all.forEach(add));
  const peer = { peer: 'Mesos 1.8, published, other machine', peerValue: 1_610, ratio: round(1_610 / ms) };
  report({ name: 'add 10k agents, 1k frameworks', value: round(ms), unit: 'ms', ...peer });
  row(
    'the cycle after it',
    timed(() => allocator.allocate(0)),
  );
  row(
    'revocable resources for each of 10k agents',
    timed(() => all.forEach((i) => allocator.updateAgent(`S${i}`, { total: more }))),
  );
}

/** ResourceLabels: reservations that differ by their labels only. */
function labels(row: Row): void {
  const allocator = withFrameworks(500, () => 'role');
  const reserved = (i: number, name: string, value: number) => ({
    name,
    type: 'SCALAR' as const,
    scalar: { value },
    reservations: [
      {
        type: 'DYNAMIC' as const,
        role: 'role',
        principal: 'p',
        labels: { labels: [0, 1].map((at) => ({ key: `key${at}`, value: `${i}` })) },
      },
    ],
  });
  for (let i = 0; i < 5_000; i++) {
    const part = [reserved(2 * i, 'cpus', 16), reserved(2 * i + 1, 'mem', 2_048)];
    allocator.addAgent(`S${i}`, {
      total: Resources.of([...Resources.parse('cpus:8;mem:2048;disk:4096').toMessages(), ...part]),
    });
  }
  const cycles = Array.from({ length: 5 }, () => {
    let grants: Grant[] = [];
    const ms = timed(() => (grants = allocator.allocate(0)));
    decline(allocator, grants);
    return ms;
  });
  row('labelled reservations, 5k x 500: cycle', median(cycles));
}

/** SuppressOffers and ExtremeSuppressOffers. */
function suppressed(row: Row): void {
  for (const active of [500, 10]) {
    const allocator = withFrameworks(1_000);
    const total = Resources.parse(`cpus:24;mem:4096;disk:4096;${PORTS}`);
    for (let i = 0; i < 10_000; i++) allocator.addAgent(`S${i}`, { total });
    for (let i = active; i < 1_000; i++) allocator.suppress(`F${i}`);
    decline(allocator, allocator.allocate(0));
    row(
      `10k x 1k, all but ${active} suppressed: cycle`,
      timed(() => allocator.allocate(0)),
    );
  }
}

/** AllocatorBacklog: everybody comes at once, and each revives once; offers are made for each, as a master does. */
function backlog(row: Row): void {
  const allocator = withFrameworks(1_000);
  const total = Resources.parse(`cpus:24;mem:4096;disk:4096;${PORTS}`);
  const all = timed(() => {
    for (let i = 0; i < 10_000; i++) allocator.addAgent(`S${i}`, { total });
    allocator.allocate(0);
    for (let i = 0; i < 1_000; i++) {
      allocator.revive(`F${i}`);
      allocator.allocate(0);
    }
  });
  row('backlog of 10k agents and 1k revives', all);
}

/** PersistentVolumes: what is reserved has a volume that one, or many at a time, may use. */
function volumes(row: Row, kind: 'regular' | 'shared'): void {
  const allocator = new Allocator();
  const capabilities = new Set(['SHARED_RESOURCES']);
  for (let i = 0; i < 200; i++) allocator.addFramework(`F${i}`, { roles: ['role'], capabilities });
  for (let i = 0; i < 5_000; i++) {
    const volume = {
      name: 'disk',
      type: 'SCALAR' as const,
      scalar: { value: 1_024 },
      role: 'role',
      disk: { persistence: { id: `v${i}` }, volume: { containerPath: 'data', mode: 'RW' as const } },
      ...(kind === 'shared' && { shared: {} }),
    };
    const rest = Resources.parse(`cpus(role):24;mem(role):4096;disk(role):3072;${PORTS}`).toMessages('pre');
    allocator.addAgent(`S${i}`, { total: Resources.of([...rest, volume]) });
  }
  const cycles = Array.from({ length: 6 }, () => {
    let grants: Grant[] = [];
    const ms = timed(() => (grants = allocator.allocate(0)));
    for (const { frameworkId, agentId, resources } of grants)
      allocator.recoverResources(frameworkId, agentId, resources);
    return ms;
  });
  row(`${kind} volumes, 5k x 200: cycle`, median(cycles));
}

/** UpdateAllocation: one agent, a labelled reservation of each of 200 roles, reserved and unreserved 20 times. */
function reserveAndUnreserve(report: Report): void {
  const roles = 200;
  const allocator = withFrameworks(roles, (i) => `role${i}`);
  const reserved = (i: number): Resources =>
    Resources.of(
      ['cpus', 'mem', 'disk'].map((name) => ({
        name,
        type: 'SCALAR' as const,
        scalar: { value: 100 },
        reservations: [
          { type: 'DYNAMIC' as const, role: `role${i}`, labels: { labels: [{ key: 'k', value: `${i}` }] } },
        ],
      })),
    );
  const free = Resources.parse('cpus:100;mem:100;disk:100');
  const all = Array.from({ length: roles }, (_, i) => reserved(i)).reduce((sum, each) => sum.add(each), free);
  allocator.addAgent('S0', { total: all.add(Resources.parse(PORTS)) });
  const mine = reserved(roles - 1);
  const ms = timed(() => {
    for (let i = 0; i < 20; i++) {
      allocator.updateAvailable('S0', mine, free);
      allocator.updateAvailable('S0', free, mine);
    }
  });
  const peer = { peer: 'Mesos, published, other machine', peerValue: 1_100, ratio: round(1_100 / ms) };
  report({ name: '20 x unreserve and reserve among 200 roles', value: round(ms), unit: 'ms', ...peer });
}

/** NonQuotaVsQuota: 1,000 roles of two frameworks and two agents each. */
function quotaOrNot(row: Row, isLimited: boolean): void {
  const allocator = withFrameworks(2_000, (i) => `role${i % 1_000}`);
  const amount = Resources.parse('cpus:4;mem:4096').quantities();
  if (isLimited) for (let i = 0; i < 1_000; i++) allocator.setQuota(`role${i}`, { guarantee: amount, limit: amount });
  for (let i = 0; i < 2_000; i++) allocator.addAgent(`S${i}`, { total: Resources.parse('cpus:2;mem:2048;disk:2048') });
  row(
    `1,000 roles ${isLimited ? 'with' : 'without'} quota: cycle`,
    timed(() => allocator.allocate(0)),
  );
}

interface Kind {
  readonly name: string;
  readonly frameworks: number;
  readonly roleOf: (i: number) => string;
  readonly tasks: number;
  readonly perOffer: number;
  readonly task: Resources;
}

const KINDS: readonly Kind[] = [
  {
    name: 'marathon',
    frameworks: 4,
    roleOf: (i) => `marathon${i}`,
    tasks: 4_000,
    perOffer: 100,
    task: Resources.parse('cpus:0.07;mem:400'),
  },
  {
    name: 'jenkins',
    frameworks: 500,
    roleOf: () => 'jenkins',
    tasks: 5,
    perOffer: 1,
    task: Resources.parse('cpus:0.1;mem:4000'),
  },
  {
    name: 'spark',
    frameworks: 50,
    roleOf: (i) => `spark${i}`,
    tasks: 20,
    perOffer: 5,
    task: Resources.parse('cpus:1;mem:1000'),
  },
];

/** MultiFrameworkAllocations: 554 frameworks of three kinds want 19,500 tasks on 80 agents. */
function manyKinds(report: Report): void {
  const allocator = new Allocator();
  const wanted = new Map<string, { left: number; readonly kind: Kind }>();
  for (const kind of KINDS)
    for (let i = 0; i < kind.frameworks; i++) {
      wanted.set(`${kind.name}${i}`, { left: kind.tasks, kind });
      allocator.addFramework(`${kind.name}${i}`, { roles: [kind.roleOf(i)] });
    }
  for (let i = 0; i < 80; i++) allocator.addAgent(`S${i}`, { total: Resources.parse('cpus:64;mem:488000') });
  let [rounds, offers, launched] = [0, 0, 0];
  const answer = ({ frameworkId, role, agentId, resources }: Grant): void => {
    const need = wanted.get(frameworkId)!;
    const task = need.kind.task.allocate(role);
    let rest = resources;
    for (let i = 0; i < need.kind.perOffer && need.left > 0 && rest.contains(task); i++) {
      rest = rest.subtract(task);
      need.left--;
      launched++;
    }
    allocator.recoverResources(frameworkId, agentId, rest, { atMs: rounds, refuseSeconds: 0 });
    if (need.left === 0) allocator.suppress(frameworkId);
  };
  const ms = timed(() => {
    for (let grants = allocator.allocate(0); grants.length > 0; grants = allocator.allocate((rounds += 1) * 1000)) {
      offers += grants.length;
      grants.forEach(answer);
    }
  });
  report({ name: 'three kinds of frameworks on 80 agents', value: round(ms), unit: 'ms' });
  report({ name: 'three kinds: tasks launched', value: launched, unit: 'tasks' });
  report({ name: 'three kinds: rounds', value: rounds, unit: 'rounds' });
  report({ name: 'three kinds: offers', value: offers, unit: 'offers' });
}

/** HierarchyFullSort: a tree of roles so high and so wide, with a client at each leaf. */
function sortTree(row: Row, height: number, width: number): void {
  const allocator = new Allocator();
  const leaves: string[] = [];
  const grow = (path: string, depth: number): void => {
    if (depth === 0) return void leaves.push(path);
    for (let i = 0; i < width; i++) grow(path === '' ? `r${i}` : `${path}/r${i}`, depth - 1);
  };
  grow('', height - 1);
  leaves.forEach((role, i) => allocator.addFramework(`F${i}`, { roles: [role] }));
  const total = Resources.parse(`cpus:24;mem:4096;disk:4096;${PORTS}`);
  const used = Resources.parse('cpus:16;mem:2014;disk:1024');
  leaves.forEach((role, i) =>
    allocator.addAgent(`S${i}`, { total, used: [{ frameworkId: `F${i}`, role, resources: used }] }),
  );
  const sort = (i: number): number => {
    allocator.addAgent('extra', { total: Resources.parse(`cpus:${1 + i};gpus:${1 + i}`), active: false });
    return timed(() => void allocator.roleFigures());
  };
  row(
    `sort a tree of height ${height}, width ${width}: ${leaves.length} clients`,
    median(Array.from({ length: 9 }, (_, i) => sort(i))),
  );
}

/** On a disk that is synced; and on a ZooKeeper that syncs, where there is one. */
async function registrars(report: Report): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'mezzo-registrar-'));
  await registrar(report, 'registrar', () => openLevelStore(directory));
  rmSync(directory, { recursive: true, force: true });
  if (zookeeperServerMissing() ?? (await zookeeperClientMissing())) return;
  const server = await ZookeeperServer.start();
  const address = { servers: server.hostPort, path: '/registrar', digest: undefined };
  const session = await ZookeeperSession.open(address, 10_000);
  await registrar(report, 'registrar on ZooKeeper', () => ZookeeperStore.open(session, address.path));
  session.close();
  await server.stop();
}

/** The store as a master uses it. */
async function registrar(report: Report, title: string, open: () => Promise<Store>): Promise<void> {
  const row = (name: string, value: number): void =>
    report({ name: `${title}: ${name}`, value: round(value), unit: 'ms' });
  const agents = 50_000;
  let store = await open();
  const epoch = await store.startEpoch();
  const ids = Array.from({ length: agents }, (_, i) => asId<AgentId>(`m-S${i}`));
  const put =
    (fate: 'admitted' | 'unreachable') =>
    (id: AgentId): RegistryWrite => ({
      op: 'putAgent',
      id,
      record: { fate, sinceMs: 0, info: { hostname: `host-${id}`, port: 5051, id: { value: id } } },
    });
  const commitAll = async (toWrite: (id: AgentId) => RegistryWrite): Promise<number> => {
    const beganMs = performance.now();
    await Promise.all(ids.map((id) => store.commit({ epoch, writes: [storeWrite(toWrite(id))] })));
    return performance.now() - beganMs;
  };
  row('admit 50k agents', await commitAll(put('admitted')));
  row('mark 50k unreachable', await commitAll(put('unreachable')));
  row('mark 50k reachable', await commitAll(put('admitted')));
  await store.close();
  const beganMs = performance.now();
  store = await open();
  const { agents: found } = readRegistry(store);
  row('recover 50k agents', performance.now() - beganMs);
  if (found.size !== agents) throw new Error(`${found.size} agents were recovered`);
  const gcMs = performance.now();
  const half = ids.slice(0, agents / 2).map((id) => storeWrite({ op: 'deleteAgent', id }));
  await store.commit({ epoch: await store.startEpoch(), writes: half });
  row('forget 25k in one write', performance.now() - gcMs);
  await store.close();
}
