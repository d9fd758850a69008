import {
  encodeMessage,
  messageToJson,
  type MessageName,
  type MessageTypes,
  type SchedulerCallSubscribe,
} from '@mezzo/sdk/api';
import { asId, MezzoError, type ConnectionId, type Logger } from '@mezzo/sdk/contract';
import type { AllocatorPolicy } from '@mezzo/sdk/points/allocator-policy';
import type { Principal } from '@mezzo/sdk/points/authenticator';
import type { Store, StoreSnapshot } from '@mezzo/sdk/points/store-driver';
import { masterMachine, type MasterEffect, type MasterEvent, type MasterState } from '../../core/master/index.js';
import type { Machine } from '../../core/machine.js';
import type { AgentReturn, AgentSubscribe } from '../../core/protocol.js';
import type { Clock, Random } from '../../ports/clock.js';
import { MachineLoop } from '../loop.js';
import { toWireJson } from '../wire-json.js';
import { readRegistry, storeWrite } from './registry.js';
import { MasterTimings } from './timings.js';

/** The writing end of a subscription: records in, bounded buffer, `onEnd` told by whoever made it. */
export interface Sink {
  readonly format: 'json' | 'protobuf';
  send(record: string | Uint8Array): boolean;
  /** With lists that are written bit by bit. Whatever is sent after it comes after it. */
  sendBig(event: MessageTypes['mesos.v1.master.Event']): void;
  /** Sends the record again and again until the stream is over. */
  beat(record: string | Uint8Array, intervalMs: number): void;
  close(): void;
}

export interface Reply {
  readonly status: number;
  readonly text?: string;
}

export interface MasterShellParts {
  readonly state: MasterState;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** A write failed, or the machine has a bug: this master must not go on. */
  readonly onFatal: (error: unknown) => void;
  readonly machine?: Machine<MasterState, MasterEvent, MasterEffect>;
}

const HEARTBEAT_MS = 15_000;

/** Carries the master's effects out: writes to the store, streams to whoever subscribed, timers, replies. */
export class MasterShell {
  private readonly loop: MachineLoop<MasterState, MasterEvent, MasterEffect>;
  private readonly sinks = new Map<ConnectionId, Sink>();
  private readonly operators = new Set<Sink>();
  private readonly replies = new Map<number, (reply: Reply) => void>();
  private readonly timers = new Map<string, () => void>();
  readonly timings = new MasterTimings();
  private store: Store | undefined;
  private stepBeganMs = 0;
  private nextRequest = 1;
  private stopped = false;

  constructor(private readonly parts: MasterShellParts) {
    this.loop = new MachineLoop<MasterState, MasterEvent, MasterEffect>(
      parts.machine ?? masterMachine,
      parts.state,
      parts.clock,
      (effect) => effect.type === 'persist',
      (effect) => this.execute(effect),
      parts.onFatal,
    );
  }

  get state(): MasterState {
    return this.parts.state;
  }

  /** Once, before anything else: takes up what the registry holds. `epoch` is that of all it writes. */
  lead(store: Store, epoch: number): void {
    this.store = store;
    this.timeAllocations();
    const beganMs = performance.now();
    const registry = readRegistry(store);
    this.timings.registryFetchMs = performance.now() - beganMs;
    this.dispatch({ type: 'elected', epoch, ...registry });
  }

  /** Undefined = the agents of all hosts are offered. */
  offerOnly(hosts: readonly string[] | undefined): void {
    this.dispatch({ type: 'whitelistChanged', hosts });
  }

  /** What `allocatorPolicy` of its options names. */
  allocateBy(policy: AllocatorPolicy): void {
    this.dispatch({ type: 'policyChosen', policy });
  }

  private timeAllocations(): void {
    const { allocator } = this.state;
    const { allocation, allocationLatency } = this.timings;
    const allocate = allocator.allocate.bind(allocator);
    allocator.allocate = (atMs) => {
      const beganMs = performance.now();
      allocationLatency.record(beganMs - this.stepBeganMs);
      const grants = allocate(atMs);
      allocation.record(performance.now() - beganMs);
      return grants;
    };
  }

  warn(message: string, fields: Record<string, unknown>): void {
    this.parts.log.warn(message, fields);
  }

  /** Of what the registrar keeps. */
  get registryBytes(): number {
    const kept = this.store?.list('registry/') ?? [];
    return kept.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
  }

  /** All that is durable; undefined where this master does not lead. */
  snapshot(): StoreSnapshot | undefined {
    return this.store?.snapshot();
  }

  newConnection(): ConnectionId {
    return asId<ConnectionId>(this.parts.random.uuid());
  }

  subscribeScheduler(
    connection: ConnectionId,
    sink: Sink,
    call: SchedulerCallSubscribe,
    principal: string | undefined,
  ): void {
    this.sinks.set(connection, sink);
    this.dispatch({ type: 'schedulerSubscribed', connection, call, principal });
  }

  subscribeOperator(connection: ConnectionId, sink: Sink, principal: Principal | undefined): void {
    this.sinks.set(connection, sink);
    this.dispatch({ type: 'operatorSubscribed', connection, principal });
  }

  subscribeAgent(connection: ConnectionId, sink: Sink, subscribe: AgentSubscribe | AgentReturn): void {
    this.sinks.set(connection, sink);
    this.dispatch({ type: 'agentSubscribed', connection, subscribe });
  }

  /** The stream broke or was cut. Comes as an event of its own, never amid the effects of another. */
  lost(connection: ConnectionId): void {
    queueMicrotask(() => {
      if (this.forget(connection)) this.dispatch({ type: 'connectionClosed', connection });
    });
  }

  /** Dispatches a request and answers its reply. */
  call(event: (request: number) => MasterEvent): Promise<Reply> {
    if (this.stopped) return Promise.resolve(STOPPING);
    const request = this.nextRequest++;
    return new Promise((resolve) => {
      this.replies.set(request, resolve);
      this.dispatch(event(request));
    });
  }

  /** Ends all streams; nothing is carried out from now on. */
  stop(): void {
    this.stopped = true;
    this.loop.stop();
    for (const cancel of this.timers.values()) cancel();
    for (const sink of this.sinks.values()) sink.close();
    for (const resolve of this.replies.values()) resolve(STOPPING);
    for (const collection of [this.timers, this.sinks, this.operators, this.replies]) collection.clear();
  }

  private dispatch(event: MasterEvent): void {
    if (this.stopped) return;
    this.stepBeganMs = performance.now();
    try {
      this.loop.dispatch(event);
    } catch (error) {
      this.parts.onFatal(error);
    }
  }

  private execute(effect: MasterEffect): void | Promise<void> {
    switch (effect.type) {
      case 'persist':
        return this.persist(effect);
      case 'sendScheduler': {
        this.sendEvent(effect.connection, 'mesos.v1.scheduler.Event', effect.event);
        if (effect.event.type === 'SUBSCRIBED') this.startHeartbeat(effect.connection, 'mesos.v1.scheduler.Event');
        return;
      }
      case 'sendOperator':
        return this.welcomeOperator(effect);
      case 'publish':
        return this.publish(effect.event);
      case 'sendAgent':
        return void this.sinks.get(effect.connection)?.send(toWireJson(effect.record));
      case 'close':
        this.sinks.get(effect.connection)?.close();
        return void this.forget(effect.connection);
      case 'reply': {
        this.replies.get(effect.request)?.(effect);
        return void this.replies.delete(effect.request);
      }
      case 'setTimer':
        return this.setTimer(effect.id, effect.atMs);
      case 'cancelTimer':
        return this.cancelTimer(effect.id);
      case 'fail': {
        const { reason, next } = effect;
        return this.parts.onFatal(new MezzoError('MASTER_GAVE_UP', reason, { blame: 'operator', next }));
      }
      case 'log':
        return this.parts.log[effect.level](effect.message, effect.fields);
    }
  }

  private async persist({ writes }: Extract<MasterEffect, { type: 'persist' }>): Promise<void> {
    const { epoch } = this.state;
    const beganMs = performance.now();
    this.timings.queuedWrites += 1;
    await this.store!.commit({ epoch, writes: writes.map(storeWrite) });
    this.timings.queuedWrites -= 1;
    this.timings.registryWrite.record(performance.now() - beganMs);
  }

  private sendEvent<K extends MessageName>(connection: ConnectionId, name: K, event: MessageTypes[K]): void {
    const sink = this.sinks.get(connection);
    sink?.send(encode(sink.format, name, event));
  }

  private startHeartbeat(connection: ConnectionId, name: 'mesos.v1.scheduler.Event' | 'mesos.v1.master.Event'): void {
    const sink = this.sinks.get(connection);
    sink?.beat(encode(sink.format, name, { type: 'HEARTBEAT' }), HEARTBEAT_MS);
  }

  private welcomeOperator({ connection, event, restricted }: Extract<MasterEffect, { type: 'sendOperator' }>): void {
    const sink = this.sinks.get(connection);
    if (sink === undefined) return;
    if (event.type !== 'SUBSCRIBED') return this.sendEvent(connection, 'mesos.v1.master.Event', event);
    sink.sendBig(event);
    if (!restricted) this.operators.add(sink);
    this.startHeartbeat(connection, 'mesos.v1.master.Event');
  }

  /** Encoded once for each format that somebody reads. */
  private publish(event: MessageTypes['mesos.v1.master.Event']): void {
    const records = new Map<Sink['format'], string | Uint8Array>();
    for (const sink of this.operators) {
      const record = records.get(sink.format) ?? encode(sink.format, 'mesos.v1.master.Event', event);
      records.set(sink.format, record);
      sink.send(record);
    }
  }

  private forget(connection: ConnectionId): boolean {
    const sink = this.sinks.get(connection);
    if (sink !== undefined) this.operators.delete(sink);
    return this.sinks.delete(connection);
  }

  private setTimer(id: string, atMs: number): void {
    this.cancelTimer(id);
    const cancel = this.parts.clock.after(atMs - this.parts.clock.nowMs(), () => {
      this.timers.delete(id);
      this.dispatch({ type: 'timerFired', id });
    });
    this.timers.set(id, cancel);
  }

  private cancelTimer(id: string): void {
    this.timers.get(id)?.();
    this.timers.delete(id);
  }
}

const STOPPING: Reply = { status: 503, text: 'The master is stopping' };

function encode<K extends MessageName>(format: Sink['format'], name: K, message: MessageTypes[K]): string | Uint8Array {
  return format === 'json' ? messageToJson(name, message) : encodeMessage(name, message);
}
