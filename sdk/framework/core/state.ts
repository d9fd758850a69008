import type { Offer, OfferID, TaskState } from '../../api/messages.js';
import type { AgentFacts } from './agent-facts.js';
import type { FullWant } from './want.js';

export interface Settings {
  readonly roles: readonly string[];
  /** An offer that serves nothing is not seen again for so long, unless something new is wanted. */
  readonly refuseSeconds: number;
  readonly maxTasksPerOffer: number;
  readonly killRetryMs: number;
  /** How soon a task is asked about again of which there is no word; doubles. */
  readonly reconcileFirstMs: number;
  readonly reconcileMaxMs: number;
  /** How often all are asked about although nothing seems wrong. */
  readonly reconcileEveryMs: number;
  /** Removed by an operator or by its failover timeout: it begins anew with what is wanted. Otherwise that is its end. */
  readonly startAnew: boolean;
  /** Pure. Says no to an offer that would serve. */
  readonly accepts: (offer: Offer, want: FullWant) => boolean;
}

export const DEFAULT_SETTINGS: Settings = {
  roles: ['*'],
  refuseSeconds: 120,
  maxTasksPerOffer: 100,
  killRetryMs: 30_000,
  reconcileFirstMs: 1000,
  reconcileMaxMs: 60_000,
  reconcileEveryMs: 600_000,
  startAnew: false,
  accepts: () => true,
};

/** One launch, stored before the master hears of it. */
export interface Launch {
  readonly taskId: string;
  readonly agentId: string;
  readonly facts: AgentFacts;
  readonly ports: readonly number[];
  /** Last word of the master; undefined while there is none. */
  readonly state?: TaskState;
  readonly unreachableSinceMs?: number;
}

/** How it ended, for good. */
export interface Outcome {
  readonly key: string;
  /** TASK_FINISHED. */
  readonly succeeded: boolean;
  /** It was told to stop: nothing is known of it any more. */
  readonly stopped: boolean;
  readonly state: TaskState;
  /** Number of launches. */
  readonly attempt: number;
  readonly taskId?: string;
  readonly agentId?: string;
  readonly hostname?: string;
  readonly reason?: string;
  readonly message?: string;
  /** What its executor said with it; base64, at most 64 KiB: more is not kept. */
  readonly data?: string;
}

/** A wanted task: waits (perhaps for its time), is launched, or has ended. Replaced in place, stored as it is. */
export interface Entry {
  readonly want: FullWant;
  /** Makes its task ids unique within the framework, even if the key is used again. */
  readonly serial: number;
  /** Launches so far. */
  attempt: number;
  /** Endings that count against `retry.times`. */
  failures: number;
  /** Not before. */
  retryAtMs?: number;
  stopping?: boolean;
  launch?: Launch;
  outcome?: Outcome;
}

export interface RoleInterest {
  suppressed: boolean;
  /** Offers were refused since the last revive: some may be hidden. */
  filtered: boolean;
  /** By key: may be launched now. */
  readonly launchable: Map<string, Entry>;
}

export interface FrameworkState {
  readonly settings: Settings;
  frameworkId?: string;
  nextSerial: number;
  connected: boolean;
  readonly entries: Map<string, Entry>;
  readonly byTaskId: Map<string, Entry>;
  /** Characters that each entry takes in the store, and all of them. */
  readonly sizes: Map<string, number>;
  size: number;
  readonly roles: Map<string, RoleInterest>;
  /** Tasks of which there is no word since they were launched, or since the subscription. */
  readonly unanswered: Set<string>;
  reconcileRounds: number;
  reconcileAtMs: number;
  /** When all are asked about next, whether or not anything seems wrong. */
  askAllAtMs: number;
  /** A call failed: offers that the master may hold for us still, and whether what was said of roles is in doubt. */
  readonly undeclined: OfferID[];
  callFailed: boolean;
  portCursor: number;
}

export const createState = (settings: Partial<Settings> = {}): FrameworkState => {
  const all = { ...DEFAULT_SETTINGS, ...settings };
  return {
    settings: all,
    nextSerial: 1,
    connected: false,
    entries: new Map(),
    byTaskId: new Map(),
    sizes: new Map(),
    size: 0,
    roles: new Map(all.roles.map((role) => [role, { suppressed: true, filtered: false, launchable: new Map() }])),
    unanswered: new Set(),
    reconcileRounds: 0,
    reconcileAtMs: Infinity,
    askAllAtMs: 0,
    undeclined: [],
    callFailed: false,
    portCursor: 0,
  };
};
