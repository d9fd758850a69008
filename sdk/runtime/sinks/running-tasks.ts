import type { Label, MasterEvent, MasterResponseGetState, Task } from '../../api/messages.js';
import { isTerminal } from '../../contract/task-states.js';
import { namedAgent, namedTask, withStatus, type NamedTask } from '../../framework/core/named-task.js';
import type { RunningTask, RunningTaskPort } from '../../points/discovery-sink.js';

interface Known {
  readonly task: Task;
  readonly named: NamedTask;
}

type Agent = NonNullable<MasterEvent['agentAdded']>['agent'];
type Framework = NonNullable<MasterEvent['frameworkAdded']>['framework'];

/**
 * Keeps what runs in step with the events of the master. A new leader that has not heard from an agent yet does not take its tasks away: they stay until
 * the agent is back and `sweep` is called, or the leader gives the agent up. Pure.
 */
export class RunningTasks {
  private readonly agents = new Map<string, string>();
  private readonly frameworks = new Map<string, string>();
  private readonly tasks = new Map<string, Known>();
  private readonly byAgent = new Keys();
  /** What the present leader has not confirmed, by agent. */
  private readonly unconfirmed = new Keys();
  /** Keys of what may be other than before. */
  private touched = new Set<string>();

  take(event: MasterEvent): void {
    if (event.subscribed) this.replaceAll(event.subscribed.getState ?? {});
    if (event.frameworkAdded) this.putFramework(event.frameworkAdded.framework);
    if (event.frameworkUpdated) this.putFramework(event.frameworkUpdated.framework);
    if (event.frameworkRemoved) this.dropFramework(event.frameworkRemoved.frameworkInfo.id?.value ?? '');
    if (event.agentAdded) this.putAgent(event.agentAdded.agent);
    if (event.agentRemoved) this.dropAgent(event.agentRemoved.agentId.value);
    if (event.taskAdded) this.putTask(event.taskAdded.task);
    if (event.taskUpdated) this.updateTask(event.taskUpdated);
  }

  /** All that run. */
  all(): RunningTask[] {
    return [...this.tasks.keys()].flatMap((key) => this.get(key) ?? []);
  }

  /** Undefined while it does not run. */
  get(key: string): RunningTask | undefined {
    const known = this.tasks.get(key);
    const agent = known && this.agents.get(known.named.agentId);
    if (known === undefined || !known.named.running || agent === undefined) return undefined;
    return this.running(key, known, agent);
  }

  /** Keys that were touched since the last call. */
  takeTouched(): ReadonlySet<string> {
    const { touched } = this;
    this.touched = new Set();
    return touched;
  }

  /** True when tasks of this agent wait to be confirmed: sweep it a while after it is back. */
  awaits(agentId: string): boolean {
    return this.unconfirmed.of(agentId).length > 0;
  }

  /** The agent has had the time to name its tasks: what it did not name is gone. */
  sweep(agentId: string): void {
    for (const key of this.unconfirmed.of(agentId)) this.dropTask(key);
  }

  private running(key: string, { task, named }: Known, host: string): RunningTask {
    const { id, name, ips, healthy } = named;
    const own = named.ownNetwork ? (ips.netinfo ?? ips.docker ?? ips.mesos) : undefined;
    const { discovery } = task;
    return {
      ...{ key, id, name },
      framework: { id: named.frameworkId, name: this.frameworks.get(named.frameworkId) ?? '' },
      agent: { id: named.agentId, host },
      addresses: own ?? [host],
      ports: portsOf(task, named),
      labels: labelsOf(task.labels?.labels),
      ...(discovery && { discovery }),
      ...(healthy !== undefined && { healthy }),
    };
  }

  private replaceAll({ getAgents, getFrameworks, getTasks }: MasterResponseGetState): void {
    const recovered = new Set((getAgents?.recoveredAgents ?? []).map(({ id }) => id?.value ?? ''));
    const agents = new Set((getAgents?.agents ?? []).map(({ agentInfo }) => agentInfo.id?.value ?? ''));
    for (const framework of getFrameworks?.frameworks ?? []) this.putFramework(framework);
    for (const agent of getAgents?.agents ?? []) this.putAgent(agent);
    const present = new Set((getTasks?.tasks ?? []).map((task) => this.putTask(task)));
    for (const [key, { named }] of this.tasks) {
      if (present.has(key)) continue;
      if (recovered.has(named.agentId)) this.unconfirmed.add(named.agentId, key);
      else this.dropTask(key);
    }
    for (const id of this.agents.keys()) if (!agents.has(id) && !recovered.has(id)) this.agents.delete(id);
    const named = new Set((getFrameworks?.frameworks ?? []).map(({ frameworkInfo }) => frameworkInfo.id?.value));
    for (const { named: task } of this.tasks.values()) named.add(task.frameworkId);
    for (const id of this.frameworks.keys()) if (!named.has(id)) this.frameworks.delete(id);
  }

  private putFramework({ frameworkInfo }: Framework): void {
    const id = frameworkInfo.id?.value ?? '';
    const isRenamed = this.frameworks.has(id) && this.frameworks.get(id) !== frameworkInfo.name;
    this.frameworks.set(id, frameworkInfo.name);
    if (!isRenamed) return;
    for (const [key, { named }] of this.tasks) if (named.frameworkId === id) this.touched.add(key);
  }

  private dropFramework(id: string): void {
    this.frameworks.delete(id);
    for (const [key, { named }] of this.tasks) if (named.frameworkId === id) this.dropTask(key);
  }

  private putAgent(agent: Agent): void {
    const id = agent.agentInfo.id?.value ?? '';
    const { host } = namedAgent(agent);
    const before = this.agents.get(id);
    this.agents.set(id, host);
    if (before !== host) for (const key of this.byAgent.of(id)) this.touched.add(key);
  }

  private dropAgent(id: string): void {
    this.agents.delete(id);
    for (const key of this.byAgent.of(id)) this.dropTask(key);
  }

  private putTask(task: Task): string {
    const key = keyOf(task.frameworkId.value, task.taskId.value);
    if (isTerminal(task.state)) this.dropTask(key);
    else this.keepTask(key, { task: { ...task, statuses: [] }, named: namedTask(task) });
    return key;
  }

  private updateTask({ frameworkId, status, state }: NonNullable<MasterEvent['taskUpdated']>): void {
    const key = keyOf(frameworkId.value, status.taskId.value);
    const known = this.tasks.get(key);
    if (known === undefined) return;
    if (isTerminal(state)) this.dropTask(key);
    else this.keepTask(key, { ...known, named: withStatus(known.named, status, state) });
  }

  private keepTask(key: string, known: Known): void {
    this.forget(key);
    this.tasks.set(key, known);
    this.byAgent.add(known.named.agentId, key);
    this.touched.add(key);
  }

  private dropTask(key: string): void {
    this.forget(key);
    if (this.tasks.delete(key)) this.touched.add(key);
  }

  private forget(key: string): void {
    const agentId = this.tasks.get(key)?.named.agentId ?? '';
    this.unconfirmed.delete(agentId, key);
    this.byAgent.delete(agentId, key);
  }
}

/** Keys of tasks by their agent. */
class Keys {
  private readonly sets = new Map<string, Set<string>>();

  of(agentId: string): readonly string[] {
    return [...(this.sets.get(agentId) ?? [])];
  }

  add(agentId: string, key: string): void {
    const set = this.sets.get(agentId) ?? new Set();
    this.sets.set(agentId, set.add(key));
  }

  delete(agentId: string, key: string): void {
    const set = this.sets.get(agentId);
    if (set?.delete(key) && set.size === 0) this.sets.delete(agentId);
  }
}

const keyOf = (frameworkId: string, taskId: string): string => `${frameworkId}/${taskId}`;

const labelsOf = (labels: readonly Label[] = []): Record<string, string> =>
  Object.fromEntries(labels.map(({ key, value = '' }) => [key, value]));

function portsOf({ discovery }: Task, { ports }: NamedTask): RunningTaskPort[] {
  const listed = discovery?.ports?.ports ?? [];
  if (listed.length === 0) return ports.map((number) => ({ number }));
  return listed.map(({ number, name, protocol }) => ({
    number,
    ...(name && { name }),
    ...(protocol && { protocol: protocol.toLowerCase() }),
  }));
}
