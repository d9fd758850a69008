import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { EmulatedAgent, each } from './load/agents.js';
import { Channel } from './load/channel.js';
import { LoadFramework } from './load/framework.js';
import { ask } from './load/http.js';
import { LoadedMaster } from './load/master.js';
import { taskOf } from './load/bodies.js';
import { median, round, type Report } from './row.js';

/** A master under load over real sockets, with agents and frameworks that are emulated here: they share the cores with it. */
const LAUNCH_AGENTS = 1_000;
const LAUNCHES = { 10: 20_000, 1: 5_000 } as const;
const AGENTS = 10_000;
const FRAMEWORKS = 100;
const TASKS_PER_AGENT = 10;
const COMPLETED = 100_000;
const POLLERS = 20;
const WIDTH = 100;
const CHANNELS = 16;

export async function run(report: Report): Promise<void> {
  await launches(report);
  await size(report);
}

async function launches(report: Report): Promise<void> {
  const master = new LoadedMaster();
  await master.start();
  const agents = await join(master, LAUNCH_AGENTS);
  for (const count of [1, FRAMEWORKS]) {
    const frameworks = Array.from({ length: count }, (_, i) => new LoadFramework(master.url, `f${count}-${i}`));
    await Promise.all(frameworks.map((framework) => framework.subscribe()));
    for (const perAccept of [10, 1] as const) {
      const tasks = LAUNCHES[perAccept];
      const cpuMs = master.cpuMs;
      const ms = await elapsed(() => Promise.all(frameworks.map((one) => one.run(tasks / count, perAccept))));
      const label = `launch from ${count}, ${perAccept} per ACCEPT`;
      report({ name: label, value: round((1000 * tasks) / ms), unit: 'tasks/s' });
      report({ name: `${label}: CPU of the master`, value: round((master.cpuMs - cpuMs) / tasks), unit: 'ms/task' });
    }
    if (count === 1)
      report({ name: 'reconcile 100k', value: round(await frameworks[0]!.reconcile(100_000)), unit: 'ms' });
    await Promise.all(frameworks.map((framework) => framework.teardown()));
  }
  for (const agent of agents) agent.close();
  await master.remove();
}

async function join(master: LoadedMaster, count: number): Promise<EmulatedAgent[]> {
  const headers = EmulatedAgent.headers(await master.token());
  const channels = Array.from({ length: CHANNELS }, () => new Channel(master.url));
  const channel = (i: number): Channel => channels[i % CHANNELS]!;
  const agents = Array.from({ length: count }, (_, i) => new EmulatedAgent(master.url, headers, i, channel(i)));
  await each(agents, WIDTH, (agent) => agent.register(agent.body()));
  return agents;
}

/** 10,000 agents with 100,000 tasks, and as many that ended. */
async function size(report: Report): Promise<void> {
  const master = new LoadedMaster([`--max_completed_tasks_per_framework=${COMPLETED}`]);
  const kib = (name: string, before: number, count: number): void =>
    report({ name: `memory of ${name}`, value: round((master.residentKib - before) / count), unit: 'KiB' });
  await master.start();
  const empty = master.residentKib;
  const agents = await join(master, AGENTS);
  kib('an agent', empty, AGENTS);
  const before = master.residentKib;
  const frameworks = Array.from({ length: FRAMEWORKS }, (_, i) => new LoadFramework(master.url, `f${i}`));
  await Promise.all(frameworks.map((framework) => framework.subscribe()));
  kib('a framework', before, FRAMEWORKS);
  await reregister(master, agents, frameworks, report);
  await complete(master, frameworks);
  await views(master, report);
  for (const agent of agents) agent.close();
  await master.remove();
}

/** The next master on the same registry: all agents come back with their tasks. */
async function reregister(
  master: LoadedMaster,
  agents: readonly EmulatedAgent[],
  frameworks: readonly LoadFramework[],
  report: Report,
): Promise<void> {
  const bodies = agents.map((agent, i) => {
    const framework = frameworks[i % FRAMEWORKS]!;
    const tasks = Array.from({ length: TASKS_PER_AGENT }, (_, j) =>
      taskOf(framework.id!.value, `${i}-${j}`, 'TASK_RUNNING'),
    );
    return { agent, tasks, body: agent.body({ tasks, frameworks: [infoOf(framework)] }) };
  });
  await master.stop();
  await master.start();
  await Promise.all(frameworks.map((framework) => framework.subscribe()));
  const before = { cpuMs: master.cpuMs, kib: master.residentKib };
  const channel = new Channel(master.url);
  const ms = await elapsed(() => each(bodies, WIDTH, ({ agent, body }) => agent.register(body, channel)));
  report({ name: 're-register 10k agents, 100k tasks', value: round(ms), unit: 'ms' });
  report({ name: 're-register: CPU of the master', value: round(master.cpuMs - before.cpuMs), unit: 'ms' });
  const tasks = AGENTS * TASKS_PER_AGENT;
  report({
    name: 'memory of a task, with its share of an agent',
    value: round((master.residentKib - before.kib) / tasks),
    unit: 'KiB',
  });
  for (const agent of agents) agent.close();
  const returns = bodies.map((one) => ({ agent: one.agent, body: one.agent.returnBody(one.tasks) }));
  const { cpuMs } = master;
  const againMs = await elapsed(() => each(returns, WIDTH, ({ agent, body }) => agent.register(body, channel)));
  report({ name: 're-register 10k agents by digest', value: round(againMs), unit: 'ms' });
  report({ name: 're-register by digest: CPU of the master', value: round(master.cpuMs - cpuMs), unit: 'ms' });
}

/** Agents that come with ended tasks and leave for good. */
async function complete(master: LoadedMaster, frameworks: readonly LoadFramework[]): Promise<void> {
  const headers = EmulatedAgent.headers(await master.token());
  const channel = new Channel(master.url);
  const agentOf = (i: number): EmulatedAgent => new EmulatedAgent(master.url, headers, 65_536 + i, channel);
  const each1000 = Array.from({ length: COMPLETED / 1000 }, (_, i) => agentOf(i));
  await each(each1000, 4, async (agent) => {
    const framework = frameworks[each1000.indexOf(agent) % FRAMEWORKS]!;
    const id = (i: number): string => `ended-${each1000.indexOf(agent)}-${i}`;
    const tasks = Array.from({ length: 1000 }, (_, i) => taskOf(framework.id!.value, id(i), 'TASK_FINISHED'));
    await agent.register(agent.body({ tasks, frameworks: [infoOf(framework)] }));
    await agent.leave();
  });
}

const infoOf = ({ info, id }: LoadFramework) => ({
  user: info.user,
  name: info.name,
  roles: info.roles,
  failoverTimeout: info.failover_timeout,
  capabilities: [{ type: 'MULTI_ROLE' as const }, { type: 'PARTITION_AWARE' as const }],
  id: id!,
});

const VIEWS: Readonly<Record<string, (url: string) => Promise<{ status: number; bytes: number }>>> = {
  '/state': (url) => ask(`${url}/state`, 'GET'),
  'GET_STATE, JSON': (url) => getState(url, 'application/json'),
  'GET_STATE, protobuf': (url) => getState(url, 'application/x-protobuf'),
};

const getState = (url: string, accept: string) =>
  ask(`${url}/api/v1`, 'POST', { 'Content-Type': 'application/json', Accept: accept }, '{"type":"GET_STATE"}');

async function views({ url }: LoadedMaster, report: Report): Promise<void> {
  for (const [name, view] of Object.entries(VIEWS)) {
    let bytes = 0;
    const times: number[] = [];
    const health = await healthMeanwhile(url, async () => {
      for (let i = 0; i < 3; i++) times.push(await elapsed(async () => void ({ bytes } = await view(url))));
    });
    report({ name, value: round(median(times)), unit: 'ms' });
    report({ name: `${name}: size`, value: round(bytes / 2 ** 20), unit: 'MiB' });
    report({ name: `${name}: /health meanwhile, worst`, value: round(health.worst), unit: 'ms' });
  }
  const times: number[] = [];
  const health = await healthMeanwhile(url, async () => {
    const poller = async (): Promise<void> => void times.push(await elapsed(() => VIEWS['/state']!(url)));
    await Promise.all(Array.from({ length: POLLERS }, poller));
  });
  report({ name: `/state by ${POLLERS} pollers`, value: round(median(times)), unit: 'ms' });
  report({ name: `/state by ${POLLERS} pollers: /health, p50`, value: round(health.p50), unit: 'ms' });
  report({ name: `/state by ${POLLERS} pollers: /health, worst`, value: round(health.worst), unit: 'ms' });
}

/** Latency of `/health` during `work`, less what this process is late itself. */
async function healthMeanwhile(url: string, work: () => Promise<void>): Promise<{ p50: number; worst: number }> {
  const own = monitorEventLoopDelay({ resolution: 1 });
  const times: number[] = [];
  let isOver = false;
  const probe = (async () => {
    while (!isOver) {
      own.reset();
      own.enable();
      const ms = await elapsed(() => ask(`${url}/health`, 'GET'));
      own.disable();
      times.push(Math.max(0, ms - (own.max > 0 && Number.isFinite(own.max) ? own.max / 1e6 - 1 : 0)));
      await sleep(2);
    }
  })();
  await work();
  isOver = true;
  await probe;
  return { p50: median(times), worst: Math.max(...times) };
}

async function elapsed(work: () => Promise<unknown>): Promise<number> {
  const beganMs = performance.now();
  await work();
  return performance.now() - beganMs;
}
