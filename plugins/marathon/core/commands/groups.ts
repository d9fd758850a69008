import type { AppDefinition } from '../app.js';
import { actionsView } from '../deployments/run.js';
import type { Answer } from '../effects.js';
import type { AppDraft } from '../normalize.js';
import { absoluteId, idProblem, isBelow, parentOf, segmentsOf } from '../path-id.js';
import type { Turn } from '../turn.js';
import type { GroupUpdate } from '../update.js';
import { deploymentAnswer, draftOf, withoutVersion } from './apps.js';
import { applyChange, definitions, dryRun } from './change.js';
import type { Command } from './command.js';
import { groupExists, invalid, notFound } from './refusal.js';

/**
 * Groups are not things of their own here: a group is what the ids of apps have in common, and changing one changes its
 * apps, in one deployment.
 */

type Drafts = Map<string, AppDraft | undefined>;

export function putGroup(turn: Turn, command: Extract<Command, { kind: 'putGroup' }>): Answer {
  const { group, create, force } = command;
  const id = absoluteId(group.id ?? '.', command.id);
  const all = definitions(turn.state);
  const exists = [...all.keys()].some((appId) => isBelow(appId, id));
  if (create && (all.has(id) || (exists && id !== '/'))) throw groupExists(id, all.has(id));
  const drafts: Drafts = group.scaleBy === undefined ? structure(turn, id, group, all) : scaled(id, group, all);
  if (command.dryRun) return { status: 200, body: { steps: dryRun(turn, drafts, { force }).map(actionsView) } };
  const deployed = applyChange(turn, drafts, { force });
  return deploymentAnswer(deployed, exists ? {} : { status: 201, location: id });
}

export function removeGroup(turn: Turn, { id, force }: Extract<Command, { kind: 'removeGroup' }>): Answer {
  const below = [...definitions(turn.state).keys()].filter((appId) => isBelow(appId, id));
  if (below.length === 0 && id !== '/') throw notFound(`Group '${id}' does not exist`);
  return deploymentAnswer(applyChange(turn, new Map(below.map((appId) => [appId, undefined])), { force }));
}

function scaled(
  id: string,
  { scaleBy = 1, apps, groups }: GroupUpdate,
  all: ReadonlyMap<string, AppDefinition>,
): Drafts {
  if (apps !== undefined || groups !== undefined)
    throw invalid([{ path: '/scaleBy', error: 'must not be used together with apps or groups' }]);
  const below = [...all.values()].filter((app) => isBelow(app.id, id));
  return new Map(
    below.map((app) => [app.id, { ...withoutVersion(app), instances: Math.ceil(app.instances * scaleBy) }]),
  );
}

function structure(turn: Turn, id: string, group: GroupUpdate, all: ReadonlyMap<string, AppDefinition>): Drafts {
  const drafts: Drafts = new Map();
  collect(turn, id, group, all, drafts, '');
  return drafts;
}

function collect(
  turn: Turn,
  id: string,
  group: GroupUpdate,
  all: ReadonlyMap<string, AppDefinition>,
  drafts: Drafts,
  at: string,
): void {
  refuseUnsupported(group, at);
  const problem = id === '/' ? undefined : idProblem(id);
  if (problem !== undefined) throw invalid([{ path: `${at}/id`, error: problem }]);
  const named = (ids: readonly string[]) => new Set(ids);
  const apps = group.apps?.map((app, index) => ({
    app,
    at: `${at}/apps(${index})`,
    id: childId(app.id, id, `${at}/apps(${index})`),
  }));
  const groups = group.groups?.map((each, index) => ({
    each,
    at: `${at}/groups(${index})`,
    id: childId(each.id, id, `${at}/groups(${index})`),
  }));
  const keptApps = apps && named(apps.map((each) => each.id));
  const keptGroups = groups && named(groups.map((each) => each.id));
  for (const appId of all.keys()) {
    if (!isBelow(appId, id)) continue;
    const kept = parentOf(appId) === id ? keptApps : keptGroups;
    const child =
      parentOf(appId) === id
        ? appId
        : `/${segmentsOf(appId)
            .slice(0, segmentsOf(id).length + 1)
            .join('/')}`;
    if (kept !== undefined && !kept.has(child)) drafts.set(appId, undefined);
  }
  for (const each of apps ?? []) drafts.set(each.id, draftOf(turn.state, each.id, each.app, each.at));
  for (const each of groups ?? []) collect(turn, each.id, each.each, all, drafts, each.at);
}

function childId(given: string | undefined, parent: string, at: string): string {
  const id = absoluteId(given ?? '.', parent);
  if (given === undefined) throw invalid([{ path: `${at}/id`, error: 'error.path.missing' }]);
  if (id === '/' || parentOf(id) !== parent)
    throw invalid([{ path: `${at}/id`, error: `Identifier is not child of '${parent}'. Identifier: '${id}'` }]);
  return id;
}

function refuseUnsupported({ version, dependencies, pods }: GroupUpdate, at: string): void {
  const notYet = (field: string, error: string) => invalid([{ path: `${at}/${field}`, error }]);
  if (version !== undefined) throw notYet('version', 'versions of groups are not supported yet: roll back their apps');
  if (dependencies?.length)
    throw notYet('dependencies', 'dependencies of groups are not supported yet: name them in the apps');
  if (pods?.length) throw notYet('pods', 'pods are not supported yet');
}
