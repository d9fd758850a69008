import { isCurrent } from '../instances.js';
import type { AppEntry, Instance, MarathonState } from '../state.js';
import { countsOf, taskView } from './task.js';

export const EMBEDS = [
  'tasks',
  'counts',
  'deployments',
  'readiness',
  'lastTaskFailure',
  'taskStats',
  'failures',
] as const;
export type Embed = (typeof EMBEDS)[number];

/** Known names with any of the accepted prefixes; what is unknown is passed over, as the field does. */
export function parseEmbeds(names: readonly string[]): Embed[] {
  return names
    .map((name) => name.replace(/^(group\.)?apps?\./, ''))
    .filter((name): name is Embed => (EMBEDS as readonly string[]).includes(name));
}

/** An app with what is known about it now. Counts and deployments are always there. */
export function appView(
  state: MarathonState,
  entry: AppEntry,
  embeds: readonly Embed[],
  atMs = 0,
): Record<string, unknown> {
  const lock = state.locks.get(entry.id);
  const wants = (embed: Embed) => embeds.includes(embed);
  return {
    ...entry.definition,
    ...countsOf(entry),
    deployments: lock === undefined ? [] : [{ id: lock }],
    ...(wants('readiness') && { readinessCheckResults: [] }),
    ...(wants('tasks') && { tasks: tasksOf(entry) }),
    ...((wants('lastTaskFailure') || wants('failures')) && entry.lastFailure && { lastTaskFailure: entry.lastFailure }),
    ...(wants('taskStats') && { tasksStats: taskStats(entry, atMs) }),
  };
}

export const tasksOf = (entry: AppEntry): Record<string, unknown>[] =>
  [...entry.instances.values()].map((instance) => taskView(entry, instance)).filter((view) => view !== undefined);

function taskStats(entry: AppEntry, atMs: number): Record<string, unknown> {
  const app = entry.definition;
  const all = [...entry.instances.values()].filter(({ task }) => task !== undefined);
  const groups: Record<string, Instance[]> = {
    startedAfterLastScaling: all.filter(({ version }) => version >= app.versionInfo.lastScalingAt),
    withLatestConfig: all.filter((instance) => isCurrent(app, instance)),
    withOutdatedConfig: all.filter((instance) => !isCurrent(app, instance)),
    totalSummary: all,
  };
  return Object.fromEntries(
    Object.entries(groups).flatMap(([name, some]) =>
      some.length === 0 ? [] : [[name, { stats: statsOf(entry, some, atMs) }]],
    ),
  );
}

function statsOf(entry: AppEntry, some: readonly Instance[], atMs: number): Record<string, unknown> {
  const {
    tasksStaged: staged,
    tasksRunning: running,
    tasksHealthy: healthy,
    tasksUnhealthy: unhealthy,
  } = countsOf(entry, some);
  const lives = some.flatMap(({ task }) => (task?.startedAtMs === undefined ? [] : [(atMs - task.startedAtMs) / 1000]));
  lives.sort((a, b) => a - b);
  const averageSeconds = lives.reduce((sum, each) => sum + each, 0) / lives.length;
  const half = Math.floor(lives.length / 2);
  const medianSeconds = lives.length % 2 === 1 ? lives[half] : ((lives[half - 1] ?? 0) + (lives[half] ?? 0)) / 2;
  return {
    counts: { staged, running, healthy, unhealthy },
    ...(lives.length > 0 && { lifeTime: { averageSeconds, medianSeconds } }),
  };
}
