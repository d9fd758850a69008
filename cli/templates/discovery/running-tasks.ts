import type { MasterEvent, Task, TaskStatus } from '@mezzo/sdk/api';
import { isTerminal } from '@mezzo/sdk/contract';

/** Where a task runs. */
export interface Place {
  readonly task: string;
  readonly name: string;
  readonly framework: string;
  readonly agent: string;
  /** Of its own network, or its agent's. */
  readonly address: string;
}

/** Keeps what runs in step with the events of the master. Pure: whoever owns it does the I/O. */
export class RunningTasks {
  private readonly frameworks = new Map<string, string>();
  private readonly agents = new Map<string, string>();
  private readonly tasks = new Map<string, Task>();

  take(event: MasterEvent): void {
    if (event.subscribed) this.replaceAll(event);
    if (event.frameworkAdded) this.putFramework(event.frameworkAdded.framework);
    if (event.frameworkRemoved) this.dropFramework(event.frameworkRemoved.frameworkInfo.id?.value ?? '');
    if (event.agentAdded) this.putAgent(event.agentAdded.agent);
    if (event.agentRemoved) this.dropAgent(event.agentRemoved.agentId.value);
    if (event.taskAdded) this.putTask(event.taskAdded.task);
    if (event.taskUpdated) this.updateTask(event.taskUpdated);
  }

  /** What runs now, by name. */
  places(): Place[] {
    const running = [...this.tasks.values()].filter(({ state }) => state === 'TASK_RUNNING');
    return running.map((task) => this.placeOf(task)).sort((a, b) => (a.name + a.task < b.name + b.task ? -1 : 1));
  }

  /** A snapshot, at the start and whenever the connection was lost: it replaces all that was known. */
  private replaceAll({ subscribed }: MasterEvent): void {
    const state = subscribed?.getState;
    for (const known of [this.frameworks, this.agents, this.tasks]) known.clear();
    for (const framework of state?.getFrameworks?.frameworks ?? []) this.putFramework(framework);
    for (const agent of state?.getAgents?.agents ?? []) this.putAgent(agent);
    for (const task of state?.getTasks?.tasks ?? []) this.putTask(task);
  }

  private putFramework({ frameworkInfo }: NonNullable<MasterEvent['frameworkAdded']>['framework']): void {
    this.frameworks.set(frameworkInfo.id?.value ?? '', frameworkInfo.name);
  }

  private dropFramework(id: string): void {
    this.frameworks.delete(id);
    for (const [key, task] of this.tasks) if (task.frameworkId.value === id) this.tasks.delete(key);
  }

  private putAgent({ agentInfo }: NonNullable<MasterEvent['agentAdded']>['agent']): void {
    this.agents.set(agentInfo.id?.value ?? '', agentInfo.hostname);
  }

  private dropAgent(id: string): void {
    this.agents.delete(id);
    for (const [key, task] of this.tasks) if (task.agentId.value === id) this.tasks.delete(key);
  }

  private putTask(task: Task): void {
    this.tasks.set(keyOf(task.frameworkId.value, task.taskId.value), task);
  }

  private updateTask({ frameworkId, status, state }: NonNullable<MasterEvent['taskUpdated']>): void {
    const key = keyOf(frameworkId.value, status.taskId.value);
    const task = this.tasks.get(key);
    if (task === undefined) return;
    if (isTerminal(state)) this.tasks.delete(key);
    else this.tasks.set(key, { ...task, state, statuses: [...(task.statuses ?? []).slice(-1), status] });
  }

  private placeOf(task: Task): Place {
    const agent = this.agents.get(task.agentId.value) ?? '';
    const own = (task.statuses ?? []).map(addressOf).findLast((address) => address !== undefined);
    const framework = this.frameworks.get(task.frameworkId.value) ?? '';
    return { task: task.taskId.value, name: task.name, framework, agent, address: own ?? agent };
  }
}

const keyOf = (frameworkId: string, taskId: string): string => `${frameworkId}/${taskId}`;

const addressOf = ({ containerStatus }: TaskStatus): string | undefined =>
  containerStatus?.networkInfos?.[0]?.ipAddresses?.[0]?.ipAddress;

/** Lines as in /etc/hosts: `ADDRESS NAME.FRAMEWORK.DOMAIN`. */
export function hostsText(places: readonly Place[], domain: string): string {
  const label = (text: string): string =>
    text
      .toLowerCase()
      .replace(/[^a-z0-9.]+/g, '-')
      .replace(/^[-.]+|[-.]+$/g, '');
  return places
    .map(({ address, name, framework }) => `${address} ${label(name)}.${label(framework)}.${domain}\n`)
    .join('');
}
