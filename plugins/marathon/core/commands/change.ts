import { portSpecs } from '../app.js';
import type { AppDefinition } from '../app.js';
import { conflictsOf, endDeployment, startDeployment } from '../deployments/run.js';
import { dependencyDepth, differsInConfig, planSteps } from '../deployments/plan.js';
import type { Action, AppChange, Apps, Deployment } from '../deployments/plan.js';
import { newUuid, newVersion } from '../ids.js';
import { isCurrent } from '../instances.js';
import type { AppDraft } from '../normalize.js';
import { groupsOf, isBelow } from '../path-id.js';
import { saveApp } from '../records.js';
import { assignServicePorts, countServicePorts } from '../service-ports.js';
import { addEntry } from '../state.js';
import type { MarathonState } from '../state.js';
import type { Turn } from '../turn.js';
import { addVersion } from '../versions.js';
import { invalid, locked, tooManyDeployments, unprocessable } from './refusal.js';

/** A new set of definitions for some apps: undefined removes one, an AppDefinition (with its version) is restored as it was. */
export type Wishes = ReadonlyMap<string, AppDraft | AppDefinition | undefined>;

export interface ChangeOptions {
  /** Ends deployments that hold the same apps, instead of refusing. */
  readonly force: boolean;
  /** Apps that get a new version although nothing differs. */
  readonly restart?: ReadonlySet<string>;
}

export interface Deployed {
  readonly id: string;
  readonly version: string;
}

/** The apps as users see them: those being removed are gone. */
export function definitions(state: MarathonState): Map<string, AppDefinition> {
  const all = new Map<string, AppDefinition>();
  for (const { id, definition, stopping } of state.apps.values()) if (!stopping) all.set(id, definition);
  return all;
}

/** An app as users see it. */
export const current = (state: MarathonState, id: string): AppDefinition | undefined => {
  const entry = state.apps.get(id);
  return entry?.stopping ? undefined : entry?.definition;
};

/**
 * Carries a change through: checks what spans apps, stores the definitions, starts a deployment. Throws a Refusal before
 * anything is changed. What differs in nothing is left alone.
 */
export function applyChange(turn: Turn, wishes: Wishes, options: ChangeOptions): Deployed {
  const { state } = turn;
  const id = newUuid(state, turn.atMs);
  const version = newVersion(state, turn.atMs);
  const changes = workOut(state, wishes, options, version);
  if (changes.length === 0) return nothingToDo(turn, id, [...wishes.keys()]);
  checkTarget(state, changes);
  const conflicts = conflictsOf(
    state,
    changes.map(({ appId }) => appId),
  );
  if (conflicts.length > 0 && !options.force) throw locked(conflicts.map((each) => each.id));
  if (state.deployments.size - conflicts.length >= state.settings.maxRunningDeployments)
    throw tooManyDeployments(state.settings.maxRunningDeployments);
  for (const conflict of conflicts) endDeployment(turn, conflict, 'deployment_failed');
  for (const change of changes) storeChange(turn, change);
  const deployment: Deployment = {
    id,
    version,
    changes: changes.map(({ appId, from, to }) => ({ appId, from: from?.version, to: to?.version })),
    steps: planSteps(changes, overlay(state, changes)),
    currentStep: 0,
  };
  turn.publish('group_change_success', { groupId: '/', version });
  startDeployment(turn, deployment);
  return { id, version };
}

/** The steps that a change would take. */
export function dryRun(turn: Turn, wishes: Wishes, options: ChangeOptions): Action[][] {
  const { state } = turn;
  const changes = workOut(state, wishes, options, newVersion(state, turn.atMs));
  checkTarget(state, changes);
  return planSteps(changes, overlay(state, changes));
}

/** A PUT of what is already there: answered like a deployment that has ended, so that waiting clients go on. */
function nothingToDo(turn: Turn, id: string, appIds: readonly string[]): Deployed {
  const version = current(turn.state, appIds[0] ?? '')?.version ?? turn.now;
  turn.publish('deployment_success', { id, plan: { id, version, steps: [] } });
  return { id, version };
}

function workOut(state: MarathonState, wishes: Wishes, { restart }: ChangeOptions, version: string): AppChange[] {
  const picked = new Set<number>();
  const changes: AppChange[] = [];
  for (const [appId, wish] of wishes) {
    const from = current(state, appId);
    if (wish === undefined || 'version' in wish) {
      if (from?.version !== wish?.version) changes.push({ appId, from, to: wish });
      continue;
    }
    const isUsed = (port: number) => state.servicePorts.has(port) || picked.has(port);
    const draft = assignServicePorts(wish, from, isUsed, state.settings.servicePorts, state.servicePortCursor);
    if (draft === undefined) throw unprocessable('No free service port is left in the range of service ports');
    for (const { port } of draft.portDefinitions ?? []) picked.add(port);
    for (const { servicePort } of draft.container?.portMappings ?? []) picked.add(servicePort);
    const forced = restart?.has(appId) ?? false;
    const config = forced || from === undefined || differsInConfig(from, draft as AppDefinition);
    if (!config && from.instances === draft.instances) continue;
    const to = stamp(draft, from, version, config);
    changes.push({ appId, from, to, mixed: isMixed(state, appId, to) });
  }
  return changes;
}

function isMixed(state: MarathonState, id: string, to: AppDefinition): boolean {
  const instances = [...(state.apps.get(id)?.instances.values() ?? [])];
  return instances.some((instance) => instance.goal === 'running' && !isCurrent(to, instance));
}

function stamp(draft: AppDraft, from: AppDefinition | undefined, version: string, config: boolean): AppDefinition {
  const scaled = from === undefined || from.instances !== draft.instances;
  const versionInfo = {
    lastScalingAt: scaled ? version : from.versionInfo.lastScalingAt,
    lastConfigChangeAt: config || from === undefined ? version : from.versionInfo.lastConfigChangeAt,
  };
  return { ...draft, version, versionInfo };
}

/** What can only be seen with all apps at hand. */
function checkTarget(state: MarathonState, changes: readonly AppChange[]): void {
  const target = overlay(state, changes);
  const { maxApps } = state.settings;
  const added = changes.filter(({ from, to }) => from === undefined && to !== undefined);
  if (state.apps.size + added.length > maxApps) throw unprocessable(`No more than ${maxApps} apps are allowed`);
  for (const { to } of changes)
    if (to && dependencyDepth(to, target) === Infinity)
      throw invalid([{ path: '/', error: 'Dependency graph has cyclic dependencies.' }]);
  const fresh = new Set(added.flatMap(({ appId }) => groupsOf(appId)));
  for (const { appId } of added) checkTree(state, appId, target, fresh);
}

/** An id is an app or a group, not both. */
function checkTree(state: MarathonState, id: string, target: Apps, fresh: ReadonlySet<string>): void {
  const above = groupsOf(id).find((group) => target.get(group) !== undefined);
  const isGroup = fresh.has(id) || (state.groups.has(id) && [...target.values()].some((app) => isBelow(app.id, id)));
  const both = above ?? (isGroup ? id : undefined);
  if (both !== undefined) throw invalid([{ path: '/id', error: `${both} would be an app and a group at once` }]);
}

/** The definitions as they will be. */
function overlay(state: MarathonState, changes: readonly AppChange[]): Apps {
  const changed = new Map(changes.map(({ appId, to }) => [appId, to]));
  return {
    get: (id) => (changed.has(id) ? changed.get(id) : current(state, id)),
    values: () => {
      const kept = [...definitions(state).values()].filter(({ id }) => !changed.has(id));
      return [...kept, ...[...changed.values()].filter((to) => to !== undefined)];
    },
  };
}

function storeChange(turn: Turn, { appId, from, to }: AppChange): void {
  const { state } = turn;
  const before = state.apps.get(appId);
  const entry = before ?? (to && addEntry(state, to));
  if (entry === undefined) return;
  if (to === undefined) entry.stopping = true;
  else {
    if (before) countServicePorts(state.servicePorts, before.definition, -1);
    countServicePorts(state.servicePorts, to, 1);
    const [port] = portSpecs(to).map(({ servicePort }) => servicePort);
    if (from === undefined && port !== undefined) state.servicePortCursor = port + 1;
    entry.definition = to;
    entry.stopping = false;
    addVersion(turn, entry, to);
    if (from === undefined || from.version !== to.version) turn.needsChanged = true;
  }
  saveApp(turn, entry);
}
