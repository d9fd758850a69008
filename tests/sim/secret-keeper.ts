import type { EnvironmentVariable, TaskInfo } from '@mezzo/sdk/api';
import type { ContainerSpec } from '@mezzo/sdk/points/containerizer';
import type { AgentEffect } from '../../kernel/core/agent/effects.js';
import type { AgentEvent } from '../../kernel/core/agent/events.js';
import { secretsOf } from '../../kernel/core/agent/secrets.js';
import { withoutSecrets } from '../../kernel/shell/agent/launch-secrets.js';
import type { AgentNode } from './agent-node.js';
import { Violation, type World } from './world.js';

/** In all values, and in nothing else. */
const MARK = 'hush-hush';
const ASK_MS = 3;
const DEADLINE_MS = 10_000;

/** By turns, until the faults are over: the value or why there is none, and after how long. */
const ANSWERS: readonly (readonly [afterMs: number, failure?: string])[] = [
  [ASK_MS],
  [DEADLINE_MS, 'SECRET_STORE_UNAVAILABLE'],
  [ASK_MS],
  [ASK_MS, 'SECRET_NOT_FOUND'],
  [DEADLINE_MS - 1],
  [ASK_MS],
  [ASK_MS, 'its value is no text'],
];

/** What tasks ask for where agents have a store. */
export const SECRETS: readonly EnvironmentVariable[] = ['ONE', 'OTHER'].map((name) => ({
  ...{ name, type: 'SECRET' },
  secret: { type: 'REFERENCE', reference: { name: `sim/${name}` } },
}));

type Launch = Extract<AgentEffect, { type: 'prepareSandbox' }>;

/** An agent's secret store, and the part of its shell that has values between the answer of the store and the launch. Nothing is drawn. */
export class SecretKeeper {
  private readonly held = new Map<string, Readonly<Record<string, string>>>();
  private asked = 0;

  constructor(
    private readonly world: World,
    private readonly agent: AgentNode,
    /** Repeats what containerizers say of a launch that failed as it is. */
    private readonly isCandid: boolean,
  ) {}

  /** The process is gone, and all that it held. */
  crash(): void {
    this.held.clear();
  }

  prepare({ containerId, secrets = [] }: Launch, isAlive: () => boolean): void {
    const { time, calm } = this.world;
    const [afterMs, failure] = calm ? [ASK_MS] : ANSWERS[this.asked++ % ANSWERS.length]!;
    time.after(afterMs, () => {
      if (!isAlive()) return;
      if (failure !== undefined)
        return this.agent.dispatch({ type: 'sandboxFailed', containerId, stage: 'secrets', message: failure });
      const values = secrets.map(({ variable }) => [variable, valueOf(containerId, variable)]);
      this.held.set(containerId, Object.fromEntries(values) as Record<string, string>);
      this.agent.dispatch({ type: 'sandboxPrepared', containerId });
      if (this.phaseOf(containerId) !== 'launching') this.held.delete(containerId);
    });
  }

  /** With its values, which are held no longer. */
  whole(spec: ContainerSpec): ContainerSpec {
    const env = { ...spec.command.env, ...this.held.get(spec.containerId) };
    this.held.delete(spec.containerId);
    return { ...spec, command: { ...spec.command, env } };
  }

  repeated(message: string, { command }: ContainerSpec): string {
    return this.isCandid ? message : withoutSecrets(message, command.env);
  }

  /** A container of a task that names secrets has them, and those that are its own. */
  launched({ containerId, command }: ContainerSpec, task: TaskInfo | undefined): void {
    for (const { variable } of secretsOf(task?.command).secrets ?? [])
      if (command.env[variable] !== valueOf(containerId, variable))
        throw new Violation(`${this.agent.name} launches ${containerId} with ${variable}=${command.env[variable]}`);
  }

  /** What the machine is told, and what it wants, has no value in it. */
  overhears(what: AgentEvent | AgentEffect): void {
    if (mentions(what)) throw new Violation(`${this.agent.name}: there is a secret in ${what.type}`);
  }

  *audit(): Generator<string> {
    for (const containerId of this.held.keys())
      if (this.phaseOf(containerId) !== 'launching')
        yield `${this.agent.name} holds secrets of ${containerId}, which is not to be launched`;
    const { name, state, disk } = this.agent;
    if (mentions(state)) yield `there is a secret in the state of ${name}`;
    if (mentions(disk.data)) yield `there is a secret on the disk of ${name}`;
    for (const master of this.world.masters) if (mentions(master.state)) yield `${master.name} knows a secret`;
  }

  private phaseOf(containerId: string): string | undefined {
    const { runs, containers } = this.agent.state ?? {};
    return (runs?.get(containerId) ?? containers?.get(containerId))?.phase;
  }
}

const valueOf = (containerId: string, variable: string): string => `${MARK} ${variable} of ${containerId}`;

function mentions(what: unknown, seen = new Set<unknown>()): boolean {
  if (typeof what === 'string') return what.includes(MARK);
  if (typeof what !== 'object' || what === null || seen.has(what)) return false;
  seen.add(what);
  const parts: Iterable<unknown> = what instanceof Map || what instanceof Set ? what : Object.values(what);
  for (const part of parts) if (mentions(part, seen)) return true;
  return false;
}
