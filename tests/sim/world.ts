import type { Resource, SchedulerCall } from '@mezzo/sdk/api';
import { isTerminal, type ConnectionId } from '@mezzo/sdk/contract';
import type { AllocatorPolicy } from '@mezzo/sdk/points/allocator-policy';
import type { ContainerSpec } from '@mezzo/sdk/points/containerizer';
import type { AgentConfig } from '../../kernel/core/agent/state.js';
import { Resources } from '../../kernel/core/resources/index.js';
import type { AgentReturn, AgentSubscribe, DownRecord, UpBatch } from '../../kernel/core/protocol.js';
import { type AgentMachine, AgentNode } from './agent-node.js';
import { audit, auditEnd } from './auditors.js';
import { ContainerCaller } from './container-caller.js';
import { copied } from './copied.js';
import { FrameworkNode, type Manners } from './framework-node.js';
import { type MarathonMachine, MarathonNode } from './marathon-node.js';
import { MarathonUser } from './marathon-user.js';
import { type MasterMachine, MasterNode } from './master-node.js';
import { Ensemble } from './election.js';
import { FaultsOfMany } from './faults-of-many.js';
import { call, CALM, Line, type Stream, type Weather } from './network.js';
import { MOST_SPARE_MILLI } from './oversubscriber.js';
import { FIRST, OperatorNode } from './operator-node.js';
import { strangePolicy } from './policy.js';
import { Timeline } from './timeline.js';

export interface Planted {
  readonly master?: MasterMachine;
  readonly agent?: AgentMachine;
  readonly marathon?: MarathonMachine;
  /** What a deposed leader writes lands as well. */
  readonly unfenced?: boolean;
  /** What containerizers say is repeated, whatever is in it. */
  readonly candid?: boolean;
  /** A seed that showed it once, tried before all others. */
  readonly seen?: number;
  /** Worlds in which it could show: to look elsewhere is a waste. */
  readonly worlds?: (seed: number) => boolean;
}

/** Frameworks reserve resources and make volumes of them, and launch groups. */
export const isWithOperations = (seed: number): boolean => seed % 4 === 1;
/** There is not enough for all: some give way to others. */
export const isTight = (seed: number): boolean => seed % 5 === 4;
/** The operator is about. */
const isOperated = (seed: number): boolean => seed % 3 === 0;
/** Roles are below others, and have quota. Without reservations, which count too and would have to be told apart. */
export const isNested = (seed: number): boolean => seed % 9 === 6 && !isWithOperations(seed) && !isTight(seed);
/** Agents are taken off the whitelist, and put on it again. */
export const isListed = (seed: number): boolean => seed % 12 === 0 && !isTight(seed);

/** Three masters stand for election, clocks differ, and ways between nodes are clogged and freed one by one. */
export const isWithMasters = (seed: number): boolean => [5, 6, 8].includes(seed % 10);

/** Many agents, and more frameworks. */
const isCrowded = (seed: number): boolean => seed % 100 === 68;

/** Leaders freeze most of the time. */
export const isFrosty = (seed: number): boolean => seed % 10 === 5;

const CPUS = 4;
const MASTERS = 3;
/** A plugin decides who is offered what. */
export const isWithPolicy = (seed: number): boolean => seed % 13 === 10 && !isWithOperations(seed) && !isTight(seed);
/** Within this time everybody has heard who leads. */
const HEARD_MS = 3000;
/** Less than all together wish for. */
const FEW_CPUS = 0.4;
const MEM_MIB = 4096;
const STORM_MS = 20 * 60_000;
/** No crash any more, and no broken stream that makes peers start over; single calls are still lost. */
const DRIZZLE_MS = 15 * 60_000;
const DRIZZLE_LOSS = 0.05;
/** Longer than every time-out of the protocol one after another (75 s of pings, 10 min of update retries, of re-registration, of recovery). */
const CALM_MS = 40 * 60_000;

/** A word may be this old when it arrives. */
const TOLD_LATE_MS = 10_000;

/** Agents have revocable resources on top of what they have, now more, now less. */
export const isOversubscribed = (seed: number): boolean => seed % 7 === 6;

/** Tasks name secrets, which agents have a store for. */
export const isSecretive = (seed: number): boolean => seed % 13 === 10;

/** What a violated law looks like; the seed tells the rest. */
export class Violation extends Error {}

/** A cluster in one process: one master or three, some agents, some frameworks of various manners, a network, and faults. */
export class World {
  readonly time: Timeline;
  readonly weather: Weather;
  readonly ensemble: Ensemble;
  readonly masters: readonly MasterNode[];
  readonly agents: AgentNode[];
  readonly frameworks: FrameworkNode[];
  readonly policy: AllocatorPolicy | undefined;
  readonly operator = new OperatorNode(this);
  /** Where several masters stand. */
  readonly marathon: MarathonNode | undefined;
  readonly marathonUser: MarathonUser | undefined;
  /** Every container ever launched, by framework and task: no task runs twice. */
  readonly launches = new Map<
    string,
    { readonly where: string; readonly agent: AgentNode; readonly containerId: string }
  >();
  readonly lines = new Map<string, Line>();
  calm = false;
  /** Nothing ends by itself any more: what was said last can arrive everywhere. */
  still = false;

  constructor(
    readonly seed: number,
    keepTrace: boolean,
    private readonly planted: Planted = {},
  ) {
    this.time = new Timeline(seed, keepTrace);
    const { random } = this.time;
    this.weather = {
      latencyMs: random.between(1, 100),
      cut: random.pick([0, 0.002, 0.02]),
      loss: random.pick([0, 0.002, 0.02]),
      duplication: random.pick([0, 0.02]),
      halfOpen: random.pick([0, 0.3]),
      slowness: 1,
    };
    this.ensemble = new Ensemble(this.time, (before) => this.leaderChanged(before), planted.unfenced !== true);
    const names = this.isWithMasters ? Array.from({ length: MASTERS }, (_, i) => `master-${i}`) : ['master'];
    this.masters = names.map((name) => new MasterNode(this.time, this.weather, this, name, planted.master));
    this.marathon = this.isWithMasters ? new MarathonNode(this, planted.marathon) : undefined;
    this.marathonUser = this.marathon && new MarathonUser(this);
    this.agents = Array.from(
      { length: isCrowded(seed) ? random.between(20, 50) : random.between(1, 4) },
      (_, i) => new AgentNode(this, i, this.agentConfig(i), planted.agent),
    );
    this.policy = isWithPolicy(seed) ? strangePolicy(seed, this.agents[0]!.config.hostname!) : undefined;
    const manners: Manners[] = ['polite', 'polite', 'greedy', 'silent', 'doubling', 'flapping'];
    this.frameworks = Array.from({ length: isCrowded(seed) ? random.between(5, 10) : random.between(1, 4) }, (_, i) => {
      const wish = {
        tasks: random.between(1, 5),
        cpus: random.pick([0.05, 0.1, 0.155]),
        mem: random.between(32, 128),
        lifeMs: random.chance(0.5) ? 0 : random.between(1000, 600_000),
        // Not drawn: the seeds that are kept tell their stories by what is drawn.
        grouped: isWithOperations(seed) && i % 2 === 0,
      };
      return new FrameworkNode(this, `${i % 2 ? 'a' : 'b'}fw${i}`, random.pick(manners), wish, random.chance(0.7));
    });
  }

  private agentConfig(index: number): AgentConfig {
    const config = agentConfig(index, this.cpus, this.withOperations ? DISK : []);
    return this.isSecretive ? { ...config, secretResolver: 'sim' } : config;
  }

  get isSecretive(): boolean {
    return isSecretive(this.seed);
  }

  get isCandid(): boolean {
    return this.planted.candid === true;
  }

  get withOperations(): boolean {
    return isWithOperations(this.seed);
  }

  get isWithMasters(): boolean {
    return isWithMasters(this.seed);
  }

  /** The one whose word counts: it began the newest epoch. */
  get master(): MasterNode {
    return this.masters.find((master) => this.isNewest(master)) ?? this.masters[0]!;
  }

  /** Nobody has begun to lead after it: one that led before may still act, and knows less. */
  isNewest({ life }: MasterNode): boolean {
    return life?.epoch === this.ensemble.epoch;
  }

  /** Where somebody goes who asks now. */
  get leader(): MasterNode {
    return this.ensemble.leader ?? this.master;
  }

  line(client: string, { name }: MasterNode): Line {
    const key = `${client} ${name}`;
    let line = this.lines.get(key);
    if (line === undefined) this.lines.set(key, (line = new Line()));
    return line;
  }

  get isTight(): boolean {
    return isTight(this.seed);
  }

  get isOversubscribed(): boolean {
    return isOversubscribed(this.seed);
  }

  get isNested(): boolean {
    return isNested(this.seed);
  }

  /** Roles and frameworks come in random order; not where few runs show what went wrong. */
  get isRandom(): boolean {
    return this.seed % 11 === 4 && !this.withOperations && !this.isTight;
  }

  /** What is returned is offered again each second. */
  get isInBatches(): boolean {
    return this.seed % 8 === 2;
  }

  /** Of each agent. */
  get cpus(): number {
    return this.isTight ? FEW_CPUS : CPUS;
  }

  /** A storm of faults, a drizzle of lost calls, then calm long enough for everything to settle; the auditors look after every step and at the end. */
  run(): void {
    this.startMasters();
    for (const agent of this.agents) agent.start();
    for (const framework of this.frameworks) framework.start();
    this.marathonUser?.start();
    // Quota keeps frameworks small and offers back, so that less happens: not in every world.
    if (isOperated(this.seed)) this.operator.start();
    if (isListed(this.seed)) this.operator.list();
    if (this.isTight) this.operator.prioritise();
    for (const { oversubscriber } of this.agents) oversubscriber?.start();
    if (this.seed % 8 === 6) new ContainerCaller(this).start();
    this.scheduleFaults();
    this.time.advance(STORM_MS, () => audit(this));
    this.calm = true;
    Object.assign(this.weather, { cut: 0, halfOpen: 0, loss: DRIZZLE_LOSS });
    this.startMasters();
    for (const { clock } of this.masters) clock.run(1);
    for (const line of this.lines.values()) for (const direction of ['up', 'down'] as const) line.free(direction);
    for (const agent of this.agents) if (agent.life === undefined) agent.start();
    if (isOperated(this.seed)) this.operator.relent();
    this.time.advance(DRIZZLE_MS, () => audit(this));
    Object.assign(this.weather, CALM);
    this.time.advance(CALM_MS, () => audit(this));
    this.still = true;
    this.time.advance(TOLD_LATE_MS, () => audit(this));
    auditEnd(this);
  }

  /** Those that are not there. */
  startMasters(): void {
    for (const node of this.masters) {
      if (node.isRunning) continue;
      if (this.isWithMasters) node.stand();
      else this.startMaster();
    }
  }

  private scheduleFaults(): void {
    const { random } = this.time;
    const ofMany = this.isWithMasters ? new FaultsOfMany(this) : undefined;
    const next = () =>
      this.time.after(random.between(1000, ofMany ? 80_000 : 240_000), () => {
        if (this.calm) return;
        if (ofMany === undefined || random.chance(0.4)) this.fault();
        else ofMany.strike();
        next();
      });
    next();
  }

  private fault(): void {
    const { random } = this.time;
    const agent = random.pick(this.agents);
    const downMs = random.pick([0, 500, 10_000, 120_000, 700_000]);
    const back = (node: { life: unknown; start(): unknown }) =>
      void this.time.after(downMs, () => node.life === undefined && node.start());
    const what = random.between(0, 9);
    if (what < 4) {
      agent.crash();
      back(agent);
    } else if (what < 5) {
      agent.reboot();
      back(agent);
    } else if (what < 7) {
      const master = random.pick(this.masters);
      master.crash();
      back({ life: undefined, start: () => this.startMasters() });
    } else agent.life?.stream?.break();
  }

  /** In some worlds agents are told that another master leads, each a little later than the one before. */
  private startMaster(): void {
    this.master.startAlone();
    if (this.seed % 4 !== 3) return;
    for (const [index, agent] of this.agents.entries())
      this.time.after(300 * index, () => agent.life && agent.dispatch({ type: 'masterFound' }));
  }

  /** Each hears of it in its own time; some are told of one that leads no more, and of the right one later. */
  private leaderChanged(before: MasterNode | undefined): void {
    const { random } = this.time;
    for (const agent of this.agents) {
      const find = (master: MasterNode) => {
        agent.seen = master;
        if (agent.life !== undefined) agent.dispatch({ type: 'masterFound' });
      };
      const told = () => this.ensemble.leader !== undefined && find(this.ensemble.leader);
      this.time.after(random.between(0, HEARD_MS), told);
      if (before === undefined || !random.chance(0.3)) continue;
      this.time.after(random.between(HEARD_MS, 2 * HEARD_MS), () => find(before));
      this.time.after(3 * HEARD_MS, told);
    }
  }

  /** A supervisor starts it again. */
  masterExited(master: MasterNode): void {
    this.time.after(1000, () => master.stand());
  }

  /** The agent's process ended by its own will; a supervisor starts it again. */
  agentExited(agent: AgentNode, code: number, reason: string): void {
    this.time.note(agent.name, () => `exits ${code}: ${reason}`);
    agent.crash();
    this.time.after(1000, () => agent.life === undefined && agent.start());
  }

  subscribeAgent(
    agent: AgentNode,
    subscribe: AgentSubscribe | AgentReturn,
    deliver: (record: DownRecord) => void,
    lost: () => void,
  ): Stream<DownRecord> | undefined {
    agent.served = agent.seen ?? this.leader;
    return agent.served.subscribeAgent(subscribe, deliver, lost, this.line(agent.name, agent.served));
  }

  callAgentApi(agent: AgentNode, batch: UpBatch, answer: (accepted: boolean | undefined) => void): void {
    const master = agent.served!;
    call(
      this.time,
      this.weather,
      this.line(agent.name, master),
      () => master.agentBatch(copied(batch)),
      (status) => answer(status === undefined ? undefined : status === 202),
    );
  }

  callSchedulerApi(
    { name, served }: FrameworkNode,
    schedulerCall: SchedulerCall,
    connection: ConnectionId,
    twice: boolean,
  ): void {
    const once = () =>
      call(
        this.time,
        this.weather,
        this.line(name, served),
        () => served.schedulerCall(copied(schedulerCall), connection),
        () => {},
      );
    once();
    if (twice) once();
  }

  launched(agent: AgentNode, spec: ContainerSpec): void {
    this.noMoreThanThereIs(agent, spec);
    const inner = agent.state?.containers.get(spec.containerId);
    if (inner?.ask !== undefined) return;
    const run = agent.state?.runs.get(inner?.run ?? spec.containerId);
    const taskId = inner?.taskId ?? (run?.kind === 'default' ? undefined : [...(run?.tasks.keys() ?? [])][0]);
    if (run === undefined || taskId === undefined) return;
    agent.secrets?.launched(spec, run.tasks.get(taskId)?.info);
    const key = `${run.frameworkId}/${taskId}`;
    const other = this.launches.get(key);
    if (other !== undefined)
      throw new Violation(`task ${key} was launched twice: ${other} and ${spec.containerId} on ${agent.name}`);
    this.launches.set(key, { where: `${spec.containerId} on ${agent.name}`, agent, containerId: spec.containerId });
  }

  /** Containers in containers are accounted with the outermost one: what tasks held that have ended there is free. */
  private noMoreThanThereIs(agent: AgentNode, spec: ContainerSpec): void {
    // A launch that was given up, since its task was killed and did not wait for it, is killed as soon as it turns up.
    const isGivenUp = (id: string) => agent.state?.discarded.has(id) === true;
    if (spec.parent !== undefined || isGivenUp(spec.containerId)) return;
    let [firm, spare] = [firmMilli(spec), spec.resources.revocableCpusMilli ?? 0];
    for (const [id, container] of agent.host.containers) {
      if (!container.running || container.spec.parent !== undefined || isGivenUp(id)) continue;
      const run = agent.state?.runs.get(id);
      const live = [...(run?.tasks.values() ?? [])].filter(({ state }) => !isTerminal(state));
      const held = Resources.sum([run?.info, ...live.map(({ info }) => info)].map((i) => Resources.of(i?.resources)));
      const isPod = run?.kind === 'default';
      firm += isPod ? held.filter(({ revocable }) => !revocable).scalar('cpus') : firmMilli(container.spec);
      spare += isPod
        ? held.filter(({ revocable }) => revocable).scalar('cpus')
        : (container.spec.resources.revocableCpusMilli ?? 0);
    }
    if (firm > this.cpus * 1000)
      throw new Violation(`${agent.name} runs containers of ${firm} milli-cpus, and has ${this.cpus * 1000}`);
    if (spare > MOST_SPARE_MILLI)
      throw new Violation(
        `${agent.name} runs containers of ${spare} revocable milli-cpus: never more than ${MOST_SPARE_MILLI}`,
      );
  }

  /** An agent has read its books after a restart: what frameworks were told runs, and does run, is in them. */
  recovered(agent: AgentNode): void {
    for (const framework of this.frameworks) {
      const known = agent.state?.frameworks.get(framework.id ?? '');
      for (const { id, state } of known && !known.shuttingDown ? framework.live : []) {
        const launch = this.launches.get(`${framework.id}/${id}`);
        if (state !== 'TASK_RUNNING' || launch?.agent !== agent) continue;
        const runs = agent.host.containers.get(launch.containerId)?.running === true;
        const inner = agent.state?.containers.get(launch.containerId);
        if (runs && !agent.state?.runs.get(inner?.run ?? launch.containerId)?.tasks.has(id))
          throw new Violation(`${agent.name} restarts and knows nothing of ${id}, which runs as ${launch.where}`);
      }
    }
  }

  /** Nobody ends a task that its framework wants without saying why, and only the lesser give way. */
  toldKilled(framework: FrameworkNode, taskId: string, reason: string | undefined): void {
    const isAbove = reason === 'REASON_CONTAINER_PREEMPTED' && (!this.isTight || framework.role === FIRST);
    // In a group, tasks also follow one that ended.
    if (isAbove || (reason === undefined && !framework.wish.grouped))
      throw new Violation(`${framework.name} (${framework.role}) was told that ${taskId} is killed: ${reason}`);
  }

  /** The agent itself ended it: only what may be taken away at any time is, when its controller wants it, in a state that the framework knows. */
  toldPreempted(framework: FrameworkNode, taskId: string, state: string): void {
    const key = `${framework.id}/${taskId}`;
    const isWanted = this.agents.some(({ oversubscriber }) => oversubscriber?.wanted.has(key));
    const isRight = state === (framework.partitionAware ? 'TASK_GONE' : 'TASK_LOST');
    if (!framework.isOnSpare(taskId) || !isWanted || !isRight)
      throw new Violation(`${framework.name} was told that ${taskId} is preempted: ${state}`);
  }

  /** What its controller ended is told to be so, and is nobody's failure. */
  toldEnded({ name, id }: FrameworkNode, taskId: string, state: string): void {
    const launch = this.launches.get(`${id}/${taskId}`);
    const exit = launch?.agent.host.containers.get(launch.containerId)?.exit;
    const isWanted = launch?.agent.oversubscriber?.ended.has(`${id}/${taskId}`) === true;
    // Where agents are drained or others come first, two may want the same at a time.
    if (this.seed % 3 === 0 || this.isTight) return;
    if (isWanted && exit !== undefined && exit.message !== 'ended by itself')
      throw new Violation(`${name} was told ${state} of ${taskId}, which was preempted: ${exit.message}`);
  }

  /** It may be started anew without a second thought. */
  toldDropped({ name, id }: FrameworkNode, taskId: string): void {
    const launch = this.launches.get(`${id}/${taskId}`);
    if (launch) throw new Violation(`${name} was told that ${taskId} never ran, and it was launched: ${launch.where}`);
  }

  /** A framework is told that a task is over, or not known: then its container may not have been running for long. */
  toldOver(framework: FrameworkNode, taskId: string, state: string): void {
    const launch = this.launches.get(`${framework.id}/${taskId}`);
    // The operator wants its agent's machine down: the master speaks for the agent, which ends the task meanwhile.
    const isOrdered = launch !== undefined && this.operator.maintainer.mayBeDown(launch.agent);
    if (isOrdered && (state === 'TASK_GONE' || state === 'TASK_UNKNOWN')) return;
    const container = launch?.agent.host.containers.get(launch.containerId);
    if (container?.running && this.time.nowMs - container.sinceMs > TOLD_LATE_MS) {
      throw new Violation(`${framework.name} was told ${state} of ${taskId}, which runs as ${launch!.where}`);
    }
  }
}

/** What it has by right, in thousandths of a cpu. */
export const firmMilli = ({ resources }: ContainerSpec): number =>
  resources.cpusMilli - (resources.revocableCpusMilli ?? 0);

const DISK: Resource[] = [{ name: 'disk', type: 'SCALAR', scalar: { value: 100 } }];

const agentConfig = (index: number, cpus: number, more: readonly Resource[]): AgentConfig => ({
  owner: `sim-${index}`,
  workDir: `/sim/${index}`,
  hostname: `host-${index}`,
  ip: `10.0.0.${index + 1}`,
  port: 5051,
  version: '1.12.0',
  resources: [
    { name: 'cpus', type: 'SCALAR', scalar: { value: cpus } },
    { name: 'mem', type: 'SCALAR', scalar: { value: MEM_MIB } },
    { name: 'disk', type: 'SCALAR', scalar: { value: 1024 } },
    { name: 'ports', type: 'RANGES', ranges: { range: [{ begin: 31_000, end: 32_000 }] } },
    ...more,
  ],
  attributes: [],
  containerizers: ['mesos'],
  executorEnvironment: {},
  user: 'root',
  switchUser: true,
  registrationBackoffMs: 1000,
  executorRegistrationTimeoutMs: 60_000,
  executorReregistrationTimeoutMs: 2000,
  executorShutdownGraceMs: 5000,
  recoveryTimeoutMs: 900_000,
  maxCompletedExecutors: 150,
});

/** What a run comes to: the law it broke, or undefined. */
export function violation(seed: number, bug?: Planted): string | undefined {
  try {
    new World(seed, false, bug).run();
    return undefined;
  } catch (error) {
    // A crash of the machine itself is a finding too.
    return error instanceof Violation ? error.message : `crash: ${(error as Error).stack}`;
  }
}
