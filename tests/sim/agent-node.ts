import type { ContainerSpec } from '@mezzo/sdk/points/containerizer';
import { agentMachine } from '../../kernel/core/agent/step.js';
import { AGENT_KEY, type AgentRecord } from '../../kernel/core/agent/checkpoint.js';
import type { AgentEffect } from '../../kernel/core/agent/effects.js';
import type { AgentEvent, CheckpointRecord } from '../../kernel/core/agent/events.js';
import { type AgentConfig, type AgentState, createAgentState } from '../../kernel/core/agent/state.js';
import type { Machine } from '../../kernel/core/machine.js';
import type { DownRecord, UpCall } from '../../kernel/core/protocol.js';
import { ContainerHost } from './containers.js';
import { copied } from './copied.js';
import { Disk } from './disk.js';
import { Stream } from './network.js';
import { Oversubscriber } from './oversubscriber.js';
import { SecretKeeper } from './secret-keeper.js';
import { SimLoop } from './sim-loop.js';
import type { MasterNode } from './master-node.js';
import { Violation, type World } from './world.js';

export type AgentMachine = Machine<AgentState, AgentEvent, AgentEffect>;

/** One life of an agent process. */
interface Life {
  readonly loop: SimLoop<AgentState, AgentEvent, AgentEffect>;
  readonly timers: Map<string, () => void>;
  stream: Stream<DownRecord> | undefined;
  /** The newest of the masters that it served. */
  epoch: number;
  upSeq: number;
  readonly queue: UpCall[];
  inFlight: boolean;
}

/** An agent's machine, its disk and its containers, with the shell's duties done in virtual time. */
export class AgentNode {
  readonly disk: Disk;
  readonly host: ContainerHost;
  /** In worlds where agents have more than they have. */
  readonly oversubscriber: Oversubscriber | undefined;
  /** In worlds where tasks name secrets. */
  readonly secrets: SecretKeeper | undefined;
  life: Life | undefined;
  /** Who leads, as it was told. */
  seen: MasterNode | undefined;
  /** Where its stream goes, or last went. */
  served: MasterNode | undefined;
  /** Told something since the last audit. */
  touched = false;
  private bootId: string;

  constructor(
    readonly world: World,
    readonly index: number,
    readonly config: AgentConfig,
    private readonly machine: AgentMachine = agentMachine,
  ) {
    const { time } = world;
    this.disk = new Disk(time, () => time.random.between(1, 10));
    this.host = new ContainerHost(
      time,
      (spec: ContainerSpec) => world.launched(this, spec),
      () => !world.still,
    );
    this.bootId = time.random.uuid();
    this.secrets = world.isSecretive ? new SecretKeeper(world, this, world.isCandid) : undefined;
    this.oversubscriber = world.isOversubscribed ? new Oversubscriber(world, this) : undefined;
  }

  get name(): string {
    return `agent-${this.index}`;
  }

  get state(): AgentState | undefined {
    return this.life?.loop.state;
  }

  start(): void {
    const { time } = this.world;
    const life: Life = {
      loop: new SimLoop<AgentState, AgentEvent, AgentEffect>(
        this.machine,
        createAgentState(this.config),
        () => time.nowMs,
        (effect, done) => this.write(effect, done),
        (effect) => this.life === life && this.execute(life, effect),
      ),
      timers: new Map(),
      stream: undefined,
      epoch: 0,
      upSeq: 0,
      queue: [],
      inFlight: false,
    };
    this.life = life;
    const records = [...this.disk.data].map(([key, value]): CheckpointRecord => ({
      key,
      value: copied(value),
    }));
    this.dispatch({
      type: 'checkpointsLoaded',
      seed: time.random.uuid(),
      bootId: this.bootId,
      recover: 'reconnect',
      records,
    });
  }

  /** kill -9: memory and timers are gone, containers run on. */
  crash(): void {
    const { life } = this;
    if (life === undefined) return;
    this.world.time.note(this.name, () => 'crashes');
    life.loop.stop();
    for (const cancel of life.timers.values()) cancel();
    life.stream?.vanish('reader');
    this.host.unwatchAll();
    this.secrets?.crash();
    this.disk.crash();
    this.life = undefined;
  }

  reboot(): void {
    this.crash();
    this.host.reboot();
    this.bootId = this.world.time.random.uuid();
  }

  dispatch(event: AgentEvent): void {
    this.secrets?.overhears(event);
    this.world.time.note(this.name, () => `< ${describe(event)}`);
    this.touched ||= event.type !== 'masterRecordReceived' || event.record.type !== 'ping';
    this.life?.loop.dispatch(event);
    if (event.type === 'masterRecordReceived' && event.record.type === 'registered') this.obeys(event.record.epoch);
  }

  /** Once it has served a master, and a crash did not take that back, it serves none of those before. */
  private obeys(epoch: number): void {
    const { life } = this;
    if (life?.loop.state.link.phase !== 'registered') return;
    const { reign } = (this.disk.data.get(AGENT_KEY) ?? {}) as Partial<AgentRecord>;
    life.epoch = Math.max(life.epoch, reign?.epoch ?? 0);
    if (epoch < life.epoch)
      throw new Violation(`${this.name} serves the master of epoch ${epoch}, and served that of ${life.epoch}`);
    life.epoch = epoch;
  }

  private write(effect: AgentEffect, done: () => void): boolean {
    this.secrets?.overhears(effect);
    if (effect.type === 'checkpoint') {
      const value = copied(effect.value);
      this.disk.write((data) => data.set(effect.key, value), done);
    } else if (effect.type === 'forget') this.disk.write((data) => data.delete(effect.key), done);
    else return false;
    return true;
  }

  private execute(life: Life, effect: AgentEffect): void {
    this.secrets?.overhears(effect);
    const { time } = this.world;
    const soon = (event: AgentEvent, maxMs = 5) =>
      void time.after(time.random.between(0, maxMs), () => this.life === life && this.dispatch(event));
    switch (effect.type) {
      case 'connectMaster':
        return this.connect(life, effect.connection, effect.subscribe);
      case 'disconnectMaster':
        return life.stream?.vanish('reader');
      case 'sendMaster':
        life.queue.push(effect.call);
        return this.pump(life);
      case 'recoverContainers': {
        this.world.recovered(this);
        const known = new Set(effect.containers.map(({ checkpoint }) => checkpoint.containerId));
        const containerIds = this.host.recover(known);
        for (const id of containerIds) this.watch(life, id);
        return soon({ type: 'containersRecovered', containerIds });
      }
      case 'prepareSandbox':
        if (effect.secrets !== undefined) return this.secrets?.prepare(effect, () => this.life === life);
        return soon({ type: 'sandboxPrepared', containerId: effect.containerId });
      case 'launchContainer': {
        const spec = this.secrets?.whole(effect.spec) ?? effect.spec;
        const { containerId } = spec;
        const ifAlive = (act: () => void) => this.life === life && act();
        return this.host.launch(
          spec,
          () =>
            ifAlive(() => {
              this.dispatch({
                type: 'containerLaunched',
                containerId,
                launched: { checkpoint: { containerId, version: 1, data: {} }, pid: 1 },
              });
              this.watch(life, containerId);
            }),
          (said) =>
            ifAlive(() => {
              const message = this.secrets?.repeated(said, spec) ?? said;
              this.dispatch({ type: 'containerLaunchFailed', containerId, message });
            }),
        );
      }
      case 'killContainer':
        return this.host.kill(effect.containerId, effect.graceMs);
      case 'signalContainer':
        return this.host.kill(effect.containerId, 0);
      case 'removeContainer':
        return this.host.remove(effect.containerId);
      case 'setTimer': {
        life.timers.get(effect.key)?.();
        const delay = effect.jitter ? time.random.between(0, effect.delayMs) : effect.delayMs;
        return void life.timers.set(
          effect.key,
          time.after(delay, () => this.dispatch({ type: 'timerFired', key: effect.key })),
        );
      }
      case 'cancelTimer':
        life.timers.get(effect.key)?.();
        return void life.timers.delete(effect.key);
      case 'exit':
        return this.world.agentExited(this, effect.code, effect.reason);
      case 'log':
        return time.note(this.name, () => `! ${effect.message} ${JSON.stringify(effect.fields ?? {})}`);
      default:
        return;
    }
  }

  private watch(life: Life, containerId: string): void {
    this.host.watch(
      containerId,
      (exit) => this.life === life && this.dispatch({ type: 'containerEnded', containerId, exit }),
    );
  }

  private connect(life: Life, connection: number, subscribe: Parameters<World['subscribeAgent']>[1]): void {
    life.stream?.vanish('reader');
    life.queue.length = 0;
    life.upSeq = 0;
    const lost = () => this.life === life && this.dispatch({ type: 'masterLost', connection, reason: 'stream broke' });
    life.stream = this.world.subscribeAgent(
      this,
      copied(subscribe),
      (record) => this.life === life && this.dispatch({ type: 'masterRecordReceived', connection, record }),
      lost,
    );
    if (life.stream === undefined) this.world.time.after(5, lost);
  }

  /** One batch in flight; whatever comes up meanwhile goes with the next. A batch without an answer ends the session. */
  private pump(life: Life): void {
    const { stream } = life;
    if (life.inFlight || life.queue.length === 0 || stream === undefined) return;
    const { session, downSeq } = life.loop.state.link;
    if (session === undefined) return;
    const calls = copied(life.queue.splice(0));
    life.inFlight = true;
    this.world.callAgentApi(this, { session, seq: ++life.upSeq, seen: downSeq, calls }, (accepted) => {
      if (this.life !== life) return;
      life.inFlight = false;
      if (stream !== life.stream) return this.pump(life);
      if (accepted !== true) return stream.break();
      this.pump(life);
    });
  }
}

const describe = (event: AgentEvent): string => {
  if (event.type === 'masterRecordReceived') return `${event.record.type} #${event.record.seq}`;
  const { type, ...rest } = event as { type: string } & Record<string, unknown>;
  return `${type} ${JSON.stringify(rest, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)).slice(0, 160)}`;
};
