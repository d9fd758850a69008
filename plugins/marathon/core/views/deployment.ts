import { actionsView } from '../deployments/run.js';
import type { Action, Deployment } from '../deployments/plan.js';
import { countsOf } from './task.js';
import type { MarathonState } from '../state.js';
import { whyWaiting } from './queue.js';

export const deploymentsView = (state: MarathonState, atMs: number): Record<string, unknown>[] =>
  [...state.deployments.values()].map((deployment) => deploymentView(state, deployment, atMs));

function deploymentView(state: MarathonState, deployment: Deployment, atMs: number): Record<string, unknown> {
  const { id, version, changes, steps, currentStep } = deployment;
  const current = steps[currentStep] ?? [];
  return {
    id,
    version,
    affectedApps: changes.map(({ appId }) => appId),
    affectedPods: [],
    steps: steps.map(actionsView),
    currentActions: current.filter(({ done }) => !done).map((action) => actionView(state, action, atMs)),
    currentStep: currentStep + 1,
    totalSteps: steps.length,
  };
}

/** `waitingFor` is ours: why the action has not ended yet. */
function actionView(state: MarathonState, { action, app }: Action, atMs: number): Record<string, unknown> {
  return { action, app, readinessCheckResults: [], waitingFor: waitingFor(state, app, atMs) };
}

function waitingFor(state: MarathonState, id: string, atMs: number): string | undefined {
  const entry = state.apps.get(id);
  if (entry === undefined) return undefined;
  const why = whyWaiting(state, entry, atMs);
  if (why !== undefined) return why;
  const all = [...entry.instances.values()];
  const ending = all.filter(({ condition }) => condition === 'killing').length;
  if (entry.stopping || ending > 0) return `${ending} of ${all.length} instances are being ended`;
  const { tasksStaged, tasksRunning, tasksHealthy } = countsOf(entry);
  if (tasksStaged > 0) return `${tasksStaged} of ${all.length} instances are starting`;
  return entry.definition.healthChecks.length > 0
    ? `${tasksHealthy} of ${tasksRunning} running instances are healthy`
    : undefined;
}
