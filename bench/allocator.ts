import { Allocator, type Grant } from '../kernel/core/allocator/index.js';
import { Resources } from '../kernel/core/resources/index.js';
import { NaiveAllocator } from './naive-allocator.js';
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
  for (const shape of SHAPES) measureShape(shape, report);
  measureNaive(report);
  measureQuota(report);
  return Promise.resolve();
}

function measureShape({ agents, frameworks, mesosMs }: Shape, report: Report): void {
  const label = `allocator ${agents} x ${frameworks}`;
  const allocator = new Allocator();
  report({ name: `${label}: add frameworks`, value: timed(() => addFrameworks(allocator, frameworks)), unit: 'ms' });
  report({ name: `${label}: add agents`, value: timed(() => addAgents(allocator, agents, frameworks)), unit: 'ms' });
  const { cycles, declines } = declineRounds(allocator, ROUNDS);
  const value = round(median(cycles));
  const ratio = round(mesosMs / value);
  const peer = 'Mesos 1.8, published, other machine';
  report({ name: `${label}: cycle`, value, unit: 'ms', peer, peerValue: mesosMs, ratio });
  report({ name: `${label}: declines of a cycle`, value: round(median(declines)), unit: 'ms' });
  report({ name: `${label}: idle cycle`, value: timed(() => allocator.allocate(0)), unit: 'ms' });
  report({ name: `${label}: one agent freed and offered`, value: freedToOffered(allocator), unit: 'ms' });
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

/** LargeAndSmallQuota of Mesos: 3,000 roles with guarantees, a framework each, 3,000 agents. */
function measureQuota(report: Report): void {
  const allocator = new Allocator();
  const [small, large] = ['cpus:1;mem:1024;disk:1024', 'cpus:4;mem:4096;disk:4096'].map((text) =>
    Resources.parse(text).quantities(),
  );
  for (let i = 0; i < 3_000; i++) {
    const role = `role${i}`;
    const amount = i < 2_500 ? small! : large!;
    allocator.setQuota(role, { guarantee: amount, limit: amount });
    allocator.addFramework(`F${i}`, { roles: [role] });
    allocator.addAgent(`S${i}`, { total: Resources.parse('cpus:2;mem:2048;disk:2048') });
  }
  const peer = 'Mesos 1.9-dev, published, other machine';
  const value = timed(() => allocator.allocate(0));
  const name = 'allocator 3000 agents, roles with quota, frameworks';
  report({ name: `${name}: cycle`, value, unit: 'ms', peer, peerValue: 15_390, ratio: round(15_390 / value) });
  const idle = timed(() => allocator.allocate(0));
  report({
    name: `${name}: empty cycle`,
    value: idle,
    unit: 'ms',
    peer,
    peerValue: 13_720,
    ratio: round(13_720 / idle),
  });
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

function declineRounds(allocator: Either, rounds: number): { cycles: number[]; declines: number[] } {
  const [cycles, declines] = [[] as number[], [] as number[]];
  for (let i = 0; i < rounds; i++) {
    let grants: Grant[] = [];
    cycles.push(timed(() => (grants = allocator.allocate(0))));
    const refusal = { atMs: 0, refuseSeconds: FOR_EVER };
    declines.push(
      timed(() => {
        for (const { frameworkId, agentId, resources } of grants) {
          allocator.recoverResources(frameworkId, agentId, resources, refusal);
        }
      }),
    );
  }
  return { cycles, declines };
}

function freedToOffered(allocator: Allocator): number {
  const grants = allocator.allocate(0);
  const [some] = grants.length > 0 ? grants : [{ frameworkId: 'F0', agentId: 'S0', resources: USED }];
  return timed(() => {
    allocator.recoverResources(some!.frameworkId, some!.agentId, some!.resources);
    allocator.allocate(0);
  });
}

function timed(work: () => void): number {
  const start = performance.now();
  work();
  return Math.max(0.001, round(performance.now() - start));
}
