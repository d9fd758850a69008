import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { Resolver } from 'node:dns/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Offer, Resource, SchedulerEvent, TaskStatus } from '@mezzo/sdk/api';
import { connectScheduler, type SchedulerClient } from '@mezzo/sdk/framework';
import { TestCluster } from '../tests/support/cluster.js';
import { until } from '../tests/support/poll.js';
import { root } from '../tests/tidy/sources.js';
import { median, type Report, round } from './row.js';

/** Figures of the real Mesos 1.12 on a machine of this size (linux launcher with cgroups), as published in its measurements. */
const MESOS = { runningMs: 1410, batchPerSecond: 8.3, reofferMs: 750, killMs: 92, taskMiB: 12.5 };
const MESOS_NAME = 'Mesos 1.12, linux launcher (published)';

const elapsed = async (work: () => Promise<unknown>): Promise<number> => {
  const start = performance.now();
  await work();
  return performance.now() - start;
};

/** A scheduler that answers questions: the next offer, the next state of a task. */
class Probe {
  readonly client: SchedulerClient;
  private readonly offers: Offer[] = [];
  private readonly wake = new Set<() => void>();
  private readonly states = new Map<string, TaskStatus>();
  private counter = 0;

  constructor(url: string) {
    this.client = connectScheduler({
      urls: [url],
      framework: {
        user: process.env.USER ?? 'root',
        name: 'bench',
        roles: ['*'],
        checkpoint: true,
        capabilities: [{ type: 'MULTI_ROLE' }, { type: 'PARTITION_AWARE' }],
      },
    });
    void this.listen();
  }

  /** An offer with room for many; crumbs that were freed meanwhile are handed back. */
  async offer(): Promise<Offer> {
    for (;;) {
      await this.when(() => this.offers.length > 0);
      const offer = this.offers.shift()!;
      const cpus = (offer.resources ?? []).find(({ name }) => name === 'cpus')?.scalar?.value ?? 0;
      if (cpus > 0.5) return offer;
      await this.client.call('DECLINE', { offerIds: [offer.id], filters: { refuseSeconds: 0 } });
    }
  }

  /** Launches `count` sleeps on one offer; answers their ids. */
  async launch(offer: Offer, count: number): Promise<string[]> {
    const ids = Array.from({ length: count }, () => `bench-${process.pid}-${this.counter++}`);
    const scalar = (name: string, value: number): Resource => ({
      name,
      type: 'SCALAR',
      scalar: { value },
      allocationInfo: { role: '*' },
    });
    const taskInfos = ids.map((id) => ({
      name: id,
      taskId: { value: id },
      agentId: offer.agentId,
      resources: [scalar('cpus', 0.001), scalar('mem', 1)],
      command: { value: 'exec sleep 1000' },
    }));
    await this.client.call('ACCEPT', {
      offerIds: [offer.id],
      operations: [{ type: 'LAUNCH', launch: { taskInfos } }],
      filters: { refuseSeconds: 0 },
    });
    return ids;
  }

  /** Fails at once when one of them ended otherwise. */
  async state(ids: readonly string[], wanted: (status: TaskStatus) => boolean): Promise<void> {
    await this.when(() => {
      const all = ids.map((id) => this.states.get(id));
      const bad = all.find(
        (status) => status && !wanted(status) && /ERROR|FAILED|DROPPED|LOST/.test(status.state ?? ''),
      );
      if (bad) throw new Error(`${bad.taskId.value}: ${bad.state} ${bad.message ?? ''}`);
      return all.every((status) => status !== undefined && wanted(status));
    });
  }

  kill(ids: readonly string[]): Promise<unknown> {
    return Promise.all(ids.map((id) => this.client.call('KILL', { taskId: { value: id } })));
  }

  private async listen(): Promise<void> {
    for await (const event of this.client) {
      this.take(event);
      for (const wake of [...this.wake]) wake();
    }
  }

  private take(event: SchedulerEvent): void {
    if (event.offers) this.offers.push(...(event.offers.offers ?? []));
    if (event.rescind)
      this.offers.splice(
        0,
        this.offers.length,
        ...this.offers.filter(({ id }) => id.value !== event.rescind!.offerId.value),
      );
    if (event.update) {
      const { status } = event.update;
      this.states.set(status.taskId.value, status);
      void this.client.acknowledge(status).catch(() => {});
    }
  }

  private when(ready: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the cluster did not answer within 60 s')), 60_000);
      const wake = () => {
        try {
          if (!ready()) return;
        } catch (error) {
          clearTimeout(timer);
          this.wake.delete(wake);
          return reject(error as Error);
        }
        clearTimeout(timer);
        this.wake.delete(wake);
        resolve();
      };
      this.wake.add(wake);
      wake();
    });
  }
}

const running = ({ state }: TaskStatus) => state === 'TASK_RUNNING';
const over = ({ state }: TaskStatus) => ['TASK_KILLED', 'TASK_FAILED', 'TASK_FINISHED'].includes(state!);

/** Proportional memory of a process and all below it, in MiB. */
function pssMiB(pids: readonly number[]): number {
  let kib = 0;
  for (const pid of pids) {
    try {
      kib += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
    } catch {
      // ended meanwhile
    }
  }
  return kib / 1024;
}

function descendants(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // ended meanwhile
    }
  }
  const below = (id: number): number[] => [id, ...(children.get(id) ?? []).flatMap(below)];
  return below(pid);
}

/** Processes of tasks are children of nobody in particular: they are found by the work directory in their environment. */
function taskProcesses(workDir: string): number[] {
  return readdirSync('/proc')
    .filter((name) => {
      try {
        return (
          /^\d+$/.test(name) && readFileSync(`/proc/${name}/environ`, 'latin1').includes(`MESOS_SANDBOX=${workDir}`)
        );
      } catch {
        return false;
      }
    })
    .map(Number);
}

async function tasks(cluster: TestCluster, report: Report): Promise<void> {
  const probe = new Probe(cluster.url(5050));
  const vs = (name: string, value: number, unit: string, peerValue: number, higherIsBetter = false) =>
    report({
      name,
      value: round(value),
      unit,
      peer: MESOS_NAME,
      peerValue,
      ratio: round(higherIsBetter ? value / peerValue : peerValue / value),
    });
  const one: number[] = [];
  const kill: number[] = [];
  const reoffer: number[] = [];
  for (let i = 0; i < 30; i++) {
    const offer = await probe.offer();
    let ids: string[] = [];
    one.push(
      await elapsed(async () => {
        ids = await probe.launch(offer, 1);
        await probe.state(ids, running);
      }),
    );
    const next = await probe.offer();
    kill.push(
      await elapsed(async () => {
        await probe.kill(ids);
        await probe.state(ids, over);
      }),
    );
    reoffer.push(
      await elapsed(async () => {
        await probe.client.call('DECLINE', { offerIds: [next.id], filters: { refuseSeconds: 0 } });
        const again = await probe.offer();
        await probe.client.call('DECLINE', { offerIds: [again.id], filters: { refuseSeconds: 0 } });
      }),
    );
  }
  vs('ACCEPT to TASK_RUNNING, p50', median(one), 'ms', MESOS.runningMs);
  vs('KILL to terminal update, p50', median(kill), 'ms', MESOS.killMs);
  vs('freed resources offered again, p50', median(reoffer), 'ms', MESOS.reofferMs);
  const { agents } = await cluster.json<{ agents: { pid: number }[] }>('status');
  const idle = pssMiB([...new Set([...descendants(agents[0]!.pid), ...taskProcesses(cluster.workDir)])]);
  const batches: number[] = [];
  let ids: string[] = [];
  for (let i = 0; i < 3; i++) {
    if (ids.length > 0) {
      await probe.kill(ids);
      await probe.state(ids, over);
    }
    const offer = await probe.offer();
    batches.push(
      await elapsed(async () => {
        ids = await probe.launch(offer, 200);
        await probe.state(ids, running);
      }),
    );
  }
  vs('200 tasks in one ACCEPT, all running', 200_000 / median(batches), 'tasks/s', MESOS.batchPerSecond, true);
  const busy = pssMiB([...new Set([...descendants(agents[0]!.pid), ...taskProcesses(cluster.workDir)])]);
  vs('memory per task (agent, shim and `sleep` itself)', (busy - idle) / 200, 'MiB PSS', MESOS.taskMiB);
  await probe.client.call('TEARDOWN');
  await probe.client.close();
}

async function apps(cluster: TestCluster, report: Report): Promise<void> {
  const count = 50;
  const ids = Array.from({ length: count }, (_, i) => `/bench/app-${i}`);
  const post = (id: string) =>
    fetch(cluster.url(8080, '/v2/apps'), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id, cmd: 'exec sleep 1000', cpus: 0.01, mem: 16, portDefinitions: [] }),
    });
  const total = await elapsed(async () => {
    await Promise.all(ids.map(post));
    await until(
      'all apps to run',
      async () => {
        const { apps: list } = (await (await fetch(cluster.url(8080, '/v2/apps'))).json()) as {
          apps: { id: string; tasksRunning: number }[];
        };
        return list.filter(({ id, tasksRunning }) => id.startsWith('/bench/') && tasksRunning === 1).length === count;
      },
      60_000,
      10,
    );
  });
  report({
    name: `${count} apps deployed at once`,
    value: round((count * 1000) / total),
    unit: 'apps/s',
    peer: 'Mesos 1.12 launching as many tasks (published)',
    peerValue: 10,
    ratio: round((count * 1000) / total / 10),
  });
  await Promise.all(ids.map((id) => fetch(cluster.url(8080, `/v2/apps${id}?force=true`), { method: 'DELETE' })));
}

/** From the death of a task until its name answers no more. */
async function freshness(cluster: TestCluster, report: Report): Promise<void> {
  const resolver = new Resolver({ timeout: 1000, tries: 1 });
  resolver.setServers([`127.0.0.1:${cluster.port(8053)}`]);
  const resolves = () =>
    resolver.resolve4('hello.marathon.mesos').then(
      () => true,
      () => false,
    );
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    await until('the name to be there', resolves, 30_000, 5);
    const victim = taskProcesses(cluster.workDir)
      .filter((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'node')
      .at(-1)!;
    process.kill(victim, 'SIGKILL');
    times.push(
      await elapsed(async () => {
        while (await resolves()) await sleep(1);
      }),
    );
  }
  report({
    name: 'DNS: death of a task to no answer, p50',
    value: round(median(times)),
    unit: 'ms',
    peer: 'Mesos-DNS, refresh of 60 s: 30 s on average (published default)',
    peerValue: 30_000,
    ratio: round(30_000 / median(times)),
  });
}

async function cliStart(report: Report): Promise<void> {
  const time = (...args: string[]) =>
    elapsed(() => new Promise((resolve) => spawn(process.execPath, args, { stdio: 'ignore' }).on('exit', resolve)));
  const ours: number[] = [];
  const floor: number[] = [];
  for (let i = 0; i < 7; i++) {
    floor.push(await time('-e', '0'));
    ours.push(
      await time(join(root, 'cli/bin/mezzo.js'), 'auth', 'token', '--url', 'http://127.0.0.1:1', '--token', 'x'),
    );
  }
  report({
    name: 'CLI start-up',
    value: round(median(ours)),
    unit: 'ms',
    peer: 'node -e 0, same run',
    peerValue: round(median(floor)),
    ratio: round(median(floor) / median(ours)),
  });
}

/** The main job, timed as a user meets it, beside what the real Mesos needs for the same. */
export async function run(report: Report): Promise<void> {
  await cliStart(report);
  const cluster = await TestCluster.create();
  try {
    const times: number[] = [];
    for (let i = 0; i < 5; i++) {
      if (i > 0) await cluster.mezzo(['down']);
      times.push(
        await elapsed(async () => {
          const { code, stdout, stderr } = await cluster.start([`--deploy=${join(root, 'examples/hello.json')}`]);
          if (code !== 0) throw new Error(stdout + stderr);
        }),
      );
    }
    report({ name: '`up` to the app answering through the router (first)', value: round(times[0]!), unit: 'ms' });
    report({
      name: '`up` to the app answering through the router (again)',
      value: round(median(times.slice(1))),
      unit: 'ms',
    });
    const status = await cluster.json<{
      masters: { pid: number }[];
      agents: { pid: number }[];
      plugins: { id: string; pid?: number }[];
    }>('status');
    report({ name: 'memory of the master, idle', value: round(pssMiB([status.masters[0]!.pid])), unit: 'MiB PSS' });
    report({
      name: 'memory of the agent, idle',
      value: round(pssMiB(descendants(status.agents[0]!.pid))),
      unit: 'MiB PSS',
      peer: 'dockerd and containerd, idle (published)',
      peerValue: 76,
    });
    for (const { id, pid } of status.plugins)
      if (pid !== undefined) report({ name: `memory of ${id}, idle`, value: round(pssMiB([pid])), unit: 'MiB PSS' });
    await freshness(cluster, report);
    await apps(cluster, report);
    await tasks(cluster, report);
  } finally {
    await cluster.destroy();
  }
}
