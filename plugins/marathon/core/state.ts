import type { Offer } from '@mezzo/sdk/api';
import type { AppDefinition } from './app.js';
import type { Deployment } from './deployments/plan.js';
import type { AgentFacts } from '@mezzo/sdk/framework';
import { groupsOf } from './path-id.js';
import type { Reason, Refusal } from './offers/reasons.js';

export interface Settings {
  /** Roles the framework is subscribed to. */
  readonly roles: readonly string[];
  readonly defaultNetworkName: string | undefined;
  /** Dynamic service ports, both ends included. */
  readonly servicePorts: readonly [first: number, last: number];
  readonly maxApps: number;
  readonly maxInstancesPerApp: number;
  readonly maxRunningDeployments: number;
  readonly maxVersionsPerApp: number;
  /** Of all apps together: with many apps, fewer are kept of each. */
  readonly maxVersions: number;
  /** How long an offer that fits nothing stays away, unless needs change. */
  readonly declineSeconds: number;
  readonly maxInstancesPerOffer: number;
  /** A launch that is not running after this long is killed. */
  readonly launchTimeoutMs: number;
  readonly killRetryMs: number;
  /** How long it waits for the master's word on tasks it knows before it acts. */
  readonly reconcileTimeoutMs: number;
  readonly reconcileIntervalMs: number;
  /** What apps may ask for beyond the usual. */
  readonly features: readonly Feature[];
}

/** As in `--enable_features`. */
export type Feature = 'secrets';

export const DEFAULT_SETTINGS: Settings = {
  roles: ['*', 'slave_public'],
  defaultNetworkName: undefined,
  servicePorts: [10_000, 20_000],
  maxApps: 20_000,
  maxInstancesPerApp: 20_000,
  maxRunningDeployments: 100,
  maxVersionsPerApp: 25,
  maxVersions: 30_000,
  declineSeconds: 120,
  maxInstancesPerOffer: 100,
  launchTimeoutMs: 300_000,
  killRetryMs: 30_000,
  reconcileTimeoutMs: 1000,
  reconcileIntervalMs: 600_000,
  features: [],
};

/**
 * scheduled: waits for an offer; provisioned: accepted, no word yet. unreachable counts as running until it is inactive;
 * killing still holds its resources.
 */
export type Condition =
  'scheduled' | 'provisioned' | 'staging' | 'starting' | 'running' | 'unreachable' | 'unreachableInactive' | 'killing';

/** One launch of an instance. */
export interface TaskRun {
  readonly id: string;
  readonly agentId: string;
  readonly facts: AgentFacts;
  /** Host ports, in the order of the app's ports; 0 where none was wanted. */
  readonly hostPorts: readonly number[];
  /** Role of the offer. */
  readonly role: string;
  readonly stagedAtMs: number;
  startedAtMs?: number;
  ipAddresses: readonly { readonly ipAddress: string; readonly protocol: string }[];
  /** Last state the master told. */
  state: string;
}

export interface CheckHealth {
  alive?: boolean;
  firstSuccessMs?: number;
  lastSuccessMs?: number;
  lastFailureMs?: number;
  lastFailureCause?: string;
  consecutiveFailures: number;
}

export interface Instance {
  readonly id: string;
  readonly appId: string;
  /** Version of the app that it was launched with. */
  version: string;
  /** `versionInfo.lastConfigChangeAt` of that version: equal means that no restart is needed. */
  configVersion: string;
  /** Number of its current or next launch, from 1. */
  incarnation: number;
  /** decommissioned: to be killed, not to be launched again. */
  goal: 'running' | 'decommissioned';
  condition: Condition;
  sinceMs: number;
  task?: TaskRun;
  /** By index of the health check. Not stored: it is learnt again. */
  health: CheckHealth[];
  /** Why it is being killed, for lastTaskFailure. */
  killReason?: string;
}

export interface TaskFailure {
  readonly appId: string;
  readonly host: string;
  readonly message: string;
  readonly slaveId: string;
  readonly state: string;
  readonly taskId: string;
  readonly timestamp: string;
  readonly version: string;
}

/** Launch back-off. */
export interface Delay {
  readonly configVersion: string;
  delayMs: number;
  untilMs: number;
}

/** The last word of one agent's offer. */
export interface Rejection extends Refusal {
  readonly offer: Offer;
  readonly atMs: number;
}

/** Why instances wait, as far as offers tell. */
export interface Waiting {
  readonly sinceMs: number;
  processed: number;
  unused: number;
  lastUnusedAtMs?: number;
  lastUsedAtMs?: number;
  readonly declined: Map<Reason, number>;
  /** By agent, newest last, bounded. */
  readonly last: Map<string, Rejection>;
}

export interface AppEntry {
  readonly id: string;
  definition: AppDefinition;
  /** Removed by the user; it is here until its last instance has ended. */
  stopping: boolean;
  /** By version, oldest first. */
  readonly versions: Map<string, AppDefinition>;
  readonly instances: Map<string, Instance>;
  /** Those of them that wait for an offer. */
  readonly scheduled: Map<string, Instance>;
  delay?: Delay;
  waiting?: Waiting;
  lastFailure?: TaskFailure;
}

export interface RoleInterest {
  suppressed: boolean;
  /** An offer was refused since the last revive, so some may be hidden. */
  filtered: boolean;
}

/** offline: no stream. reconciling: asks what became of its tasks, does nothing else. acting: does its work. */
export type Phase = 'offline' | 'reconciling' | 'acting';

export interface MarathonState {
  readonly settings: Settings;
  frameworkId?: string;
  phase: Phase;
  /** Why it is offline. */
  offlineReason?: string;
  /** Hex, random for each process: makes ids unique. */
  nonce: string;
  idCounter: number;
  lastVersionMs: number;
  readonly apps: Map<string, AppEntry>;
  readonly instancesByTask: Map<string, Instance>;
  readonly deployments: Map<string, Deployment>;
  /** Which deployment holds an app. */
  readonly locks: Map<string, string>;
  /** Apps with instances that may be launched now, and the roles whose offers they take. */
  readonly launchable: Map<string, readonly string[]>;
  /** How many of them want a role. */
  readonly demand: Map<string, number>;
  readonly roles: Map<string, RoleInterest>;
  /** Tasks whose fate the master has not told since the subscription. */
  readonly unreconciled: Set<string>;
  /** How often it has asked since. */
  reconcileRounds: number;
  /** Keys of records that belong to nothing any more. */
  readonly orphans: string[];
  /** Offers that came while reconciling. */
  readonly heldOffers: Map<string, Offer>;
  /** How many apps use a service port. */
  readonly servicePorts: Map<number, number>;
  servicePortCursor: number;
  portCursor: number;
  /** How many apps, those being removed among them, are below a group. */
  readonly groups: Map<string, number>;
}

export function createState(settings: Settings = DEFAULT_SETTINGS): MarathonState {
  return {
    settings,
    phase: 'offline',
    nonce: '0'.repeat(16),
    idCounter: 0,
    lastVersionMs: 0,
    apps: new Map(),
    instancesByTask: new Map(),
    deployments: new Map(),
    locks: new Map(),
    launchable: new Map(),
    demand: new Map(),
    roles: new Map(settings.roles.map((role) => [role, { suppressed: true, filtered: false }])),
    unreconciled: new Set(),
    reconcileRounds: 0,
    orphans: [],
    heldOffers: new Map(),
    servicePorts: new Map(),
    servicePortCursor: 0,
    portCursor: 0,
    groups: new Map(),
  };
}

/** The only way for an app to come in. */
export function addEntry(state: MarathonState, definition: AppDefinition): AppEntry {
  const entry: AppEntry = {
    id: definition.id,
    definition,
    stopping: false,
    versions: new Map(),
    instances: new Map(),
    scheduled: new Map(),
  };
  state.apps.set(entry.id, entry);
  for (const group of groupsOf(entry.id)) state.groups.set(group, (state.groups.get(group) ?? 0) + 1);
  return entry;
}

export function removeEntry(state: MarathonState, id: string): void {
  if (!state.apps.delete(id)) return;
  for (const group of groupsOf(id)) {
    const count = (state.groups.get(group) ?? 0) - 1;
    if (count > 0) state.groups.set(group, count);
    else state.groups.delete(group);
  }
}
