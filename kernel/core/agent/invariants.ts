import { toMilli, isTerminal } from '@mezzo/sdk/contract';
import { asGiven, Resources } from '../resources/index.js';
import { groupOf } from './books.js';
import { isOver } from './pods.js';
import { type AgentState } from './state.js';
import type { AgentEffect } from './effects.js';
import { usedBy } from './views.js';

/** What must hold after every step. Answers the first breach in words, or undefined. */
export function agentBreach(state: AgentState): string | undefined {
  return (
    booksBreach(state) ??
    podsBreach(state) ??
    containersBreach(state) ??
    resourcesBreach(state) ??
    conversionsBreach(state)
  );
}

function booksBreach(state: AgentState): string | undefined {
  for (const [frameworkId, framework] of state.frameworks) {
    for (const run of framework.runs.values()) {
      if (state.runs.get(run.containerId) !== run) return `run ${run.containerId} is not in the index`;
      // A crash may forget the last task and still remember its run: recovery retires such a run.
      const recovering = state.phase === 'recovering';
      if (run.phase === 'ended' && run.tasks.size === 0 && !recovering)
        return `run ${run.containerId} is over but not retired`;
      for (const [taskId, task] of run.tasks) {
        if (framework.taskRuns.get(taskId) !== run) return `task ${taskId} is in two runs`;
        if (run.phase === 'ended' && !isTerminal(task.state)) return `task ${taskId} outlives its container`;
        if (isTerminal(task.state) && task.updates.length === 0) return `task ${taskId} is over but kept`;
        if (task.updates.slice(0, -1).some((u) => isTerminal(u.state))) return `task ${taskId} went on after its end`;
      }
    }
    for (const [taskId, run] of framework.taskRuns)
      if (!run.tasks.has(taskId)) return `task ${taskId} of ${frameworkId} is indexed but gone`;
  }
  for (const run of state.runs.values())
    if (state.frameworks.get(run.frameworkId)?.runs.get(run.containerId) !== run)
      return `run ${run.containerId} belongs to no framework`;
  return undefined;
}

function containersBreach({ containers, names, waits, runs }: AgentState): string | undefined {
  for (const container of containers.values())
    if (names.get(container.path.join('.')) !== container) return `container ${container.containerId} has no name`;
  if (names.size !== containers.size) return `${names.size} names of ${containers.size} containers`;
  for (const id of waits.keys())
    if (!containers.has(id) && !runs.has(id)) return `somebody waits for ${id}, which is gone`;
  return undefined;
}

/** A group runs whole or ends whole, and a pod does not outlive its last task. */
function podsBreach(state: AgentState): string | undefined {
  for (const run of state.runs.values()) {
    if (run.kind !== 'default' || state.phase === 'recovering') continue;
    for (const task of run.tasks.values()) {
      const { value: id } = task.info.taskId;
      const bad = isTerminal(task.state) && task.state !== 'TASK_FINISHED';
      const other = bad && groupOf(run, task).find((one) => !isTerminal(one.state) && !one.killing);
      if (other) return `task ${other.info.taskId.value} runs on after ${id} of its group, which is ${task.state}`;
      if (task.state === 'TASK_RUNNING' && groupOf(run, task).some((one) => one.state === 'TASK_STAGING'))
        return `task ${id} runs before its group is launched`;
      if (!isTerminal(task.state) && task.delivered && !state.containers.has(task.containerId ?? ''))
        return `task ${id} is delivered and has no container`;
    }
    if (run.phase === 'preparing' && isOver(run)) return `pod ${run.containerId} has nothing to run`;
  }
  return undefined;
}

function resourcesBreach(state: AgentState): string | undefined {
  const free = new Map<string, number>();
  const ports = new Set<number>();
  for (const r of state.resources) add(free, r.name, r.scalar?.value ?? 0);
  for (const run of state.runs.values()) {
    for (const resource of usedBy(run)) {
      if (resource.revocable) continue;
      add(free, resource.name, -(resource.scalar?.value ?? 0));
      for (const { begin, end } of resource.ranges?.range ?? []) {
        for (let port = Number(begin); port <= Number(end); port++) {
          if (ports.has(port)) return `${resource.name} ${port} is used twice`;
          ports.add(port);
        }
      }
    }
  }
  for (const [name, milli] of free) if (milli < 0) return `more ${name} is used than there is`;
  return undefined;
}

/** Whatever is reserved or made a volume of, it is as much as the machine has. */
function conversionsBreach({ config, resources }: AgentState): string | undefined {
  if (resources === config.resources) return undefined;
  const given = Resources.of(resources.map(asGiven));
  return given.equals(Resources.of(config.resources)) ? undefined : `${String(given)} is not what the machine has`;
}

const add = (sums: Map<string, number>, name: string, value: number): void =>
  void sums.set(name, (sums.get(name) ?? 0) + toMilli(value));

/** Watches the effects of one agent over all its lives: each container is launched once, each task has one update in flight. */
export class AgentAuditor {
  private readonly launched = new Set<string>();
  private readonly inFlight = new Map<string, string>();

  observe(effects: readonly AgentEffect[]): string | undefined {
    for (const effect of effects) {
      const breach = this.breachOf(effect);
      if (breach !== undefined) return breach;
    }
    return undefined;
  }

  /** The framework's word arrived: the next update may go out. */
  acknowledged(frameworkId: string, taskId: string, uuid: string): void {
    if (this.inFlight.get(`${frameworkId}/${taskId}`) === uuid) this.inFlight.delete(`${frameworkId}/${taskId}`);
  }

  private breachOf(effect: AgentEffect): string | undefined {
    if (effect.type === 'launchContainer') {
      const { containerId } = effect.spec;
      if (this.launched.has(containerId)) return `container ${containerId} is launched twice`;
      this.launched.add(containerId);
    }
    if (effect.type !== 'sendMaster' || effect.call.type !== 'statusUpdate') return undefined;
    const { frameworkId, status } = effect.call;
    const key = `${frameworkId}/${status.taskId.value}`;
    const other = this.inFlight.get(key);
    if (other !== undefined && other !== status.uuid) return `two updates of task ${key} are in flight`;
    this.inFlight.set(key, status.uuid ?? '');
    return undefined;
  }
}
