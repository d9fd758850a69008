import type { Answer } from '../effects.js';
import { appIdOfTask } from '../ids.js';
import { kill } from '../instances.js';
import { isBelow } from '../path-id.js';
import type { AppEntry, Instance } from '../state.js';
import type { Turn } from '../turn.js';
import { taskView } from '../views/task.js';
import { deploymentAnswer, withoutVersion } from './apps.js';
import { applyChange } from './change.js';
import type { Command, KillOptions } from './command.js';
import { appNotFound, badRequest, notFound } from './refusal.js';

type KillAppTasks = Extract<Command, { kind: 'killAppTasks' }>;
type KillTasks = Extract<Command, { kind: 'killTasks' }>;

const ANY_HOST = '*';

export function killAppTasks(turn: Turn, command: KillAppTasks): Answer {
  const entries = entriesOf(turn, command.id);
  const { host } = command;
  const onHost = (instance: Instance) =>
    instance.task !== undefined && (host === undefined || host === ANY_HOST || instance.task.facts.hostname === host);
  const chosen = entries.flatMap((entry) => [...entry.instances.values()].filter(onHost));
  const tasks = chosen.map((instance) => viewOf(turn, instance));
  return endTasks(turn, chosen, command) ?? { status: 200, body: { tasks } };
}

/** One app, or with a trailing `/*` all apps of a group. */
export function entriesOf({ state }: Turn, id: string): AppEntry[] {
  const group = id.endsWith('/*') ? id.slice(0, -2) || '/' : undefined;
  if (group !== undefined)
    return [...state.apps.values()].filter((entry) => !entry.stopping && isBelow(entry.id, group));
  const entry = state.apps.get(id);
  if (entry === undefined || entry.stopping) throw appNotFound(id);
  return [entry];
}

/** Well-formed ids that name no task of ours are passed over, unless there is only one. */
export function killTasks(turn: Turn, command: KillTasks): Answer {
  const { ids, single } = command;
  const bad = ids.find((id) => appIdOfTask(id) === undefined);
  if (bad !== undefined && !single)
    throw badRequest(`Invalid task id '${bad}'. It must be <app>.instance-<uuid>._app.<n>`);
  const chosen = ids.flatMap((id) => turn.state.instancesByTask.get(id) ?? []);
  if (single && chosen.length === 0) throw notFound(`Task '${ids[0] ?? ''}' does not exist`);
  // As they are now: some are forgotten as soon as they are killed.
  const tasks = chosen.map((instance) => viewOf(turn, instance));
  return endTasks(turn, chosen, command) ?? { status: 200, body: single ? { task: tasks[0] } : { tasks } };
}

function viewOf({ state }: Turn, instance: Instance): unknown {
  const entry = state.apps.get(instance.appId);
  return entry && taskView(entry, instance);
}

/** An answer when a deployment comes of it. */
function endTasks(turn: Turn, chosen: readonly Instance[], { scale, wipe, force }: KillOptions): Answer | undefined {
  if (scale && wipe) throw badRequest('You cannot use scale and wipe at the same time.');
  if (!scale) {
    for (const instance of chosen) kill(turn, instance, false);
    return undefined;
  }
  const gone = new Map<string, number>();
  for (const { appId, goal } of chosen) if (goal === 'running') gone.set(appId, (gone.get(appId) ?? 0) + 1);
  const wishes = new Map(
    [...gone].flatMap(([id, count]) => {
      const app = turn.state.apps.get(id)?.definition;
      return app ? [[id, { ...withoutVersion(app), instances: Math.max(0, app.instances - count) }] as const] : [];
    }),
  );
  const deployed = applyChange(turn, wishes, { force });
  for (const instance of chosen) kill(turn, instance, true);
  return deploymentAnswer(deployed);
}
