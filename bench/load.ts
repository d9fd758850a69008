import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { EmulatedAgent, each } from './load/agents.js';
import { Channel } from './load/channel.js';
import { LoadFramework } from './load/framework.js';
import { ask, firstRecord } from './load/http.js';
import { LoadedMaster } from './load/master.js';
import { taskOf } from './load/bodies.js';
import { partsOf, withDeadline } from './load/parts.js';
import { median, percentile, round, type Report } from './row.js';

/**
 * A master under load over real sockets, with agents and frameworks that are emulated here: they share the cores with it.
 * `npm run bench -- load [PART...] [--timeout=SECONDS]`: all parts by default, each at most 600 s.
 */
const PARTS = ['launches', 'reconcile', 'reregister', 'views', 'pollers'] as const;
type Part = (typeof PARTS)[number];

const LAUNCH_AGENTS = 1_000;
const LAUNCHES = { 10: 20_000, 1: 5_000 } as const;
const AGENTS = 10_000;
const FRAMEWORKS = 100;
const TASKS_PER_AGENT = 10;
const COMPLETED = 100_000;
const POLLERS = 20;
const POLLS = 10;
const WIDTH = 100;
const CHANNELS = 16;

export async function run(report: Report): Promise<void> {
  const { parts, timeoutMs } = partsOf(PARTS, process.argv.slice(2));
  const wanted = (...names: readonly Part[]): boolean => names.some((name) => parts.has(name));
  if (wanted('launches', 'reconcile'))
    await withDeadline('launches and reconcile', timeoutMs, () => small(parts, report));
  if (wanted('reregister', 'views', 'pollers'))
    await withDeadline('reregister, views and pollers', timeoutMs, () => size(parts, report));
}

/** 1,000 agents, and frameworks that launch on them. */
async function small(parts: ReadonlySet<Part>, report: Report): Promise<void> {
  const master = new LoadedMaster();
  await master.start();
  const agents = await join(master, LAUNCH_AGENTS);
  if (parts.has('launches')) for (const count of [1, FRAMEWORKS]) await launches(master, count, report);
  if (parts.has('reconcile')) {
    const [framework] = await subscribe(master, 1);
    report({ name: 'reconcile 100k', value: round(await framework!.reconcile(100_000)), unit: 'ms' });
    await framework!.teardown();
  }
  for (const agent of agents) agent.close();
  await master.remove();
}

async function launches(master: LoadedMaster, count: number, report: Report): Promise<void> {
  const frameworks = await subscribe(master, count);
  for (const perAccept of [10, 1] as const) {
    const tasks = LAUNCHES[perAccept];
    const cpuMs = master.cpuMs;
    const latencies: number[] = [];
    const run = async (one: LoadFramework): Promise<void> => {
      for (const ms of await one.run(tasks / count, perAccept)) latencies.push(ms);
    };
    const ms = await elapsed(() => Promise.all(frameworks.map(run)));
    const label = `launch from ${count}, ${perAccept} per ACCEPT`;
    report({ name: label, value: round((1000 * tasks) / ms), unit: 'tasks/s' });
    report({ name: `${label}: CPU of the master`, value: round((master.cpuMs - cpuMs) / tasks), unit: 'ms/task' });
    spread(`${label}: ACCEPT to TASK_RUNNING`, latencies, report);
  }
  await Promise.all(frameworks.map((framework) => framework.teardown()));
}

async function subscribe(master: LoadedMaster, count: number): Promise<LoadFramework[]> {
  const frameworks = Array.from({ length: count }, (_, i) => new LoadFramework(master.url, `f${count}-${i}`));
  await Promise.all(frameworks.map((framework) => framework.subscribe()));
  return frameworks;
}

function spread(name: string, times: readonly number[], report: Report): void {
  report({ name: `${name}, p50`, value: round(median(times)), unit: 'ms' });
  report({ name: `${name}, p99`, value: round(percentile(times, 99)), unit: 'ms' });
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
async function size(parts: ReadonlySet<Part>, report: Report): Promise<void> {
  const master = new LoadedMaster([`--max_completed_tasks_per_framework=${COMPLETED}`]);
  const kib = (name: string, before: number, count: number): void =>
    report({ name: `memory of ${name}`, value: round((master.residentKib - before) / count), unit: 'KiB' });
  await master.start();
  const empty = master.residentKib;
  const agents = await join(master, AGENTS);
  kib('an agent', empty, AGENTS);
  const before = master.residentKib;
  const frameworks = await subscribe(master, FRAMEWORKS);
  kib('a framework', before, FRAMEWORKS);
  await reregister(master, agents, frameworks, report);
  if (parts.has('views') || parts.has('pollers')) await complete(master, frameworks);
  if (parts.has('views')) await views(master, report);
  if (parts.has('pollers')) await pollers(master, report);
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
  for (const agent of agents) agent.close();
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
  const next = new Channel(master.url);
  const againMs = await elapsed(() => each(returns, WIDTH, ({ agent, body }) => agent.register(body, next)));
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
  'SUBSCRIBED, JSON': (url) => firstRecord(`${url}/api/v1`, calling('application/json'), '{"type":"SUBSCRIBE"}'),
};

const calling = (accept: string) => ({ 'Content-Type': 'application/json', Accept: accept });

const getState = (url: string, accept: string) => ask(`${url}/api/v1`, 'POST', calling(accept), '{"type":"GET_STATE"}');

/** Each view once, when nothing of it is kept, and then again and again. */
async function views(master: LoadedMaster, report: Report): Promise<void> {
  for (const [name, view] of Object.entries(VIEWS)) {
    let bytes = 0;
    const poll = async (): Promise<void> => void ({ bytes } = await view(master.url));
    await watched(`${name}, first`, master, 1, poll, report);
    report({ name: `${name}: size`, value: round(bytes / 2 ** 20), unit: 'MiB' });
    await watched(name, master, POLLS, poll, report);
  }
}

async function pollers(master: LoadedMaster, report: Report): Promise<void> {
  const poll = (): Promise<unknown> => VIEWS['/state']!(master.url);
  await poll();
  const times: number[] = [];
  const all = () => Promise.all(Array.from({ length: POLLERS }, async () => void times.push(await elapsed(poll))));
  await watched(`/state by ${POLLERS} pollers`, master, 1, all, report);
  spread(`/state by ${POLLERS} pollers, each`, times, report);
}

/** `work` so many times: how long, at what cost, and how long `/health` took meanwhile. */
async function watched(
  name: string,
  master: LoadedMaster,
  count: number,
  work: () => Promise<unknown>,
  report: Report,
): Promise<void> {
  const times: number[] = [];
  const { cpuMs } = master;
  const health = await healthMeanwhile(master.url, async () => {
    for (let i = 0; i < count; i++) times.push(await elapsed(work));
  });
  if (count > 1) spread(name, times, report);
  else report({ name, value: round(times[0]!), unit: 'ms' });
  report({ name: `${name}: CPU of the master`, value: round((master.cpuMs - cpuMs) / count), unit: 'ms' });
  spread(`${name}: /health meanwhile`, health, report);
  report({ name: `${name}: /health meanwhile, worst`, value: round(Math.max(...health)), unit: 'ms' });
}

/** Latencies of `/health` during `work`, less what this process is late itself. */
async function healthMeanwhile(url: string, work: () => Promise<void>): Promise<number[]> {
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
  return times;
}

async function elapsed(work: () => Promise<unknown>): Promise<number> {
  const beganMs = performance.now();
  await work();
  return performance.now() - beganMs;
}
