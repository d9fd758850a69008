import type { MasterInfo } from '@mezzo/sdk/api';
import type { MasterId } from '@mezzo/sdk/contract';
import type { Authorizer } from '@mezzo/sdk/points/authorizer';

/** All that a master is told when it starts. Times in milliseconds. */
export interface MasterOptions {
  /** Random, new for each process: the front part of all ids that this master makes. */
  readonly masterId: MasterId;
  readonly info: MasterInfo;
  readonly agentPingIntervalMs: number;
  readonly maxAgentPingTimeouts: number;
  readonly agentReregisterTimeoutMs: number;
  /** Between two agents that are removed for being lost; 0 = no limit. */
  readonly agentRemovalIntervalMs: number;
  /** The part of an earlier master's agents that may stay away, from 0 to 1: with more this master ends, and removes none. */
  readonly recoveryAgentRemovalLimit: number;
  /** Undefined: offers live for ever. */
  readonly offerTimeoutMs: number | undefined;
  readonly allocationIntervalMs: number;
  /** What is returned is offered at the next batch, as in Mesos, and not at once. */
  readonly batchAllocation: boolean;
  /** Resource texts; an agent's rest is offered when it holds all of any one of them. */
  readonly minAllocatableResources: readonly string[];
  /** Undefined: any role may be used. */
  readonly roles: readonly string[] | undefined;
  /** Until operators set others. */
  readonly weights: ReadonlyMap<string, number>;
  /** Where roles have quota, a new master offers nothing until so much of the agents it knows of is back, from 0 to 1, ... */
  readonly allocatorAgentRecoveryFactor: number;
  /** ... or so long. */
  readonly allocatorRecoveryTimeoutMs: number;
  /** Name of the policy that nothing is offered without; undefined: there is none. */
  readonly allocatorPolicy: string | undefined;
  readonly filterGpuResources: boolean;
  /** Roles below others may have quota too. */
  readonly nestedQuota: boolean;
  /** REQUEST calls are heeded. */
  readonly placeRequests: boolean;
  /** For requests that fit nowhere, tasks of roles of lower priority give way. */
  readonly preemption: boolean;
  /** Names that do not count for fairness. */
  readonly fairSharingExcluded: readonly string[];
  /** What comes in random order, and not in that of shares. */
  readonly randomOrder: { readonly roles: boolean; readonly frameworks: boolean };
  /** Unreachable and gone agents are forgotten after so long, looked for so often, ... */
  readonly registryMaxAgentAgeMs: number;
  readonly registryGcIntervalMs: number;
  /** ... or when there are more of either. */
  readonly registryMaxAgentCount: number;
  /** Agents without a domain are not let in. */
  readonly requireAgentDomain: boolean;
  readonly publishFrameworkMetrics: boolean;
  readonly rootSubmissions: boolean;
  readonly maxCompletedFrameworks: number;
  readonly maxCompletedTasksPerFramework: number;
  readonly maxUnreachableTasksPerFramework: number;
  readonly maxOperatorSubscribers: number;
  /** Undefined: everybody may do everything. */
  readonly authorizer?: Authorizer | undefined;
}

/** By the whitelist, where there is one. */
export const mayUseRole = ({ roles }: MasterOptions, role: string): boolean =>
  role === '*' || roles?.includes(role) !== false;

export const SCHEDULER_HEARTBEAT_SECONDS = 15;
