import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  ExecutorInfo,
  FrameworkInfo,
  Offer,
  OfferOperation,
  Resource,
  TaskInfo,
  TaskState,
  TaskStatus,
} from '@mezzo/sdk/api';
import type { Isolator } from '@mezzo/sdk/points/isolator';
import { connectScheduler, type SchedulerClient } from '@mezzo/sdk/framework';
import { agentFlags } from '../../kernel/main/agent-flags.js';
import { startAgent, type AgentDaemon } from '../../kernel/main/agent.js';
import { loadFlags } from '../../kernel/main/flags.js';
import { createLog } from '../../kernel/main/log.js';
import { masterFlags } from '../../kernel/main/master-flags.js';
import { startMaster, type MasterDaemon } from '../../kernel/main/master.js';
import { mintToken, writeSecret } from '@mezzo/sdk/secrets';
import { MesosContainerizer } from '../../plugins/containerizer-mesos/shell/mesos-containerizer.js';
import { until } from './poll.js';

/** A real master, a real agent and real containers in this process, each of which can be stopped and started again. */
export class AgentCluster {
  readonly home = mkdtempSync(join(tmpdir(), 'mezzo-agent-'));
  readonly exits: [code: number, reason: string][] = [];
  master!: MasterDaemon;
  agent: AgentDaemon | undefined;
  private masterPort = 0;
  private agentPort = 0;
  private readonly schedulers: TestScheduler[] = [];

  masterArgs: readonly string[] = [];
  /** What the next agent's containerizer takes. */
  isolators: readonly Isolator[] = [];

  static async start(
    agentArgs: readonly string[] = [],
    masterArgs: readonly string[] = [],
    isolators: readonly Isolator[] = [],
  ): Promise<AgentCluster> {
    const cluster = new AgentCluster();
    cluster.masterArgs = masterArgs;
    cluster.isolators = isolators;
    await cluster.startMaster();
    await cluster.startAgent(agentArgs);
    return cluster;
  }

  async startMaster(): Promise<void> {
    const argv = [`--work_dir=${this.home}/master`, `--port=${this.masterPort}`, '--quiet', ...this.masterArgs];
    this.master = await startMaster(loadFlags(masterFlags, { argv, env: {} }), {
      log: createLog({ daemon: 'master', level: 'ERROR', quiet: true, dir: `${this.home}/logs` }),
    });
    this.masterPort = this.master.port;
    const token = await mintToken(this.master.clusterKey, { uid: 'agent', scope: 'agent' }, 3600);
    writeSecret(join(this.home, 'join.token'), token);
  }

  async startAgent(args: readonly string[] = []): Promise<AgentDaemon> {
    const argv = [
      `--work_dir=${this.home}/agent`,
      `--port=${this.agentPort}`,
      `--master=127.0.0.1:${this.masterPort}`,
      `--join_token_file=${this.home}/join.token`,
      '--registration_backoff_factor=100ms',
      '--resources=cpus:2;mem:512;disk:1024;ports:[41000-41009]',
      ...args,
    ];
    const log = createLog({ daemon: 'agent', level: 'DEBUG', quiet: true, dir: `${this.home}/logs` });
    const containerizer = new MesosContainerizer({
      runtimeDir: join(this.home, 'run'),
      ...{ namespaces: true, cgroups: true, cfs: false, isolatorTimeoutMs: 500, log },
    });
    await containerizer.start(this.isolators);
    this.agent = await startAgent(loadFlags(agentFlags, { argv, env: {} }), {
      containerizers: [containerizer],
      log,
      onExit: (...exit) => void this.exits.push(exit),
    });
    this.agentPort = this.agent.port;
    return this.agent;
  }

  async stopAgent(): Promise<void> {
    await this.agent?.close();
    this.agent = undefined;
  }

  scheduler(framework: Partial<FrameworkInfo> = {}, headers: Record<string, string> = {}, ca?: string): TestScheduler {
    const scheduler = new TestScheduler(this.master.url, framework, headers, ca);
    this.schedulers.push(scheduler);
    return scheduler;
  }

  /** What the agent answers to a GET. */
  async get(path: string): Promise<{ status: number; text: string }> {
    const response = await fetch(`${this.agent!.url}${path}`);
    return { status: response.status, text: await response.text() };
  }

  /** Ends tasks, daemons, everything. */
  async destroy(): Promise<void> {
    for (const scheduler of this.schedulers) await scheduler.close();
    if (this.agent !== undefined && this.exits.length === 0) {
      this.agent.leave();
      await until('the agent left', () => this.exits.length > 0, 20_000);
    }
    await this.agent?.close();
    await this.master.close();
    rmSync(this.home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** A framework that does what the test says, and acknowledges what it hears. */
export class TestScheduler {
  readonly statuses: TaskStatus[] = [];
  readonly messages: string[] = [];
  readonly failures: { executorId: string | undefined; status: number | undefined }[] = [];
  /** So many times it has subscribed. */
  subscriptions = 0;
  private readonly offers = new Map<string, Offer>();
  private readonly client: SchedulerClient;
  /** Until the stream is refused or closed. */
  readonly reading: Promise<void>;

  constructor(url: string, framework: Partial<FrameworkInfo>, headers: Record<string, string>, ca: string | undefined) {
    this.client = connectScheduler({
      urls: [url],
      headers,
      ...(ca !== undefined && { ca }),
      backoff: { initialMs: 50, maxMs: 200 },
      framework: {
        ...{ user: 'root', name: 'test', roles: ['web'], failoverTimeout: 60, checkpoint: true },
        capabilities: [{ type: 'MULTI_ROLE' }, { type: 'PARTITION_AWARE' }, { type: 'TASK_KILLING_STATE' }],
        ...framework,
      },
    });
    this.reading = this.read();
    this.reading.catch(() => {});
  }

  get frameworkId(): string {
    return this.client.frameworkId?.value ?? '';
  }

  /** Launches with the next offer that is there. */
  launch(...tasks: readonly Launched[]): Promise<void> {
    const resources = [scalar('cpus', 0.1), scalar('mem', 64)];
    return this.accept(({ agentId }) => {
      const taskInfos = tasks.map((task): TaskInfo => ({ name: task.taskId.value, agentId, resources, ...task }));
      return [{ type: 'LAUNCH', launch: { taskInfos } }];
    });
  }

  run(id: string, command: string, more: Partial<TaskInfo> = {}): Promise<void> {
    return this.launch({ taskId: { value: id }, command: { value: command }, ...more });
  }

  /** Launches all with the next offer that is there. */
  launchGroup(executor: ExecutorInfo, tasks: readonly Launched[]): Promise<void> {
    return this.launchGroups([executor, tasks]);
  }

  launchGroups(...groups: readonly (readonly [ExecutorInfo, readonly Launched[]])[]): Promise<void> {
    return this.accept(({ agentId }) =>
      groups.map(([executor, members]) => {
        const tasks = members.map((task) => ({ name: task.taskId.value, agentId, ...task }));
        return { type: 'LAUNCH_GROUP', launchGroup: { executor, taskGroup: { tasks } } };
      }),
    );
  }

  private async accept(operations: (offer: Offer) => OfferOperation[]): Promise<void> {
    const offer = await until('an offer', () => [...this.offers.values()][0]);
    this.offers.delete(offer.id.value);
    await this.client.call('ACCEPT', {
      offerIds: [offer.id],
      operations: operations(offer),
      filters: { refuseSeconds: 0 },
    });
  }

  runIn(executor: ExecutorInfo, id: string): Promise<void> {
    return this.launch({ taskId: { value: id }, executor });
  }

  async request(resources: Resource[]): Promise<void> {
    await this.client.call('REQUEST', { requests: [{ resources }] });
  }

  async kill(id: string): Promise<void> {
    await this.client.call('KILL', { taskId: { value: id } });
  }

  async message(executorId: string, agentId: string, data: string): Promise<void> {
    const body = { executorId: { value: executorId }, agentId: { value: agentId } };
    await this.client.call('MESSAGE', { ...body, data: Buffer.from(data).toString('base64') });
  }

  async teardown(): Promise<void> {
    await this.client.call('TEARDOWN');
  }

  of(id: string): TaskStatus[] {
    return this.statuses.filter((status) => status.taskId.value === id);
  }

  states(id: string): TaskState[] {
    return this.of(id).map(({ state }) => state);
  }

  reaches(id: string, state: TaskState, timeoutMs = 15_000): Promise<TaskStatus> {
    return until(`${id} is ${state}`, () => this.of(id).find((status) => status.state === state), timeoutMs, 10);
  }

  async close(): Promise<void> {
    await this.client.close();
    // After a teardown the master ends the stream with an error.
    await this.reading.catch(() => {});
  }

  private async read(): Promise<void> {
    for await (const event of this.client) {
      if (event.type === 'SUBSCRIBED') {
        this.offers.clear();
        this.subscriptions += 1;
      }
      for (const offer of event.offers?.offers ?? []) this.offers.set(offer.id.value, offer);
      if (event.rescind) this.offers.delete(event.rescind.offerId.value);
      if (event.message) this.messages.push(Buffer.from(event.message.data, 'base64').toString());
      if (event.failure)
        this.failures.push({ executorId: event.failure.executorId?.value, status: event.failure.status });
      if (event.update === undefined) continue;
      this.statuses.push(event.update.status);
      await this.client.acknowledge(event.update.status).catch(() => {});
    }
  }
}

type Launched = Omit<TaskInfo, 'agentId' | 'name'>;

export const scalar = (name: string, value: number): Resource => ({ name, type: 'SCALAR', scalar: { value } });

/** A file of the test's own, outside of every sandbox. */
export const plant = (file: string, text: string): void => writeFileSync(file, text);
