import type {
  AgentInfo,
  AllocatorInverseOfferStatus,
  ExecutorInfo,
  FrameworkInfo,
  KillPolicy,
  MachineID,
  MaintenanceSchedule,
  Offer as OfferMessage,
  OfferOperation,
  OperationStatus,
  QuotaConfig,
  SchedulerOfferConstraints,
  Task as TaskMessage,
  TaskStatus,
  Unavailability,
} from '@mezzo/sdk/api';
import type { AgentId, ConnectionId, ExecutorId, FrameworkId, OfferId, TaskId } from '@mezzo/sdk/contract';
import { Allocator } from '../allocator/index.js';
import { Resources, type Conversion } from '../resources/index.js';
import type { AgentFate, AgentRecord, DrainRecord } from './effects.js';
import type { MasterOptions } from './options.js';
import type { Sight } from './sight.js';

export interface Task {
  readonly frameworkId: FrameworkId;
  readonly agentId: AgentId;
  readonly taskId: TaskId;
  readonly executorId: ExecutorId | undefined;
  readonly role: string;
  readonly resources: Resources;
  /**
   * What the APIs show. `state` is the latest that the agent reported, `statusUpdateState` the latest that was forwarded.
   * Never changed, but replaced (`amend`): what was made of it, as its text, is true for as long as it is there.
   */
  message: Readonly<TaskMessage>;
  /** The forwarded status that the framework has yet to acknowledge. */
  unacknowledged: TaskStatus | undefined;
  /** Asked to end: told again to an agent that comes back. `preemptedFor`: the role that it gives way to. */
  kill: { readonly killPolicy?: KillPolicy; readonly preemptedFor?: string } | undefined;
  /** Its resources are accounted to it: from launch until a terminal state or the loss of the agent. */
  holds: boolean;
}

export interface Executor {
  readonly frameworkId: FrameworkId;
  readonly agentId: AgentId;
  readonly executorId: ExecutorId;
  readonly info: ExecutorInfo;
  readonly role: string;
  readonly resources: Resources;
}

/** A reservation or volume that was asked for, until what became of it is acknowledged. */
export interface Operation {
  /** 16 bytes in base64. */
  readonly uuid: string;
  /** Undefined = an operator's. */
  readonly frameworkId: FrameworkId | undefined;
  readonly agentId: AgentId;
  readonly info: OfferOperation;
  /** Of one that this master began: what it does to the agent's resources. */
  readonly conversion?: Conversion;
  /** The latest; OPERATION_PENDING until the agent has answered. */
  status: OperationStatus;
}

export interface Framework {
  readonly id: FrameworkId;
  info: FrameworkInfo;
  roles: readonly string[];
  capabilities: ReadonlySet<string>;
  /** The stream, and at the same time the Mesos-Stream-Id. Undefined while disconnected. */
  connection: ConnectionId | undefined;
  /** Known from the registry or from agents; has not subscribed with this master. */
  recovered: boolean;
  readonly registeredAtMs: number;
  reregisteredAtMs: number | undefined;
  unregisteredAtMs: number | undefined;
  offerConstraints: SchedulerOfferConstraints | undefined;
  readonly suppressed: Set<string>;
  readonly offers: Set<Offer>;
  readonly inverseOffers: Set<InverseOffer>;
  /** Agents about whose maintenance it does not want to be asked for a while. */
  readonly quietAbout: Set<Agent>;
  readonly tasks: Map<TaskId, Task>;
  readonly executors: Set<Executor>;
  /** Those that have an id, by that. */
  readonly operations: Map<string, Operation>;
  /** Oldest first, bounded. */
  readonly unreachableTasks: Map<TaskId, Readonly<TaskMessage>>;
  /** Oldest first, bounded. */
  readonly completedTasks: Map<string, Readonly<TaskMessage>>;
  /** Calls and events by type, offers by fate: for the metrics. */
  readonly counts: Map<string, number>;
}

export interface Agent {
  readonly id: AgentId;
  info: AgentInfo;
  /** ip:port of its API. */
  address: string;
  version: string;
  total: Resources;
  /** By an operator: offered to nobody. */
  deactivated: boolean;
  drain: DrainRecord | undefined;
  maintenance: AgentMaintenance | undefined;
  /** The stream, and at the same time the session. Undefined while disconnected. */
  connection: ConnectionId | undefined;
  readonly registeredAtMs: number;
  reregisteredAtMs: number | undefined;
  /** Number of the last record sent, and of the last batch received, in this session. */
  downSeq: number;
  upSeq: number;
  /** Pings in a row that brought no answer; any batch is an answer. */
  missedPings: number;
  answered: boolean;
  /** Lost: when it may be removed, where that is limited. */
  removalAtMs: number | undefined;
  /** It has shown that it was told its id. */
  knowsId: boolean;
  readonly tasks: Set<Task>;
  /** By framework and executor id. */
  readonly executors: Map<string, Executor>;
  /** By uuid. */
  readonly operations: Map<string, Operation>;
  readonly offers: Set<Offer>;
}

export interface Offer {
  readonly id: OfferId;
  readonly frameworkId: FrameworkId;
  readonly agentId: AgentId;
  readonly role: string;
  readonly resources: Resources;
  readonly message: OfferMessage;
}

/** Room that is made on an agent for what a framework asked for. Held by it already, and offered to it once it is there. */
export interface Claim {
  readonly frameworkId: FrameworkId;
  readonly agentId: AgentId;
  readonly role: string;
  readonly resources: Resources;
  /** What it asked for: the same asked again is not another. */
  readonly wish: string;
}

/** A question to a framework: will it have left the agent by then? */
export interface InverseOffer {
  readonly id: OfferId;
  readonly frameworkId: FrameworkId;
  readonly agentId: AgentId;
}

/** Of an agent whose machine is in the schedule. All begins anew when the time of it changes. */
export interface AgentMaintenance {
  readonly machine: Machine;
  /** Those who have yet to answer. */
  readonly asked: Map<FrameworkId, InverseOffer>;
  /** Those who are not asked again for a while. */
  readonly quiet: Set<FrameworkId>;
  /** The latest of each framework. Oldest first, bounded. */
  readonly answers: Map<FrameworkId, AllocatorInverseOfferStatus>;
}

/** A machine of the schedule. */
export interface Machine {
  readonly id: MachineID;
  unavailability: Unavailability;
  /** Its agents are told to end and are refused. */
  isDown: boolean;
  readonly agents: Set<Agent>;
}

export interface MasterState {
  readonly options: MasterOptions;
  /** Of its reign; 0 = it does not lead yet. */
  epoch: number;
  /** The registry's name: epochs of different ones tell nothing of each other. */
  registry: string;
  electedAtMs: number;
  nextFramework: number;
  nextAgent: number;
  nextOffer: number;
  nextOperation: number;
  readonly allocator: Allocator;
  /** By role; 1 for all others. */
  readonly weights: Map<string, number>;
  /** By role; those below it without one of their own have it too. 0 for all others. */
  readonly priorities: Map<string, number>;
  /** By top-level role. */
  readonly quotas: Map<string, QuotaConfig>;
  /** So many agents must be back before anything is offered: else the first to come would get what others have a right to. */
  awaitedAgents: number | undefined;
  /** Nothing is offered yet, since the allocator's policy is not there. */
  awaitsPolicy: boolean;
  /** No agent is removed for being lost before. */
  nextRemovalMs: number;
  /** For when the next look at refusals that end is set. */
  allocateAtMs: number | undefined;
  /** For when the next batch of offers is set. */
  batchAtMs: number | undefined;
  readonly frameworks: Map<FrameworkId, Framework>;
  /** Oldest first, bounded. */
  readonly completedFrameworks: Map<FrameworkId, Framework>;
  /** Registered with this master; connected or about to come back. */
  readonly agents: Map<AgentId, Agent>;
  /** Of `agents`, by address. */
  readonly addresses: Map<string, AgentId>;
  /** Admitted by an earlier master, not back yet. */
  readonly recoveredAgents: Map<AgentId, AgentRecord>;
  /** Oldest first, bounded. */
  readonly unreachableAgents: Map<AgentId, AgentRecord>;
  /** Refused for ever. Oldest first, bounded. */
  readonly goneAgents: Map<AgentId, AgentRecord>;
  readonly offers: Map<OfferId, Offer>;
  /** At most one on an agent. Oldest first, bounded. */
  readonly claims: Map<AgentId, Claim>;
  schedule: MaintenanceSchedule;
  /** Of the schedule, by host name and address. */
  readonly machines: Map<string, Machine>;
  readonly inverseOffers: Map<OfferId, InverseOffer>;
  /** Names of the hosts whose agents are offered; undefined = all. */
  whitelist: ReadonlySet<string> | undefined;
  /** Of the agents that the last master knew of, so many were to come back; undefined = their time is over. */
  agentsToReturn: number | undefined;
  /** Their users may have to be asked, at the end of the step. */
  readonly toAskAbout: Set<Agent>;
  /** Which framework or agent a stream belongs to. */
  readonly schedulers: Map<ConnectionId, FrameworkId>;
  readonly sessions: Map<ConnectionId, AgentId>;
  /** Oldest first. */
  readonly operators: Set<ConnectionId>;
  /** Of those who may not see everything. */
  readonly sights: Map<ConnectionId, Sight>;
  readonly counts: Map<string, number>;
}

/** What the registry keeps of an agent. */
export const agentRecord = (
  { info, deactivated, drain }: Pick<Agent, 'info' | 'deactivated' | 'drain'>,
  fate: AgentFate,
  sinceMs: number,
): AgentRecord => ({
  fate,
  info,
  sinceMs,
  ...(deactivated && { deactivated }),
  ...(drain && { drain }),
});

/** Somebody begins to use the agent, or may be asked about it again. */
export function noteUse({ toAskAbout }: MasterState, agent: Agent | undefined): void {
  if (agent?.maintenance !== undefined) toAskAbout.add(agent);
}

export const executorKey = (frameworkId: string, executorId: string): string => `${frameworkId}/${executorId}`;

export const createMasterState = (options: MasterOptions): MasterState => ({
  options,
  epoch: 0,
  registry: '',
  electedAtMs: 0,
  nextFramework: 0,
  nextAgent: 0,
  nextOffer: 0,
  nextOperation: 1,
  allocator: newAllocator(options),
  weights: new Map(options.weights),
  priorities: new Map(),
  quotas: new Map(),
  awaitedAgents: undefined,
  awaitsPolicy: options.allocatorPolicy !== undefined,
  nextRemovalMs: 0,
  allocateAtMs: undefined,
  batchAtMs: undefined,
  frameworks: new Map(),
  completedFrameworks: new Map(),
  agents: new Map(),
  addresses: new Map(),
  recoveredAgents: new Map(),
  unreachableAgents: new Map(),
  goneAgents: new Map(),
  offers: new Map(),
  claims: new Map(),
  schedule: {},
  machines: new Map(),
  inverseOffers: new Map(),
  whitelist: undefined,
  agentsToReturn: undefined,
  toAskAbout: new Set(),
  schedulers: new Map(),
  sessions: new Map(),
  operators: new Set(),
  sights: new Map(),
  counts: new Map(),
});

function newAllocator(options: MasterOptions): Allocator {
  return new Allocator({
    minAllocatable: options.minAllocatableResources.map((text) => Resources.parse(text).quantities()),
    filterGpus: options.filterGpuResources,
    nestedQuota: options.nestedQuota,
    fairSharingExcluded: options.fairSharingExcluded,
    minRefuseMs: options.allocationIntervalMs,
    random: { ...options.randomOrder, seed: parseInt(options.masterId, 16) || 1 },
  });
}
