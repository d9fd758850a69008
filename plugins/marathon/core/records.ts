import type { StoreEntry } from '@mezzo/sdk/contract';
import type { AppDefinition } from './app.js';
import type { Deployment } from './deployments/plan.js';
import { safePath } from './path-id.js';
import { countServicePorts } from './service-ports.js';
import { addEntry } from './state.js';
import type { AppEntry, Instance, MarathonState, TaskFailure, TaskRun } from './state.js';
import type { Turn } from './turn.js';

/** How the state lies in the store, one record for each thing that changes by itself. */

const FRAMEWORK = 'framework';
/** Prefixes of all keys. */
export const RECORD_KINDS = [FRAMEWORK, 'app/', 'version/', 'failure/', 'instance/', 'deployment/'];
const appKey = (id: string) => `app/${safePath(id)}`;
const versionKey = (id: string, version: string) => `version/${safePath(id)}@${version}`;
const instanceKey = (id: string) => `instance/${id}`;
const deploymentKey = (id: string) => `deployment/${id}`;
const failureKey = (id: string) => `failure/${safePath(id)}`;

interface AppRecord {
  readonly definition: AppDefinition;
  readonly stopping: boolean;
  /** The latest version given to any app when this was written. */
  readonly lastVersionMs: number;
}

interface InstanceRecord {
  readonly id: string;
  readonly appId: string;
  readonly version: string;
  readonly configVersion: string;
  readonly incarnation: number;
  readonly goal: Instance['goal'];
  readonly condition: Instance['condition'];
  readonly sinceMs: number;
  readonly task: TaskRun;
  readonly killReason?: string;
}

export function saveFramework(turn: Turn): void {
  if (turn.state.frameworkId === undefined) turn.remove(FRAMEWORK);
  else turn.put(FRAMEWORK, { frameworkId: turn.state.frameworkId });
}

export function saveApp(turn: Turn, entry: AppEntry): void {
  const record: AppRecord = {
    definition: entry.definition,
    stopping: entry.stopping,
    lastVersionMs: turn.state.lastVersionMs,
  };
  turn.put(appKey(entry.id), record);
}

export const saveVersion = (turn: Turn, definition: AppDefinition): void =>
  turn.put(versionKey(definition.id, definition.version), definition);

export const dropVersion = (turn: Turn, id: string, version: string): void => turn.remove(versionKey(id, version));

export function dropApp(turn: Turn, entry: AppEntry): void {
  turn.remove(appKey(entry.id));
  turn.remove(failureKey(entry.id));
  for (const version of entry.versions.keys()) turn.remove(versionKey(entry.id, version));
}

/** Only what has been launched is stored: the others are wanted again by arithmetic. */
export function saveInstance(turn: Turn, instance: Instance): void {
  const { id, appId, version, configVersion, incarnation, goal, condition, sinceMs, task, killReason } = instance;
  if (task === undefined) return turn.remove(instanceKey(id));
  const record: InstanceRecord = {
    id,
    appId,
    version,
    configVersion,
    incarnation,
    goal,
    condition,
    sinceMs,
    task,
    killReason,
  };
  turn.put(instanceKey(id), record);
}

export const dropInstance = (turn: Turn, instance: Instance): void => turn.remove(instanceKey(instance.id));

export const saveDeployment = (turn: Turn, deployment: Deployment): void =>
  turn.put(deploymentKey(deployment.id), deployment);

export const dropDeployment = (turn: Turn, id: string): void => turn.remove(deploymentKey(id));

export const saveFailure = (turn: Turn, failure: TaskFailure): void => turn.put(failureKey(failure.appId), failure);

/** Rebuilds the state from all records. Their order does not matter. */
export function recover(state: MarathonState, entries: readonly StoreEntry[]): void {
  const byKind = (prefix: string) => entries.filter(({ key }) => key.startsWith(prefix)).map(({ value }) => value);
  const framework = entries.find(({ key }) => key === FRAMEWORK);
  if (framework) state.frameworkId = (JSON.parse(framework.value) as { frameworkId: string }).frameworkId;
  for (const value of byKind('app/')) recoverApp(state, JSON.parse(value) as AppRecord);
  const versions = byKind('version/').map((value) => JSON.parse(value) as AppDefinition);
  versions.sort((a, b) => (a.version < b.version ? -1 : 1));
  for (const version of versions) state.apps.get(version.id)?.versions.set(version.version, version);
  for (const value of byKind('failure/')) {
    const failure = JSON.parse(value) as TaskFailure;
    const entry = state.apps.get(failure.appId);
    if (entry) entry.lastFailure = failure;
  }
  for (const value of byKind('instance/')) recoverInstance(state, JSON.parse(value) as InstanceRecord);
  for (const { key } of entries) if (isOrphan(state, key)) state.orphans.push(key);
  for (const value of byKind('deployment/')) recoverDeployment(state, JSON.parse(value) as Deployment);
}

function recoverApp(state: MarathonState, { definition, stopping, lastVersionMs }: AppRecord): void {
  state.lastVersionMs = Math.max(state.lastVersionMs, lastVersionMs);
  addEntry(state, definition).stopping = stopping;
  countServicePorts(state.servicePorts, definition, 1);
}

/** Without its app an instance is a stranger: should its task live, it is ended as one. */
function recoverInstance(state: MarathonState, record: InstanceRecord): void {
  const entry = state.apps.get(record.appId);
  if (entry === undefined) return;
  const instance: Instance = { ...record, health: [] };
  state.instancesByTask.set(record.task.id, instance);
  entry.instances.set(record.id, instance);
}

function isOrphan(state: MarathonState, key: string): boolean {
  const [, path] = /^(?:version|failure|instance)\/(.*?)(?:@.*|\.instance-.*)?$/.exec(key) ?? [];
  return path !== undefined && !state.apps.has(`/${path.replaceAll('_', '/')}`);
}

function recoverDeployment(state: MarathonState, deployment: Deployment): void {
  state.deployments.set(deployment.id, deployment);
  for (const { appId } of deployment.changes) state.locks.set(appId, deployment.id);
}
