import type { SchedulerCall, SchedulerEvent } from '@mezzo/sdk/api';
import type { ConnectionId, StoreEntry } from '@mezzo/sdk/contract';
import type { Command } from '../../plugins/marathon/core/commands/command.js';
import type { Answer, Effect, MarathonEvent } from '../../plugins/marathon/core/effects.js';
import { recover } from '../../plugins/marathon/core/records.js';
import { createState, DEFAULT_SETTINGS, type MarathonState } from '../../plugins/marathon/core/state.js';
import { step } from '../../plugins/marathon/core/step.js';
import type { Machine } from '../../kernel/core/machine.js';
import { copied } from './copied.js';
import type { MasterNode } from './master-node.js';
import { call, Line, type Stream } from './network.js';
import { SimLoop } from './sim-loop.js';
import { Violation, type World } from './world.js';

export type MarathonMachine = Machine<MarathonState, MarathonEvent, Effect>;

/** Where its records are among those that the masters keep. */
const PREFIX = 'p/';
const SETTINGS = { ...DEFAULT_SETTINGS, roles: ['*'] };
const START_MS = [300, 3000] as const;
const RESTART_MS = 1000;
const RESUBSCRIBE_MS = 500;
/** It is put once, and never changed: nobody has a reason to end its tasks. */
export const STEADY = '/steady';
/** After one of these a task may be taken for lost, and another one takes its place. */
const DOUBTS: ReadonlySet<string> = new Set([
  ...['TASK_UNREACHABLE', 'TASK_LOST', 'TASK_GONE', 'TASK_GONE_BY_OPERATOR', 'TASK_DROPPED', 'TASK_UNKNOWN'],
  ...['TASK_FAILED', 'TASK_FINISHED', 'TASK_ERROR', 'TASK_KILLED', 'TASK_KILLING'],
]);

/** One process of Marathon, beside the master that leads. */
interface Life {
  readonly master: MasterNode;
  readonly loop: SimLoop<MarathonState, MarathonEvent, Effect>;
  readonly timers: Map<string, () => void>;
  readonly line: Line;
  stream: Stream<SchedulerEvent> | undefined;
  connection: ConnectionId | undefined;
  attempt: number;
  readonly queue: SchedulerCall[];
  inFlight: boolean;
}

/** Marathon's machine over all its lives: it follows the leading master and keeps its records there. */
export class MarathonNode {
  life: Life | undefined;
  private readonly replies = new Map<number, (answer: Answer) => void>();
  private nextRequest = 1;
  /** Ids of tasks that were said to run, and never anything worse. */
  private readonly well = new Set<string>();
  private readonly doubted = new Set<string>();

  constructor(
    private readonly world: World,
    private readonly machine: MarathonMachine = { step },
  ) {}

  get state(): MarathonState | undefined {
    return this.life?.loop.state;
  }

  follow(master: MasterNode): void {
    const { time } = this.world;
    const { life } = master;
    time.after(time.random.between(...START_MS), () => {
      // One that started now beside a master that leads no more would be another process, whose writes do not land.
      const newest = this.life?.master.life?.epoch ?? 0;
      if (master.life === life && this.life?.master !== master && newest <= life!.epoch) this.start(master);
    });
  }

  /** kill -9 of it alone. */
  crash(): void {
    const { life } = this;
    if (life === undefined) return;
    this.end();
    this.world.time.after(RESTART_MS, () => life.master === this.world.master && this.follow(life.master));
  }

  /** With its master. */
  left(master: MasterNode): void {
    if (this.life?.master === master) this.end();
  }

  private end(): void {
    const { life } = this;
    if (life === undefined) return;
    this.world.time.note('marathon', () => 'ends');
    life.loop.stop();
    for (const cancel of life.timers.values()) cancel();
    life.stream?.vanish('reader');
    this.life = undefined;
    this.replies.clear();
  }

  private start(master: MasterNode): void {
    const { time, ensemble } = this.world;
    this.end();
    const state = createState(SETTINGS);
    const entries = [...ensemble.data].flatMap(([key, value]): StoreEntry[] =>
      key.startsWith(PREFIX) ? [{ key: key.slice(PREFIX.length), value: value as string, version: 1 }] : [],
    );
    recover(state, entries);
    const life: Life = {
      master,
      loop: new SimLoop<MarathonState, MarathonEvent, Effect>(
        this.machine,
        state,
        () => time.nowMs,
        (effect, done) => this.write(life, effect, done),
        (effect) => this.life === life && this.execute(life, effect),
      ),
      timers: new Map(),
      line: new Line(),
      stream: undefined,
      connection: undefined,
      attempt: 0,
      queue: [],
      inFlight: false,
    };
    this.life = life;
    time.note('marathon', () => `starts beside ${master.name} with ${entries.length} records`);
    this.dispatch(life, { type: 'started', nonce: time.random.uuid().replaceAll('-', '') });
    this.connect(life);
  }

  private dispatch(life: Life, event: MarathonEvent): void {
    if (this.life !== life) return;
    this.world.time.note('marathon', () => `< ${JSON.stringify(event).slice(0, 160)}`);
    life.loop.dispatch(event);
  }

  /** Answered once, or never when this life ends before. */
  ask(command: Command, answered: (answer: Answer) => void): void {
    const { life } = this;
    if (life === undefined) return;
    const requestId = this.nextRequest++;
    this.replies.set(requestId, answered);
    this.dispatch(life, { type: 'commandReceived', requestId, command });
  }

  private connect(life: Life): void {
    if (this.life !== life) return;
    const id = life.loop.state.frameworkId;
    const attempt = ++life.attempt;
    const isCurrent = () => this.life === life && life.attempt === attempt;
    const again = () => void this.world.time.after(RESUBSCRIBE_MS, () => isCurrent() && this.connect(life));
    Object.assign(life, { connection: undefined, queue: life.queue, inFlight: false });
    life.queue.length = 0;
    life.stream = life.master.subscribeScheduler(
      {
        type: 'SUBSCRIBE',
        ...(id !== undefined && { frameworkId: { value: id } }),
        subscribe: {
          frameworkInfo: {
            user: 'root',
            name: 'marathon',
            failoverTimeout: 604_800,
            checkpoint: true,
            roles: [...SETTINGS.roles],
            ...(id !== undefined && { id: { value: id } }),
            capabilities: [{ type: 'PARTITION_AWARE' }, { type: 'MULTI_ROLE' }, { type: 'RESERVATION_REFINEMENT' }],
          },
          suppressedRoles: [...SETTINGS.roles],
        },
      },
      (event, connection) => isCurrent() && this.receive(life, event, connection),
      () => {
        if (!isCurrent()) return;
        if (life.connection !== undefined) this.dispatch(life, { type: 'disconnected', reason: 'the stream broke' });
        again();
      },
      life.line,
    );
    if (life.stream === undefined) again();
  }

  private receive(life: Life, event: SchedulerEvent, connection: ConnectionId): void {
    switch (event.type) {
      case 'SUBSCRIBED':
        life.connection = connection;
        return this.dispatch(life, { type: 'subscribed', frameworkId: event.subscribed!.frameworkId.value });
      case 'OFFERS':
        return this.dispatch(life, { type: 'offersReceived', offers: event.offers?.offers ?? [] });
      case 'RESCIND':
        return this.dispatch(life, { type: 'offerRescinded', offerId: event.rescind!.offerId.value });
      case 'UPDATE': {
        const { status } = event.update!;
        if (DOUBTS.has(status.state ?? '')) this.doubted.add(status.taskId.value);
        else if (status.state === 'TASK_RUNNING') this.well.add(status.taskId.value);
        return this.dispatch(life, { type: 'statusReceived', status });
      }
      case 'ERROR':
        return this.dispatch(life, { type: 'refused', reason: event.error?.message ?? '' });
      default:
    }
  }

  private write(life: Life, effect: Effect, done: () => void): boolean {
    if (effect.type !== 'persist') return false;
    const writes = copied(effect.writes);
    const apply = (data: Map<string, unknown>) => {
      for (const write of writes)
        if (write.op === 'put') data.set(PREFIX + write.key, write.value);
        else data.delete(PREFIX + write.key);
    };
    life.master.commit(apply, done);
    return true;
  }

  private execute(life: Life, effect: Effect): void {
    const { time } = this.world;
    switch (effect.type) {
      case 'call':
        if (effect.call.type === 'KILL') this.kills(effect.call.kill!.taskId.value);
        life.queue.push(effect.call);
        return this.pump(life);
      case 'reply':
        time.note('marathon', () => `answers ${JSON.stringify(effect.answer).slice(0, 160)}`);
        this.replies.get(effect.requestId)?.(effect.answer);
        return void this.replies.delete(effect.requestId);
      case 'setTimer':
        life.timers.get(effect.key)?.();
        return void life.timers.set(
          effect.key,
          time.after(effect.afterMs, () => this.dispatch(life, { type: 'timerFired', key: effect.key })),
        );
      case 'clearTimer':
        life.timers.get(effect.key)?.();
        return void life.timers.delete(effect.key);
      case 'resubscribe':
        life.stream?.vanish('reader');
        return this.connect(life);
      case 'giveUp':
        return this.crash();
      default:
    }
  }

  /** One call at a time, in their order. */
  private pump(life: Life): void {
    const { connection, master } = life;
    const id = life.loop.state.frameworkId;
    if (connection === undefined || id === undefined) return void (life.queue.length = 0);
    const next = life.inFlight ? undefined : life.queue.shift();
    if (next === undefined) return;
    life.inFlight = true;
    const whole = copied({ ...next, frameworkId: { value: id } });
    call(
      this.world.time,
      this.world.weather,
      life.line,
      () => master.schedulerCall(copied(whole), connection),
      (status) => {
        if (this.life !== life || life.connection !== connection) return;
        life.inFlight = false;
        if (status !== 202) this.dispatch(life, { type: 'callFailed' });
        this.pump(life);
      },
    );
  }

  /** What it merely does not know, it asks about. */
  private kills(taskId: string): void {
    if (taskId.startsWith('steady.') && this.well.has(taskId) && !this.doubted.has(taskId))
      throw new Violation(`marathon kills ${taskId}, which runs, and nobody asked for its end`);
  }
}
