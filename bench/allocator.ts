import { Allocator, type Grant } from '../kernel/core/allocator/index.js';
import { Resources } from '../kernel/core/resources/index.js';
import { NaiveAllocator } from './reference/naive-allocator.js';
import { median, round, type Report } from './row.js';

/** The DeclineOffers benchmark of Mesos: agents partly used, frameworks of one role that decline all they get for ever. */
const TOTAL = Resources.parse('cpus:24;mem:4096;disk:4096;ports:[31000-32000]');
const PORTS = Array.from({ length: 16 }, (_, i) => `${31000 + 60 * i}-${31000 + 60 * i + 29}`);
const USED = Resources.parse(`cpus:16;mem:2014;disk:1024;ports:[${PORTS.join(',')}]`).allocate('*');
const FOR_EVER = 2 ** 31 - 1;
const ROUNDS = 9;

interface Shape {
  readonly agents: number;
  readonly frameworks: number;
  /** Milliseconds a cycle of Mesos 1.8 took, as published. */
  readonly mesosMs: number;
}

const SHAPES: readonly Shape[] = [
  { agents: 1_000, frameworks: 100, mesosMs: 100 },
  { agents: 10_000, frameworks: 1_000, mesosMs: 1_060 },
  { agents: 20_000, frameworks: 2_000, mesosMs: 3_800 },
];

export function run(report: Report): Promise<void> {
  // The first shape compiles the code; without it the small one would measure that.
  for (let i = 0; i < 3; i++) measureShape(SHAPES[0]!, () => undefined);
  for (const shape of SHAPES) measureShape(shape, report);
  measureNaive(report);
  measureQuota(report);
  return Promise.resolve();
}

function measureShape({ agents, frameworks, mesosMs }: Shape, report: Report): void {
  const label = `allocator ${agents} x ${frameworks}`;
  const allocator = new Allocator();
  const row = (name: string, value: number) => report({ name: `${label}: ${name}`, value, unit: 'ms' });
  row(
    'add frameworks',
    timed(() => addFrameworks(allocator, frameworks)),
  );
  row(
    'add agents',
    timed(() => addAgents(allocator, agents, frameworks)),
  );
  const { cycles, cpu, declines } = declineRounds(allocator, ROUNDS);
  const value = round(median(cycles));
  const peer = 'Mesos 1.8, published, other machine';
  report({ name: `${label}: cycle`, value, unit: 'ms', peer, peerValue: mesosMs, ratio: round(mesosMs / value) });
  row('cycle, CPU', round(median(cpu)));
  row('declines of a cycle', round(median(declines)));
  const [freed] = allocator.allocate(0);
  row(
    'idle cycle',
    timed(() => allocator.allocate(0)),
  );
  row(
    'one agent freed and offered',
    timed(() => freeAndOffer(allocator, freed!)),
  );
}

/** Beside the reference that sorts for each agent; the two run in turns. Its cycle is far too slow for larger shapes. */
function measureNaive(report: Report): void {
  const [fast, naive] = [new Allocator(), new NaiveAllocator()];
  for (const allocator of [fast, naive]) {
    addFrameworks(allocator, 20);
    addAgents(allocator, 100, 20);
  }
  const [a, b] = [[] as number[], [] as number[]];
  for (let i = 0; i < 5; i++) {
    a.push(...declineRounds(fast, 1).cycles);
    b.push(...declineRounds(naive, 1).cycles);
  }
  const [value, peerValue] = [round(median(a)), round(median(b))];
  const peer = 'own reference: everything from scratch for each agent, same grants';
  report({ name: 'allocator 100 x 20: cycle', value, unit: 'ms', peer, peerValue, ratio: round(peerValue / value) });
}

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
  const name = 'allocator 3000 agents, roles with quota, frameworks';
  report({ name: `${name}: cycle`, value, unit: 'ms', peer, peerValue: 15_390, ratio: round(15_390 / value) });
  report({
    name: `${name}: empty cycle`,
    value: idle,
    unit: 'ms',
    peer,
    peerValue: 13_720,
    ratio: round(13_720 / idle),
  });
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

type Either = Allocator | NaiveAllocator;

function addFrameworks(allocator: Either, count: number): void {
  for (let i = 0; i < count; i++) allocator.addFramework(`F${i}`, { roles: ['*'] });
}

function addAgents(allocator: Either, count: number, frameworks: number): void {
  for (let i = 0; i < count; i++) {
    const used = [{ frameworkId: `F${i % frameworks}`, role: '*', resources: USED }];
    allocator.addAgent(`S${i}`, { total: TOTAL, used });
  }
}

interface Rounds {
  /** Milliseconds, one for each round. */
  readonly cycles: number[];
  readonly cpu: number[];
  readonly declines: number[];
}

function declineRounds(allocator: Either, rounds: number): Rounds {
  const out: Rounds = { cycles: [], cpu: [], declines: [] };
  const refusal = { atMs: 0, refuseSeconds: FOR_EVER };
  for (let i = 0; i < rounds; i++) {
    let grants: Grant[] = [];
    const cpu = process.cpuUsage();
    out.cycles.push(timed(() => (grants = allocator.allocate(0))));
    const { user, system } = process.cpuUsage(cpu);
    out.cpu.push((user + system) / 1000);
    const decline = (grant: Grant) =>
      allocator.recoverResources(grant.frameworkId, grant.agentId, grant.resources, refusal);
    out.declines.push(timed(() => grants.forEach(decline)));
  }
  return out;
}

function freeAndOffer(allocator: Allocator, { frameworkId, agentId, resources }: Grant): void {
  allocator.recoverResources(frameworkId, agentId, resources);
  allocator.allocate(0);
}

function timed(work: () => void): number {
  const start = performance.now();
  work();
  return Math.max(0.001, round(performance.now() - start));
}
