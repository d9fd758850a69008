import { isIp, isTerminal } from '@mezzo/sdk/contract';
import type {
  MasterEvent,
  MasterResponseGetAgentsAgent,
  MasterResponseGetFrameworksFramework,
  MasterResponseGetState,
  Task,
} from '@mezzo/sdk/api';
import {
  agentRecords,
  addresses,
  frameworkRecords,
  masterRecords,
  taskRecords,
  type MasterAddress,
  type NamingRules,
} from './records.js';
import { namedAgent, namedTask, withStatus, type NamedAgent, type NamedTask } from '@mezzo/sdk/framework';
import type { Zone } from './zone.js';

interface NamedFramework {
  readonly name: string;
  readonly host: string;
  readonly port: number | undefined;
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

const SLICE = 500;
const REPORTED_MAX = 200_000;

/**
 * Keeps the zone in step with the cluster: each event touches the records of what it names, nothing else. A new leader
 * that has not heard from an agent yet does not take its tasks away: they stay until the agent is back and `sweep` is
 * called, or the leader gives the agent up.
 */
export class ClusterZone {
  private readonly agents = new Map<string, NamedAgent>();
  private readonly frameworks = new Map<string, NamedFramework>();
  private readonly tasks = new Map<string, NamedTask>();
  private readonly byAgent = new Index();
  private readonly byFramework = new Index();
  /** Tasks that the present leader has not confirmed. */
  private readonly unconfirmed = new Set<string>();
  /** Health by `framework name/task id`, as frameworks tell it themselves. */
  private readonly reported = new Map<string, boolean>();
  private readonly resolved = new Map<string, readonly string[]>();
  private readonly unresolved = new Set<string>();
  private leader: HostPort | undefined;
  private masters: readonly HostPort[] = [];
  /** Counts changes of the zone. */
  changes = 0;

  constructor(
    private readonly zone: Zone,
    private readonly rules: NamingRules,
  ) {}

  /** Host names that were met since the last call and whose addresses are not known: resolve them, call `hostResolved`. */
  takeUnresolved(): string[] {
    const hosts = [...this.unresolved];
    this.unresolved.clear();
    return hosts;
  }

  hostResolved(host: string, ips: readonly string[]): void {
    this.resolved.set(host, ips);
    this.recordMasters();
    for (const [id, agent] of this.agents) if (agent.host === host) this.recordAgent(id);
    for (const [id, framework] of this.frameworks) if (framework.host === host) this.recordFramework(id);
  }

  mastersAre(leader: HostPort | undefined, masters: readonly HostPort[]): void {
    this.leader = leader;
    this.masters = masters;
    this.recordMasters();
  }

  nameServerIs(name: string, ips: readonly string[]): void {
    this.replace('nameserver', addresses(name, ips));
  }

  /** Takes a whole state over, a slice at each `next()`: answers can be given in between. */
  *snapshot(state: MasterResponseGetState): Generator<void> {
    const agents = new Map((state.getAgents?.agents ?? []).map((agent) => [agent.agentInfo.id?.value ?? '', agent]));
    const recovered = new Set((state.getAgents?.recoveredAgents ?? []).map((agent) => agent.id?.value ?? ''));
    for (const framework of state.getFrameworks?.frameworks ?? []) this.putFramework(framework);
    for (const agent of agents.values()) this.putAgent(agent);
    const tasks = (state.getTasks?.tasks ?? []).filter((task) => !isTerminal(task.state));
    const present = new Set<string>();
    for (const [i, task] of tasks.entries()) {
      present.add(this.putTask(task));
      if (i % SLICE === SLICE - 1) yield;
    }
    for (const [key, task] of [...this.tasks]) {
      if (present.has(key)) continue;
      if (recovered.has(task.agentId)) this.unconfirmed.add(key);
      else this.dropTask(key);
    }
    for (const id of [...this.agents.keys()]) if (!agents.has(id) && !recovered.has(id)) this.dropAgent(id);
    const frameworks = new Set((state.getFrameworks?.frameworks ?? []).map((f) => f.frameworkInfo.id?.value));
    for (const id of [...this.frameworks.keys()])
      if (!frameworks.has(id) && this.byFramework.of(id).size === 0) this.dropFramework(id);
  }

  apply(event: MasterEvent): void {
    if (event.taskAdded) this.putTask(event.taskAdded.task);
    if (event.taskUpdated) this.updateTask(event.taskUpdated);
    if (event.agentAdded) this.putAgent(event.agentAdded.agent);
    if (event.agentRemoved) this.dropAgent(event.agentRemoved.agentId.value);
    if (event.frameworkAdded) this.putFramework(event.frameworkAdded.framework);
    if (event.frameworkUpdated) this.putFramework(event.frameworkUpdated.framework);
    if (event.frameworkRemoved) this.dropFramework(event.frameworkRemoved.frameworkInfo.id?.value ?? '');
  }

  /** What a framework of this name says about the health of a task, which has no health of its own. */
  reportHealth(frameworkName: string, taskId: string, healthy: boolean): void {
    const reportedKey = `${frameworkName}/${taskId}`;
    this.reported.delete(reportedKey);
    this.reported.set(reportedKey, healthy);
    const oldest = this.reported.keys().next();
    if (this.reported.size > REPORTED_MAX && !oldest.done) this.reported.delete(oldest.value);
    for (const [id, { name }] of this.frameworks) {
      const key = `${id}/${taskId}`;
      const task = name === frameworkName ? this.tasks.get(key) : undefined;
      if (task) this.recordTask(key, task);
    }
  }

  /** True when tasks of this agent wait to be confirmed: sweep it a while after it is back. */
  awaits(agentId: string): boolean {
    if (this.unconfirmed.size === 0) return false;
    for (const key of this.byAgent.of(agentId)) if (this.unconfirmed.has(key)) return true;
    return false;
  }

  /** The agent has had the time to name its tasks: what it did not name is gone. */
  sweep(agentId: string): void {
    for (const key of this.byAgent.of(agentId)) if (this.unconfirmed.has(key)) this.dropTask(key);
  }

  /** For enumeration: tasks by framework name, with the owner of their records. */
  *enumerate(): Iterable<{ framework: string; name: string; id: string; owner: string }> {
    for (const [key, task] of this.tasks) {
      const framework = this.frameworks.get(task.frameworkId)?.name ?? '';
      yield { framework, name: task.discovery?.name ?? task.name, id: task.id, owner: `task/${key}` };
    }
  }

  private putTask(task: Task): string {
    const key = `${task.frameworkId.value}/${task.taskId.value}`;
    this.unconfirmed.delete(key);
    if (isTerminal(task.state)) this.dropTask(key);
    else this.keepTask(key, namedTask(task));
    return key;
  }

  private updateTask({ frameworkId, status, state }: NonNullable<MasterEvent['taskUpdated']>): void {
    const key = `${frameworkId.value}/${status.taskId.value}`;
    const task = this.tasks.get(key);
    if (task === undefined) return;
    this.unconfirmed.delete(key);
    if (isTerminal(state)) this.dropTask(key);
    else this.keepTask(key, withStatus(task, status, state));
  }

  private keepTask(key: string, task: NamedTask): void {
    const old = this.tasks.get(key);
    if (old && old.agentId !== task.agentId) this.byAgent.remove(old.agentId, key);
    this.tasks.set(key, task);
    this.byAgent.add(task.agentId, key);
    this.byFramework.add(task.frameworkId, key);
    this.recordTask(key, task);
  }

  private dropTask(key: string): void {
    const task = this.tasks.get(key);
    if (task === undefined) return;
    this.tasks.delete(key);
    this.reported.delete(`${this.frameworks.get(task.frameworkId)?.name}/${task.id}`);
    this.unconfirmed.delete(key);
    this.byAgent.remove(task.agentId, key);
    this.byFramework.remove(task.frameworkId, key);
    this.replace(`task/${key}`, []);
  }

  private putAgent(agent: MasterResponseGetAgentsAgent): void {
    const id = agent.agentInfo.id?.value;
    if (id === undefined) return;
    const named = namedAgent(agent);
    const old = this.agents.get(id);
    this.agents.set(id, named);
    if (old?.host !== named.host || old.port !== named.port) this.recordAgent(id);
  }

  private dropAgent(id: string): void {
    this.agents.delete(id);
    for (const key of this.byAgent.of(id)) this.dropTask(key);
    this.replace(`agent/${id}`, []);
  }

  private putFramework({ frameworkInfo }: MasterResponseGetFrameworksFramework): void {
    const id = frameworkInfo.id?.value;
    if (id === undefined) return;
    const host = frameworkInfo.hostname ?? '';
    const named = { name: frameworkInfo.name, host, port: webuiPort(frameworkInfo.webuiUrl) };
    const old = this.frameworks.get(id);
    this.frameworks.set(id, named);
    if (old?.name !== named.name || old.host !== named.host || old.port !== named.port) this.recordFramework(id);
  }

  private dropFramework(id: string): void {
    this.frameworks.delete(id);
    for (const key of this.byFramework.of(id)) this.dropTask(key);
    this.replace(`framework/${id}`, []);
  }

  private recordTask(key: string, task: NamedTask): void {
    const framework = this.frameworks.get(task.frameworkId);
    const agent = this.agents.get(task.agentId);
    const known = framework !== undefined && agent !== undefined;
    const judged = { ...task, healthy: task.healthy ?? this.reported.get(`${framework?.name}/${task.id}`) };
    this.replace(`task/${key}`, known ? taskRecords(judged, framework.name, this.ips(agent.host), this.rules) : []);
  }

  private recordAgent(id: string): void {
    const agent = this.agents.get(id);
    if (agent === undefined) return;
    this.replace(`agent/${id}`, agentRecords(this.ips(agent.host), agent.port, this.rules));
    for (const key of this.byAgent.of(id)) this.recordTask(key, this.tasks.get(key)!);
  }

  private recordFramework(id: string): void {
    const framework = this.frameworks.get(id);
    if (framework === undefined) return;
    const { name, host, port } = framework;
    this.replace(`framework/${id}`, frameworkRecords(name, this.ips(host), port, this.rules));
    for (const key of this.byFramework.of(id)) this.recordTask(key, this.tasks.get(key)!);
  }

  private recordMasters(): void {
    const addressOf = ({ host, port }: HostPort): MasterAddress => ({ ips: this.ips(host), port });
    const leader = this.leader && addressOf(this.leader);
    this.replace('masters', masterRecords(leader, this.masters.map(addressOf), this.rules));
  }

  private replace(owner: string, records: ReturnType<Zone['records']>): void {
    if (this.zone.replace(owner, records)) this.changes++;
  }

  private ips(host: string): readonly string[] {
    if (isIp(host)) return [host];
    const known = this.resolved.get(host);
    if (known === undefined && host !== '') this.unresolved.add(host);
    return known ?? [];
  }
}

/** Keys by the agent or framework that they belong to. */
class Index {
  private readonly sets = new Map<string, Set<string>>();

  of(id: string): ReadonlySet<string> {
    return new Set(this.sets.get(id));
  }

  add(id: string, key: string): void {
    const set = this.sets.get(id);
    if (set) set.add(key);
    else this.sets.set(id, new Set([key]));
  }

  remove(id: string, key: string): void {
    const set = this.sets.get(id);
    set?.delete(key);
    if (set?.size === 0) this.sets.delete(id);
  }
}

function webuiPort(url: string | undefined): number | undefined {
  const match = /^(https?):\/\/[^/?#]*?(?::(\d+))?(?:[/?#]|$)/.exec(url ?? '');
  if (!match) return undefined;
  return Number(match[2] ?? (match[1] === 'https' ? 443 : 80));
}
