import {
  Lazy,
  type FrameworkInfo,
  type MasterCall,
  type Offer,
  type Resource,
  type SchedulerCall,
  type SchedulerEvent,
  type TaskInfo,
  type TaskState,
} from '@mezzo/sdk/api';
import { asId, type AgentId, type ConnectionId, type FrameworkId, type MasterId } from '@mezzo/sdk/contract';
import type {
  AgentGreeting,
  AgentReturn,
  AgentSubscribe,
  AgentTask,
  DownRecord,
  UpCall,
} from '../../kernel/core/protocol.js';
import { Resources } from '../../kernel/core/resources/index.js';
import type {
  AgentRecord,
  FrameworkRecord,
  MaintenanceRecord,
  MasterEffect,
  RegistryWrite,
  RoleRecord,
} from '../../kernel/core/master/effects.js';
import type { MasterEvent } from '../../kernel/core/master/events.js';
import { auditMaster } from '../../kernel/core/master/invariants.js';
import type { MasterOptions } from '../../kernel/core/master/options.js';
import { createMasterState, type MasterState } from '../../kernel/core/master/state.js';
import { masterMachine } from '../../kernel/core/master/step.js';

const START_MS = 1_700_000_000_000;
export const MULTI_ROLE = { type: 'MULTI_ROLE' } as const;
export const PARTITION_AWARE = { type: 'PARTITION_AWARE' } as const;

export const resources = (text: string): Resource[] => Resources.parse(text).toMessages('post');

export const frameworkInfo = (more: Partial<FrameworkInfo> = {}): FrameworkInfo => ({
  user: 'nobody',
  name: 'test',
  roles: ['web'],
  failoverTimeout: 60,
  capabilities: [MULTI_ROLE, PARTITION_AWARE],
  ...more,
});

export const options = (more: Partial<MasterOptions> = {}): MasterOptions => ({
  masterId: asId<MasterId>('m'),
  info: { id: 'm', ip: 0x0100007f, port: 5050 },
  agentPingIntervalMs: 15_000,
  maxAgentPingTimeouts: 5,
  agentReregisterTimeoutMs: 600_000,
  agentRemovalIntervalMs: 0,
  recoveryAgentRemovalLimit: 1,
  offerTimeoutMs: undefined,
  allocationIntervalMs: 100,
  batchAllocation: false,
  minAllocatableResources: ['cpus:0.01', 'mem:32'],
  roles: undefined,
  weights: new Map(),
  allocatorAgentRecoveryFactor: 0.8,
  allocatorRecoveryTimeoutMs: 600_000,
  filterGpuResources: true,
  allocatorPolicy: undefined,
  nestedQuota: false,
  placeRequests: false,
  preemption: false,
  rootSubmissions: true,
  maxCompletedFrameworks: 2,
  maxCompletedTasksPerFramework: 3,
  maxUnreachableTasksPerFramework: 3,
  maxOperatorSubscribers: 2,
  fairSharingExcluded: [],
  randomOrder: { roles: false, frameworks: false },
  registryMaxAgentAgeMs: 1_209_600_000,
  registryGcIntervalMs: 900_000,
  registryMaxAgentCount: 102_400,
  requireAgentDomain: false,
  publishFrameworkMetrics: true,
  ...more,
});

/** A master in virtual time that is audited after each step, and what its peers would have seen. For tests. */
export class MasterHarness {
  readonly state: MasterState;
  nowMs = START_MS;
  readonly effects: MasterEffect[] = [];
  readonly registry = new Map<string, unknown>();
  readonly timers = new Map<string, number>();
  private streams = 0;
  private requests = 0;

  constructor(more: Partial<MasterOptions> = {}, before: RegistryWrite[] = []) {
    this.state = createMasterState(options(more));
    const agents = new Map<AgentId, AgentRecord>();
    const frameworks = new Map<FrameworkId, FrameworkRecord>();
    const roles = new Map<string, RoleRecord>();
    let maintenance: MaintenanceRecord | undefined;
    for (const write of before) {
      if (write.op === 'putMaintenance') maintenance = write.record;
      if (write.op === 'putAgent') agents.set(write.id, write.record);
      if (write.op === 'putFramework') frameworks.set(write.id, write.record);
      if (write.op === 'putRole') roles.set(write.id, write.record);
    }
    this.dispatch({ type: 'elected', epoch: 1, registry: 'registry', agents, frameworks, roles, maintenance });
  }

  dispatch(event: MasterEvent): MasterEffect[] {
    const effects = masterMachine.step(this.state, event, this.nowMs);
    for (const effect of effects) this.note(effect);
    const faults = auditMaster(this.state);
    if (faults.length > 0) throw new Error(`${event.type}: ${faults.join('; ')}`);
    return effects;
  }

  private note(effect: MasterEffect): void {
    this.effects.push(effect);
    if (effect.type === 'setTimer') this.timers.set(effect.id, effect.atMs);
    if (effect.type === 'cancelTimer') this.timers.delete(effect.id);
    if (effect.type === 'persist') for (const write of effect.writes) this.write(write);
  }

  private write(write: RegistryWrite): void {
    if ('record' in write) this.registry.set(write.id, write.record);
    else this.registry.delete(write.id);
  }

  /** Lets time pass; timers fire in order. Connected agents answer their pings when `pong` says so. */
  pass(ms: number, pong: readonly TestAgent[] = []): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      const [next] = [...this.timers].filter(([, atMs]) => atMs <= endMs).sort((a, b) => a[1] - b[1]);
      if (next === undefined) break;
      this.timers.delete(next[0]);
      this.nowMs = Math.max(this.nowMs, next[1]);
      for (const agent of pong) agent.call({ type: 'pong' });
      this.dispatch({ type: 'timerFired', id: next[0] });
    }
    this.nowMs = endMs;
  }

  connection(): ConnectionId {
    return asId<ConnectionId>(`stream-${++this.streams}`);
  }

  request(): number {
    return ++this.requests;
  }

  /** Everything that was sent to a stream. */
  sentTo<T = SchedulerEvent>(connection: ConnectionId): T[] {
    return this.effects.flatMap((effect) => {
      if (!('connection' in effect) || effect.connection !== connection) return [];
      if (effect.type === 'sendAgent') return [effect.record as T];
      return effect.type === 'sendScheduler' || effect.type === 'sendOperator' ? [plain(effect.event) as T] : [];
    });
  }

  isClosed(connection: ConnectionId): boolean {
    return this.effects.some((effect) => effect.type === 'close' && effect.connection === connection);
  }

  reply(request: number): { status: number; text?: string } | undefined {
    return this.effects.find((effect) => effect.type === 'reply' && effect.request === request) as never;
  }

  /** Answers what an operator is answered. */
  operator(call: MasterCall, principal?: string) {
    const request = this.request();
    this.dispatch({ type: 'operatorCalled', request, call, principal });
    return this.reply(request)!;
  }

  scheduler(info: Partial<FrameworkInfo> = {}): TestScheduler {
    return new TestScheduler(this, info);
  }

  agent(text = 'cpus:4;mem:4096;disk:1000;ports:[31000-32000]', more: Partial<AgentSubscribe> = {}): TestAgent {
    return new TestAgent(this, text, more);
  }
}

export class TestScheduler {
  readonly connection: ConnectionId;

  constructor(
    private readonly master: MasterHarness,
    readonly info: Partial<FrameworkInfo> = {},
  ) {
    this.connection = master.connection();
    const call = { frameworkInfo: frameworkInfo(info) };
    master.dispatch({ type: 'schedulerSubscribed', connection: this.connection, call, principal: undefined });
  }

  get events(): SchedulerEvent[] {
    return this.master.sentTo(this.connection);
  }

  get types(): (string | undefined)[] {
    return this.events.map((event) => event.type);
  }

  get id(): string {
    return this.events.find((event) => event.subscribed)!.subscribed!.frameworkId.value;
  }

  get offers(): Offer[] {
    return this.events.flatMap((event) => event.offers?.offers ?? []);
  }

  get updates(): string[] {
    return this.events.flatMap(({ update }) =>
      update ? [`${update.status.taskId.value} ${update.status.state}`] : [],
    );
  }

  get lastStatus() {
    return this.events.findLast((event) => event.update)?.update?.status;
  }

  call(call: SchedulerCall, connection: ConnectionId | undefined = this.connection) {
    const request = this.master.request();
    const full = { frameworkId: { value: this.id }, ...call };
    this.master.dispatch({ type: 'schedulerCalled', request, call: full, connection });
    return this.master.reply(request)!;
  }

  launch(offers: readonly Offer[], ...tasks: readonly TaskInfo[]) {
    const offerIds = offers.map(({ id }) => id);
    return this.call({
      type: 'ACCEPT',
      accept: {
        offerIds,
        operations: [{ type: 'LAUNCH', launch: { taskInfos: [...tasks] } }],
        filters: { refuseSeconds: 0 },
      },
    });
  }

  acknowledge(): void {
    const { agentId, taskId, uuid } = this.lastStatus!;
    this.call({ type: 'ACKNOWLEDGE', acknowledge: { agentId: agentId!, taskId, uuid: uuid! } });
  }

  disconnect(): void {
    this.master.dispatch({ type: 'connectionClosed', connection: this.connection });
  }
}

export const task = (
  id: string,
  offer: Pick<Offer, 'agentId'>,
  text = 'cpus:1;mem:128',
  more: Partial<TaskInfo> = {},
): TaskInfo => ({
  name: id,
  taskId: { value: id },
  agentId: offer.agentId,
  resources: resources(text),
  command: { value: 'sleep 1' },
  ...more,
});

export class TestAgent {
  connection!: ConnectionId;
  id: string | undefined;
  private seq = 0;
  private uuids = 0;

  constructor(
    private readonly master: MasterHarness,
    private readonly text: string,
    more: Partial<AgentSubscribe> = {},
  ) {
    this.subscribe(more);
  }

  subscribe(more: Partial<AgentSubscribe> = {}): void {
    this.begin({ tasks: [], executors: [], operations: [], frameworks: [], ...more });
  }

  /** Without telling its books. */
  comeBack(digest: string): void {
    this.begin({ digest });
  }

  private begin(more: Omit<AgentSubscribe, keyof AgentGreeting> | Pick<AgentReturn, 'digest'>): void {
    this.connection = this.master.connection();
    this.seq = 0;
    const greeting: AgentGreeting = {
      protocol: 1,
      agentInfo: { hostname: 'host', port: 5051, ...(this.id !== undefined && { id: { value: this.id } }) },
      address: `10.0.0.${this.connection.slice(7)}:5051`,
      resources: resources(this.text),
      version: '0.1.0',
    };
    const subscribe = { ...greeting, ...more };
    this.master.dispatch({ type: 'agentSubscribed', connection: this.connection, subscribe });
    this.id ??= this.records.find((record) => record.type === 'registered')?.agentId;
  }

  get records(): DownRecord[] {
    return this.master.sentTo<DownRecord>(this.connection);
  }

  of<T extends DownRecord['type']>(type: T): Extract<DownRecord, { type: T }>[] {
    return this.records.filter((record) => record.type === type) as never;
  }

  call(...calls: UpCall[]) {
    const request = this.master.request();
    const batch = { session: this.connection, seq: ++this.seq, seen: 0, calls };
    this.master.dispatch({ type: 'agentCalled', request, batch });
    return this.master.reply(request)!;
  }

  update(frameworkId: string, taskId: string, state: TaskState, latestState = state): string {
    const uuid = `uuid-${++this.uuids}`;
    const status = { taskId: { value: taskId }, state, uuid, source: 'SOURCE_EXECUTOR', timestamp: 1 } as const;
    this.call({ type: 'statusUpdate', frameworkId, status, latestState });
    return uuid;
  }

  disconnect(): void {
    this.master.dispatch({ type: 'connectionClosed', connection: this.connection });
  }
}

export const agentTask = (frameworkId: string, info: TaskInfo, state: TaskState = 'TASK_RUNNING'): AgentTask => ({
  frameworkId,
  info,
  state,
  statuses: [],
});

/** With plain lists in the place of lazy ones. */
function plain(value: unknown): unknown {
  if (value instanceof Lazy) return value.runs.flatMap(({ items, view }) => items.map((item) => view(item)));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]));
}
