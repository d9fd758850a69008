import type { StoreEntry } from '../../contract/services.js';
import type { Entry, FrameworkState } from './state.js';

/** What is stored: the framework, and an entry for each wanted task. */

export const ID_KEY = 'id';
export const ENTRIES = 'task/';
export const entryKey = (key: string): string => `${ENTRIES}${key}`;

export function resize(state: FrameworkState, key: string, size: number): void {
  state.size += size - (state.sizes.get(key) ?? 0);
  if (size > 0) state.sizes.set(key, size);
  else state.sizes.delete(key);
}

export function recover(state: FrameworkState, stored: readonly Pick<StoreEntry, 'key' | 'value'>[]): void {
  for (const { key, value } of stored) {
    if (key === ID_KEY) Object.assign(state, JSON.parse(value) as object);
    if (!key.startsWith(ENTRIES)) continue;
    const entry = withRole(state, JSON.parse(value) as Entry);
    state.entries.set(entry.want.key, entry);
    resize(state, key, value.length);
    if (entry.launch) state.byTaskId.set(entry.launch.taskId, entry);
  }
}

/** One that the framework has no more becomes its first. */
function withRole(state: FrameworkState, entry: Entry): Entry {
  const role = state.settings.roles[0] ?? '*';
  return state.roles.has(entry.want.role) ? entry : { ...entry, want: { ...entry.want, role } };
}
