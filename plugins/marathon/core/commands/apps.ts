import { normalize } from '../normalize.js';
import type { AppDraft } from '../normalize.js';
import { absoluteId } from '../path-id.js';
import type { Answer } from '../effects.js';
import type { MarathonState } from '../state.js';
import type { Turn } from '../turn.js';
import type { AppUpdate } from '../update.js';
import type { AppDefinition } from '../app.js';
import { validateApp } from '../validate.js';
import { appView } from '../views/app.js';
import { applyChange, current } from './change.js';
import type { Deployed } from './change.js';
import type { Command, Origin } from './command.js';
import { alreadyExists, appNotFound, invalid } from './refusal.js';

export const deploymentAnswer = ({ id, version }: Deployed, more: Partial<Answer> = {}): Answer => ({
  status: 200,
  body: { version, deploymentId: id },
  deploymentId: id,
  ...more,
});

export function createApp(turn: Turn, { app, force, origin }: Extract<Command, { kind: 'createApp' }>): Answer {
  const { state } = turn;
  const id = absoluteId(app.id ?? '/');
  const draft = draftOf(state, id, app);
  if (current(state, id)) throw alreadyExists(id);
  const deployed = applyChange(turn, new Map([[id, draft]]), { force });
  const entry = state.apps.get(id);
  const definition = entry?.definition;
  publishPost(turn, origin, definition);
  return { status: 201, body: entry && appView(state, entry, []), location: id, deploymentId: deployed.id };
}

export function updateApps(turn: Turn, command: Extract<Command, { kind: 'updateApps' }>): Answer {
  const { state } = turn;
  const wishes = new Map<string, AppDraft>();
  let created = false;
  for (const update of command.updates) {
    const id = absoluteId(update.id ?? '/');
    const before = current(state, id);
    if (before === undefined && command.mustExist) throw appNotFound(id);
    created ||= before === undefined;
    wishes.set(id, wishOf(state, id, before, update, command.partial));
  }
  const deployed = applyChange(turn, wishes, { force: command.force });
  const [first] = wishes.keys();
  publishPost(turn, command.origin, first === undefined ? undefined : state.apps.get(first)?.definition);
  return deploymentAnswer(deployed, command.single && created ? { status: 201, location: first } : {});
}

/** `{"version": T}` alone means: as it was then. */
function wishOf(
  state: MarathonState,
  id: string,
  before: AppDefinition | undefined,
  update: AppUpdate,
  partial: boolean,
): AppDraft {
  const { id: _, version, ...fields } = update;
  if (version !== undefined && Object.keys(fields).length === 0) {
    const stored = state.apps.get(id)?.versions.get(version);
    if (stored === undefined) throw appNotFound(id, version);
    return withoutVersion(stored);
  }
  return draftOf(state, id, before && partial ? merge(before, update) : update);
}

export function withoutVersion({ version: _, versionInfo: __, ...draft }: AppDefinition): AppDraft {
  return draft;
}

/** Fields that say the same in two ways replace each other. */
export function merge(before: AppDefinition, update: AppUpdate): AppUpdate {
  const old = copyOf<AppUpdate>(withoutVersion(before));
  const replaced: [given: keyof AppUpdate, gone: keyof AppUpdate][] = [
    ['cmd', 'args'],
    ['args', 'cmd'],
    ['ports', 'portDefinitions'],
    ['uris', 'fetch'],
    ['ipAddress', 'networks'],
  ];
  for (const [given, gone] of replaced) if (update[given] !== undefined) delete old[gone];
  if (update.container?.docker?.network !== undefined && update.networks === undefined) delete old.networks;
  const mode = update.networks?.[0]?.mode ?? (update.networks ? 'container' : undefined);
  if (update.ipAddress || (mode !== undefined && mode !== 'host') || (old.networks === undefined && update.container))
    delete old.portDefinitions;
  if (mode === 'host' && update.container === undefined && old.container) delete old.container.portMappings;
  return { ...old, ...update };
}

const copyOf = <T>(value: unknown): T => JSON.parse(JSON.stringify(value)) as T;

/** `at` is where the app stands in the body: `/apps(0)`. */
export function draftOf(state: MarathonState, id: string, raw: AppUpdate, at = ''): AppDraft {
  const { settings } = state;
  const draft = normalize(id, raw, { role: settings.roles[0] ?? '*', networkName: settings.defaultNetworkName });
  const violations = validateApp(raw, draft, settings);
  if (violations.length > 0)
    throw invalid(violations.map(({ path, error }) => ({ path: path === '/' ? at || path : at + path, error })));
  return draft;
}

export function removeApp(turn: Turn, { id, force }: Extract<Command, { kind: 'removeApp' }>): Answer {
  if (!current(turn.state, id)) throw appNotFound(id);
  return deploymentAnswer(applyChange(turn, new Map([[id, undefined]]), { force }));
}

export function restartApp(turn: Turn, { id, force }: Extract<Command, { kind: 'restartApp' }>): Answer {
  const before = current(turn.state, id);
  if (before === undefined) throw appNotFound(id);
  const wishes = new Map([[id, withoutVersion(before)]]);
  return deploymentAnswer(applyChange(turn, wishes, { force, restart: new Set([id]) }));
}

function publishPost(turn: Turn, origin: Origin | undefined, definition: AppDefinition | undefined): void {
  if (origin && definition)
    turn.publish('api_post_event', { clientIp: origin.clientIp, uri: origin.uri, appDefinition: definition });
}
