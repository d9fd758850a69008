import type { Offer, Resource, TaskInfo } from '@mezzo/sdk/api';
import { connectScheduler, type SchedulerClient } from '@mezzo/sdk/framework';
import { until } from '../tests/support/poll.js';
import { answers, Daemons } from './load/daemons.js';
import { partsOf, withDeadline } from './load/parts.js';
import { median, percentile, round, type Report } from './row.js';

/**
 * What is waited for when a leader dies by kill -9, with three masters, an agent, a framework and Marathon as processes on a real ZooKeeper;
 * and when an agent with 500 tasks does. `npm run bench -- election [masters] [agent] [--runs=N] [--session=SECONDS] [--timeout=SECONDS]`.
 */
const TASKS = 500;
const POLL_MS = 10;
const WAIT_MS = 60_000;
const RUNS = 30;
const SESSION_SECONDS = 4;

export async function run(report: Report): Promise<void> {
  const args = process.argv.slice(2);
  const own = /^--(runs|session)=(\d{1,4})$/;
  const given = new Map(args.flatMap((arg) => (own.test(arg) ? [own.exec(arg)!.slice(1, 3) as [string, string]] : [])));
  const { parts, timeoutMs } = partsOf(
    ['masters', 'agent'],
    args.filter((arg) => !own.test(arg)),
  );
  const session = Number(given.get('session') ?? SESSION_SECONDS);
  const runs = Number(given.get('runs') ?? RUNS);
  const daemons = await Daemons.start(session);
  try {
    const probe = new Probe(daemons.urls);
    await until('an offer', () => probe.offer, WAIT_MS);
    if (parts.has('masters'))
      await withDeadline('masters', timeoutMs, () => masters(daemons, probe, session, runs, report));
    if (parts.has('agent')) await withDeadline('agent', timeoutMs, () => agent(daemons, probe, report));
    await probe.client.close();
  } finally {
    await daemons.remove();
  }
}

/** A framework that keeps the latest offer, and counts what runs. */
class Probe {
  readonly client: SchedulerClient;
  offer: Offer | undefined;
  readonly running = new Set<string>();

  constructor(urls: readonly string[]) {
    const capabilities = [{ type: 'MULTI_ROLE' }, { type: 'PARTITION_AWARE' }] as const;
    const framework = {
      user: 'root',
      name: 'bench',
      roles: ['*'],
      checkpoint: true,
      failoverTimeout: 600,
      capabilities,
    };
    this.client = connectScheduler({ urls, framework: { ...framework, capabilities: [...capabilities] } });
    void this.listen();
  }

  private async listen(): Promise<void> {
    for await (const event of this.client) {
      if (event.type === 'SUBSCRIBED') this.offer = undefined;
      this.offer = event.offers?.offers?.at(-1) ?? this.offer;
      if (event.update === undefined) continue;
      const { status } = event.update;
      if (status.state === 'TASK_RUNNING') this.running.add(status.taskId.value);
      else if (status.state !== 'TASK_STARTING')
        throw new Error(`${status.taskId.value} is ${status.state}: ${status.message}`);
      void this.client.acknowledge(status).catch(() => undefined);
    }
  }
}

async function masters(daemons: Daemons, probe: Probe, session: number, runs: number, report: Report): Promise<void> {
  let leader = await until('a leader', () => daemons.leader(), WAIT_MS);
  let change = 0;
  const put = async (at: number): Promise<boolean> => {
    const body = JSON.stringify({ cmd: 'sleep 1000', instances: 0, labels: { change: String(change++) } });
    const headers = { 'Content-Type': 'application/json' };
    const url = `${daemons.marathon(at)}/v2/apps//bench?force=true`;
    return (await answers(url, { method: 'PUT', headers, body })) !== undefined;
  };
  await until('Marathon to take a change', () => put(leader), WAIT_MS);
  const times = { elected: [] as number[], agent: [] as number[], offer: [] as number[], change: [] as number[] };
  for (let i = 0; i < runs; i++) {
    probe.offer = undefined;
    const killed = leader;
    daemons.killMaster(killed);
    const beganMs = performance.now();
    const timed = async (into: number[], what: string, probed: () => Promise<unknown> | unknown): Promise<void> => {
      await until(what, async () => Boolean(await probed()), WAIT_MS, POLL_MS);
      into.push(performance.now() - beganMs);
    };
    const offered = timed(times.offer, 'an offer', () => probe.offer);
    let next: number | undefined;
    await timed(times.elected, 'a leader', async () => (next = await daemons.leader(killed)) !== undefined);
    leader = next!;
    await Promise.all([
      offered,
      timed(times.agent, 'the agent', () => daemons.isRegistered(leader)),
      timed(times.change, 'Marathon to take a change', () => put(leader)),
    ]);
    await daemons.restartMaster(killed);
  }
  const rows = {
    elected: 'another leads',
    agent: 'the agent is registered',
    offer: 'an offer',
    change: 'Marathon takes a change',
  };
  for (const [key, name] of Object.entries(rows)) {
    const all = times[key as keyof typeof times];
    const peer = { peer: 'session timeout', peerValue: session * 1000 };
    const label = `leader killed, session of ${session} s: ${name}`;
    report({ name: `${label}, p50 of ${runs}`, value: round(median(all)), unit: 'ms', ...peer });
    report({ name: `${label}, p99`, value: round(percentile(all, 99)), unit: 'ms', ...peer });
  }
}

const scalar = (name: string, value: number): Resource => ({
  name,
  type: 'SCALAR',
  scalar: { value },
  allocationInfo: { role: '*' },
});

async function agent(daemons: Daemons, probe: Probe, report: Report): Promise<void> {
  const leader = await until('a leader', () => daemons.leader(), WAIT_MS);
  const offer = await until('an offer', () => probe.offer, WAIT_MS);
  const taskInfos = Array.from({ length: TASKS }, (_, i): TaskInfo => ({
    ...{ name: `t${i}`, taskId: { value: `t${i}` }, agentId: offer.agentId },
    ...{ resources: [scalar('cpus', 0.01), scalar('mem', 4)], command: { value: 'exec sleep 1000' } },
  }));
  const launching = performance.now();
  await probe.client.call('ACCEPT', { offerIds: [offer.id], operations: [{ type: 'LAUNCH', launch: { taskInfos } }] });
  await until('all to run', () => probe.running.size === TASKS, WAIT_MS);
  report({ name: `launch of ${TASKS} tasks`, value: round(performance.now() - launching), unit: 'ms' });
  const [back, all]: [number[], number[]] = [[], []];
  for (let i = 0; i < 3; i++) {
    await daemons.killAgent();
    await until('the master to notice', async () => !(await daemons.isRegistered(leader)), WAIT_MS, POLL_MS);
    daemons.restartAgent();
    const beganMs = performance.now();
    await until('the agent', () => daemons.isRegistered(leader), WAIT_MS, POLL_MS);
    back.push(performance.now() - beganMs);
    await until('all to run', async () => (await tasksRunning(daemons.agentUrl)) === TASKS, WAIT_MS, POLL_MS);
    all.push(performance.now() - beganMs);
  }
  report({
    name: `agent with ${TASKS} tasks killed and started: registered, p50`,
    value: round(median(back)),
    unit: 'ms',
  });
  report({ name: `agent with ${TASKS} tasks killed and started: all run, p50`, value: round(median(all)), unit: 'ms' });
}

interface AgentState {
  readonly frameworks: readonly { readonly executors: readonly { readonly tasks: readonly { state: string }[] }[] }[];
}

async function tasksRunning(url: string): Promise<number> {
  const state = await answers<AgentState>(`${url}/state`);
  const tasks = state?.frameworks.flatMap(({ executors }) => executors.flatMap((executor) => executor.tasks)) ?? [];
  return tasks.filter((task) => task.state === 'TASK_RUNNING').length;
}
