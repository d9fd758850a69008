import { Allocator, type Grant } from '../kernel/core/allocator/index.js';
import { Resources } from '../kernel/core/resources/index.js';
import { NaiveAllocator } from './reference/naive-allocator.js';
import { median, round, type Report } from './row.js';

/**
 * The DeclineOffers recipe of Mesos, with all that makes sharing dear switched on: agents partly used, some of it reserved; fifty
 * roles in a tree with weights, guarantees and limits; frameworks that refuse all they get for ever.
 */
const TOTAL = 'cpus:24;mem:4096;disk:4096;ports:[31000-32000]';
const PORTS = Array.from({ length: 16 }, (_, i) => `${31000 + 60 * i}-${31000 + 60 * i + 29}`);
const USED = Resources.parse(`cpus:16;mem:2014;disk:1024;ports:[${PORTS.join(',')}]`);
const TEAMS = 10;
const SERVICES = 5;
const RESERVED_EVERY = 10;
const FOR_EVER = 2 ** 31 - 1;
const ROUNDS = 9;
const PUBLISHED = 'Mesos 1.8, published, without quota and reservations, other machine';

interface Shape {
  readonly name: string;
  readonly agents: number;
  readonly frameworks: number;
  /** Milliseconds a cycle of Mesos took, as published. */
  readonly mesosMs?: number;
}

const SHAPES: readonly Shape[] = [
  { name: '1k x 100', agents: 1_000, frameworks: 100, mesosMs: 100 },
  { name: '5k x 500', agents: 5_000, frameworks: 500 },
  { name: '10k x 1k', agents: 10_000, frameworks: 1_000, mesosMs: 1_060 },
  { name: '20k x 2k', agents: 20_000, frameworks: 2_000, mesosMs: 3_800 },
];

export function run(report: Report): Promise<void> {
  // The first shape compiles the code; without it the small one would measure that.
  for (let i = 0; i < 3; i++) measureShape(SHAPES[0]!, () => undefined);
  for (const shape of SHAPES) measureShape(shape, report);
  measurePolicy(report, SHAPES[2]!);
  measureNaive(report, { name: '100 x 20', agents: 100, frameworks: 20 });
  measureQuota(report);
  measureSorter(report);
  return Promise.resolve();
}

function measureShape(shape: Shape, report: Report): void {
  const { name, mesosMs } = shape;
  const allocator = new Allocator();
  const row = (what: string, value: number) => report({ name: `${name}: ${what}`, value, unit: 'ms' });
  const filling = timed(() => fill(allocator, shape));
  const { cycles, cpu, declines } = declineRounds(allocator, ROUNDS);
  const value = round(median(cycles));
  const peer = mesosMs === undefined ? {} : { peer: PUBLISHED, peerValue: mesosMs, ratio: round(mesosMs / value) };
  report({ name, value, unit: 'ms', ...peer });
  row('CPU', round(median(cpu)));
  row('add frameworks and agents', filling);
  row('declines of a cycle', round(median(declines)));
  let freed = allocator.allocate(0)[0]!;
  const idle = () => timed(() => allocator.allocate(0));
  row('idle cycle', median(Array.from({ length: 9 }, idle)));
  const freeing = () => timed(() => (freed = freeAndOffer(allocator, freed)));
  row('one agent freed and offered', median(Array.from({ length: 9 }, freeing)));
}

/** With a policy that ranks by shares, as there is without one, and admits everybody. The two run in turns. */
function measurePolicy(report: Report, shape: Shape): void {
  const [plain, ruled] = [new Allocator(), new Allocator()];
  ruled.usePolicy({ rank: ({ dominantShare, weight }) => dominantShare / weight, admits: () => true });
  for (const allocator of [plain, ruled]) fill(allocator, shape);
  const [value, peerValue] = inTurns(ruled, plain, ROUNDS);
  const peer = 'the same without a policy';
  report({ name: `${shape.name}: policy`, value, unit: 'ms', peer, peerValue, ratio: round(peerValue / value) });
}

/** Beside the reference that sorts for each agent, whose cycle is far too slow for larger shapes. The two run in turns. */
function measureNaive(report: Report, shape: Shape): void {
  const [fast, naive] = [new Allocator(), new NaiveAllocator()];
  for (const allocator of [fast, naive]) fill(allocator, shape);
  const [value, peerValue] = inTurns(fast, naive, 3);
  const peer = 'own reference: everything from scratch for each agent, same grants';
  report({ name: shape.name, value, unit: 'ms', peer, peerValue, ratio: round(peerValue / value) });
}

/** Milliseconds of a cycle, of two that have to grant the same. */
function inTurns(one: Either, other: Either, rounds: number): [number, number] {
  const [a, b] = [[] as number[], [] as number[]];
  for (let i = 0; i < rounds; i++) {
    const [ours, theirs] = [declineRounds(one, 1), declineRounds(other, 1)];
    if (textOf(ours.grants) !== textOf(theirs.grants)) throw new Error('the other grants something else');
    a.push(...ours.cycles);
    b.push(...theirs.cycles);
  }
  return [round(median(a)), round(median(b))];
}

const textOf = (grants: readonly Grant[]): string =>
  grants.map((grant) => `${grant.frameworkId} ${grant.role} ${grant.agentId} ${grant.resources}`).join('\n');

/** LargeAndSmallQuota of Mesos: 3,000 roles with quota, a framework each, 3,000 agents. */
function measureQuota(report: Report): void {
  const [cycles, idles] = [[] as number[], [] as number[]];
  for (let i = 0; i < 5; i++) {
    const allocator = quotaCluster(3_000);
    cycles.push(timed(() => allocator.allocate(0)));
    idles.push(timed(() => allocator.allocate(0)));
  }
  const [value, idle] = [round(median(cycles)), round(median(idles))];
  const peer = 'Mesos 1.9-dev, published, other machine';
  report({ name: 'quota 3k', value, unit: 'ms', peer, peerValue: 15_390, ratio: round(15_390 / value) });
  report({ name: 'idle 3k', value: idle, unit: 'ms', peer, peerValue: 13_720, ratio: round(13_720 / idle) });
}

/** Five roles in six are small. */
function quotaCluster(size: number): Allocator {
  const allocator = new Allocator();
  const small = Resources.parse('cpus:1;mem:1024;disk:1024').quantities();
  const large = Resources.parse('cpus:4;mem:4096;disk:4096').quantities();
  for (let i = 0; i < size; i++) {
    const amount = i % 6 === 0 ? large : small;
    allocator.setQuota(`role${i}`, { guarantee: amount, limit: amount });
    allocator.addFramework(`F${i}`, { roles: [`role${i}`] });
    allocator.addAgent(`S${i}`, { total: Resources.parse('cpus:2;mem:2048;disk:2048') });
  }
  return allocator;
}

/** FullSort of Mesos: all shares anew, since the total changed, with allocations on 50,000 agents. */
function measureSorter(report: Report): void {
  const shape: Shape = { name: 'sort 1k clients', agents: 50_000, frameworks: 1_000 };
  const allocator = new Allocator();
  fill(allocator, shape);
  const spec = { total: Resources.parse(`${TOTAL};gpus:1`), active: false };
  const sort = (i: number): number => {
    allocator.addAgent('extra', { ...spec, used: i % 2 ? [] : [{ ...holder(0), resources: USED }] });
    return timed(() => void allocator.roleFigures());
  };
  const value = round(median(Array.from({ length: 9 }, (_, i) => sort(i))));
  report({ name: shape.name, value, unit: 'ms' });
}

type Either = Allocator | NaiveAllocator;

const roleOf = (i: number): string => `team${i % TEAMS}/svc${Math.floor(i / TEAMS) % SERVICES}`;
const holder = (i: number) => ({ frameworkId: `F${i}`, role: roleOf(i) });

function fill(allocator: Either, { agents, frameworks }: Shape): void {
  allocator.setWeights(new Map(Array.from({ length: TEAMS }, (_, i) => [`team${i}`, 1 + (i % 3)])));
  for (let i = 0; i < frameworks; i++)
    allocator.addFramework(`F${i}`, { roles: [roleOf(i)], info: { user: '', name: `F${i}` } });
  const reserved = (i: number): string =>
    i % RESERVED_EVERY === 0 ? `;cpus(${roleOf(i / RESERVED_EVERY)}):2;mem(${roleOf(i / RESERVED_EVERY)}):256` : '';
  for (let i = 0; i < agents; i++) {
    const used = [{ ...holder(i % frameworks), resources: USED }];
    allocator.addAgent(`S${i}`, { total: Resources.parse(TOTAL + reserved(i)), used, info: { hostname: `S${i}` } });
  }
  // Three teams are guaranteed more than they have, three may not have much more.
  const beyondUsed = (cpus: number): Map<string, number> =>
    new Map([['cpus', Math.round((16 / TEAMS + cpus) * agents) * 1000]]);
  for (let i = 0; i < 3; i++) {
    allocator.setQuota(`team${i}`, { guarantee: beyondUsed(0.1), limit: beyondUsed(4) });
    allocator.setQuota(`team${3 + i}`, { limit: beyondUsed(0.4) });
  }
}

interface Rounds {
  /** Milliseconds, one for each round. */
  readonly cycles: number[];
  readonly cpu: number[];
  readonly declines: number[];
  /** Of the last. */
  grants: Grant[];
}

function declineRounds(allocator: Either, rounds: number): Rounds {
  const out: Rounds = { cycles: [], cpu: [], declines: [], grants: [] };
  const refusal = { atMs: 0, refuseSeconds: FOR_EVER };
  for (let i = 0; i < rounds; i++) {
    const cpu = process.cpuUsage();
    out.cycles.push(timed(() => (out.grants = allocator.allocate(0))));
    const { user, system } = process.cpuUsage(cpu);
    out.cpu.push((user + system) / 1000);
    const decline = (grant: Grant) =>
      allocator.recoverResources(grant.frameworkId, grant.agentId, grant.resources, refusal);
    out.declines.push(timed(() => out.grants.forEach(decline)));
  }
  return out;
}

function freeAndOffer(allocator: Allocator, { frameworkId, agentId, resources }: Grant): Grant {
  allocator.recoverResources(frameworkId, agentId, resources);
  return allocator.allocate(0)[0]!;
}

function timed(work: () => void): number {
  const start = performance.now();
  work();
  return Math.max(0.001, round(performance.now() - start));
}
