import type { AppDefinition } from './app.js';
import { dropVersion, saveVersion } from './records.js';
import type { AppEntry } from './state.js';
import type { Turn } from './turn.js';

export function addVersion(turn: Turn, entry: AppEntry, definition: AppDefinition): void {
  entry.versions.set(definition.version, definition);
  saveVersion(turn, definition);
  pruneVersions(turn, entry);
}

/** Keeps the newest, and those that an instance runs or a deployment came from. */
export function pruneVersions(turn: Turn, entry: AppEntry): void {
  const { settings, apps } = turn.state;
  const share = Math.max(1, Math.floor(settings.maxVersions / Math.max(1, apps.size)));
  const surplus = entry.versions.size - Math.min(settings.maxVersionsPerApp, share);
  if (surplus <= 0) return;
  const used = new Set<string>([entry.definition.version]);
  for (const { version } of entry.instances.values()) used.add(version);
  const deployment = turn.state.deployments.get(turn.state.locks.get(entry.id) ?? '');
  for (const { from, to } of deployment?.changes ?? [])
    for (const version of [from, to]) if (version) used.add(version);
  const oldest = [...entry.versions.keys()].sort().slice(0, surplus);
  for (const version of oldest.filter((each) => !used.has(each))) {
    entry.versions.delete(version);
    dropVersion(turn, entry.id, version);
  }
}
