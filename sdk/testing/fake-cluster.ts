import type { Offer, Resource, SchedulerCall, TaskInfo, TaskState, TaskStatus } from '../api/messages.js';
import { MezzoError, assert } from '../contract/errors.js';
import {
  addRanges,
  coalesce,
  fromMilli,
  printRanges,
  subtractRanges,
  toMilli,
  type Ranges,
} from '../contract/values.js';
import { isTerminal } from '../contract/task-states.js';
import type { SchedulerClient, SchedulerClientFactory } from '../framework/scheduler-client.js';
import { FakeSchedulerClient, type ConnectOptions, type FakeMasterDoor } from './fake-scheduler-client.js';
import { VirtualTime } from './virtual-time.js';

export interface FakeAgent {
  readonly id: string;
  readonly hostname: string;
  readonly cpus: number;
  readonly mem: number;
  readonly disk: number;
  readonly gpus: number;
  readonly ports: readonly [first: number, last: number];
  /** All of it is statically reserved for this role. */
  readonly role?: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface FakeTask {
  readonly id: string;
  readonly info: TaskInfo;
  readonly agent: FakeAgent;
  /** As its agent knows it. */
  state: TaskState;
  /** What the scheduler has not acknowledged yet, oldest first: one at a time is sent. */
  readonly unacknowledged: TaskStatus[];
}

type Link = 'registered' | 'returning' | 'unreachable';

const RESEND_MS = 10_000;
const RESUBSCRIBE_MS = 250;

/**
 * A master with agents in memory and in virtual time, for one framework at a time. Pass it as the scheduler service: what is tested is
 * not told. Launched tasks run at once unless `onLaunch` says otherwise, killed ones end at once unless `onKill` does.
 *
 *     const cluster = new FakeCluster();
 *     cluster.addAgent();
 *     const framework = await Framework.start({ name: 'x', scheduler: cluster, store: new MemoryPluginStore(), clock: cluster.time });
 */
export class FakeCluster implements SchedulerClientFactory {
  readonly agents = new Map<string, FakeAgent>();
  /** Those that have not ended, wherever they are. */
  readonly tasks = new Map<string, FakeTask>();
  /** All that were ever launched, in their order. */
  readonly launched: FakeTask[] = [];
  readonly calls: SchedulerCall[] = [];
  onLaunch = (task: FakeTask): void => this.setState(task.id, 'TASK_RUNNING');
  onKill = (task: FakeTask): void => this.setState(task.id, 'TASK_KILLED');
  /** How often a status arrives: 0 loses it (an agent sends its own again after 10 s), 2 doubles it. */
  copies = (_status: TaskStatus): number => 1;
  /** Calls for which this is true fail; `arrives` says whether they take effect all the same. */
  fails = (_call: SchedulerCall): false | { readonly arrives: boolean } => false;
  /** While false, nobody leads and subscriptions wait. */
  leading = true;
  private readonly links = new Map<string, Link>();
  private readonly known = new Map<string, FakeTask>();
  private readonly offers = new Map<string, Offer>();
  private readonly refusedUntilMs = new Map<string, number>();
  private readonly revived = new Set<string>();
  private readonly removed = new Set<string>();
  private client: FakeSchedulerClient | undefined;
  private count = 0;

  constructor(readonly time = new VirtualTime()) {}

  /** By default 4 cpus, 4096 MiB, 10000 MiB of disk and 1000 ports. */
  addAgent(some: Partial<FakeAgent> = {}): FakeAgent {
    const number = this.agents.size + 1;
    const sizes = { cpus: 4, mem: 4096, disk: 10_000, gpus: 0, ports: [31000, 31999] as const, attributes: {} };
    const agent: FakeAgent = { id: `S${number}`, hostname: `node${number}`, ...sizes, ...some };
    this.agents.set(agent.id, agent);
    this.links.set(agent.id, 'registered');
    this.offerAll();
    return agent;
  }

  connect(options: ConnectOptions): SchedulerClient {
    return new FakeSchedulerClient(options, this.door);
  }

  /** What the agent says of a task. Ignored for one that has ended. */
  setState(taskId: string, state: TaskState, more: Partial<TaskStatus> = {}): void {
    const task = this.tasks.get(taskId);
    if (task === undefined) return;
    task.state = state;
    if (isTerminal(state)) this.tasks.delete(taskId);
    const uuid = Buffer.from(`uuid-${this.count++}`).toString('base64');
    task.unacknowledged.push({ ...this.statusOf(task), source: 'SOURCE_AGENT', uuid, ...more });
    if (task.unacknowledged.length === 1) this.sendOldest(task);
    if (isTerminal(state)) this.freed(task.agent);
  }

  finish(taskId: string, more: Partial<TaskStatus> = {}): void {
    this.setState(taskId, 'TASK_FINISHED', more);
  }

  fail(taskId: string, message = 'exited with 1'): void {
    this.setState(taskId, 'TASK_FAILED', { message, reason: 'REASON_COMMAND_EXECUTOR_FAILED' });
  }

  /** Cannot be reached: its tasks run on. */
  loseAgent(id: string): void {
    if (this.links.get(id) === 'unreachable') return;
    this.links.set(id, 'unreachable');
    this.rescind(id);
    for (const task of this.tasksOn(id)) this.tell({ ...this.statusOf(task), ...UNREACHABLE });
    this.client?.push({ type: 'FAILURE', failure: { agentId: { value: id } } });
  }

  returnAgent(id: string): void {
    if (this.links.get(id) === 'registered') return;
    this.links.set(id, 'registered');
    for (const task of this.tasksOn(id)) {
      this.tell({ ...this.statusOf(task), source: 'SOURCE_MASTER', reason: 'REASON_AGENT_REREGISTERED' });
      this.sendOldest(task);
    }
    this.offerAll();
  }

  /** Gone for good, with its tasks. */
  removeAgent(id: string): void {
    this.rescind(id);
    for (const task of this.tasksOn(id)) {
      this.tasks.delete(task.id);
      this.known.delete(task.id);
      this.tell({ ...this.statusOf(task), state: 'TASK_GONE_BY_OPERATOR', source: 'SOURCE_MASTER' });
    }
    this.agents.delete(id);
    this.links.delete(id);
  }

  /** Asks for these machines, an hour from now. */
  askBack(...agentIds: string[]): void {
    const unavailability = { start: { nanoseconds: (this.time.now() + 3_600_000) * 1e6 } };
    const inverseOffers = agentIds.map((value) => ({
      id: { value: `I${this.count++}` },
      frameworkId: { value: this.client?.frameworkId?.value ?? '' },
      agentId: { value },
      unavailability,
    }));
    this.client?.push({ type: 'INVERSE_OFFERS', inverseOffers: { inverseOffers } });
  }

  /** The stream breaks; what was on its way is lost. The scheduler is back after 250 ms. */
  disconnect(): void {
    this.client?.cut();
    this.offers.clear();
    this.later(this.client);
  }

  /** Another master leads. Agents come back to it after so long; until then it does not know what they run. */
  failOver(agentsBackMs = 2000): void {
    for (const [id, link] of this.links) if (link === 'registered') this.links.set(id, 'returning');
    this.disconnect();
    this.time.after(agentsBackMs, () => {
      for (const [id, link] of this.links) if (link === 'returning') this.returnAgent(id);
    });
  }

  /** An operator ends the framework, and with it its tasks. */
  removeFramework(): void {
    const { client } = this;
    this.removed.add(client?.frameworkId?.value ?? '');
    this.endAll();
    client?.push({ type: 'ERROR', error: { message: 'Framework has been removed' } });
  }

  callsOf(type: SchedulerCall['type']): SchedulerCall[] {
    return this.calls.filter((call) => call.type === type);
  }

  private readonly door: FakeMasterDoor = {
    subscribe: (client) => this.subscribe(client),
    receive: (client, call) => this.receive(client, call),
    leave: (client) => {
      if (this.client === client) this.client = undefined;
    },
  };

  private later(client: FakeSchedulerClient | undefined): void {
    if (client) this.time.after(RESUBSCRIBE_MS, () => this.subscribe(client));
  }

  private subscribe(client: FakeSchedulerClient): void {
    if (client.closed) return;
    if (!this.leading) return this.later(client);
    const id = client.frameworkId?.value ?? `F${this.count++}`;
    if (this.removed.has(id)) return client.push({ type: 'ERROR', error: { message: 'Framework has been removed' } });
    if (this.client !== client) this.client?.push({ type: 'ERROR', error: { message: 'Framework failed over' } });
    this.client = client;
    this.offers.clear();
    this.refusedUntilMs.clear();
    this.revived.clear();
    const { suppressedRoles = [], framework } = client.options;
    for (const role of framework.roles ?? ['*']) if (!suppressedRoles.includes(role)) this.revived.add(role);
    client.push({ type: 'SUBSCRIBED', subscribed: { frameworkId: { value: id }, heartbeatIntervalSeconds: 15 } });
    this.offerAll();
  }

  private receive(client: FakeSchedulerClient, call: SchedulerCall): void {
    const failure = this.fails(call);
    if (client === this.client && (failure === false || failure.arrives)) {
      this.calls.push(call);
      this.obey(call);
    }
    if (failure) throw new MezzoError('CALL_FAILED', `${call.type} failed`, { blame: 'environment', retryable: true });
  }

  private obey(call: SchedulerCall): void {
    switch (call.type) {
      case 'REVIVE':
        for (const role of call.revive?.roles ?? []) this.revived.add(role);
        this.refusedUntilMs.clear();
        return this.offerAll();
      case 'SUPPRESS':
        return (call.suppress?.roles ?? []).forEach((role) => this.revived.delete(role));
      case 'DECLINE':
        call.decline?.offerIds?.forEach(({ value }) => this.refuse(value, call.decline?.filters?.refuseSeconds));
        return this.offerAll();
      case 'ACCEPT':
        return this.accept(call);
      case 'KILL':
        return this.kill(call.kill?.taskId.value ?? '', call.kill?.agentId?.value);
      case 'ACKNOWLEDGE':
        return this.acknowledge(call.acknowledge?.taskId.value ?? '', call.acknowledge?.uuid);
      case 'RECONCILE':
        return this.reconcile(call);
      case 'TEARDOWN':
        this.removed.add(this.client?.frameworkId?.value ?? '');
        return this.endAll();
    }
  }

  private refuse(offerId: string, refuseSeconds = 5): void {
    const offer = this.offers.get(offerId);
    if (offer === undefined) return;
    this.offers.delete(offerId);
    const place = placeOf(offer.agentId.value, offer.allocationInfo?.role);
    this.refusedUntilMs.set(place, this.time.now() + refuseSeconds * 1000);
    this.time.after(refuseSeconds * 1000, () => this.offerAll());
  }

  private accept({ accept }: SchedulerCall): void {
    const offer = this.offers.get(accept?.offerIds?.[0]?.value ?? '');
    const infos = accept?.operations?.flatMap(({ launch }) => launch?.taskInfos ?? []) ?? [];
    const agent = offer && this.agents.get(offer.agentId.value);
    if (offer === undefined || agent === undefined) return infos.forEach((info) => this.drop(info));
    this.refuse(offer.id.value, accept?.filters?.refuseSeconds);
    for (const info of infos) this.launch(info, agent);
    this.checkUse(agent);
  }

  private drop({ taskId, agentId }: TaskInfo): void {
    this.tell({ taskId, agentId, state: 'TASK_DROPPED', source: 'SOURCE_MASTER', reason: 'REASON_INVALID_OFFERS' });
  }

  private launch(info: TaskInfo, agent: FakeAgent): void {
    const id = info.taskId.value;
    assert(!this.known.has(id), `task id ${id} is not in use`);
    const task: FakeTask = { id, info, agent, state: 'TASK_STAGING', unacknowledged: [] };
    this.tasks.set(id, task);
    this.known.set(id, task);
    this.launched.push(task);
    this.onLaunch(task);
  }

  private kill(taskId: string, agentId: string | undefined): void {
    const task = this.tasks.get(taskId);
    if (task === undefined) return this.answer(taskId, agentId);
    if (this.links.get(task.agent.id) === 'registered') this.onKill(task);
  }

  private acknowledge(taskId: string, uuid: string | undefined): void {
    const task = this.known.get(taskId);
    if (task === undefined || task.unacknowledged[0]?.uuid !== uuid) return;
    const acknowledged = task.unacknowledged.shift();
    if (acknowledged && isTerminal(acknowledged.state)) this.known.delete(taskId);
    this.sendOldest(task);
  }

  private reconcile({ reconcile }: SchedulerCall): void {
    const named = reconcile?.tasks ?? [];
    for (const { taskId, agentId } of named) this.answer(taskId.value, agentId?.value);
    if (named.length === 0) for (const id of this.known.keys()) this.answer(id, undefined);
  }

  /** Nothing is said of agents that are on their way back. */
  private answer(taskId: string, agentId: string | undefined): void {
    const task = this.known.get(taskId);
    const link = this.links.get(task?.agent.id ?? agentId ?? '');
    if (link === 'returning') return;
    const base = { source: 'SOURCE_MASTER', reason: 'REASON_RECONCILIATION' } as const;
    const lost = agentId === undefined ? 'TASK_UNKNOWN' : link === undefined ? 'TASK_GONE_BY_OPERATOR' : 'TASK_GONE';
    if (link === 'unreachable') this.tell({ taskId: { value: taskId }, ...UNREACHABLE, ...base });
    else if (task) this.tell({ ...this.statusOf(task), ...base });
    else this.tell({ taskId: { value: taskId }, state: lost, ...base });
  }

  private statusOf({ id, agent, state }: FakeTask): TaskStatus {
    return { taskId: { value: id }, agentId: { value: agent.id }, state, timestamp: this.time.now() / 1000 };
  }

  private sendOldest(task: FakeTask): void {
    const [oldest] = task.unacknowledged;
    if (oldest === undefined || !this.agents.has(task.agent.id)) return;
    if (this.links.get(task.agent.id) === 'registered') this.tell(oldest);
    this.time.after(RESEND_MS, () => {
      if (task.unacknowledged[0] === oldest) this.sendOldest(task);
    });
  }

  private tell(status: TaskStatus): void {
    const { client } = this;
    if (!client?.connected) return;
    for (let copy = this.copies(status); copy > 0; copy--) client.push({ type: 'UPDATE', update: { status } });
  }

  private tasksOn(agentId: string): FakeTask[] {
    return [...this.known.values()].filter(({ agent }) => agent.id === agentId);
  }

  private endAll(): void {
    this.tasks.clear();
    this.known.clear();
    this.offers.clear();
    this.revived.clear();
  }

  private rescind(agentId: string): void {
    for (const [id, offer] of this.offers) {
      if (offer.agentId.value !== agentId) continue;
      this.offers.delete(id);
      this.client?.push({ type: 'RESCIND', rescind: { offerId: { value: id } } });
    }
  }

  /** More is free than when it was refused. */
  private freed({ id }: FakeAgent): void {
    for (const role of this.revived) this.refusedUntilMs.delete(placeOf(id, role));
    this.offerAll();
  }

  /** One offer for each agent that has anything left, none out, and was not refused lately. */
  private offerAll(): void {
    const { client } = this;
    if (!client?.connected) return;
    const out = new Set([...this.offers.values()].map(({ agentId }) => agentId.value));
    const offers: Offer[] = [];
    for (const agent of this.agents.values()) {
      const role = [...this.revived].find((each) => this.mayOffer(agent, each));
      if (role === undefined || out.has(agent.id)) continue;
      const offer = this.makeOffer(agent, role, client.frameworkId?.value ?? '');
      this.offers.set(offer.id.value, offer);
      offers.push(offer);
    }
    if (offers.length > 0) client.push({ type: 'OFFERS', offers: { offers } });
  }

  private mayOffer({ id, role }: FakeAgent, to: string): boolean {
    const refused = (this.refusedUntilMs.get(placeOf(id, to)) ?? 0) > this.time.now();
    return !refused && (role ?? to) === to && this.links.get(id) === 'registered';
  }

  private makeOffer(agent: FakeAgent, role: string, frameworkId: string): Offer {
    const { scalars, ports } = this.freeOf(agent);
    const common = {
      allocationInfo: { role },
      ...(agent.role !== undefined && { reservations: [{ type: 'STATIC' as const, role: agent.role }] }),
    };
    const named = Object.entries(scalars).filter(([, value]) => value > 0);
    const range = ports.flatMap((begin, index) => (index % 2 === 0 ? [{ begin, end: ports[index + 1]! }] : []));
    return {
      id: { value: `O${this.count++}` },
      frameworkId: { value: frameworkId },
      agentId: { value: agent.id },
      hostname: agent.hostname,
      allocationInfo: { role },
      resources: [
        ...named.map(([name, value]): Resource => ({ name, type: 'SCALAR', scalar: { value }, ...common })),
        { name: 'ports', type: 'RANGES', ranges: { range }, ...common },
      ],
      attributes: Object.entries(agent.attributes).map(([name, value]) => ({ name, type: 'TEXT', text: { value } })),
    };
  }

  private freeOf(agent: FakeAgent): { scalars: Record<string, number>; ports: Ranges; doubled: Ranges } {
    const { cpus, mem, disk, gpus } = agent;
    const scalars: Record<string, number> = { cpus, mem, disk, gpus };
    let ports: Ranges = [...agent.ports];
    let doubled: Ranges = [];
    for (const task of this.tasks.values())
      for (const { name, scalar, ranges } of task.agent === agent ? (task.info.resources ?? []) : []) {
        if (scalar) scalars[name] = fromMilli(toMilli((scalars[name] ?? 0) - scalar.value));
        const taken = coalesce((ranges?.range ?? []).map(({ begin, end }) => [Number(begin), Number(end)]));
        doubled = addRanges(doubled, subtractRanges(taken, ports));
        ports = subtractRanges(ports, taken);
      }
    return { scalars, ports, doubled };
  }

  private checkUse(agent: FakeAgent): void {
    const { scalars, doubled } = this.freeOf(agent);
    assert(
      Object.values(scalars).every((left) => left >= 0),
      `${agent.id} is over-used: ${JSON.stringify(scalars)}`,
    );
    assert(doubled.length === 0, `ports ${printRanges(doubled)} were handed out twice on ${agent.id}`);
  }
}

const placeOf = (agentId: string, role = '*'): string => `${agentId} ${role}`;

const UNREACHABLE = { state: 'TASK_UNREACHABLE', source: 'SOURCE_MASTER', reason: 'REASON_AGENT_REMOVED' } as const;
