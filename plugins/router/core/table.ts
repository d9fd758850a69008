import { isTerminal, type HttpClaim } from '@mezzo/sdk/contract';
import type { MasterEvent, MasterResponseGetState, Task } from '@mezzo/sdk/api';
import { App, appRules, publishedName, targetOf, type Target } from './apps.js';
import {
  routedAgent,
  routedFramework,
  routedTask,
  taskKey,
  withStatus,
  type RoutedAgent,
  type RoutedFramework,
  type RoutedTask,
} from './model.js';

const SLICE = 500;
const DEPARTED_MAX = 1000;
const REPORTED_MAX = 200_000;

/**
 * What can be reached, kept in step with the cluster by its events: each touches one task, agent or framework and the apps
 * that they belong to. A new leader that has not heard from an agent yet does not take its tasks away: they stay until the
 * agent is back and `sweep` is called, or the leader gives the agent up.
 */
export class RouteTable {
  readonly agents = new Map<string, RoutedAgent>();
  readonly frameworks = new Map<string, RoutedFramework>();
  readonly tasks = new Map<string, RoutedTask>();
  /** By dotted name: apps that labels publish, and all others by the name of their tasks. */
  readonly published = new Map<string, App>();
  readonly plain = new Map<string, App>();
  readonly endpoints = new Map<string, string>();
  /** What plugins claim by their manifests. */
  claims: readonly HttpClaim[] = [];
  /** Some plugin is to be asked about some request. */
  isWatched = false;
  /** False until a first state was taken over: "not found" would be a guess. */
  ready = false;
  /** Counts changes, for those who show the table. */
  changes = 0;
  private readonly unconfirmed = new Set<string>();
  /** Health by task id, as the frameworks of apps tell it themselves. */
  private readonly reported = new Map<string, boolean>();
  /** Names without instances, and since when: an app between two instances is not unknown. */
  private readonly departed = new Map<string, number>();

  /** Names of frameworks whose tasks are apps. */
  constructor(private readonly appFrameworks: ReadonlySet<string> = new Set(['marathon'])) {}

  endpointsAre(endpoints: readonly { readonly name: string; readonly url: string }[]): void {
    this.endpoints.clear();
    for (const { name, url } of endpoints) this.endpoints.set(name, url);
    this.changes++;
  }

  claimsAre(claims: readonly HttpClaim[]): void {
    this.claims = claims;
    this.isWatched = claims.some(({ middleware }) => middleware.length > 0);
    this.changes++;
  }

  /** Takes a whole state over, a slice at each `next()`. */
  *snapshot(state: MasterResponseGetState, atMs: number): Generator<void> {
    const frameworks = (state.getFrameworks?.frameworks ?? []).map(routedFramework);
    const agents = (state.getAgents?.agents ?? []).map(routedAgent);
    const recovered = new Set((state.getAgents?.recoveredAgents ?? []).map((agent) => agent.id?.value ?? ''));
    for (const framework of frameworks) this.putFramework(framework);
    for (const agent of agents) this.putAgent(agent);
    const present = new Set<string>();
    for (const [i, task] of (state.getTasks?.tasks ?? []).entries()) {
      present.add(taskKey(task.frameworkId.value, task.taskId.value));
      this.putTask(task, atMs);
      if (i % SLICE === SLICE - 1) yield;
    }
    this.dropAbsent(present, agents, frameworks, recovered, atMs);
    this.ready = true;
  }

  apply(event: MasterEvent, atMs: number): void {
    if (event.taskAdded) this.putTask(event.taskAdded.task, atMs);
    if (event.taskUpdated) this.updateTask(event.taskUpdated, atMs);
    if (event.agentAdded) this.putAgent(routedAgent(event.agentAdded.agent));
    if (event.agentRemoved) this.dropAgent(event.agentRemoved.agentId.value, atMs);
    if (event.frameworkAdded) this.putFramework(routedFramework(event.frameworkAdded.framework));
    if (event.frameworkUpdated) this.putFramework(routedFramework(event.frameworkUpdated.framework));
    if (event.frameworkRemoved) this.dropFramework(event.frameworkRemoved.frameworkInfo.id?.value ?? '', atMs);
  }

  /** What an app's framework says about the health of a task, which has no health of its own. It may come before the task. */
  reportHealth(taskId: string, healthy: boolean, atMs: number): void {
    this.reported.delete(taskId);
    this.reported.set(taskId, healthy);
    const oldest = this.reported.keys().next();
    if (this.reported.size > REPORTED_MAX && !oldest.done) this.reported.delete(oldest.value);
    for (const { id, name } of this.frameworks.values()) {
      const task = this.appFrameworks.has(name) ? this.tasks.get(taskKey(id, taskId)) : undefined;
      if (task) this.keepTask(task, atMs);
    }
  }

  /** True when tasks of this agent wait to be confirmed. */
  awaits(agentId: string): boolean {
    for (const key of this.unconfirmed) if (this.tasks.get(key)?.agentId === agentId) return true;
    return false;
  }

  /** The agent has had the time to name its tasks: what it did not name is gone. */
  sweep(agentId: string, atMs: number): void {
    for (const key of [...this.unconfirmed]) if (this.tasks.get(key)?.agentId === agentId) this.dropTask(key, atMs);
  }

  /** By id, else by name; among several of one name an active one, the latest. */
  framework(idOrName: string): RoutedFramework | undefined {
    const exact = this.frameworks.get(idOrName);
    if (exact) return exact;
    let found: RoutedFramework | undefined;
    for (const framework of this.frameworks.values())
      if (framework.name === idOrName && (framework.active || !found?.active)) found = framework;
    return found;
  }

  /** Milliseconds since the last instance of a name went; undefined when it is not remembered. */
  goneForMs(name: string, atMs: number): number | undefined {
    const since = this.departed.get(name);
    return since === undefined ? undefined : atMs - since;
  }

  private dropAbsent(
    present: ReadonlySet<string>,
    agents: readonly RoutedAgent[],
    frameworks: readonly RoutedFramework[],
    recovered: ReadonlySet<string>,
    atMs: number,
  ): void {
    for (const [key, task] of [...this.tasks]) {
      if (present.has(key)) continue;
      if (recovered.has(task.agentId)) this.unconfirmed.add(key);
      else this.dropTask(key, atMs);
    }
    const agentIds = new Set(agents.map((agent) => agent.id));
    for (const id of [...this.agents.keys()]) if (!agentIds.has(id) && !recovered.has(id)) this.dropAgent(id, atMs);
    const frameworkIds = new Set(frameworks.map((framework) => framework.id));
    const needed = new Set([...this.tasks.values()].map((task) => task.frameworkId));
    for (const id of [...this.frameworks.keys()])
      if (!frameworkIds.has(id) && !needed.has(id)) this.dropFramework(id, atMs);
  }

  private putTask(task: Task, atMs: number): void {
    const routed = routedTask(task);
    this.unconfirmed.delete(routed.key);
    if (isTerminal(routed.state)) this.dropTask(routed.key, atMs);
    else this.keepTask(routed, atMs);
  }

  private updateTask({ frameworkId, status, state }: NonNullable<MasterEvent['taskUpdated']>, atMs: number): void {
    const key = taskKey(frameworkId.value, status.taskId.value);
    const task = this.tasks.get(key);
    if (task === undefined) return;
    this.unconfirmed.delete(key);
    if (isTerminal(state)) this.dropTask(key, atMs);
    else this.keepTask(withStatus(task, status, state), atMs);
  }

  private keepTask(task: RoutedTask, atMs: number): void {
    const old = this.tasks.get(task.key);
    if (old) this.unlist(old, task, atMs);
    this.tasks.set(task.key, task);
    this.list(task);
    this.changes++;
  }

  private dropTask(key: string, atMs: number): void {
    const task = this.tasks.get(key);
    if (task === undefined) return;
    this.tasks.delete(key);
    this.unconfirmed.delete(key);
    this.reported.delete(task.id);
    this.unlist(task, undefined, atMs);
    this.changes++;
  }

  /** Into the apps that it belongs to. */
  private list(task: RoutedTask): void {
    const framework = this.frameworks.get(task.frameworkId);
    if (framework === undefined || !this.appFrameworks.has(framework.name)) return;
    const published = publishedName(task);
    if (published) this.listAs(this.published, published, task, true);
    this.listAs(this.plain, task.name, task, false);
  }

  private listAs(apps: Map<string, App>, name: string, task: RoutedTask, labelled: boolean): void {
    const rules = appRules(task, labelled);
    const app = apps.get(name) ?? new App();
    apps.set(name, app);
    const healthy = task.healthy ?? this.reported.get(task.id);
    app.put({ task, healthy, rules, target: targetOf(task, this.agents.get(task.agentId), rules) });
    this.departed.delete(name);
  }

  private unlist(task: RoutedTask, successor: RoutedTask | undefined, atMs: number): void {
    for (const [apps, name, next] of [
      [this.published, publishedName(task), successor && publishedName(successor)],
      [this.plain, task.name, successor?.name],
    ] as const) {
      if (name === undefined || name === next) continue;
      const app = apps.get(name);
      app?.remove(task.key);
      if (app?.instances.size !== 0) continue;
      apps.delete(name);
      this.departed.delete(name);
      this.departed.set(name, atMs);
      const oldest = this.departed.keys().next();
      if (this.departed.size > DEPARTED_MAX && !oldest.done) this.departed.delete(oldest.value);
    }
  }

  private putAgent(agent: RoutedAgent): void {
    const old = this.agents.get(agent.id);
    this.agents.set(agent.id, agent);
    this.changes++;
    if (old?.host === agent.host) return;
    for (const task of this.tasks.values()) if (task.agentId === agent.id) this.list(task);
  }

  private dropAgent(id: string, atMs: number): void {
    this.agents.delete(id);
    for (const [key, task] of [...this.tasks]) if (task.agentId === id) this.dropTask(key, atMs);
    this.changes++;
  }

  private putFramework(framework: RoutedFramework): void {
    const old = this.frameworks.get(framework.id);
    this.frameworks.set(framework.id, framework);
    this.changes++;
    if (old?.name === framework.name) return;
    for (const task of this.tasks.values()) if (task.frameworkId === framework.id) this.list(task);
  }

  private dropFramework(id: string, atMs: number): void {
    this.frameworks.delete(id);
    for (const [key, task] of [...this.tasks]) if (task.frameworkId === id) this.dropTask(key, atMs);
    this.changes++;
  }
}

/** A URL as a target; undefined unless it is http or https with a host. */
export function targetOfUrl(url: string): Target | undefined {
  const match = /^(https?):\/\/(?:[^/?#@]*@)?(\[[0-9a-fA-F:.]+\]|[^/?#:@[\]]+)(?::(\d{1,5}))?([^?#]*)/i.exec(url);
  if (!match) return undefined;
  const scheme = match[1]!.toLowerCase() === 'https' ? 'https' : 'http';
  const host = match[2]!.replace(/^\[|\]$/g, '');
  const port = Number(match[3] ?? (scheme === 'https' ? 443 : 80));
  return { scheme, host, port, basePath: match[4]!.replace(/\/+$/, '') };
}
