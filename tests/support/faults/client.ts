import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { until } from '../poll.js';
import { pids, readProc, startTime } from '../proc.js';
import type { FaultyCluster } from './cluster.js';

const APP = { cpus: 0.1, mem: 16, ports: [] };
export const SCALED = '/scaled';
const MAX_MADE = 3;
const EVERY_MS = 100;

/** What an app may be: the last write that was acknowledged, or one since then that nobody answered. 0 = there is none. */
interface Known {
  acked: number;
  maybe: number[];
}

interface Answer {
  readonly app: { readonly instances: number; readonly tasksRunning: number; readonly deployments: readonly object[] };
}

/** Writes apps through whoever leads, one write after the other, and knows what was acknowledged. */
export class Client {
  tried = 0;
  acked = 0;
  readonly apps = new Map<string, Known>();
  /** When the last acknowledged write began. */
  lastAckedStartMs = 0;
  /** Acknowledged writes with their times are there for who reads a failure. */
  private readonly history: string;
  private at: string | undefined;
  private made = 0;

  constructor(
    private readonly cluster: FaultyCluster,
    private readonly random: () => number,
  ) {
    this.history = cluster.at('history.log');
  }

  /** Until the signal says so. */
  async writeOn(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.writeSomething();
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }

  /** `instances` 0 removes it. Answers whether it was acknowledged. */
  async write(id: string, instances: number): Promise<boolean> {
    this.tried++;
    const startMs = Date.now();
    const known = this.apps.get(id) ?? { acked: 0, maybe: [] };
    this.apps.set(id, known);
    known.maybe.push(instances);
    const status = await this.send(id, instances);
    const isAcked = status !== undefined && (status < 300 || (status === 404 && instances === 0));
    appendFileSync(this.history, `${new Date(startMs).toISOString()} ${id} ${instances} ${status} ${this.at}\n`);
    if (isAcked) {
      this.apps.set(id, { acked: instances, maybe: [] });
      this.acked++;
      this.lastAckedStartMs = startMs;
    } else this.at = undefined;
    return isAcked;
  }

  /** All apps are what the acknowledged writes made of them, and run as many tasks; each is one process here. */
  async settle(timeoutMs: number): Promise<void> {
    for (const [id, known] of this.apps)
      await until(
        `${id} is as it was acknowledged (${known.acked}${known.maybe.map((one) => ` or ${one}`).join('')}), and runs`,
        () => this.isAsAcknowledged(id, known),
        timeoutMs,
        200,
      );
  }

  /** Ids of tasks that started, once for each start. */
  started(): string[] {
    const file = this.cluster.at('started');
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  }

  /** task@start time of what runs. */
  processes(id: string): string[] {
    return pids()
      .filter((pid) => readProc(pid, 'comm').trim() === 'sleep')
      .flatMap((pid) => {
        const environment = readProc(pid, 'environ').split('\0');
        if (!environment.includes(`STARTED=${this.cluster.at('started')}`)) return [];
        if (!environment.includes(`MARATHON_APP_ID=${id}`)) return [];
        const task = environment.find((one) => one.startsWith('MESOS_TASK_ID='))!.split('=')[1];
        const start = startTime(pid);
        return start === undefined ? [] : [`${task}@${start}`];
      })
      .sort();
  }

  private async isAsAcknowledged(id: string, { acked, maybe }: Known): Promise<boolean> {
    const url = await this.marathon(`/v2/apps/${id}`);
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    if (!answer.ok && answer.status !== 404) throw new Error(`status ${answer.status}`);
    const app = answer.ok ? ((await answer.json()) as Answer).app : undefined;
    const instances = app?.instances ?? 0;
    const running = this.processes(id).length;
    if (instances !== acked && !maybe.includes(instances)) throw new Error(`it has ${instances} instances`);
    if (running !== instances || (app?.tasksRunning ?? 0) !== instances)
      throw new Error(`${running} processes and ${app?.tasksRunning} tasks of ${instances}`);
    return (app?.deployments ?? []).length === 0;
  }

  private async writeSomething(): Promise<void> {
    const made = [...this.apps].filter(([id, { acked }]) => id.startsWith('/made') && acked > 0);
    const dice = this.random();
    const { acked } = this.apps.get(SCALED)!;
    if (dice < 0.7) await this.write(SCALED, 1 + ((acked + Math.floor(this.random() * 2)) % 3));
    else if (made.length < MAX_MADE) await this.write(`/made-${this.made++}`, 1);
    else await this.write(made[0]![0], 0);
  }

  private async send(id: string, instances: number): Promise<number | undefined> {
    try {
      const url = await this.marathon(`/v2/apps/${id}?force=true`);
      // What keeps a task alive is this one process; its start is told where all hosts see it.
      const cmd = 'echo $MESOS_TASK_ID >> $STARTED; exec sleep 86400';
      const body = JSON.stringify({ ...APP, id, cmd, instances, env: { STARTED: this.cluster.at('started') } });
      const init = instances === 0 ? { method: 'DELETE' } : { method: 'PUT', body };
      const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(3_000) });
      await answer.arrayBuffer();
      return answer.status;
    } catch {
      return undefined;
    }
  }

  private async marathon(path: string): Promise<string> {
    this.at ??= await this.cluster.leader();
    if (this.at === undefined) throw new Error('nobody leads');
    return this.cluster.url(this.at, 8080, path);
  }
}
