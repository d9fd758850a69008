import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { MezzoError, messageOf, type PluginStatus } from '@mezzo/sdk/contract';
import { kernelOptions } from '../lib/cluster.js';
import { http, httpJson } from '../lib/http.js';
import { isAlive, type ProcessId, signal, startTimeOf, tail, waitGone } from '../lib/processes.js';
import { type ClusterFile, readJson, readJsonFiles, removeFile, type WorkDir, writeJson } from '../lib/workdir.js';
import { daemonSpecs, setUpCluster } from './cluster-setup.js';
import { anyDaemonAlive, Daemon } from './daemon.js';
import { planUp, type UpPlan } from './plan.js';
import { measureMachine, requirePorts, requireZookeeper } from './preflight.js';
import { type Shape, shapeFor, unlike } from './shape.js';
import type { Progress } from './ui.js';

/** `run/supervisor.json`: who supervises, and how far the start is; a detached start reads it. */
export interface SupervisorRecord extends ProcessId {
  readonly startedAt: string;
  readonly phase: 'starting' | 'ready' | 'failed' | 'stopping';
  readonly error?: Record<string, unknown>;
}

const WATCH_MS = 200;
const READY_TIMEOUT_MS = 60_000;
const TASK_GRACE_MS = 20_000;
const DAEMON_GRACE_MS = 10_000;

/** Keeps the daemons of one cluster running. They are processes of their own: if this one dies they run on. */
export class Supervisor {
  private daemons: Daemon[] = [];
  private stopping = false;
  private timer: NodeJS.Timeout | undefined;
  private readonly startedAt = new Date().toISOString();
  cluster!: ClusterFile;

  constructor(
    private readonly workDir: WorkDir,
    private readonly asked: Partial<Shape>,
    private readonly progress: Progress,
  ) {}

  static running(workDir: WorkDir): SupervisorRecord | undefined {
    const record = readJson<SupervisorRecord>(workDir.supervisorFile);
    return isAlive(record) ? record : undefined;
  }

  /** Starts or adopts everything; resolves when the plugins serve. */
  async start(): Promise<void> {
    const other = Supervisor.running(this.workDir);
    if (other !== undefined && other.pid !== process.pid) {
      throw new MezzoError(
        'ALREADY_UP',
        `this cluster is up already (supervisor pid ${other.pid}, work directory ${this.workDir.path})`,
        {
          blame: 'user',
          next: 'see it with `mezzo status`, end it with `mezzo down`, or start another with --work-dir and --port-offset',
        },
      );
    }
    mkdirSync(this.workDir.path, { recursive: true, mode: 0o700 });
    this.record('starting');
    const adopting = anyDaemonAlive(this.workDir);
    const earlier = this.workDir.cluster;
    const kept = adopting && earlier ? unlike(earlier, this.asked) : [];
    if (kept.length > 0)
      this.progress.warn(
        `the running cluster keeps what it has (${kept.join(', ')}): \`mezzo down\` first to change it`,
      );
    const options = shapeFor(earlier, adopting ? {} : this.asked);
    const plan = this.plan(options);
    if (!adopting && plan.zookeepers.length > 0) requireZookeeper();
    if (!adopting) await requirePorts(plan.ports);
    this.cluster = await setUpCluster(this.workDir, plan, options);
    this.daemons = daemonSpecs(this.workDir, plan, this.cluster).map((spec) => new Daemon(spec, this.workDir));
    this.timer = setInterval(() => this.watch(), WATCH_MS);
    // An agent that finds no master waits before it tries again, so the master comes first.
    this.startAll('master');
    await this.until('the master', async () => (await leadingUrl(this.workDir)) !== undefined);
    this.startAll('agent');
    await this.untilReady();
  }

  record(phase: SupervisorRecord['phase'], error?: Record<string, unknown>): void {
    const value: SupervisorRecord = {
      pid: process.pid,
      startTime: startTimeOf(process.pid) ?? '',
      startedAt: this.startedAt,
      phase,
      ...(error ? { error } : {}),
    };
    writeJson(this.workDir.supervisorFile, value);
  }

  /**
   * Ends the cluster: plugins first (so that nobody starts tasks anew), then the agents with their tasks while the master can
   * still be told, then the master. Definitions stay. `keepTasks` leaves containers running for the next `up`.
   */
  async stop(keepTasks: boolean): Promise<void> {
    if (this.stopping) return;
    this.stopping = true;
    this.record('stopping');
    clearInterval(this.timer);
    await endCluster(this.workDir, this.daemons, keepTasks, this.progress);
    removeFile(this.workDir.supervisorFile);
  }

  private plan(options: Shape): UpPlan {
    try {
      return planUp(measureMachine(this.workDir.path), options);
    } catch (error) {
      throw new MezzoError('MACHINE_TOO_SMALL', messageOf(error), {
        blame: 'environment',
        next: 'free memory, or use fewer agents (--agents) or a smaller --port-offset',
      });
    }
  }

  private startAll(role: 'master' | 'agent'): void {
    for (const daemon of this.daemons.filter(({ spec }) => spec.role === role)) {
      const adopted = daemon.startOrAdopt();
      const how = adopted ? 'runs already, adopted' : 'started';
      this.progress.step(`${daemon.spec.name} ${how} (${daemon.spec.address}, pid ${daemon.pid ?? '?'})`);
    }
  }

  private watch(): void {
    if (this.stopping) return;
    for (const daemon of this.daemons.filter(({ wasStarted }) => wasStarted)) {
      try {
        const happened = daemon.watch(Date.now());
        if (happened !== undefined) this.progress.warn(happened);
      } catch (error) {
        this.progress.warn(`cannot start ${daemon.spec.name}: ${messageOf(error)}`);
      }
    }
  }

  private async untilReady(): Promise<void> {
    const leader = async () => (await leadingUrl(this.workDir)) ?? this.cluster.masterUrl;
    await this.until('the agents', async () => {
      const { slaves } = await httpJson<{ slaves: { active: boolean }[] }>(`${await leader()}/slaves`, {
        ...(await kernelOptions(this.workDir)),
        timeoutMs: 2000,
      });
      return slaves.filter(({ active }) => active).length >= this.cluster.agents;
    });
    this.progress.step(
      `${this.cluster.agents === 1 ? '1 agent offers' : `${this.cluster.agents} agents offer`} resources`,
    );
    let plugins: readonly PluginStatus[] = [];
    await this.until('the plugins', async () => {
      plugins = await listPlugins(this.workDir, await leader());
      return (
        plugins.length > 0 &&
        plugins.every(
          ({ state, process: kind }) =>
            kind === 'kernel' || ['active', 'skipped', 'degraded', 'failed'].includes(state),
        )
      );
    });
    for (const { id, state, reason } of plugins)
      if (state === 'failed' || state === 'degraded')
        this.progress.warn(`plugin ${id} is ${state}: ${reason ?? 'no reason given'}`);
    this.progress.step(
      `plugins serve: ${plugins
        .filter(({ state }) => state === 'active')
        .map(({ id }) => id)
        .join(', ')}`,
    );
  }

  private async until(what: string, ready: () => Promise<boolean>): Promise<void> {
    let last: unknown;
    for (const deadline = Date.now() + READY_TIMEOUT_MS; Date.now() < deadline; await sleep(50)) {
      if (this.stopping) throw new MezzoError('STOPPED', 'stopped while starting', { blame: 'user' });
      const failing = this.daemons.find(({ restarts, alive }) => restarts >= 3 && !alive);
      if (failing) {
        const log = this.workDir.logFile(failing.spec.name);
        throw new MezzoError(
          'DAEMON_FAILS',
          `${failing.spec.name} does not stay up: ${tail(log, 1)[0] ?? 'its log is empty'}`,
          { blame: 'environment', next: `read ${log}` },
        );
      }
      try {
        if (await ready()) return;
        last = undefined;
      } catch (error) {
        last = error;
      }
    }
    throw new MezzoError(
      'NOT_READY',
      `${what} did not come up within ${READY_TIMEOUT_MS / 1000} s${last ? `: ${messageOf(last)}` : ''}`,
      { blame: 'environment', next: `read the logs in ${this.workDir.at('logs')}` },
    );
  }
}

/** URL of the master that leads; of the only one, once it is healthy. */
export async function leadingUrl(workDir: WorkDir): Promise<string | undefined> {
  const { masterUrl, masterUrls } = workDir.cluster!;
  const options = { ...(await kernelOptions(workDir)), timeoutMs: 1000 };
  const path = masterUrls === undefined ? '/health' : '/state-summary';
  for (const url of masterUrls ?? [masterUrl]) {
    const answer = await http(url + path, options).catch(() => undefined);
    if (answer?.status === 200) return url;
  }
  return undefined;
}

export async function listPlugins(workDir: WorkDir, kernelUrl: string): Promise<readonly PluginStatus[]> {
  const { plugins } = await httpJson<{ plugins: PluginStatus[] }>(`${kernelUrl}/plugins/v1/plugins`, {
    ...(await kernelOptions(workDir)),
    timeoutMs: 3000,
  });
  return plugins;
}

/** The orderly end, by the supervisor or, when that is dead, by `mezzo down` itself. */
export async function endCluster(
  workDir: WorkDir,
  daemons: readonly Daemon[],
  keepTasks: boolean,
  progress: Progress,
): Promise<void> {
  const masters = daemons.filter(({ spec }) => spec.role === 'master');
  const agents = daemons.filter(({ spec }) => spec.role === 'agent');
  const cluster = workDir.cluster;
  // A start that was refused before it began.
  if (daemons.length === 0) return;
  if (cluster !== undefined && masters.some(({ alive }) => alive)) {
    try {
      await httpJson(`${(await leadingUrl(workDir)) ?? cluster.masterUrl}/plugins/v1/shutdown`, {
        method: 'POST',
        ...(await kernelOptions(workDir)),
        timeoutMs: 15_000,
      });
      progress.step('frameworks among the plugins stopped');
    } catch (error) {
      progress.warn(`the plugins could not be stopped in order: ${messageOf(error)}`);
    }
  }
  await Promise.all(agents.map((agent) => agent.stop(keepTasks ? 'SIGTERM' : 'SIGUSR1', TASK_GRACE_MS)));
  progress.step(keepTasks ? 'agents stopped; their tasks run on' : 'tasks ended, agents stopped');
  await Promise.all(masters.map((master) => master.stop('SIGTERM', DAEMON_GRACE_MS)));
  await endPlugins(workDir);
  progress.step('master stopped; definitions are kept');
}

/** They leave their plugins, ZooKeeper among them, to the masters that come next. */
export async function endMasters(daemons: readonly Daemon[], progress: Progress): Promise<void> {
  const masters = daemons.filter(({ spec }) => spec.role === 'master');
  await Promise.all(masters.map((master) => master.stop('SIGTERM', DAEMON_GRACE_MS)));
  progress.step('masters stopped; all else runs on');
}

/** Plugins that no master was there to stop: their host left a record of each. */
async function endPlugins(workDir: WorkDir): Promise<void> {
  const dirs = [workDir.at('run', 'plugins')];
  for (const index of workDir.cluster?.masterUrls?.keys() ?? [])
    if (index > 0) dirs.push(workDir.at('masters', String(index), 'run', 'plugins'));
  const alive = dirs.flatMap((dir) => readJsonFiles<ProcessId>(dir)).filter((record) => isAlive(record));
  for (const record of alive) signal(record, 'SIGTERM');
  await Promise.all(
    alive.map(async (record) => (await waitGone(record, DAEMON_GRACE_MS)) || signal(record, 'SIGKILL')),
  );
}
