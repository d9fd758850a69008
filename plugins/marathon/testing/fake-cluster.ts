import type { Offer, Resource, SchedulerCall, TaskInfo, TaskState, TaskStatus } from '@mezzo/sdk/api';
import { assert } from '@mezzo/sdk/contract';
import type { StoreEntry } from '@mezzo/sdk/contract';
import type { Command } from '../core/commands/command.js';
import type { Answer, Effect, MarathonEvent, Probe, Publication } from '../core/effects.js';
import { recover } from '../core/records.js';
import { DEFAULT_SETTINGS, createState } from '../core/state.js';
import type { MarathonState, Settings } from '../core/state.js';
import { step } from '../core/step.js';

/** A master with agents, clock and store in memory around the pure scheduler. Tests move it step by step. */

export interface FakeAgent {
  readonly id: string;
  readonly hostname: string;
  readonly cpus: number;
  readonly mem: number;
  readonly ports: readonly [first: number, last: number];
  /** Statically reserved for this role. */
  readonly role?: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

interface FakeTask {
  readonly info: TaskInfo;
  readonly agent: FakeAgent;
  state: TaskState;
}

const START_MS = Date.UTC(2026, 0, 1);

export class FakeCluster {
  state: MarathonState;
  nowMs = START_MS;
  readonly agents = new Map<string, FakeAgent>();
  readonly tasks = new Map<string, FakeTask>();
  readonly calls: SchedulerCall[] = [];
  readonly published: Publication[] = [];
  readonly store = new Map<string, string>();
  readonly timers = new Map<string, number>();
  readonly probed = new Set<string>();
  readonly probes: Probe[] = [];
  /** Tasks that the scheduler ended because it did not know them, although nothing was ever said of their loss. */
  readonly forgotten: string[] = [];
  private readonly lost = new Set<string>();
  /** Launched tasks run at once, killed ones end at once. */
  prompt = true;
  onPublish: ((event: Publication) => void) | undefined;
  /** After so many more effects the scheduler's process dies, and is started again. */
  fuse: number | undefined;
  private readonly offers = new Map<string, Offer>();
  private readonly revived = new Set<string>();
  private readonly replies = new Map<number, Answer>();
  private readonly queue: MarathonEvent[] = [];
  private busy = false;
  private count = 0;

  constructor(private readonly settings: Settings = DEFAULT_SETTINGS) {
    this.state = createState(settings);
  }

  addAgent(some: Partial<FakeAgent> = {}): FakeAgent {
    const n = this.agents.size + 1;
    const agent: FakeAgent = { id: `S${n}`, hostname: `node${n}`, cpus: 4, mem: 4096, ports: [31000, 31999], ...some };
    this.agents.set(agent.id, agent);
    return agent;
  }

  start(): this {
    this.dispatch({ type: 'started', nonce: (this.count++).toString(16).padStart(16, 'a') });
    this.subscribe();
    return this;
  }

  subscribe(): void {
    this.offers.clear();
    this.revived.clear();
    this.dispatch({ type: 'subscribed', frameworkId: 'F-0000' });
  }

  /** A new process with what is in the store. */
  restart(): void {
    this.fuse = undefined;
    this.timers.clear();
    this.probed.clear();
    this.queue.length = 0;
    this.state = createState(this.settings);
    const entries = [...this.store].map(([key, value]): StoreEntry => ({ key, value, version: 1 }));
    recover(this.state, entries);
    this.start();
  }

  command(command: Command): Answer {
    const requestId = this.count++;
    this.dispatch({ type: 'commandReceived', requestId, command });
    const answer = this.replies.get(requestId);
    assert(answer, 'every command is answered');
    return answer;
  }

  ask(command: Command): Promise<Answer> {
    return Promise.resolve(this.command(command));
  }

  now(): number {
    return this.nowMs;
  }

  dispatch(event: MarathonEvent): void {
    this.queue.push(event);
    if (this.busy) return;
    this.busy = true;
    let crashed = false;
    for (let next = this.queue.shift(); next && !crashed; next = this.queue.shift())
      for (const effect of step(this.state, next, this.nowMs)) {
        crashed = this.fuse !== undefined && this.fuse-- <= 0;
        if (crashed) break;
        this.carryOut(effect);
      }
    this.busy = false;
    if (crashed) this.restart();
  }

  /** Lets time pass, timers included. */
  advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const due = [...this.timers].filter(([, atMs]) => atMs <= untilMs).sort((a, b) => a[1] - b[1])[0];
      if (due === undefined) break;
      this.timers.delete(due[0]);
      this.nowMs = Math.max(this.nowMs, due[1]);
      this.dispatch({ type: 'timerFired', key: due[0] });
    }
    this.nowMs = untilMs;
  }

  status(taskId: string, state: TaskState, more: Partial<TaskStatus> = {}): void {
    const task = this.tasks.get(taskId);
    if (task) task.state = state;
    if (isTerminal(state)) this.tasks.delete(taskId);
    if (state === 'TASK_UNREACHABLE') this.lost.add(taskId);
    const agentId = task && { value: task.agent.id };
    const status: TaskStatus = { taskId: { value: taskId }, state, agentId, uuid: 'dXVpZA==', ...more };
    this.dispatch({ type: 'statusReceived', status });
    this.offerFree();
  }

  /** Ids of the tasks of an app that the cluster runs. */
  tasksOf(appId: string): string[] {
    const prefix = `${appId.slice(1).replaceAll('/', '_')}.instance-`;
    return [...this.tasks.keys()].filter((id) => id.startsWith(prefix));
  }

  infoOf(taskId: string): TaskInfo {
    const task = this.tasks.get(taskId);
    assert(task, `task ${taskId} runs`);
    return task.info;
  }

  hostsOf(appId: string): string[] {
    return this.tasksOf(appId).map((id) => this.tasks.get(id)?.agent.hostname ?? '');
  }

  callsOf<T extends SchedulerCall['type']>(type: T): SchedulerCall[] {
    return this.calls.filter((call) => call.type === type);
  }

  eventsOf(type: string): Publication[] {
    return this.published.filter(({ eventType }) => eventType === type);
  }

  private carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'persist':
        for (const write of effect.writes)
          if (write.op === 'put') this.store.set(write.key, write.value);
          else this.store.delete(write.key);
        return;
      case 'call':
        return this.onCall(effect.call);
      case 'reply':
        this.replies.set(effect.requestId, effect.answer);
        return;
      case 'publish':
        this.published.push(effect.event);
        this.onPublish?.(effect.event);
        return;
      case 'setTimer':
        this.timers.set(effect.key, this.nowMs + effect.afterMs);
        return;
      case 'clearTimer':
        this.timers.delete(effect.key);
        return;
      case 'startProbes':
        this.probed.add(effect.taskId);
        this.probes.push(...effect.probes);
        return;
      case 'stopProbes':
        this.probed.delete(effect.taskId);
        return;
      case 'resubscribe':
        return this.subscribe();
      case 'giveUp':
        throw new Error(effect.reason);
    }
  }

  private onCall(call: SchedulerCall): void {
    this.calls.push(call);
    switch (call.type) {
      case 'REVIVE':
        for (const role of call.revive?.roles ?? []) this.revived.add(role);
        return this.offerFree();
      case 'SUPPRESS':
        for (const role of call.suppress?.roles ?? []) this.revived.delete(role);
        return;
      case 'DECLINE':
        for (const { value } of call.decline?.offerIds ?? []) this.offers.delete(value);
        return;
      case 'ACCEPT':
        return this.onAccept(call);
      case 'KILL':
        return this.onKill(call.kill?.taskId.value ?? '');
      case 'RECONCILE':
        return this.onReconcile(call);
    }
  }

  private onAccept({ accept }: SchedulerCall): void {
    const offer = this.offers.get(accept?.offerIds?.[0]?.value ?? '');
    const infos = accept?.operations?.flatMap(({ launch }) => launch?.taskInfos ?? []) ?? [];
    if (offer === undefined) {
      for (const { taskId } of infos) this.status(taskId.value, 'TASK_DROPPED', { reason: 'REASON_INVALID_OFFERS' });
      return;
    }
    this.offers.delete(offer.id.value);
    const agent = this.agents.get(offer.agentId.value);
    assert(agent, 'the agent is there');
    for (const info of infos) this.tasks.set(info.taskId.value, { info, agent, state: 'TASK_STAGING' });
    const free = this.freeOf(agent);
    assert(free.cpus >= -1e-9 && free.mem >= -1e-9, `${agent.id} is over-used: ${JSON.stringify(free)}`);
    assert(free.duplicatePort === undefined, `port ${free.duplicatePort} was handed out twice on ${agent.id}`);
    if (this.prompt) for (const { taskId } of infos) this.later(taskId.value, 'TASK_RUNNING');
  }

  private later(taskId: string, state: TaskState): void {
    const task = this.tasks.get(taskId);
    if (task) task.state = state;
    if (isTerminal(state)) this.tasks.delete(taskId);
    const agentId = task && { value: task.agent.id };
    this.dispatch({ type: 'statusReceived', status: { taskId: { value: taskId }, state, agentId, uuid: 'dXVpZA==' } });
  }

  private onKill(taskId: string): void {
    const known = this.state.instancesByTask.has(taskId) || this.lost.has(taskId);
    if (!known && this.tasks.has(taskId)) this.forgotten.push(taskId);
    if (!this.tasks.has(taskId)) return this.later(taskId, 'TASK_UNKNOWN');
    if (this.prompt) this.later(taskId, 'TASK_KILLED');
  }

  private onReconcile({ reconcile }: SchedulerCall): void {
    const asked = reconcile?.tasks?.map(({ taskId }) => taskId.value) ?? [...this.tasks.keys()];
    for (const id of asked) {
      const state = this.tasks.get(id)?.state ?? 'TASK_GONE';
      this.dispatch({
        type: 'statusReceived',
        status: { taskId: { value: id }, state, reason: 'REASON_RECONCILIATION' },
      });
    }
  }

  private freeOf(agent: FakeAgent): { cpus: number; mem: number; ports: number[]; duplicatePort?: number } {
    const used = new Set<number>();
    let [cpus, mem, duplicatePort] = [agent.cpus, agent.mem, undefined as number | undefined];
    for (const { info } of [...this.tasks.values()].filter((task) => task.agent === agent))
      for (const resource of info.resources ?? []) {
        if (resource.name === 'cpus') cpus -= resource.scalar?.value ?? 0;
        if (resource.name === 'mem') mem -= resource.scalar?.value ?? 0;
        for (const port of portsIn(resource)) {
          if (used.has(port)) duplicatePort = port;
          used.add(port);
        }
      }
    const ports = range(...agent.ports).filter((port) => !used.has(port));
    return { cpus: Math.round(cpus * 1000) / 1000, mem, ports, duplicatePort };
  }

  /** One offer for each agent that has anything left and none out. */
  offerFree(): void {
    const out = new Set([...this.offers.values()].map(({ agentId }) => agentId.value));
    const fresh: Offer[] = [];
    for (const agent of this.agents.values()) {
      if (out.has(agent.id) || !this.revived.has(agent.role ?? '*')) continue;
      const offer = this.makeOffer(agent);
      this.offers.set(offer.id.value, offer);
      fresh.push(offer);
    }
    if (fresh.length > 0) this.dispatch({ type: 'offersReceived', offers: fresh });
  }

  private makeOffer(agent: FakeAgent): Offer {
    const { cpus, mem, ports } = this.freeOf(agent);
    const role = agent.role ?? '*';
    const common = {
      allocationInfo: { role },
      ...(agent.role !== undefined && { reservations: [{ type: 'STATIC' as const, role }] }),
    };
    const resources: Resource[] = [
      { name: 'cpus', type: 'SCALAR', scalar: { value: cpus }, ...common },
      { name: 'mem', type: 'SCALAR', scalar: { value: mem }, ...common },
      {
        name: 'ports',
        type: 'RANGES',
        ranges: { range: ports.map((port) => ({ begin: port, end: port })) },
        ...common,
      },
    ];
    return {
      id: { value: `O${this.count++}` },
      frameworkId: { value: 'F-0000' },
      agentId: { value: agent.id },
      hostname: agent.hostname,
      allocationInfo: { role },
      resources,
      attributes: Object.entries(agent.attributes ?? {}).map(([name, value]) => ({
        name,
        type: 'TEXT',
        text: { value },
      })),
    };
  }
}

const isTerminal = (state: TaskState): boolean =>
  [
    'TASK_FINISHED',
    'TASK_FAILED',
    'TASK_KILLED',
    'TASK_ERROR',
    'TASK_DROPPED',
    'TASK_GONE',
    'TASK_GONE_BY_OPERATOR',
  ].includes(state);

const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

const portsIn = (resource: Resource): number[] =>
  (resource.ranges?.range ?? []).flatMap(({ begin, end }) => range(Number(begin), Number(end)));
