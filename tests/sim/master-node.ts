import type { MasterCall, SchedulerCall, SchedulerEvent } from '@mezzo/sdk/api';
import { asId, type AgentId, type ConnectionId, type FrameworkId, type MasterId } from '@mezzo/sdk/contract';
import type { Machine } from '../../kernel/core/machine.js';
import type {
  AgentRecord,
  FrameworkRecord,
  MaintenanceRecord,
  MasterEffect,
  RegistryWrite,
  RoleRecord,
} from '../../kernel/core/master/effects.js';
import type { MasterEvent, Priorities } from '../../kernel/core/master/events.js';
import type { MasterOptions } from '../../kernel/core/master/options.js';
import { createMasterState, type MasterState } from '../../kernel/core/master/state.js';
import { masterMachine } from '../../kernel/core/master/step.js';
import type { AgentReturn, AgentSubscribe, DownRecord, UpBatch } from '../../kernel/core/protocol.js';
import { Disk } from './disk.js';
import { Stream, type Weather } from './network.js';
import { SimLoop } from './sim-loop.js';
import type { Timeline } from './timeline.js';
import type { World } from './world.js';

export type MasterMachine = Machine<MasterState, MasterEvent, MasterEffect>;

interface Life {
  readonly loop: SimLoop<MasterState, MasterEvent, MasterEffect>;
  readonly timers: Map<string, () => void>;
  readonly streams: Map<ConnectionId, Stream<DownRecord> | Stream<SchedulerEvent>>;
  readonly replies: Map<number, (status: number) => void>;
}

const PING_INTERVAL_MS = 15_000;

/** The master's machine with its registry on a disk, its streams and its timers, in virtual time. */
export class MasterNode {
  life: Life | undefined;
  /** Told something since the last audit, pings and pongs apart. */
  touched = false;
  /** Hosts whose agents are offered; undefined = all. As a file: it outlives the master. */
  whitelist: readonly string[] | undefined;
  private readonly registry: Disk;
  private epoch = 0;
  private nextRequest = 1;

  constructor(
    private readonly time: Timeline,
    private readonly weather: Weather,
    private readonly world: Pick<World, 'isRandom' | 'isNested' | 'isInBatches'>,
    private readonly machine: MasterMachine = masterMachine,
  ) {
    this.registry = new Disk(time, () => time.random.between(1, 10));
  }

  get state(): MasterState | undefined {
    return this.life?.loop.state;
  }

  start(): void {
    const { time } = this;
    const life: Life = {
      loop: new SimLoop<MasterState, MasterEvent, MasterEffect>(
        this.machine,
        createMasterState(this.options()),
        () => time.nowMs,
        (effect, done) => this.write(effect, done),
        (effect) => this.life === life && this.execute(life, effect),
      ),
      timers: new Map(),
      streams: new Map(),
      replies: new Map(),
    };
    this.life = life;
    const agents = new Map<AgentId, AgentRecord>();
    const frameworks = new Map<FrameworkId, FrameworkRecord>();
    const roles = new Map<string, RoleRecord>();
    let maintenance: MaintenanceRecord | undefined;
    for (const [key, value] of structuredClone(this.registry.data)) {
      const [kind, id] = [key.slice(0, 1), key.slice(2)];
      if (kind === 'a') agents.set(asId<AgentId>(id), value as AgentRecord);
      else if (kind === 'f') frameworks.set(asId<FrameworkId>(id), value as FrameworkRecord);
      else if (kind === 'm') maintenance = value as MaintenanceRecord;
      else roles.set(id, value as RoleRecord);
    }
    this.dispatch({ type: 'elected', epoch: ++this.epoch, agents, frameworks, roles, maintenance });
    if (this.whitelist !== undefined) this.setWhitelist(this.whitelist);
  }

  setWhitelist(hosts: readonly string[] | undefined): void {
    this.whitelist = hosts;
    this.dispatch({ type: 'whitelistChanged', hosts });
  }

  crash(): void {
    const { life } = this;
    if (life === undefined) return;
    this.time.note('master', () => 'crashes');
    life.loop.stop();
    for (const cancel of life.timers.values()) cancel();
    for (const stream of life.streams.values()) stream.vanish('writer');
    this.registry.crash();
    this.life = undefined;
  }

  dispatch(event: MasterEvent): void {
    this.time.note('master', () => `< ${describe(event)}`);
    this.touched ||= !isHeartbeat(event);
    this.life?.loop.dispatch(event);
  }

  subscribeAgent(
    subscribe: AgentSubscribe | AgentReturn,
    deliver: (record: DownRecord) => void,
    lost: () => void,
  ): Stream<DownRecord> | undefined {
    return this.open(true, deliver, lost, (connection) => ({ type: 'agentSubscribed', connection, subscribe }));
  }

  subscribeScheduler(
    call: SchedulerCall,
    deliver: (event: SchedulerEvent, connection: ConnectionId) => void,
    lost: () => void,
  ): Stream<SchedulerEvent> | undefined {
    let id = asId<ConnectionId>('');
    return this.open(
      false,
      (event) => deliver(event, id),
      lost,
      (connection) => ({
        type: 'schedulerSubscribed',
        connection: (id = connection),
        call: call.subscribe!,
        principal: undefined,
      }),
    );
  }

  /** Answers the status, or undefined when no master runs. */
  agentBatch(batch: UpBatch): number | undefined {
    return this.request((request) => ({ type: 'agentCalled', request, batch }));
  }

  schedulerCall(call: SchedulerCall, connection: ConnectionId): number | undefined {
    return this.request((request) => ({ type: 'schedulerCalled', request, call, connection }));
  }

  /** Never answered when the master dies before it has. */
  operatorCall(call: MasterCall, answered: (status: number) => void): void {
    if (this.life === undefined) return;
    const request = this.nextRequest++;
    this.life.replies.set(request, answered);
    this.dispatch({ type: 'operatorCalled', request, call });
  }

  /** As above. */
  setPriorities(priorities: Priorities, answered: (status: number) => void): void {
    if (this.life === undefined) return;
    const request = this.nextRequest++;
    this.life.replies.set(request, answered);
    this.dispatch({ type: 'prioritiesSet', request, priorities });
  }

  private request(event: (request: number) => MasterEvent): number | undefined {
    if (this.life === undefined) return undefined;
    const request = this.nextRequest++;
    let status: number | undefined;
    this.life.replies.set(request, (value) => (status = value));
    this.dispatch(event(request));
    return status ?? 202;
  }

  private open<Record extends DownRecord | SchedulerEvent>(
    counted: boolean,
    deliver: (record: Record) => void,
    lost: () => void,
    event: (connection: ConnectionId) => MasterEvent,
  ): Stream<Record> | undefined {
    const { life } = this;
    if (life === undefined) return undefined;
    const connection = asId<ConnectionId>(this.time.random.uuid());
    const closed = () => this.life === life && this.dispatch({ type: 'connectionClosed', connection });
    const stream = new Stream<Record>(this.time, this.weather, deliver, lost, closed, counted);
    life.streams.set(connection, stream as unknown as Stream<DownRecord>);
    this.time.after(
      this.time.random.between(0, this.weather.latencyMs),
      () => this.life === life && this.dispatch(event(connection)),
    );
    return stream;
  }

  private options(): MasterOptions {
    const masterId = asId<MasterId>(this.time.random.uuid());
    return {
      masterId,
      info: { id: masterId, ip: 16_777_343, port: 5050, hostname: 'master' },
      agentPingIntervalMs: PING_INTERVAL_MS,
      maxAgentPingTimeouts: 5,
      agentReregisterTimeoutMs: 600_000,
      agentRemovalIntervalMs: 0,
      recoveryAgentRemovalLimit: 1,
      offerTimeoutMs: this.time.random.chance(0.3) ? 60_000 : undefined,
      allocationIntervalMs: 1000,
      batchAllocation: this.world.isInBatches,
      minAllocatableResources: ['cpus:0.01', 'mem:32'],
      roles: undefined,
      weights: new Map(),
      allocatorAgentRecoveryFactor: 0.8,
      allocatorRecoveryTimeoutMs: 600_000,
      filterGpuResources: true,
      nestedQuota: this.world.isNested,
      placeRequests: true,
      preemption: true,
      rootSubmissions: true,
      maxCompletedFrameworks: 50,
      maxCompletedTasksPerFramework: 1000,
      maxUnreachableTasksPerFramework: 1000,
      maxOperatorSubscribers: 1000,
      fairSharingExcluded: [],
      randomOrder: { roles: this.world.isRandom, frameworks: this.world.isRandom },
      registryMaxAgentAgeMs: 1_209_600_000,
      registryGcIntervalMs: 900_000,
      registryMaxAgentCount: 102_400,
      requireAgentDomain: false,
      publishFrameworkMetrics: true,
    };
  }

  private write(effect: MasterEffect, done: () => void): boolean {
    if (effect.type !== 'persist') return false;
    const writes = structuredClone(effect.writes);
    this.registry.write((data) => writes.forEach((write) => apply(data, write)), done);
    return true;
  }

  private execute(life: Life, effect: MasterEffect): void {
    switch (effect.type) {
      case 'sendAgent':
        return (life.streams.get(effect.connection) as Stream<DownRecord> | undefined)?.send(
          structuredClone(effect.record),
        );
      case 'sendScheduler':
        return (life.streams.get(effect.connection) as Stream<SchedulerEvent> | undefined)?.send(
          structuredClone(effect.event),
        );
      case 'close':
        life.streams.get(effect.connection)?.end();
        return void life.streams.delete(effect.connection);
      case 'reply':
        life.replies.get(effect.request)?.(effect.status);
        return void life.replies.delete(effect.request);
      case 'setTimer': {
        life.timers.get(effect.id)?.();
        return void life.timers.set(
          effect.id,
          this.time.after(effect.atMs - this.time.nowMs, () => this.dispatch({ type: 'timerFired', id: effect.id })),
        );
      }
      case 'cancelTimer':
        life.timers.get(effect.id)?.();
        return void life.timers.delete(effect.id);
      case 'log':
        return this.time.note('master', () => `! ${effect.message} ${JSON.stringify(effect.fields)}`);
      default:
        return;
    }
  }
}

function apply(data: Map<string, unknown>, write: RegistryWrite): void {
  switch (write.op) {
    case 'putAgent':
      return void data.set(`a/${write.id}`, write.record);
    case 'deleteAgent':
      return void data.delete(`a/${write.id}`);
    case 'putFramework':
      return void data.set(`f/${write.id}`, write.record);
    case 'deleteFramework':
      return void data.delete(`f/${write.id}`);
    case 'putRole':
      return void data.set(`r/${write.id}`, write.record);
    case 'deleteRole':
      return void data.delete(`r/${write.id}`);
    case 'putMaintenance':
      return void data.set('m/', write.record);
  }
}

const describe = (event: MasterEvent): string => {
  if (event.type === 'elected') return `leads with ${event.agents.size} agents, ${event.frameworks.size} frameworks`;
  return JSON.stringify(event, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)).slice(
    0,
    220,
  );
};

const isHeartbeat = (event: MasterEvent): boolean =>
  (event.type === 'timerFired' && event.id.startsWith('ping/')) ||
  (event.type === 'agentCalled' && event.batch.calls.every(({ type }) => type === 'pong'));
