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
import { copied } from './copied.js';
import { Disk } from './disk.js';
import { type Line, Stream, type Weather } from './network.js';
import { NodeClock } from './node-clock.js';
import { SimLoop } from './sim-loop.js';
import type { Timeline } from './timeline.js';
import type { World } from './world.js';

export type MasterMachine = Machine<MasterState, MasterEvent, MasterEffect>;

interface Life {
  readonly epoch: number;
  /** How many of the writes to the registry it knows of: it read them, or they are its own. */
  known: number;
  readonly loop: SimLoop<MasterState, MasterEvent, MasterEffect>;
  readonly timers: Map<string, () => void>;
  readonly streams: Map<ConnectionId, Stream<DownRecord> | Stream<SchedulerEvent>>;
  readonly replies: Map<number, (status: number) => void>;
}

const PING_INTERVAL_MS = 15_000;
/** The clocks of hosts differ. */
const AHEAD_MS = [0, 0, -1_800_000, 5000, 1_800_000];

/** A master's machine, its writes to the registry, its streams and its timers, in virtual time. */
export class MasterNode {
  /** While it leads. */
  life: Life | undefined;
  /** Told something since the last audit, pings and pongs apart. */
  touched = false;
  /** Hosts whose agents are offered; undefined = all. As a file: it outlives the master. */
  whitelist: readonly string[] | undefined;
  readonly clock: NodeClock;
  private readonly registry: Disk;
  /** It runs: alone it leads, among others it may have to wait. `held` is what came while it stood still. */
  private process: { held: (() => void)[] | undefined } | undefined;
  private nextRequest = 1;

  constructor(
    private readonly time: Timeline,
    private readonly weather: Weather,
    private readonly world: Pick<
      World,
      'isWithMasters' | 'policy' | 'isRandom' | 'isNested' | 'isInBatches' | 'ensemble' | 'marathon' | 'masterExited'
    >,
    readonly name: string,
    private readonly machine: MasterMachine = masterMachine,
  ) {
    this.clock = new NodeClock(time, world.isWithMasters ? time.random.pick(AHEAD_MS) : 0);
    this.registry = new Disk(time, () => time.random.between(1, 10) * weather.slowness, world.ensemble.data);
  }

  get state(): MasterState | undefined {
    return this.life?.loop.state;
  }

  get isRunning(): boolean {
    return this.process !== undefined;
  }

  /** The only one: nobody to ask. */
  startAlone(): void {
    this.process = { held: undefined };
    this.lead();
  }

  stand(): void {
    if (this.isRunning) return;
    this.time.note(this.name, () => 'stands for election');
    this.process = { held: undefined };
    this.world.ensemble.stand(this);
  }

  elected(): void {
    if (this.isRunning && this.life === undefined) this.lead();
  }

  /** Until it thaws. The answer tells whether it is still the process that froze. */
  freeze(): () => boolean {
    const { process } = this;
    process!.held = [];
    return () => this.process === process;
  }

  thaw(): void {
    const held = this.process?.held ?? [];
    this.process!.held = undefined;
    for (const run of held) run();
  }

  /** It must not go on: the process ends. */
  giveUp(why: string): void {
    if (!this.isRunning) return;
    this.time.note(this.name, () => `gives up: ${why}`);
    this.world.ensemble.resigned(this);
    this.end();
    this.world.masterExited(this);
  }

  whenAwake(run: () => void): void {
    if (this.process?.held === undefined) run();
    else this.process.held.push(run);
  }

  private lead(): void {
    const epoch = this.world.ensemble.startEpoch();
    const life: Life = {
      epoch,
      known: this.world.ensemble.landed,
      loop: new SimLoop<MasterState, MasterEvent, MasterEffect>(
        this.machine,
        createMasterState(this.options()),
        () => this.clock.nowMs,
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
    let registry: string | undefined;
    for (const [key, value] of copied(this.world.ensemble.data)) {
      const [kind, id] = [key.slice(0, 1), key.slice(2)];
      if (kind === 'a') agents.set(asId<AgentId>(id), value as AgentRecord);
      else if (kind === 'f') frameworks.set(asId<FrameworkId>(id), value as FrameworkRecord);
      else if (kind === 'm') maintenance = value as MaintenanceRecord;
      else if (kind === 'n') registry = (value as { name: string }).name;
      else if (kind === 'r') roles.set(id, value as RoleRecord);
    }
    this.dispatch({ type: 'elected', epoch, registry, agents, frameworks, roles, maintenance });
    if (this.whitelist !== undefined) this.setWhitelist(this.whitelist);
    this.world.marathon?.follow(this);
    const { policy } = this.world;
    // Its plugin starts after the master leads.
    if (policy)
      this.time.after(this.time.random.pick([0, 2000, 60_000]), () => {
        if (life === this.life) this.dispatch({ type: 'policyChosen', policy });
      });
  }

  setWhitelist(hosts: readonly string[] | undefined): void {
    this.whitelist = hosts;
    this.dispatch({ type: 'whitelistChanged', hosts });
  }

  /** kill -9. */
  crash(): void {
    if (!this.isRunning) return;
    this.time.note(this.name, () => 'crashes');
    this.world.ensemble.crashed(this);
    this.end();
  }

  private end(): void {
    const { life } = this;
    this.process = undefined;
    if (life === undefined) return;
    life.loop.stop();
    for (const cancel of life.timers.values()) cancel();
    for (const stream of life.streams.values()) stream.vanish('writer');
    this.registry.crash();
    this.life = undefined;
    this.world.marathon?.left(this);
  }

  dispatch(event: MasterEvent): void {
    const { life } = this;
    this.whenAwake(() => {
      this.time.note(this.name, () => `< ${describe(event)}`);
      this.touched ||= !isHeartbeat(event);
      if (life === this.life) life?.loop.dispatch(event);
    });
  }

  subscribeAgent(
    subscribe: AgentSubscribe | AgentReturn,
    deliver: (record: DownRecord) => void,
    lost: () => void,
    line: Line,
  ): Stream<DownRecord> | undefined {
    return this.open(true, deliver, lost, line, (connection) => ({ type: 'agentSubscribed', connection, subscribe }));
  }

  subscribeScheduler(
    call: SchedulerCall,
    deliver: (event: SchedulerEvent, connection: ConnectionId) => void,
    lost: () => void,
    line: Line,
  ): Stream<SchedulerEvent> | undefined {
    let id = asId<ConnectionId>('');
    return this.open(
      false,
      (event) => deliver(event, id),
      lost,
      line,
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
    // Who stands still does not answer, though it may act on it later.
    return this.process?.held === undefined ? (status ?? 202) : undefined;
  }

  private open<Record extends DownRecord | SchedulerEvent>(
    counted: boolean,
    deliver: (record: Record) => void,
    lost: () => void,
    line: Line,
    event: (connection: ConnectionId) => MasterEvent,
  ): Stream<Record> | undefined {
    const { life } = this;
    if (life === undefined) return undefined;
    const connection = asId<ConnectionId>(this.time.random.uuid());
    const closed = () => this.life === life && this.dispatch({ type: 'connectionClosed', connection });
    const stream = new Stream<Record>(this.time, this.weather, deliver, lost, closed, counted, line);
    life.streams.set(connection, stream as unknown as Stream<DownRecord>);
    this.time.after(this.time.random.between(0, this.weather.latencyMs), () =>
      line.pass('up', () => this.life === life && this.dispatch(event(connection))),
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
      allocatorPolicy: this.world.policy?.name,
      randomOrder: { roles: this.world.isRandom, frameworks: this.world.isRandom },
      registryMaxAgentAgeMs: 1_209_600_000,
      registryGcIntervalMs: 900_000,
      registryMaxAgentCount: 102_400,
      requireAgentDomain: false,
      publishFrameworkMetrics: true,
    };
  }

  /** Its own writes, and those of plugins, land in one order while it leads; else it must not go on. */
  commit(change: (data: Map<string, unknown>) => void, done: () => void): void {
    const { life } = this;
    if (life === undefined) return;
    const { ensemble } = this.world;
    let landed = true;
    const land = (data: Map<string, unknown>) => {
      landed = ensemble.takes(life.epoch);
      if (!landed) return;
      ensemble.landed += 1;
      life.known += 1;
      change(data);
    };
    this.registry.write(land, () =>
      this.whenAwake(() => (landed ? done() : this.giveUp('a write did not land, since another one leads'))),
    );
  }

  private write(effect: MasterEffect, done: () => void): boolean {
    if (effect.type !== 'persist') return false;
    const writes = copied(effect.writes);
    this.commit((data) => writes.forEach((write) => apply(data, write)), done);
    return true;
  }

  private execute(life: Life, effect: MasterEffect): void {
    switch (effect.type) {
      case 'sendAgent':
        return (life.streams.get(effect.connection) as Stream<DownRecord> | undefined)?.send(copied(effect.record));
      case 'sendScheduler':
        return (life.streams.get(effect.connection) as Stream<SchedulerEvent> | undefined)?.send(copied(effect.event));
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
          this.time.after(effect.atMs - this.clock.nowMs, () => this.dispatch({ type: 'timerFired', id: effect.id })),
        );
      }
      case 'cancelTimer':
        life.timers.get(effect.id)?.();
        return void life.timers.delete(effect.id);
      case 'log':
        return this.time.note(this.name, () => `! ${effect.message} ${JSON.stringify(effect.fields)}`);
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
    case 'putName':
      return void data.set('n/', write.record);
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
