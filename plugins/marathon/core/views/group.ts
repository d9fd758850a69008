import { isBelow, parentOf, segmentsOf } from '../path-id.js';
import type { MarathonState } from '../state.js';
import { appView } from './app.js';
import type { Embed } from './app.js';

/** The tree of groups, read off the ids of apps. Undefined when there is no such group; the root is always there. */
export function groupView(
  state: MarathonState,
  id: string,
  embeds: readonly Embed[],
  atMs: number,
): Record<string, unknown> | undefined {
  const below = [...state.apps.values()].filter((entry) => !entry.stopping && isBelow(entry.id, id));
  if (below.length === 0 && id !== '/') return undefined;
  const depth = segmentsOf(id).length;
  const children = new Set<string>();
  for (const entry of below) {
    const segments = segmentsOf(entry.id);
    if (segments.length > depth + 1) children.add(`/${segments.slice(0, depth + 1).join('/')}`);
  }
  return {
    id,
    apps: below.filter((entry) => parentOf(entry.id) === id).map((entry) => appView(state, entry, embeds, atMs)),
    groups: [...children].sort().map((child) => groupView(state, child, embeds, atMs)),
    pods: [],
    dependencies: [],
    version: below
      .map(({ definition }) => definition.version)
      .reduce((a, b) => (a > b ? a : b), '1970-01-01T00:00:00.000Z'),
  };
}
