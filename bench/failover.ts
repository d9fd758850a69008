import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { MemoryLog } from '@mezzo/sdk/store';
import type { AgentSubscribe } from '../kernel/core/protocol.js';
import { fromWireJson, toWireJson } from '../kernel/shell/wire-json.js';
import { subscribeOf, taskOf } from './load/bodies.js';
import { Crowd } from './load/crowd.js';
import { round, type Report } from './row.js';

/**
 * The next master on a registry takes all agents in again, with their tasks. No sockets here: machine, registry and JSON as in
 * the daemon, in one process. Runs of more agents than a process can have connections; `load` has 10,000 over real ones.
 */
const FRAMEWORKS = 100;
const TASKS_PER_AGENT = 10;
const PUBLISHED = 'Mesos 1.5, published, in-process as well, other machine';
const SHAPES = [
  { agents: 10_000, mesosMs: 4_500 },
  { agents: 40_000, mesosMs: 19_000 },
];
const CROWD = 50_000;

export async function run(report: Report): Promise<void> {
  await metricsOfFrameworks(report);
  await crowd(report);
  for (const shape of SHAPES) await failover(shape, report);
}

async function failover({ agents, mesosMs }: (typeof SHAPES)[number], report: Report): Promise<void> {
  const name = `${agents / 1000}k agents, ${(agents * TASKS_PER_AGENT) / 1000}k tasks`;
  const log: MemoryLog = [];
  const first = await Crowd.start(log);
  const frameworks = Array.from({ length: FRAMEWORKS }, (_, i) => first.subscribe(`f${i}`));
  const ids = await first.fill(agents);
  await first.stop();
  const bodies = ids.map((id, i) => {
    const framework = frameworks[i % FRAMEWORKS]!;
    const tasks = Array.from({ length: TASKS_PER_AGENT }, (_, j) =>
      taskOf(framework.id!.value, `${i}-${j}`, 'TASK_RUNNING'),
    );
    return Buffer.from(toWireJson(subscribeOf(i, id, { tasks, frameworks: [framework] })));
  });
  const floor = await measured(() => parseAndIndex(bodies));
  const second = await Crowd.start(log);
  for (const info of frameworks) second.subscribe(info.name, info);
  const before = memoryMib();
  const { ms, cpuMs } = await measured(() => Promise.all(bodies.map((body) => second.register(parse(body)))));
  if (second.tasks !== agents * TASKS_PER_AGENT) throw new Error(`the master has ${second.tasks} tasks`);
  const peer = { peer: PUBLISHED, peerValue: mesosMs, ratio: round(mesosMs / ms) };
  report({ name: `failover of ${name}`, value: round(ms), unit: 'ms', ...peer });
  const bare = { peer: 'JSON.parse of the same and a Map', peerValue: round(floor.cpuMs) };
  report({
    name: `failover of ${name}: CPU`,
    value: round(cpuMs),
    unit: 'ms',
    ...bare,
    ratio: round(floor.cpuMs / cpuMs),
  });
  report({ name: `failover of ${name}: memory`, value: round(memoryMib() - before), unit: 'MiB' });
  await metrics(`metrics of ${name}`, second, report);
  await second.stop();
}

/** MasterMetricsQuery. */
async function metricsOfFrameworks(report: Report): Promise<void> {
  const master = await Crowd.start([]);
  for (let i = 0; i < 10_000; i++) master.subscribe(`f${i}`);
  await metrics('metrics of 10k frameworks', master, report);
  await master.stop();
}

async function metrics(name: string, master: Crowd, report: Report): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const { ms, cpuMs } = await measured(async () => {
    delay.enable();
    await master.metrics();
    delay.disable();
  });
  report({ name, value: round(ms), unit: 'ms' });
  report({ name: `${name}: CPU`, value: round(cpuMs), unit: 'ms' });
  report({ name: `${name}: longest hold`, value: round(delay.max / 1e6), unit: 'ms' });
}

/** Without connections, which `load` measures. */
async function crowd(report: Report): Promise<void> {
  const before = memoryMib();
  const master = await Crowd.start([]);
  const { cpuMs } = await measured(() => master.fill(CROWD));
  const name = `${CROWD / 1000}k agents, connections apart`;
  report({ name: `${name}: memory`, value: round(memoryMib() - before), unit: 'MiB' });
  report({ name: `${name}: CPU to register`, value: round(cpuMs), unit: 'ms' });
  await master.stop();
}

const parse = (body: Buffer): AgentSubscribe => fromWireJson(body.toString()) as AgentSubscribe;

/** The least that a master could do. */
function parseAndIndex(bodies: readonly Buffer[]): void {
  const tasks = new Map<string, unknown>();
  for (const body of bodies) for (const task of parse(body).tasks) tasks.set(task.info.taskId.value, task);
  if (tasks.size === 0) throw new Error('no tasks');
}

async function measured(work: () => unknown): Promise<{ readonly ms: number; readonly cpuMs: number }> {
  globalThis.gc?.();
  const [beganMs, began] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(began);
  return { ms: performance.now() - beganMs, cpuMs: (user + system) / 1000 };
}

function memoryMib(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 2 ** 20;
}
