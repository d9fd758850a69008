import { isTerminal } from '@mezzo/sdk/contract';
import type { FrameworkInfo } from '@mezzo/sdk/api';
import { removeTask } from './books.js';
import { saveFramework } from './checkpoint.js';
import { stopExecutor } from './custom-executors.js';
import { killTask } from './kill.js';
import { type AgentFramework } from './state.js';
import type { Turn } from './turn.js';

export function updateFramework(turn: Turn, info: FrameworkInfo): void {
  const framework = turn.state.frameworks.get(info.id?.value ?? '');
  if (framework === undefined) return;
  framework.info = info;
  saveFramework(turn, framework);
}

/** Ends all that the framework has here. Nobody is left to hear of it, so nothing is reported any more. */
export function shutdownFramework(turn: Turn, frameworkId: string): void {
  const framework = turn.state.frameworks.get(frameworkId);
  if (framework === undefined) return;
  framework.shuttingDown = true;
  saveFramework(turn, framework);
  endRuns(turn, framework);
}

export function endRuns(turn: Turn, framework: AgentFramework): void {
  for (const run of [...framework.runs.values()]) {
    for (const task of [...run.tasks.values()]) {
      if (isTerminal(task.state)) removeTask(turn, run, task);
      else if (run.kind !== 'custom') killTask(turn, run.frameworkId, task.info.taskId.value);
    }
    if (run.kind === 'custom') stopExecutor(turn, run);
  }
}
