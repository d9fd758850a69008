import type { Answer } from '../effects.js';
import { endDeployment } from '../deployments/run.js';
import type { Deployment } from '../deployments/plan.js';
import { resetDelay } from '../delay.js';
import type { AppDefinition } from '../app.js';
import type { Turn } from '../turn.js';
import { deploymentAnswer } from './apps.js';
import { applyChange } from './change.js';
import { appNotFound, notFound } from './refusal.js';

function find(turn: Turn, id: string): Deployment {
  const deployment = turn.state.deployments.get(id);
  if (deployment === undefined) throw notFound(`DeploymentPlan ${id} does not exist`);
  return deployment;
}

/** Back to what was before, exactly: instances with the old configuration are kept. */
export function revertDeployment(turn: Turn, id: string): Answer {
  const { changes } = find(turn, id);
  const wishes = new Map<string, AppDefinition | undefined>();
  for (const { appId, from } of changes) {
    const before = from === undefined ? undefined : turn.state.apps.get(appId)?.versions.get(from);
    if (from !== undefined && before === undefined) throw appNotFound(appId, from);
    wishes.set(appId, before);
  }
  return deploymentAnswer(applyChange(turn, wishes, { force: true }));
}

/** Stops it where it is: the definitions stay, and instances of several versions may run on. */
export function cancelDeployment(turn: Turn, id: string): Answer {
  endDeployment(turn, find(turn, id), 'deployment_failed');
  return { status: 202 };
}

export function resetAppDelay(turn: Turn, id: string): Answer {
  const entry = turn.state.apps.get(id);
  if (entry === undefined || (entry.waiting === undefined && entry.delay === undefined))
    throw notFound(`Application ${id} not found in tasks queue.`);
  resetDelay(turn, entry);
  return { status: 204 };
}
