import { resetDelay } from '../delay.js';
import { dropDemand, refreshWaiting } from '../demand.js';
import { addInstance, definitionOf, isActive, isCurrent, isReady, kill } from '../instances.js';
import { dropApp, dropDeployment, saveDeployment } from '../records.js';
import { countServicePorts } from '../service-ports.js';
import { removeEntry } from '../state.js';
import type { AppEntry, Instance, MarathonState } from '../state.js';
import type { Turn } from '../turn.js';
import { pickSurplus } from './kill-order.js';
import type { Action, Deployment } from './plan.js';
import { replaceMoves } from './replace.js';
import { pruneVersions } from '../versions.js';

/**
 * Brings every touched app closer to what is wanted: what its deployment's current action asks for, or just the number of
 * instances. Looks at the present only, so that it may be called after any event, and after a restart.
 */
export function settle(turn: Turn): void {
  if (turn.state.phase !== 'acting') return;
  for (let [id] = turn.touched; id !== undefined; [id] = turn.touched) {
    turn.touched.delete(id);
    settleApp(turn, id);
  }
}

function settleApp(turn: Turn, id: string): void {
  const { state } = turn;
  const entry = state.apps.get(id);
  const deployment = state.deployments.get(state.locks.get(id) ?? '');
  const action = deployment && activeAction(deployment, id);
  const done = entry === undefined ? true : advance(turn, entry, deployment, action);
  if (entry && state.apps.has(id)) refreshWaiting(turn, entry);
  if (deployment && action && !action.done && done) finishAction(turn, deployment, action);
}

const activeAction = (deployment: Deployment, id: string): Action | undefined =>
  deployment.steps[deployment.currentStep]?.find(({ app }) => app === id);

/** True when what the action asks for is reached. */
function advance(turn: Turn, entry: AppEntry, deployment: Deployment | undefined, action: Action | undefined): boolean {
  if (entry.stopping) return stop(turn, entry);
  if (deployment && !action && comesLater(deployment, entry.id)) return hold(turn, entry, deployment);
  if (action && !action.done && action.action === 'StartApplication') return true;
  if (action && !action.done && action.action === 'RestartApplication') return replace(turn, entry);
  return scaleTo(turn, entry, entry.definition.instances);
}

function stop(turn: Turn, entry: AppEntry): boolean {
  for (const instance of [...entry.instances.values()]) if (instance.goal === 'running') kill(turn, instance, true);
  if (entry.instances.size > 0) return false;
  dropEntry(turn, entry);
  return true;
}

function dropEntry(turn: Turn, entry: AppEntry): void {
  resetDelay(turn, entry);
  dropApp(turn, entry);
  removeEntry(turn.state, entry.id);
  dropDemand(turn.state, entry.id);
  countServicePorts(turn.state.servicePorts, entry.definition, -1);
  turn.publish('app_terminated_event', { appId: entry.id });
}

const comesLater = (deployment: Deployment, id: string): boolean =>
  deployment.steps.slice(deployment.currentStep + 1).some((step) => step.some(({ app }) => app === id));

/** The app's turn has not come: instances that die are replaced, nothing else. */
function hold(turn: Turn, entry: AppEntry, deployment: Deployment): boolean {
  const change = deployment.changes.find(({ appId }) => appId === entry.id);
  const before = change?.from === undefined ? undefined : entry.versions.get(change.from);
  let missing = Math.min(before?.instances ?? 0, entry.definition.instances);
  for (const instance of entry.instances.values()) if (isActive(instance)) missing -= 1;
  for (; missing > 0; missing--) addInstance(turn, entry);
  return false;
}

/** True when exactly the wanted number is there and ready, and nothing is on its way out. */
function scaleTo(turn: Turn, entry: AppEntry, target: number): boolean {
  let [active, ready, ending] = [0, 0, 0];
  for (const instance of entry.instances.values()) {
    if (instance.goal === 'decommissioned') ending += 1;
    if (!isActive(instance)) continue;
    active += 1;
    if (isReady(definitionOf(entry, instance), instance)) ready += 1;
  }
  if (active > target) endSurplus(turn, entry, active - target);
  for (let missing = target - active; missing > 0; missing--) addInstance(turn, entry);
  return ready === target && active === target && ending === 0;
}

function endSurplus(turn: Turn, entry: AppEntry, count: number): void {
  const active = [...entry.instances.values()].filter(isActive);
  for (const instance of pickSurplus(entry.definition, active, count)) kill(turn, instance, true);
}

function replace(turn: Turn, entry: AppEntry): boolean {
  const app = entry.definition;
  const all = [...entry.instances.values()];
  const active = all.filter((instance) => isActive(instance));
  const [old, fresh] = [active.filter((each) => !isCurrent(app, each)), active.filter((each) => isCurrent(app, each))];
  const ready = (instance: Instance) => isReady(definitionOf(entry, instance), instance);
  const [oldReady, newReady] = [old.filter(ready), fresh.filter(ready)];
  const oldUnready = old.filter((each) => !ready(each));
  const moves = replaceMoves({
    target: app.instances,
    ...app.upgradeStrategy,
    oldReady: oldReady.length,
    oldUnready: oldUnready.length,
    newReady: newReady.length,
    newUnready: fresh.length - newReady.length,
    ending: all.length - active.length,
  });
  for (const instance of pickSurplus(app, oldUnready, moves.killOldUnready)) kill(turn, instance, true);
  for (const instance of pickSurplus(app, oldReady, moves.killOldReady)) kill(turn, instance, true);
  for (const instance of pickSurplus(app, fresh, fresh.length - app.instances)) kill(turn, instance, true);
  for (let count = moves.start; count > 0; count--) addInstance(turn, entry);
  return newReady.length === app.instances && entry.instances.size === app.instances;
}

/** Begins a deployment whose apps are locked and stored. */
export function startDeployment(turn: Turn, deployment: Deployment): void {
  turn.state.deployments.set(deployment.id, deployment);
  for (const { appId } of deployment.changes) turn.state.locks.set(appId, deployment.id);
  saveDeployment(turn, deployment);
  turn.publish('deployment_info', { plan: lightPlan(deployment), currentStep: stepView(deployment) });
  beginStep(turn, deployment);
}

function beginStep(turn: Turn, deployment: Deployment): void {
  for (const { action, app } of deployment.steps[deployment.currentStep] ?? []) {
    const entry = turn.state.apps.get(app);
    if (entry && (action === 'RestartApplication' || action === 'StopApplication')) resetDelay(turn, entry);
    turn.touched.add(app);
  }
}

function finishAction(turn: Turn, deployment: Deployment, action: Action): void {
  action.done = true;
  const step = deployment.steps[deployment.currentStep] ?? [];
  if (step.every(({ done }) => done)) {
    turn.publish('deployment_step_success', { plan: lightPlan(deployment), currentStep: stepView(deployment) });
    deployment.currentStep += 1;
    if (deployment.currentStep >= deployment.steps.length) return endDeployment(turn, deployment, 'deployment_success');
    turn.publish('deployment_info', { plan: lightPlan(deployment), currentStep: stepView(deployment) });
    beginStep(turn, deployment);
  }
  saveDeployment(turn, deployment);
}

/** The apps are free again, and looked at as such. */
export function endDeployment(
  turn: Turn,
  deployment: Deployment,
  event: 'deployment_success' | 'deployment_failed',
): void {
  const { state } = turn;
  state.deployments.delete(deployment.id);
  dropDeployment(turn, deployment.id);
  for (const { appId } of deployment.changes) {
    if (state.locks.get(appId) === deployment.id) state.locks.delete(appId);
    turn.touched.add(appId);
    const entry = state.apps.get(appId);
    if (entry) pruneVersions(turn, entry);
  }
  turn.publish(event, { id: deployment.id, plan: lightPlan(deployment) });
}

export const lightPlan = ({ id, version, steps }: Deployment): Record<string, unknown> => ({
  id,
  version,
  steps: steps.map(actionsView),
});

export const actionsView = (actions: readonly Action[]) => ({
  actions: actions.map(({ action, app }) => ({ action, app })),
});

const stepView = (deployment: Deployment) => actionsView(deployment.steps[deployment.currentStep] ?? []);

/** Deployments that hold any of these apps. */
export function conflictsOf(state: MarathonState, ids: Iterable<string>): Deployment[] {
  const found = new Set<Deployment>();
  for (const id of ids) {
    const deployment = state.deployments.get(state.locks.get(id) ?? '');
    if (deployment) found.add(deployment);
  }
  return [...found];
}
