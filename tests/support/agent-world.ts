import type { FrameworkInfo, TaskInfo, TaskStatus } from '@mezzo/sdk/api';
import type { ContainerExit } from '@mezzo/sdk/points/containerizer';
import { expect } from 'vitest';
import type { ContainerCall, ContainerReply } from '../../kernel/core/agent/container-messages.js';
import type { AgentEffect } from '../../kernel/core/agent/effects.js';
import type { AgentEvent, CheckpointRecord } from '../../kernel/core/agent/events.js';
import { agentBreach, AgentAuditor } from '../../kernel/core/agent/invariants.js';
import { createAgentState, type AgentConfig, type AgentState } from '../../kernel/core/agent/state.js';
import { agentMachine } from '../../kernel/core/agent/step.js';
import type { DownMessage, DownRecord, UpCall } from '../../kernel/core/protocol.js';

export const config: AgentConfig = {
  owner: 'o1',
  workDir: '/w',
  hostname: 'node',
  ip: '10.0.0.1',
  port: 5051,
  version: '1.12.0',
  resources: [
    { name: 'cpus', type: 'SCALAR', scalar: { value: 2 } },
    { name: 'mem', type: 'SCALAR', scalar: { value: 1024 } },
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
  maxCompletedExecutors: 10,
};

/** One agent over all its lives, with a disk, timers and a master that only speaks when the test does. */
export class AgentWorld {
  atMs = 1_000_000;
  lives = 0;
  state!: AgentState;
  readonly disk = new Map<string, unknown>();
  readonly timers = new Map<string, number>();
  readonly sent: UpCall[] = [];
  readonly auditor = new AgentAuditor();
  effects: AgentEffect[] = [];
  seq = 0;
  /** Calls about containers, counted from 1, and their answers. */
  requests = 0;
  readonly replies = new Map<number, ContainerReply>();

  constructor(private readonly given: AgentConfig = config) {}

  start(alive: readonly string[] = [], bootId = 'boot-1', recover: 'reconnect' | 'cleanup' = 'reconnect'): void {
    this.state = createAgentState(this.given);
    this.timers.clear();
    this.lives += 1;
    const records = structuredClone([...this.disk].map(([key, value]): CheckpointRecord => ({ key, value })));
    const seed = `${String(this.lives).padStart(8, '0')}-0000-4000-8000-000000000000`;
    this.dispatch({ type: 'checkpointsLoaded', seed, bootId, recover, records });
    this.dispatch({ type: 'containersRecovered', containerIds: alive });
  }

  dispatch(event: AgentEvent): AgentEffect[] {
    const effects = agentMachine.step(this.state, event, this.atMs);
    for (const effect of effects) this.carryOut(effect);
    this.effects = effects;
    expect(agentBreach(this.state)).toBeUndefined();
    expect(this.auditor.observe(effects)).toBeUndefined();
    return effects;
  }

  private carryOut(effect: AgentEffect): void {
    if (effect.type === 'checkpoint') this.disk.set(effect.key, structuredClone(effect.value));
    if (effect.type === 'forget') this.disk.delete(effect.key);
    if (effect.type === 'setTimer') this.timers.set(effect.key, effect.delayMs);
    if (effect.type === 'cancelTimer') this.timers.delete(effect.key);
    if (effect.type === 'sendMaster') this.sent.push(effect.call);
    if (effect.type === 'replyContainerCall') {
      expect(this.replies.has(effect.request)).toBe(false);
      this.replies.set(effect.request, effect.reply);
    }
  }

  fire(key: string): AgentEffect[] {
    const delayMs = this.timers.get(key);
    if (delayMs === undefined) throw new Error(`no timer ${key} among ${[...this.timers.keys()].join(', ')}`);
    this.timers.delete(key);
    this.atMs += delayMs;
    return this.dispatch({ type: 'timerFired', key });
  }

  master(message: DownMessage): AgentEffect[] {
    const record: DownRecord = { ...message, seq: ++this.seq };
    return this.dispatch({ type: 'masterRecordReceived', connection: this.state.link.connection, record });
  }

  register(reign: { registry?: string; epoch: number } = { epoch: 1 }): AgentEffect[] {
    this.seq = 0;
    const ping = { pingIntervalMs: 15_000, pingTimeoutMs: 75_000 };
    return this.master({ type: 'registered', session: 's', agentId: 'M-S0', masterId: 'M', ...reign, ...ping });
  }

  updates(): TaskStatus[] {
    return this.sent.flatMap((call) => (call.type === 'statusUpdate' ? [call.status] : []));
  }

  acknowledge(status = this.updates().at(-1)!): AgentEffect[] {
    const [taskId, uuid] = [status.taskId.value, status.uuid ?? ''];
    this.auditor.acknowledged('F', taskId, uuid);
    return this.master({ type: 'acknowledge', frameworkId: 'F', taskId, uuid });
  }

  /** The container of the only live run. */
  get containerId(): string {
    return [...this.state.runs.keys()].at(-1)!;
  }

  launched(): AgentEffect[] {
    const { containerId } = this;
    this.dispatch({ type: 'sandboxPrepared', containerId });
    const checkpoint = { containerId, version: 1, data: {} };
    return this.dispatch({ type: 'containerLaunched', containerId, launched: { checkpoint, pid: 7 } });
  }

  /** Containers in pods, in the order in which they were asked for. */
  get inner(): string[] {
    return [...this.state.containers.keys()];
  }

  /** What a call about containers was answered at once, or that it was not. */
  call(call: ContainerCall): ContainerReply | undefined {
    const request = ++this.requests;
    this.dispatch({ type: 'containerCalled', request, call });
    return this.replies.get(request);
  }

  innerLaunched(containerId: string): AgentEffect[] {
    this.dispatch({ type: 'sandboxPrepared', containerId });
    const checkpoint = { containerId, version: 1, data: {} };
    return this.dispatch({ type: 'containerLaunched', containerId, launched: { checkpoint, pid: 8 } });
  }

  ended(containerId: string, exit: Partial<ContainerExit> = { code: 0 }): AgentEffect[] {
    return this.dispatch({ type: 'containerEnded', containerId, exit: { message: 'm', ...exit } });
  }

  /** What the framework was told of a task. */
  told(id: string): (string | undefined)[] {
    return this.updates().flatMap(({ taskId, state }) => (taskId.value === id ? [state] : []));
  }

  /** Acknowledges until nothing is in flight any more. */
  acknowledgeAll(): void {
    for (let seen = 0; seen < this.sent.length;) {
      seen = this.sent.length;
      for (const status of this.updates()) this.acknowledge(status);
    }
  }

  run(task: TaskInfo, framework: FrameworkInfo = aware): void {
    this.master({ type: 'runTask', framework, task });
    this.launched();
  }

  exited(exit: {
    code?: number;
    signal?: string;
    limitation?: ContainerExit['limitation'];
    message?: string;
  }): AgentEffect[] {
    const { containerId } = this;
    return this.dispatch({ type: 'containerEnded', containerId, exit: { message: 'm', ...exit } });
  }
}

export const aware: FrameworkInfo = {
  user: 'root',
  name: 'f',
  id: { value: 'F' },
  capabilities: [{ type: 'PARTITION_AWARE' }, { type: 'TASK_KILLING_STATE' }],
};
export const plain: FrameworkInfo = { user: 'root', name: 'f', id: { value: 'F' } };
export const task = (id: string, more: Partial<TaskInfo> = {}): TaskInfo => ({
  name: id,
  taskId: { value: id },
  agentId: { value: 'M-S0' },
  resources: [
    { name: 'cpus', type: 'SCALAR', scalar: { value: 0.5 } },
    { name: 'mem', type: 'SCALAR', scalar: { value: 64 } },
  ],
  command: { value: 'sleep 1' },
  ...more,
});
export const types = (effects: readonly AgentEffect[]): string[] => effects.map((e) => e.type);
