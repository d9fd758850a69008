// Generated from proto/ by generate.ts: do not edit. `node sdk/dist/api/write-messages.js` writes it anew.

/** 64-bit integers: a bigint where a number would lose digits. */
export type Int64 = number | bigint;

export type AgentInfoCapabilityType =
  | 'UNKNOWN'
  | 'MULTI_ROLE'
  | 'HIERARCHICAL_ROLE'
  | 'RESERVATION_REFINEMENT'
  | 'RESOURCE_PROVIDER'
  | 'RESIZE_VOLUME'
  | 'AGENT_OPERATION_FEEDBACK'
  | 'AGENT_DRAINING'
  | 'TASK_RESOURCE_LIMITS';

export type CSIPluginContainerInfoService = 'UNKNOWN' | 'CONTROLLER_SERVICE' | 'NODE_SERVICE';

export type CapabilityInfoCapability =
  | 'UNKNOWN'
  | 'CHOWN'
  | 'DAC_OVERRIDE'
  | 'DAC_READ_SEARCH'
  | 'FOWNER'
  | 'FSETID'
  | 'KILL'
  | 'SETGID'
  | 'SETUID'
  | 'SETPCAP'
  | 'LINUX_IMMUTABLE'
  | 'NET_BIND_SERVICE'
  | 'NET_BROADCAST'
  | 'NET_ADMIN'
  | 'NET_RAW'
  | 'IPC_LOCK'
  | 'IPC_OWNER'
  | 'SYS_MODULE'
  | 'SYS_RAWIO'
  | 'SYS_CHROOT'
  | 'SYS_PTRACE'
  | 'SYS_PACCT'
  | 'SYS_ADMIN'
  | 'SYS_BOOT'
  | 'SYS_NICE'
  | 'SYS_RESOURCE'
  | 'SYS_TIME'
  | 'SYS_TTY_CONFIG'
  | 'MKNOD'
  | 'LEASE'
  | 'AUDIT_WRITE'
  | 'AUDIT_CONTROL'
  | 'SETFCAP'
  | 'MAC_OVERRIDE'
  | 'MAC_ADMIN'
  | 'SYSLOG'
  | 'WAKE_ALARM'
  | 'BLOCK_SUSPEND'
  | 'AUDIT_READ'
  | 'PERFMON'
  | 'BPF'
  | 'CHECKPOINT_RESTORE';

export type CgroupInfoBlkioOperation = 'UNKNOWN' | 'TOTAL' | 'READ' | 'WRITE' | 'SYNC' | 'ASYNC' | 'DISCARD';

export type CheckInfoType = 'UNKNOWN' | 'COMMAND' | 'HTTP' | 'TCP';

export type ContainerInfoDockerInfoNetwork = 'HOST' | 'BRIDGE' | 'NONE' | 'USER';

export type ContainerInfoType = 'DOCKER' | 'MESOS';

export type DiscoveryInfoVisibility = 'FRAMEWORK' | 'CLUSTER' | 'EXTERNAL';

export type DrainState = 'UNKNOWN' | 'DRAINING' | 'DRAINED';

export type EnvironmentVariableType = 'UNKNOWN' | 'VALUE' | 'SECRET';

export type ExecutorInfoType = 'UNKNOWN' | 'DEFAULT' | 'CUSTOM';

export type FrameworkInfoCapabilityType =
  | 'UNKNOWN'
  | 'REVOCABLE_RESOURCES'
  | 'TASK_KILLING_STATE'
  | 'GPU_RESOURCES'
  | 'SHARED_RESOURCES'
  | 'PARTITION_AWARE'
  | 'MULTI_ROLE'
  | 'RESERVATION_REFINEMENT'
  | 'REGION_AWARE';

export type HealthCheckType = 'UNKNOWN' | 'COMMAND' | 'HTTP' | 'TCP';

export type ImageType = 'APPC' | 'DOCKER';

export type LinuxInfoIpcMode = 'UNKNOWN' | 'PRIVATE' | 'SHARE_PARENT';

export type MachineInfoMode = 'UP' | 'DRAINING' | 'DOWN';

export type MasterInfoCapabilityType = 'UNKNOWN' | 'AGENT_UPDATE' | 'AGENT_DRAINING' | 'QUOTA_V2';

export type MountPropagationMode = 'UNKNOWN' | 'HOST_TO_CONTAINER' | 'BIDIRECTIONAL';

export type NetworkInfoProtocol = 'IPv4' | 'IPv6';

export type OfferOperationType =
  | 'UNKNOWN'
  | 'LAUNCH'
  | 'LAUNCH_GROUP'
  | 'RESERVE'
  | 'UNRESERVE'
  | 'CREATE'
  | 'DESTROY'
  | 'GROW_VOLUME'
  | 'SHRINK_VOLUME'
  | 'CREATE_DISK'
  | 'DESTROY_DISK';

export type OperationState =
  | 'OPERATION_UNSUPPORTED'
  | 'OPERATION_PENDING'
  | 'OPERATION_FINISHED'
  | 'OPERATION_FAILED'
  | 'OPERATION_ERROR'
  | 'OPERATION_DROPPED'
  | 'OPERATION_UNREACHABLE'
  | 'OPERATION_GONE_BY_OPERATOR'
  | 'OPERATION_RECOVERING'
  | 'OPERATION_UNKNOWN';

export type RLimitInfoRLimitType =
  | 'UNKNOWN'
  | 'RLMT_AS'
  | 'RLMT_CORE'
  | 'RLMT_CPU'
  | 'RLMT_DATA'
  | 'RLMT_FSIZE'
  | 'RLMT_LOCKS'
  | 'RLMT_MEMLOCK'
  | 'RLMT_MSGQUEUE'
  | 'RLMT_NICE'
  | 'RLMT_NOFILE'
  | 'RLMT_NPROC'
  | 'RLMT_RSS'
  | 'RLMT_RTPRIO'
  | 'RLMT_RTTIME'
  | 'RLMT_SIGPENDING'
  | 'RLMT_STACK';

export type ResourceDiskInfoSourceType = 'UNKNOWN' | 'PATH' | 'MOUNT' | 'BLOCK' | 'RAW';

export type ResourceReservationInfoType = 'UNKNOWN' | 'STATIC' | 'DYNAMIC';

export type SecretType = 'UNKNOWN' | 'REFERENCE' | 'VALUE';

export type Status = 'DRIVER_NOT_STARTED' | 'DRIVER_RUNNING' | 'DRIVER_ABORTED' | 'DRIVER_STOPPED';

export type TaskState =
  | 'TASK_STAGING'
  | 'TASK_STARTING'
  | 'TASK_RUNNING'
  | 'TASK_KILLING'
  | 'TASK_FINISHED'
  | 'TASK_FAILED'
  | 'TASK_KILLED'
  | 'TASK_ERROR'
  | 'TASK_LOST'
  | 'TASK_DROPPED'
  | 'TASK_UNREACHABLE'
  | 'TASK_GONE'
  | 'TASK_GONE_BY_OPERATOR'
  | 'TASK_UNKNOWN';

export type TaskStatusReason =
  | 'REASON_COMMAND_EXECUTOR_FAILED'
  | 'REASON_CONTAINER_LAUNCH_FAILED'
  | 'REASON_CONTAINER_LIMITATION'
  | 'REASON_CONTAINER_LIMITATION_DISK'
  | 'REASON_CONTAINER_LIMITATION_MEMORY'
  | 'REASON_CONTAINER_PREEMPTED'
  | 'REASON_CONTAINER_UPDATE_FAILED'
  | 'REASON_MAX_COMPLETION_TIME_REACHED'
  | 'REASON_EXECUTOR_REGISTRATION_TIMEOUT'
  | 'REASON_EXECUTOR_REREGISTRATION_TIMEOUT'
  | 'REASON_EXECUTOR_TERMINATED'
  | 'REASON_EXECUTOR_UNREGISTERED'
  | 'REASON_FRAMEWORK_REMOVED'
  | 'REASON_GC_ERROR'
  | 'REASON_INVALID_FRAMEWORKID'
  | 'REASON_INVALID_OFFERS'
  | 'REASON_IO_SWITCHBOARD_EXITED'
  | 'REASON_MASTER_DISCONNECTED'
  | 'REASON_RECONCILIATION'
  | 'REASON_RESOURCES_UNKNOWN'
  | 'REASON_AGENT_DISCONNECTED'
  | 'REASON_AGENT_DRAINING'
  | 'REASON_AGENT_REMOVED'
  | 'REASON_AGENT_REMOVED_BY_OPERATOR'
  | 'REASON_AGENT_REREGISTERED'
  | 'REASON_AGENT_RESTARTED'
  | 'REASON_AGENT_UNKNOWN'
  | 'REASON_TASK_KILLED_DURING_LAUNCH'
  | 'REASON_TASK_CHECK_STATUS_UPDATED'
  | 'REASON_TASK_HEALTH_CHECK_STATUS_UPDATED'
  | 'REASON_TASK_GROUP_INVALID'
  | 'REASON_TASK_GROUP_UNAUTHORIZED'
  | 'REASON_TASK_INVALID'
  | 'REASON_TASK_UNAUTHORIZED'
  | 'REASON_TASK_UNKNOWN';

export type TaskStatusSource = 'SOURCE_MASTER' | 'SOURCE_AGENT' | 'SOURCE_EXECUTOR';

export type ValueType = 'SCALAR' | 'RANGES' | 'SET' | 'TEXT';

export type VolumeMode = 'RW' | 'RO';

export type VolumeSourceCSIVolumeVolumeCapabilityAccessModeMode =
  | 'UNKNOWN'
  | 'SINGLE_NODE_WRITER'
  | 'SINGLE_NODE_READER_ONLY'
  | 'MULTI_NODE_READER_ONLY'
  | 'MULTI_NODE_SINGLE_WRITER'
  | 'MULTI_NODE_MULTI_WRITER';

export type VolumeSourceSandboxPathType = 'UNKNOWN' | 'SELF' | 'PARENT';

export type VolumeSourceType = 'UNKNOWN' | 'DOCKER_VOLUME' | 'HOST_PATH' | 'SANDBOX_PATH' | 'SECRET' | 'CSI_VOLUME';

export type AgentCallAttachContainerInputType = 'UNKNOWN' | 'CONTAINER_ID' | 'PROCESS_IO';

export type AgentCallType =
  | 'UNKNOWN'
  | 'GET_HEALTH'
  | 'GET_FLAGS'
  | 'GET_VERSION'
  | 'GET_METRICS'
  | 'GET_LOGGING_LEVEL'
  | 'SET_LOGGING_LEVEL'
  | 'LIST_FILES'
  | 'READ_FILE'
  | 'GET_STATE'
  | 'GET_CONTAINERS'
  | 'GET_FRAMEWORKS'
  | 'GET_EXECUTORS'
  | 'GET_OPERATIONS'
  | 'GET_TASKS'
  | 'GET_AGENT'
  | 'GET_RESOURCE_PROVIDERS'
  | 'LAUNCH_NESTED_CONTAINER'
  | 'WAIT_NESTED_CONTAINER'
  | 'KILL_NESTED_CONTAINER'
  | 'REMOVE_NESTED_CONTAINER'
  | 'LAUNCH_NESTED_CONTAINER_SESSION'
  | 'ATTACH_CONTAINER_INPUT'
  | 'ATTACH_CONTAINER_OUTPUT'
  | 'LAUNCH_CONTAINER'
  | 'WAIT_CONTAINER'
  | 'KILL_CONTAINER'
  | 'REMOVE_CONTAINER'
  | 'ADD_RESOURCE_PROVIDER_CONFIG'
  | 'UPDATE_RESOURCE_PROVIDER_CONFIG'
  | 'REMOVE_RESOURCE_PROVIDER_CONFIG'
  | 'MARK_RESOURCE_PROVIDER_GONE'
  | 'PRUNE_IMAGES';

export type AgentProcessIOControlType = 'UNKNOWN' | 'TTY_INFO' | 'HEARTBEAT';

export type AgentProcessIODataType = 'UNKNOWN' | 'STDIN' | 'STDOUT' | 'STDERR';

export type AgentProcessIOType = 'UNKNOWN' | 'DATA' | 'CONTROL';

export type AgentResponseType =
  | 'UNKNOWN'
  | 'GET_HEALTH'
  | 'GET_FLAGS'
  | 'GET_VERSION'
  | 'GET_METRICS'
  | 'GET_LOGGING_LEVEL'
  | 'LIST_FILES'
  | 'READ_FILE'
  | 'GET_STATE'
  | 'GET_CONTAINERS'
  | 'GET_FRAMEWORKS'
  | 'GET_EXECUTORS'
  | 'GET_OPERATIONS'
  | 'GET_TASKS'
  | 'GET_AGENT'
  | 'GET_RESOURCE_PROVIDERS'
  | 'WAIT_NESTED_CONTAINER'
  | 'WAIT_CONTAINER';

export type AllocatorInverseOfferStatusStatus = 'UNKNOWN' | 'ACCEPT' | 'DECLINE';

export type ExecutorCallType = 'UNKNOWN' | 'SUBSCRIBE' | 'UPDATE' | 'MESSAGE' | 'HEARTBEAT';

export type ExecutorEventType =
  | 'UNKNOWN'
  | 'SUBSCRIBED'
  | 'LAUNCH'
  | 'LAUNCH_GROUP'
  | 'KILL'
  | 'ACKNOWLEDGED'
  | 'MESSAGE'
  | 'ERROR'
  | 'SHUTDOWN'
  | 'HEARTBEAT';

export type MasterCallType =
  | 'UNKNOWN'
  | 'GET_HEALTH'
  | 'GET_FLAGS'
  | 'GET_VERSION'
  | 'GET_METRICS'
  | 'GET_LOGGING_LEVEL'
  | 'SET_LOGGING_LEVEL'
  | 'LIST_FILES'
  | 'READ_FILE'
  | 'GET_STATE'
  | 'GET_AGENTS'
  | 'GET_FRAMEWORKS'
  | 'GET_EXECUTORS'
  | 'GET_OPERATIONS'
  | 'GET_TASKS'
  | 'GET_ROLES'
  | 'GET_WEIGHTS'
  | 'UPDATE_WEIGHTS'
  | 'GET_MASTER'
  | 'SUBSCRIBE'
  | 'RESERVE_RESOURCES'
  | 'UNRESERVE_RESOURCES'
  | 'CREATE_VOLUMES'
  | 'DESTROY_VOLUMES'
  | 'GROW_VOLUME'
  | 'SHRINK_VOLUME'
  | 'GET_MAINTENANCE_STATUS'
  | 'GET_MAINTENANCE_SCHEDULE'
  | 'UPDATE_MAINTENANCE_SCHEDULE'
  | 'START_MAINTENANCE'
  | 'STOP_MAINTENANCE'
  | 'DRAIN_AGENT'
  | 'DEACTIVATE_AGENT'
  | 'REACTIVATE_AGENT'
  | 'GET_QUOTA'
  | 'UPDATE_QUOTA'
  | 'SET_QUOTA'
  | 'REMOVE_QUOTA'
  | 'TEARDOWN'
  | 'MARK_AGENT_GONE';

export type MasterEventType =
  | 'UNKNOWN'
  | 'SUBSCRIBED'
  | 'TASK_ADDED'
  | 'TASK_UPDATED'
  | 'AGENT_ADDED'
  | 'AGENT_REMOVED'
  | 'FRAMEWORK_ADDED'
  | 'FRAMEWORK_UPDATED'
  | 'FRAMEWORK_REMOVED'
  | 'HEARTBEAT';

export type MasterResponseType =
  | 'UNKNOWN'
  | 'GET_HEALTH'
  | 'GET_FLAGS'
  | 'GET_VERSION'
  | 'GET_METRICS'
  | 'GET_LOGGING_LEVEL'
  | 'LIST_FILES'
  | 'READ_FILE'
  | 'GET_STATE'
  | 'GET_AGENTS'
  | 'GET_FRAMEWORKS'
  | 'GET_EXECUTORS'
  | 'GET_OPERATIONS'
  | 'GET_TASKS'
  | 'GET_ROLES'
  | 'GET_WEIGHTS'
  | 'GET_MASTER'
  | 'GET_MAINTENANCE_STATUS'
  | 'GET_MAINTENANCE_SCHEDULE'
  | 'GET_QUOTA';

export type SchedulerAttributeConstraintSelectorPseudoattributeType = 'UNKNOWN' | 'HOSTNAME' | 'REGION' | 'ZONE';

export type SchedulerCallType =
  | 'UNKNOWN'
  | 'SUBSCRIBE'
  | 'TEARDOWN'
  | 'ACCEPT'
  | 'DECLINE'
  | 'ACCEPT_INVERSE_OFFERS'
  | 'DECLINE_INVERSE_OFFERS'
  | 'REVIVE'
  | 'KILL'
  | 'SHUTDOWN'
  | 'ACKNOWLEDGE'
  | 'ACKNOWLEDGE_OPERATION_STATUS'
  | 'RECONCILE'
  | 'RECONCILE_OPERATIONS'
  | 'MESSAGE'
  | 'REQUEST'
  | 'SUPPRESS'
  | 'UPDATE_FRAMEWORK';

export type SchedulerEventType =
  | 'UNKNOWN'
  | 'SUBSCRIBED'
  | 'OFFERS'
  | 'INVERSE_OFFERS'
  | 'RESCIND'
  | 'RESCIND_INVERSE_OFFER'
  | 'UPDATE'
  | 'UPDATE_OPERATION_STATUS'
  | 'MESSAGE'
  | 'FAILURE'
  | 'ERROR'
  | 'HEARTBEAT';

export type SchedulerResponseType = 'UNKNOWN' | 'RECONCILE_OPERATIONS';

export interface ProtobufDuration {
  seconds?: Int64;
  nanos?: number;
}

export interface Address {
  hostname?: string;
  ip?: string;
  port: number;
}

export interface AgentID {
  value: string;
}

export interface AgentInfo {
  hostname: string;
  port?: number;
  resources?: Resource[];
  attributes?: Attribute[];
  id?: AgentID;
  checkpoint?: boolean;
  domain?: DomainInfo;
}

export interface AgentInfoCapability {
  type?: AgentInfoCapabilityType;
}

export interface Attribute {
  name: string;
  type: ValueType;
  scalar?: ValueScalar;
  ranges?: ValueRanges;
  set?: ValueSet;
  text?: ValueText;
}

export interface CSIPluginContainerInfo {
  services?: CSIPluginContainerInfoService[];
  command?: CommandInfo;
  resources?: Resource[];
  container?: ContainerInfo;
}

export interface CSIPluginEndpoint {
  csiService: CSIPluginContainerInfoService;
  endpoint: string;
}

export interface CSIPluginInfo {
  type: string;
  name?: string;
  containers?: CSIPluginContainerInfo[];
  endpoints?: CSIPluginEndpoint[];
  targetPathRoot?: string;
  targetPathExists?: boolean;
}

export interface CapabilityInfo {
  capabilities?: CapabilityInfoCapability[];
}

export interface CgroupInfo {
  netCls?: CgroupInfoNetCls;
}

export type CgroupInfoBlkio = Record<never, never>;

export type CgroupInfoBlkioCFQ = Record<never, never>;

export interface CgroupInfoBlkioCFQStatistics {
  device?: DeviceNumber;
  sectors?: Int64;
  time?: Int64;
  ioServiced?: CgroupInfoBlkioValue[];
  ioServiceBytes?: CgroupInfoBlkioValue[];
  ioServiceTime?: CgroupInfoBlkioValue[];
  ioWaitTime?: CgroupInfoBlkioValue[];
  ioMerged?: CgroupInfoBlkioValue[];
  ioQueued?: CgroupInfoBlkioValue[];
}

export interface CgroupInfoBlkioStatistics {
  cfq?: CgroupInfoBlkioCFQStatistics[];
  cfqRecursive?: CgroupInfoBlkioCFQStatistics[];
  throttling?: CgroupInfoBlkioThrottlingStatistics[];
}

export type CgroupInfoBlkioThrottling = Record<never, never>;

export interface CgroupInfoBlkioThrottlingStatistics {
  device?: DeviceNumber;
  ioServiced?: CgroupInfoBlkioValue[];
  ioServiceBytes?: CgroupInfoBlkioValue[];
}

export interface CgroupInfoBlkioValue {
  op?: CgroupInfoBlkioOperation;
  value?: Int64;
}

export interface CgroupInfoNetCls {
  classid?: number;
}

export interface CheckInfo {
  type?: CheckInfoType;
  command?: CheckInfoCommand;
  http?: CheckInfoHttp;
  tcp?: CheckInfoTcp;
  delaySeconds?: number;
  intervalSeconds?: number;
  timeoutSeconds?: number;
}

export interface CheckInfoCommand {
  command: CommandInfo;
}

export interface CheckInfoHttp {
  port: number;
  path?: string;
}

export interface CheckInfoTcp {
  port: number;
}

export interface CheckStatusInfo {
  type?: CheckInfoType;
  command?: CheckStatusInfoCommand;
  http?: CheckStatusInfoHttp;
  tcp?: CheckStatusInfoTcp;
}

export interface CheckStatusInfoCommand {
  exitCode?: number;
}

export interface CheckStatusInfoHttp {
  statusCode?: number;
}

export interface CheckStatusInfoTcp {
  succeeded?: boolean;
}

export interface CommandInfo {
  uris?: CommandInfoURI[];
  environment?: Environment;
  shell?: boolean;
  value?: string;
  arguments?: string[];
  user?: string;
}

export interface CommandInfoURI {
  value: string;
  executable?: boolean;
  extract?: boolean;
  cache?: boolean;
  outputFile?: string;
}

export interface ContainerID {
  value: string;
  parent?: ContainerID;
}

export interface ContainerInfo {
  type: ContainerInfoType;
  volumes?: Volume[];
  hostname?: string;
  docker?: ContainerInfoDockerInfo;
  mesos?: ContainerInfoMesosInfo;
  networkInfos?: NetworkInfo[];
  linuxInfo?: LinuxInfo;
  rlimitInfo?: RLimitInfo;
  ttyInfo?: TTYInfo;
}

export interface ContainerInfoDockerInfo {
  image: string;
  network?: ContainerInfoDockerInfoNetwork;
  portMappings?: ContainerInfoDockerInfoPortMapping[];
  privileged?: boolean;
  parameters?: Parameter[];
  forcePullImage?: boolean;
  volumeDriver?: string;
}

export interface ContainerInfoDockerInfoPortMapping {
  hostPort: number;
  containerPort: number;
  protocol?: string;
}

export interface ContainerInfoMesosInfo {
  image?: Image;
}

export interface ContainerStatus {
  containerId?: ContainerID;
  networkInfos?: NetworkInfo[];
  cgroupInfo?: CgroupInfo;
  executorPid?: number;
}

export interface Credential {
  principal: string;
  secret?: string;
}

export interface Credentials {
  credentials?: Credential[];
}

export interface Device {
  path?: string;
  number?: DeviceNumber;
}

export interface DeviceNumber {
  majorNumber: Int64;
  minorNumber: Int64;
}

export interface DeviceAccess {
  device: Device;
  access: DeviceAccessAccess;
}

export interface DeviceAccessAccess {
  read?: boolean;
  write?: boolean;
  mknod?: boolean;
}

export interface DeviceWhitelist {
  allowedDevices?: DeviceAccess[];
}

export interface DiscoveryInfo {
  visibility: DiscoveryInfoVisibility;
  name?: string;
  environment?: string;
  location?: string;
  version?: string;
  ports?: Ports;
  labels?: Labels;
}

export interface DiskStatistics {
  source?: ResourceDiskInfoSource;
  persistence?: ResourceDiskInfoPersistence;
  limitBytes?: Int64;
  usedBytes?: Int64;
}

export interface DomainInfo {
  faultDomain?: DomainInfoFaultDomain;
}

export interface DomainInfoFaultDomain {
  region: DomainInfoFaultDomainRegionInfo;
  zone: DomainInfoFaultDomainZoneInfo;
}

export interface DomainInfoFaultDomainRegionInfo {
  name: string;
}

export interface DomainInfoFaultDomainZoneInfo {
  name: string;
}

export interface DrainConfig {
  maxGracePeriod?: DurationInfo;
  markGone?: boolean;
}

export interface DrainInfo {
  state: DrainState;
  config: DrainConfig;
}

export interface DurationInfo {
  nanoseconds: Int64;
}

export interface Environment {
  variables?: EnvironmentVariable[];
}

export interface EnvironmentVariable {
  name: string;
  type?: EnvironmentVariableType;
  value?: string;
  secret?: Secret;
}

export interface ExecutorID {
  value: string;
}

export interface ExecutorInfo {
  type?: ExecutorInfoType;
  executorId: ExecutorID;
  frameworkId?: FrameworkID;
  command?: CommandInfo;
  container?: ContainerInfo;
  resources?: Resource[];
  name?: string;
  source?: string;
  /** base64 */
  data?: string;
  discovery?: DiscoveryInfo;
  shutdownGracePeriod?: DurationInfo;
  labels?: Labels;
}

export interface FileInfo {
  path: string;
  nlink?: number;
  size?: Int64;
  mtime?: TimeInfo;
  mode?: number;
  uid?: string;
  gid?: string;
}

export interface Filters {
  refuseSeconds?: number;
}

export interface Flag {
  name: string;
  value?: string;
}

export interface FrameworkID {
  value: string;
}

export interface FrameworkInfo {
  user: string;
  name: string;
  id?: FrameworkID;
  failoverTimeout?: number;
  checkpoint?: boolean;
  role?: string;
  roles?: string[];
  hostname?: string;
  principal?: string;
  webuiUrl?: string;
  capabilities?: FrameworkInfoCapability[];
  labels?: Labels;
  offerFilters?: Record<string, OfferFilters>;
}

export interface FrameworkInfoCapability {
  type?: FrameworkInfoCapabilityType;
}

export interface HealthCheck {
  delaySeconds?: number;
  intervalSeconds?: number;
  timeoutSeconds?: number;
  consecutiveFailures?: number;
  gracePeriodSeconds?: number;
  type?: HealthCheckType;
  command?: CommandInfo;
  http?: HealthCheckHTTPCheckInfo;
  tcp?: HealthCheckTCPCheckInfo;
}

export interface HealthCheckHTTPCheckInfo {
  protocol?: NetworkInfoProtocol;
  scheme?: string;
  port: number;
  path?: string;
  statuses?: number[];
}

export interface HealthCheckTCPCheckInfo {
  protocol?: NetworkInfoProtocol;
  port: number;
}

export interface IcmpStatistics {
  InMsgs?: Int64;
  InErrors?: Int64;
  InCsumErrors?: Int64;
  InDestUnreachs?: Int64;
  InTimeExcds?: Int64;
  InParmProbs?: Int64;
  InSrcQuenchs?: Int64;
  InRedirects?: Int64;
  InEchos?: Int64;
  InEchoReps?: Int64;
  InTimestamps?: Int64;
  InTimestampReps?: Int64;
  InAddrMasks?: Int64;
  InAddrMaskReps?: Int64;
  OutMsgs?: Int64;
  OutErrors?: Int64;
  OutDestUnreachs?: Int64;
  OutTimeExcds?: Int64;
  OutParmProbs?: Int64;
  OutSrcQuenchs?: Int64;
  OutRedirects?: Int64;
  OutEchos?: Int64;
  OutEchoReps?: Int64;
  OutTimestamps?: Int64;
  OutTimestampReps?: Int64;
  OutAddrMasks?: Int64;
  OutAddrMaskReps?: Int64;
}

export interface Image {
  type: ImageType;
  appc?: ImageAppc;
  docker?: ImageDocker;
  cached?: boolean;
}

export interface ImageAppc {
  name: string;
  id?: string;
  labels?: Labels;
}

export interface ImageDocker {
  name: string;
  credential?: Credential;
  config?: Secret;
}

export interface InverseOffer {
  id: OfferID;
  url?: URL;
  frameworkId: FrameworkID;
  agentId?: AgentID;
  unavailability: Unavailability;
  resources?: Resource[];
}

export interface IpStatistics {
  Forwarding?: Int64;
  DefaultTTL?: Int64;
  InReceives?: Int64;
  InHdrErrors?: Int64;
  InAddrErrors?: Int64;
  ForwDatagrams?: Int64;
  InUnknownProtos?: Int64;
  InDiscards?: Int64;
  InDelivers?: Int64;
  OutRequests?: Int64;
  OutDiscards?: Int64;
  OutNoRoutes?: Int64;
  ReasmTimeout?: Int64;
  ReasmReqds?: Int64;
  ReasmOKs?: Int64;
  ReasmFails?: Int64;
  FragOKs?: Int64;
  FragFails?: Int64;
  FragCreates?: Int64;
}

export interface KillPolicy {
  gracePeriod?: DurationInfo;
}

export interface Label {
  key: string;
  value?: string;
}

export interface Labels {
  labels?: Label[];
}

export interface LinuxInfo {
  capabilityInfo?: CapabilityInfo;
  boundingCapabilities?: CapabilityInfo;
  effectiveCapabilities?: CapabilityInfo;
  sharePidNamespace?: boolean;
  seccomp?: SeccompInfo;
  ipcMode?: LinuxInfoIpcMode;
  shmSize?: number;
  shareCgroups?: boolean;
}

export interface MachineID {
  hostname?: string;
  ip?: string;
}

export interface MachineInfo {
  id: MachineID;
  mode?: MachineInfoMode;
  unavailability?: Unavailability;
}

export interface MasterInfo {
  id: string;
  ip: number;
  port: number;
  pid?: string;
  hostname?: string;
  version?: string;
  address?: Address;
  domain?: DomainInfo;
  capabilities?: MasterInfoCapability[];
}

export interface MasterInfoCapability {
  type?: MasterInfoCapabilityType;
}

export interface Metric {
  name: string;
  value?: number;
}

export interface MountPropagation {
  mode?: MountPropagationMode;
}

export interface NetworkInfo {
  ipAddresses?: NetworkInfoIPAddress[];
  name?: string;
  groups?: string[];
  labels?: Labels;
  portMappings?: NetworkInfoPortMapping[];
}

export interface NetworkInfoIPAddress {
  protocol?: NetworkInfoProtocol;
  ipAddress?: string;
}

export interface NetworkInfoPortMapping {
  hostPort: number;
  containerPort: number;
  protocol?: string;
}

export interface Offer {
  id: OfferID;
  frameworkId: FrameworkID;
  agentId: AgentID;
  hostname: string;
  url?: URL;
  domain?: DomainInfo;
  resources?: Resource[];
  attributes?: Attribute[];
  executorIds?: ExecutorID[];
  unavailability?: Unavailability;
  allocationInfo?: ResourceAllocationInfo;
}

export interface OfferOperation {
  type?: OfferOperationType;
  id?: OperationID;
  launch?: OfferOperationLaunch;
  launchGroup?: OfferOperationLaunchGroup;
  reserve?: OfferOperationReserve;
  unreserve?: OfferOperationUnreserve;
  create?: OfferOperationCreate;
  destroy?: OfferOperationDestroy;
  growVolume?: OfferOperationGrowVolume;
  shrinkVolume?: OfferOperationShrinkVolume;
  createDisk?: OfferOperationCreateDisk;
  destroyDisk?: OfferOperationDestroyDisk;
}

export interface OfferOperationCreate {
  volumes?: Resource[];
}

export interface OfferOperationCreateDisk {
  source: Resource;
  targetType: ResourceDiskInfoSourceType;
  targetProfile?: string;
}

export interface OfferOperationDestroy {
  volumes?: Resource[];
}

export interface OfferOperationDestroyDisk {
  source: Resource;
}

export interface OfferOperationGrowVolume {
  volume: Resource;
  addition: Resource;
}

export interface OfferOperationLaunch {
  taskInfos?: TaskInfo[];
}

export interface OfferOperationLaunchGroup {
  executor: ExecutorInfo;
  taskGroup: TaskGroupInfo;
}

export interface OfferOperationReserve {
  source?: Resource[];
  resources?: Resource[];
}

export interface OfferOperationShrinkVolume {
  volume: Resource;
  subtract: ValueScalar;
}

export interface OfferOperationUnreserve {
  resources?: Resource[];
}

export interface OfferFilters {
  minAllocatableResources?: OfferFiltersMinAllocatableResources;
}

export interface OfferFiltersMinAllocatableResources {
  quantities?: OfferFiltersResourceQuantities[];
}

export interface OfferFiltersResourceQuantities {
  quantities?: Record<string, ValueScalar>;
}

export interface OfferID {
  value: string;
}

export interface Operation {
  frameworkId?: FrameworkID;
  agentId?: AgentID;
  info: OfferOperation;
  latestStatus: OperationStatus;
  statuses?: OperationStatus[];
  uuid: UUID;
}

export interface OperationID {
  value: string;
}

export interface OperationStatus {
  operationId?: OperationID;
  state: OperationState;
  message?: string;
  convertedResources?: Resource[];
  uuid?: UUID;
  agentId?: AgentID;
  resourceProviderId?: ResourceProviderID;
}

export interface Parameter {
  key: string;
  value: string;
}

export interface Parameters {
  parameter?: Parameter[];
}

export interface PerfStatistics {
  timestamp: number;
  duration: number;
  cycles?: Int64;
  stalledCyclesFrontend?: Int64;
  stalledCyclesBackend?: Int64;
  instructions?: Int64;
  cacheReferences?: Int64;
  cacheMisses?: Int64;
  branches?: Int64;
  branchMisses?: Int64;
  busCycles?: Int64;
  refCycles?: Int64;
  cpuClock?: number;
  taskClock?: number;
  pageFaults?: Int64;
  minorFaults?: Int64;
  majorFaults?: Int64;
  contextSwitches?: Int64;
  cpuMigrations?: Int64;
  alignmentFaults?: Int64;
  emulationFaults?: Int64;
  l1DcacheLoads?: Int64;
  l1DcacheLoadMisses?: Int64;
  l1DcacheStores?: Int64;
  l1DcacheStoreMisses?: Int64;
  l1DcachePrefetches?: Int64;
  l1DcachePrefetchMisses?: Int64;
  l1IcacheLoads?: Int64;
  l1IcacheLoadMisses?: Int64;
  l1IcachePrefetches?: Int64;
  l1IcachePrefetchMisses?: Int64;
  llcLoads?: Int64;
  llcLoadMisses?: Int64;
  llcStores?: Int64;
  llcStoreMisses?: Int64;
  llcPrefetches?: Int64;
  llcPrefetchMisses?: Int64;
  dtlbLoads?: Int64;
  dtlbLoadMisses?: Int64;
  dtlbStores?: Int64;
  dtlbStoreMisses?: Int64;
  dtlbPrefetches?: Int64;
  dtlbPrefetchMisses?: Int64;
  itlbLoads?: Int64;
  itlbLoadMisses?: Int64;
  branchLoads?: Int64;
  branchLoadMisses?: Int64;
  nodeLoads?: Int64;
  nodeLoadMisses?: Int64;
  nodeStores?: Int64;
  nodeStoreMisses?: Int64;
  nodePrefetches?: Int64;
  nodePrefetchMisses?: Int64;
}

export interface Port {
  number: number;
  name?: string;
  protocol?: string;
  visibility?: DiscoveryInfoVisibility;
  labels?: Labels;
}

export interface Ports {
  ports?: Port[];
}

export interface RLimitInfo {
  rlimits?: RLimitInfoRLimit[];
}

export interface RLimitInfoRLimit {
  type?: RLimitInfoRLimitType;
  hard?: Int64;
  soft?: Int64;
}

export interface RateLimit {
  qps?: number;
  principal: string;
  capacity?: Int64;
}

export interface RateLimits {
  limits?: RateLimit[];
  aggregateDefaultQps?: number;
  aggregateDefaultCapacity?: Int64;
}

export interface Request {
  agentId?: AgentID;
  resources?: Resource[];
}

export interface Resource {
  providerId?: ResourceProviderID;
  name: string;
  type: ValueType;
  scalar?: ValueScalar;
  ranges?: ValueRanges;
  set?: ValueSet;
  role?: string;
  allocationInfo?: ResourceAllocationInfo;
  reservation?: ResourceReservationInfo;
  reservations?: ResourceReservationInfo[];
  disk?: ResourceDiskInfo;
  revocable?: ResourceRevocableInfo;
  shared?: ResourceSharedInfo;
}

export interface ResourceAllocationInfo {
  role?: string;
}

export interface ResourceDiskInfo {
  persistence?: ResourceDiskInfoPersistence;
  volume?: Volume;
  source?: ResourceDiskInfoSource;
}

export interface ResourceDiskInfoPersistence {
  id: string;
  principal?: string;
}

export interface ResourceDiskInfoSource {
  type: ResourceDiskInfoSourceType;
  path?: ResourceDiskInfoSourcePath;
  mount?: ResourceDiskInfoSourceMount;
  vendor?: string;
  id?: string;
  metadata?: Labels;
  profile?: string;
}

export interface ResourceDiskInfoSourceMount {
  root?: string;
}

export interface ResourceDiskInfoSourcePath {
  root?: string;
}

export interface ResourceReservationInfo {
  type?: ResourceReservationInfoType;
  role?: string;
  principal?: string;
  labels?: Labels;
}

export type ResourceRevocableInfo = Record<never, never>;

export type ResourceSharedInfo = Record<never, never>;

export interface ResourceProviderID {
  value: string;
}

export interface ResourceProviderInfo {
  id?: ResourceProviderID;
  attributes?: Attribute[];
  type: string;
  name: string;
  defaultReservations?: ResourceReservationInfo[];
  storage?: ResourceProviderInfoStorage;
}

export interface ResourceProviderInfoStorage {
  plugin: CSIPluginInfo;
  reconciliationIntervalSeconds?: number;
}

export interface ResourceStatistics {
  timestamp: number;
  processes?: number;
  threads?: number;
  cpusUserTimeSecs?: number;
  cpusSystemTimeSecs?: number;
  cpusLimit?: number;
  cpusSoftLimit?: number;
  cpusNrPeriods?: number;
  cpusNrThrottled?: number;
  cpusThrottledTimeSecs?: number;
  memTotalBytes?: Int64;
  memTotalMemswBytes?: Int64;
  memKmemUsageBytes?: Int64;
  memKmemTcpUsageBytes?: Int64;
  memLimitBytes?: Int64;
  memSoftLimitBytes?: Int64;
  memFileBytes?: Int64;
  memAnonBytes?: Int64;
  memCacheBytes?: Int64;
  memRssBytes?: Int64;
  memMappedFileBytes?: Int64;
  memSwapBytes?: Int64;
  memUnevictableBytes?: Int64;
  memLowPressureCounter?: Int64;
  memMediumPressureCounter?: Int64;
  memCriticalPressureCounter?: Int64;
  diskLimitBytes?: Int64;
  diskUsedBytes?: Int64;
  diskStatistics?: DiskStatistics[];
  blkioStatistics?: CgroupInfoBlkioStatistics;
  perf?: PerfStatistics;
  netRxPackets?: Int64;
  netRxBytes?: Int64;
  netRxErrors?: Int64;
  netRxDropped?: Int64;
  netTxPackets?: Int64;
  netTxBytes?: Int64;
  netTxErrors?: Int64;
  netTxDropped?: Int64;
  netTxRateLimit?: Int64;
  netTxBurstRateLimit?: Int64;
  netTxBurstSize?: Int64;
  netRxRateLimit?: Int64;
  netRxBurstRateLimit?: Int64;
  netRxBurstSize?: Int64;
  netRateStatistics?: ResourceStatisticsRateStatistics;
  netEphemeralPorts?: ValueRange;
  netTcpRttMicrosecsP50?: number;
  netTcpRttMicrosecsP90?: number;
  netTcpRttMicrosecsP95?: number;
  netTcpRttMicrosecsP99?: number;
  netTcpActiveConnections?: number;
  netTcpTimeWaitConnections?: number;
  netTrafficControlStatistics?: TrafficControlStatistics[];
  netSnmpStatistics?: SNMPStatistics;
}

export interface ResourceStatisticsRatePercentiles {
  min?: Int64;
  max?: Int64;
  p50?: Int64;
  p90?: Int64;
  p95?: Int64;
  p99?: Int64;
  p999?: Int64;
  p9999?: Int64;
  samples?: Int64;
}

export interface ResourceStatisticsRateStatistics {
  rxRate?: ResourceStatisticsRatePercentiles;
  rxPacketRate?: ResourceStatisticsRatePercentiles;
  rxDropRate?: ResourceStatisticsRatePercentiles;
  rxErrorRate?: ResourceStatisticsRatePercentiles;
  txRate?: ResourceStatisticsRatePercentiles;
  txPacketRate?: ResourceStatisticsRatePercentiles;
  txDropRate?: ResourceStatisticsRatePercentiles;
  txErrorRate?: ResourceStatisticsRatePercentiles;
  samplingWindowSecs?: number;
  samplingIntervalSecs?: number;
}

export interface ResourceUsage {
  executors?: ResourceUsageExecutor[];
  total?: Resource[];
}

export interface ResourceUsageExecutor {
  executorInfo: ExecutorInfo;
  allocated?: Resource[];
  statistics?: ResourceStatistics;
  containerId: ContainerID;
  tasks?: ResourceUsageExecutorTask[];
}

export interface ResourceUsageExecutorTask {
  name: string;
  id: TaskID;
  resources?: Resource[];
  labels?: Labels;
}

export interface Role {
  name: string;
  weight: number;
  frameworks?: FrameworkID[];
  resources?: Resource[];
}

export interface SNMPStatistics {
  ipStats?: IpStatistics;
  icmpStats?: IcmpStatistics;
  tcpStats?: TcpStatistics;
  udpStats?: UdpStatistics;
}

export interface SeccompInfo {
  profileName?: string;
  unconfined?: boolean;
}

export interface Secret {
  type?: SecretType;
  reference?: SecretReference;
  value?: SecretValue;
}

export interface SecretReference {
  name: string;
  key?: string;
}

export interface SecretValue {
  /** base64 */
  data: string;
}

export interface TTYInfo {
  windowSize?: TTYInfoWindowSize;
}

export interface TTYInfoWindowSize {
  rows: number;
  columns: number;
}

export interface Task {
  name: string;
  taskId: TaskID;
  frameworkId: FrameworkID;
  executorId?: ExecutorID;
  agentId: AgentID;
  state: TaskState;
  resources?: Resource[];
  statuses?: TaskStatus[];
  statusUpdateState?: TaskState;
  /** base64 */
  statusUpdateUuid?: string;
  labels?: Labels;
  discovery?: DiscoveryInfo;
  container?: ContainerInfo;
  healthCheck?: HealthCheck;
  killPolicy?: KillPolicy;
  user?: string;
  limits?: Record<string, ValueScalar>;
}

export interface TaskGroupInfo {
  tasks?: TaskInfo[];
}

export interface TaskID {
  value: string;
}

export interface TaskInfo {
  name: string;
  taskId: TaskID;
  agentId: AgentID;
  resources?: Resource[];
  executor?: ExecutorInfo;
  command?: CommandInfo;
  container?: ContainerInfo;
  healthCheck?: HealthCheck;
  check?: CheckInfo;
  killPolicy?: KillPolicy;
  /** base64 */
  data?: string;
  labels?: Labels;
  discovery?: DiscoveryInfo;
  maxCompletionTime?: DurationInfo;
  limits?: Record<string, ValueScalar>;
}

export interface TaskResourceLimitation {
  resources?: Resource[];
}

export interface TaskStatus {
  taskId: TaskID;
  state: TaskState;
  message?: string;
  source?: TaskStatusSource;
  reason?: TaskStatusReason;
  /** base64 */
  data?: string;
  agentId?: AgentID;
  executorId?: ExecutorID;
  timestamp?: number;
  /** base64 */
  uuid?: string;
  healthy?: boolean;
  checkStatus?: CheckStatusInfo;
  labels?: Labels;
  containerStatus?: ContainerStatus;
  unreachableTime?: TimeInfo;
  limitation?: TaskResourceLimitation;
}

export interface TcpStatistics {
  RtoAlgorithm?: Int64;
  RtoMin?: Int64;
  RtoMax?: Int64;
  MaxConn?: Int64;
  ActiveOpens?: Int64;
  PassiveOpens?: Int64;
  AttemptFails?: Int64;
  EstabResets?: Int64;
  CurrEstab?: Int64;
  InSegs?: Int64;
  OutSegs?: Int64;
  RetransSegs?: Int64;
  InErrs?: Int64;
  OutRsts?: Int64;
  InCsumErrors?: Int64;
}

export interface TimeInfo {
  nanoseconds: Int64;
}

export interface TrafficControlStatistics {
  id: string;
  backlog?: Int64;
  bytes?: Int64;
  drops?: Int64;
  overlimits?: Int64;
  packets?: Int64;
  qlen?: Int64;
  ratebps?: Int64;
  ratepps?: Int64;
  requeues?: Int64;
}

export interface URL {
  scheme: string;
  address: Address;
  path?: string;
  query?: Parameter[];
  fragment?: string;
}

export interface UUID {
  /** base64 */
  value: string;
}

export interface UdpStatistics {
  InDatagrams?: Int64;
  NoPorts?: Int64;
  InErrors?: Int64;
  OutDatagrams?: Int64;
  RcvbufErrors?: Int64;
  SndbufErrors?: Int64;
  InCsumErrors?: Int64;
  IgnoredMulti?: Int64;
}

export interface Unavailability {
  start: TimeInfo;
  duration?: DurationInfo;
}

export interface Value {
  type: ValueType;
  scalar?: ValueScalar;
  ranges?: ValueRanges;
  set?: ValueSet;
  text?: ValueText;
}

export interface ValueRange {
  begin: Int64;
  end: Int64;
}

export interface ValueRanges {
  range?: ValueRange[];
}

export interface ValueScalar {
  value: number;
}

export interface ValueSet {
  item?: string[];
}

export interface ValueText {
  value: string;
}

export interface VersionInfo {
  version: string;
  buildDate?: string;
  buildTime?: number;
  buildUser?: string;
  gitSha?: string;
  gitBranch?: string;
  gitTag?: string;
}

export interface Volume {
  mode: VolumeMode;
  containerPath: string;
  hostPath?: string;
  image?: Image;
  source?: VolumeSource;
}

export interface VolumeSource {
  type?: VolumeSourceType;
  dockerVolume?: VolumeSourceDockerVolume;
  hostPath?: VolumeSourceHostPath;
  sandboxPath?: VolumeSourceSandboxPath;
  secret?: Secret;
  csiVolume?: VolumeSourceCSIVolume;
}

export interface VolumeSourceCSIVolume {
  pluginName: string;
  staticProvisioning?: VolumeSourceCSIVolumeStaticProvisioning;
}

export interface VolumeSourceCSIVolumeStaticProvisioning {
  volumeId: string;
  volumeCapability: VolumeSourceCSIVolumeVolumeCapability;
  nodeStageSecrets?: Record<string, Secret>;
  nodePublishSecrets?: Record<string, Secret>;
  volumeContext?: Record<string, string>;
}

export interface VolumeSourceCSIVolumeVolumeCapability {
  block?: VolumeSourceCSIVolumeVolumeCapabilityBlockVolume;
  mount?: VolumeSourceCSIVolumeVolumeCapabilityMountVolume;
  accessMode: VolumeSourceCSIVolumeVolumeCapabilityAccessMode;
}

export interface VolumeSourceCSIVolumeVolumeCapabilityAccessMode {
  mode: VolumeSourceCSIVolumeVolumeCapabilityAccessModeMode;
}

export type VolumeSourceCSIVolumeVolumeCapabilityBlockVolume = Record<never, never>;

export interface VolumeSourceCSIVolumeVolumeCapabilityMountVolume {
  fsType?: string;
  mountFlags?: string[];
}

export interface VolumeSourceDockerVolume {
  driver?: string;
  name: string;
  driverOptions?: Parameters;
}

export interface VolumeSourceHostPath {
  path: string;
  mountPropagation?: MountPropagation;
}

export interface VolumeSourceSandboxPath {
  type?: VolumeSourceSandboxPathType;
  path: string;
}

export interface WeightInfo {
  weight: number;
  role?: string;
}

export interface AgentCall {
  type?: AgentCallType;
  getMetrics?: AgentCallGetMetrics;
  setLoggingLevel?: AgentCallSetLoggingLevel;
  listFiles?: AgentCallListFiles;
  readFile?: AgentCallReadFile;
  getContainers?: AgentCallGetContainers;
  launchNestedContainer?: AgentCallLaunchNestedContainer;
  waitNestedContainer?: AgentCallWaitNestedContainer;
  killNestedContainer?: AgentCallKillNestedContainer;
  removeNestedContainer?: AgentCallRemoveNestedContainer;
  launchNestedContainerSession?: AgentCallLaunchNestedContainerSession;
  attachContainerInput?: AgentCallAttachContainerInput;
  attachContainerOutput?: AgentCallAttachContainerOutput;
  launchContainer?: AgentCallLaunchContainer;
  waitContainer?: AgentCallWaitContainer;
  killContainer?: AgentCallKillContainer;
  removeContainer?: AgentCallRemoveContainer;
  addResourceProviderConfig?: AgentCallAddResourceProviderConfig;
  updateResourceProviderConfig?: AgentCallUpdateResourceProviderConfig;
  removeResourceProviderConfig?: AgentCallRemoveResourceProviderConfig;
  markResourceProviderGone?: AgentCallMarkResourceProviderGone;
  pruneImages?: AgentCallPruneImages;
}

export interface AgentCallAddResourceProviderConfig {
  info: ResourceProviderInfo;
}

export interface AgentCallAttachContainerInput {
  type?: AgentCallAttachContainerInputType;
  containerId?: ContainerID;
  processIo?: AgentProcessIO;
}

export interface AgentCallAttachContainerOutput {
  containerId: ContainerID;
}

export interface AgentCallGetContainers {
  showNested?: boolean;
  showStandalone?: boolean;
}

export interface AgentCallGetMetrics {
  timeout?: DurationInfo;
}

export interface AgentCallKillContainer {
  containerId: ContainerID;
  signal?: number;
}

export interface AgentCallKillNestedContainer {
  containerId: ContainerID;
  signal?: number;
}

export interface AgentCallLaunchContainer {
  containerId: ContainerID;
  command?: CommandInfo;
  resources?: Resource[];
  container?: ContainerInfo;
  limits?: Record<string, ValueScalar>;
}

export interface AgentCallLaunchNestedContainer {
  containerId: ContainerID;
  command?: CommandInfo;
  container?: ContainerInfo;
}

export interface AgentCallLaunchNestedContainerSession {
  containerId: ContainerID;
  command?: CommandInfo;
  container?: ContainerInfo;
}

export interface AgentCallListFiles {
  path: string;
}

export interface AgentCallMarkResourceProviderGone {
  resourceProviderId: ResourceProviderID;
}

export interface AgentCallPruneImages {
  excludedImages?: Image[];
}

export interface AgentCallReadFile {
  path: string;
  offset: Int64;
  length?: Int64;
}

export interface AgentCallRemoveContainer {
  containerId: ContainerID;
}

export interface AgentCallRemoveNestedContainer {
  containerId: ContainerID;
}

export interface AgentCallRemoveResourceProviderConfig {
  type: string;
  name: string;
}

export interface AgentCallSetLoggingLevel {
  level: number;
  duration: DurationInfo;
}

export interface AgentCallUpdateResourceProviderConfig {
  info: ResourceProviderInfo;
}

export interface AgentCallWaitContainer {
  containerId: ContainerID;
}

export interface AgentCallWaitNestedContainer {
  containerId: ContainerID;
}

export interface AgentProcessIO {
  type?: AgentProcessIOType;
  data?: AgentProcessIOData;
  control?: AgentProcessIOControl;
}

export interface AgentProcessIOControl {
  type?: AgentProcessIOControlType;
  ttyInfo?: TTYInfo;
  heartbeat?: AgentProcessIOControlHeartbeat;
}

export interface AgentProcessIOControlHeartbeat {
  interval?: DurationInfo;
}

export interface AgentProcessIOData {
  type?: AgentProcessIODataType;
  /** base64 */
  data?: string;
}

export interface AgentResponse {
  type?: AgentResponseType;
  getHealth?: AgentResponseGetHealth;
  getFlags?: AgentResponseGetFlags;
  getVersion?: AgentResponseGetVersion;
  getMetrics?: AgentResponseGetMetrics;
  getLoggingLevel?: AgentResponseGetLoggingLevel;
  listFiles?: AgentResponseListFiles;
  readFile?: AgentResponseReadFile;
  getState?: AgentResponseGetState;
  getContainers?: AgentResponseGetContainers;
  getFrameworks?: AgentResponseGetFrameworks;
  getExecutors?: AgentResponseGetExecutors;
  getOperations?: AgentResponseGetOperations;
  getTasks?: AgentResponseGetTasks;
  getAgent?: AgentResponseGetAgent;
  getResourceProviders?: AgentResponseGetResourceProviders;
  waitNestedContainer?: AgentResponseWaitNestedContainer;
  waitContainer?: AgentResponseWaitContainer;
}

export interface AgentResponseGetAgent {
  agentInfo?: AgentInfo;
  drainConfig?: DrainConfig;
  estimatedDrainStartTime?: TimeInfo;
}

export interface AgentResponseGetContainers {
  containers?: AgentResponseGetContainersContainer[];
}

export interface AgentResponseGetContainersContainer {
  frameworkId?: FrameworkID;
  executorId?: ExecutorID;
  executorName?: string;
  containerId: ContainerID;
  containerStatus?: ContainerStatus;
  resourceStatistics?: ResourceStatistics;
}

export interface AgentResponseGetExecutors {
  executors?: AgentResponseGetExecutorsExecutor[];
  completedExecutors?: AgentResponseGetExecutorsExecutor[];
}

export interface AgentResponseGetExecutorsExecutor {
  executorInfo: ExecutorInfo;
}

export interface AgentResponseGetFlags {
  flags?: Flag[];
}

export interface AgentResponseGetFrameworks {
  frameworks?: AgentResponseGetFrameworksFramework[];
  completedFrameworks?: AgentResponseGetFrameworksFramework[];
}

export interface AgentResponseGetFrameworksFramework {
  frameworkInfo: FrameworkInfo;
}

export interface AgentResponseGetHealth {
  healthy: boolean;
}

export interface AgentResponseGetLoggingLevel {
  level: number;
}

export interface AgentResponseGetMetrics {
  metrics?: Metric[];
}

export interface AgentResponseGetOperations {
  operations?: Operation[];
}

export interface AgentResponseGetResourceProviders {
  resourceProviders?: AgentResponseGetResourceProvidersResourceProvider[];
}

export interface AgentResponseGetResourceProvidersResourceProvider {
  resourceProviderInfo: ResourceProviderInfo;
  totalResources?: Resource[];
}

export interface AgentResponseGetState {
  getTasks?: AgentResponseGetTasks;
  getExecutors?: AgentResponseGetExecutors;
  getFrameworks?: AgentResponseGetFrameworks;
}

export interface AgentResponseGetTasks {
  pendingTasks?: Task[];
  queuedTasks?: Task[];
  launchedTasks?: Task[];
  terminatedTasks?: Task[];
  completedTasks?: Task[];
}

export interface AgentResponseGetVersion {
  versionInfo: VersionInfo;
}

export interface AgentResponseListFiles {
  fileInfos?: FileInfo[];
}

export interface AgentResponseReadFile {
  size: Int64;
  /** base64 */
  data: string;
}

export interface AgentResponseWaitContainer {
  exitStatus?: number;
  state?: TaskState;
  reason?: TaskStatusReason;
  limitation?: TaskResourceLimitation;
  message?: string;
}

export interface AgentResponseWaitNestedContainer {
  exitStatus?: number;
  state?: TaskState;
  reason?: TaskStatusReason;
  limitation?: TaskResourceLimitation;
  message?: string;
}

export interface AllocatorInverseOfferStatus {
  status: AllocatorInverseOfferStatusStatus;
  frameworkId: FrameworkID;
  timestamp: TimeInfo;
}

export interface ExecutorCall {
  executorId: ExecutorID;
  frameworkId: FrameworkID;
  type?: ExecutorCallType;
  subscribe?: ExecutorCallSubscribe;
  update?: ExecutorCallUpdate;
  message?: ExecutorCallMessage;
}

export interface ExecutorCallMessage {
  /** base64 */
  data: string;
}

export interface ExecutorCallSubscribe {
  unacknowledgedTasks?: TaskInfo[];
  unacknowledgedUpdates?: ExecutorCallUpdate[];
}

export interface ExecutorCallUpdate {
  status: TaskStatus;
}

export interface ExecutorEvent {
  type?: ExecutorEventType;
  subscribed?: ExecutorEventSubscribed;
  acknowledged?: ExecutorEventAcknowledged;
  launch?: ExecutorEventLaunch;
  launchGroup?: ExecutorEventLaunchGroup;
  kill?: ExecutorEventKill;
  message?: ExecutorEventMessage;
  error?: ExecutorEventError;
}

export interface ExecutorEventAcknowledged {
  taskId: TaskID;
  /** base64 */
  uuid: string;
}

export interface ExecutorEventError {
  message: string;
}

export interface ExecutorEventKill {
  taskId: TaskID;
  killPolicy?: KillPolicy;
}

export interface ExecutorEventLaunch {
  task: TaskInfo;
}

export interface ExecutorEventLaunchGroup {
  taskGroup: TaskGroupInfo;
}

export interface ExecutorEventMessage {
  /** base64 */
  data: string;
}

export interface ExecutorEventSubscribed {
  executorInfo: ExecutorInfo;
  frameworkInfo: FrameworkInfo;
  agentInfo: AgentInfo;
  containerId?: ContainerID;
}

export interface MaintenanceClusterStatus {
  drainingMachines?: MaintenanceClusterStatusDrainingMachine[];
  downMachines?: MachineID[];
}

export interface MaintenanceClusterStatusDrainingMachine {
  id: MachineID;
  statuses?: AllocatorInverseOfferStatus[];
}

export interface MaintenanceSchedule {
  windows?: MaintenanceWindow[];
}

export interface MaintenanceWindow {
  machineIds?: MachineID[];
  unavailability: Unavailability;
}

export interface MasterCall {
  type?: MasterCallType;
  getMetrics?: MasterCallGetMetrics;
  setLoggingLevel?: MasterCallSetLoggingLevel;
  listFiles?: MasterCallListFiles;
  readFile?: MasterCallReadFile;
  updateWeights?: MasterCallUpdateWeights;
  reserveResources?: MasterCallReserveResources;
  unreserveResources?: MasterCallUnreserveResources;
  createVolumes?: MasterCallCreateVolumes;
  destroyVolumes?: MasterCallDestroyVolumes;
  growVolume?: MasterCallGrowVolume;
  shrinkVolume?: MasterCallShrinkVolume;
  updateMaintenanceSchedule?: MasterCallUpdateMaintenanceSchedule;
  startMaintenance?: MasterCallStartMaintenance;
  stopMaintenance?: MasterCallStopMaintenance;
  drainAgent?: MasterCallDrainAgent;
  deactivateAgent?: MasterCallDeactivateAgent;
  reactivateAgent?: MasterCallReactivateAgent;
  updateQuota?: MasterCallUpdateQuota;
  teardown?: MasterCallTeardown;
  markAgentGone?: MasterCallMarkAgentGone;
  setQuota?: MasterCallSetQuota;
  removeQuota?: MasterCallRemoveQuota;
}

export interface MasterCallCreateVolumes {
  agentId: AgentID;
  volumes?: Resource[];
}

export interface MasterCallDeactivateAgent {
  agentId: AgentID;
}

export interface MasterCallDestroyVolumes {
  agentId: AgentID;
  volumes?: Resource[];
}

export interface MasterCallDrainAgent {
  agentId: AgentID;
  maxGracePeriod?: ProtobufDuration;
  markGone?: boolean;
}

export interface MasterCallGetMetrics {
  timeout?: DurationInfo;
}

export interface MasterCallGrowVolume {
  agentId?: AgentID;
  volume: Resource;
  addition: Resource;
}

export interface MasterCallListFiles {
  path: string;
}

export interface MasterCallMarkAgentGone {
  agentId: AgentID;
}

export interface MasterCallReactivateAgent {
  agentId: AgentID;
}

export interface MasterCallReadFile {
  path: string;
  offset: Int64;
  length?: Int64;
}

export interface MasterCallRemoveQuota {
  role: string;
}

export interface MasterCallReserveResources {
  agentId: AgentID;
  source?: Resource[];
  resources?: Resource[];
}

export interface MasterCallSetLoggingLevel {
  level: number;
  duration: DurationInfo;
}

export interface MasterCallSetQuota {
  quotaRequest: QuotaRequest;
}

export interface MasterCallShrinkVolume {
  agentId?: AgentID;
  volume: Resource;
  subtract: ValueScalar;
}

export interface MasterCallStartMaintenance {
  machines?: MachineID[];
}

export interface MasterCallStopMaintenance {
  machines?: MachineID[];
}

export interface MasterCallTeardown {
  frameworkId: FrameworkID;
}

export interface MasterCallUnreserveResources {
  agentId: AgentID;
  resources?: Resource[];
}

export interface MasterCallUpdateMaintenanceSchedule {
  schedule: MaintenanceSchedule;
}

export interface MasterCallUpdateQuota {
  force?: boolean;
  quotaConfigs?: QuotaConfig[];
}

export interface MasterCallUpdateWeights {
  weightInfos?: WeightInfo[];
}

export interface MasterEvent {
  type?: MasterEventType;
  subscribed?: MasterEventSubscribed;
  taskAdded?: MasterEventTaskAdded;
  taskUpdated?: MasterEventTaskUpdated;
  agentAdded?: MasterEventAgentAdded;
  agentRemoved?: MasterEventAgentRemoved;
  frameworkAdded?: MasterEventFrameworkAdded;
  frameworkUpdated?: MasterEventFrameworkUpdated;
  frameworkRemoved?: MasterEventFrameworkRemoved;
}

export interface MasterEventAgentAdded {
  agent: MasterResponseGetAgentsAgent;
}

export interface MasterEventAgentRemoved {
  agentId: AgentID;
}

export interface MasterEventFrameworkAdded {
  framework: MasterResponseGetFrameworksFramework;
}

export interface MasterEventFrameworkRemoved {
  frameworkInfo: FrameworkInfo;
}

export interface MasterEventFrameworkUpdated {
  framework: MasterResponseGetFrameworksFramework;
}

export interface MasterEventSubscribed {
  getState?: MasterResponseGetState;
  heartbeatIntervalSeconds?: number;
}

export interface MasterEventTaskAdded {
  task: Task;
}

export interface MasterEventTaskUpdated {
  frameworkId: FrameworkID;
  status: TaskStatus;
  state: TaskState;
}

export interface MasterResponse {
  type?: MasterResponseType;
  getHealth?: MasterResponseGetHealth;
  getFlags?: MasterResponseGetFlags;
  getVersion?: MasterResponseGetVersion;
  getMetrics?: MasterResponseGetMetrics;
  getLoggingLevel?: MasterResponseGetLoggingLevel;
  listFiles?: MasterResponseListFiles;
  readFile?: MasterResponseReadFile;
  getState?: MasterResponseGetState;
  getAgents?: MasterResponseGetAgents;
  getFrameworks?: MasterResponseGetFrameworks;
  getExecutors?: MasterResponseGetExecutors;
  getOperations?: MasterResponseGetOperations;
  getTasks?: MasterResponseGetTasks;
  getRoles?: MasterResponseGetRoles;
  getWeights?: MasterResponseGetWeights;
  getMaster?: MasterResponseGetMaster;
  getMaintenanceStatus?: MasterResponseGetMaintenanceStatus;
  getMaintenanceSchedule?: MasterResponseGetMaintenanceSchedule;
  getQuota?: MasterResponseGetQuota;
}

export interface MasterResponseGetAgents {
  agents?: MasterResponseGetAgentsAgent[];
  recoveredAgents?: AgentInfo[];
}

export interface MasterResponseGetAgentsAgent {
  agentInfo: AgentInfo;
  active: boolean;
  deactivated?: boolean;
  version: string;
  pid?: string;
  registeredTime?: TimeInfo;
  reregisteredTime?: TimeInfo;
  totalResources?: Resource[];
  allocatedResources?: Resource[];
  offeredResources?: Resource[];
  capabilities?: AgentInfoCapability[];
  resourceProviders?: MasterResponseGetAgentsAgentResourceProvider[];
  drainInfo?: DrainInfo;
  estimatedDrainStartTime?: TimeInfo;
}

export interface MasterResponseGetAgentsAgentResourceProvider {
  resourceProviderInfo: ResourceProviderInfo;
  totalResources?: Resource[];
}

export interface MasterResponseGetExecutors {
  executors?: MasterResponseGetExecutorsExecutor[];
  orphanExecutors?: MasterResponseGetExecutorsExecutor[];
}

export interface MasterResponseGetExecutorsExecutor {
  executorInfo: ExecutorInfo;
  agentId: AgentID;
}

export interface MasterResponseGetFlags {
  flags?: Flag[];
}

export interface MasterResponseGetFrameworks {
  frameworks?: MasterResponseGetFrameworksFramework[];
  completedFrameworks?: MasterResponseGetFrameworksFramework[];
  recoveredFrameworks?: FrameworkInfo[];
}

export interface MasterResponseGetFrameworksFramework {
  frameworkInfo: FrameworkInfo;
  active: boolean;
  connected: boolean;
  recovered: boolean;
  registeredTime?: TimeInfo;
  reregisteredTime?: TimeInfo;
  unregisteredTime?: TimeInfo;
  offers?: Offer[];
  inverseOffers?: InverseOffer[];
  allocatedResources?: Resource[];
  offeredResources?: Resource[];
  offerConstraints?: SchedulerOfferConstraints;
}

export interface MasterResponseGetHealth {
  healthy: boolean;
}

export interface MasterResponseGetLoggingLevel {
  level: number;
}

export interface MasterResponseGetMaintenanceSchedule {
  schedule: MaintenanceSchedule;
}

export interface MasterResponseGetMaintenanceStatus {
  status: MaintenanceClusterStatus;
}

export interface MasterResponseGetMaster {
  masterInfo?: MasterInfo;
  startTime?: number;
  electedTime?: number;
}

export interface MasterResponseGetMetrics {
  metrics?: Metric[];
}

export interface MasterResponseGetOperations {
  operations?: Operation[];
}

export interface MasterResponseGetQuota {
  status: QuotaStatus;
}

export interface MasterResponseGetRoles {
  roles?: Role[];
}

export interface MasterResponseGetState {
  getTasks?: MasterResponseGetTasks;
  getExecutors?: MasterResponseGetExecutors;
  getFrameworks?: MasterResponseGetFrameworks;
  getAgents?: MasterResponseGetAgents;
}

export interface MasterResponseGetTasks {
  pendingTasks?: Task[];
  tasks?: Task[];
  unreachableTasks?: Task[];
  completedTasks?: Task[];
  orphanTasks?: Task[];
}

export interface MasterResponseGetVersion {
  versionInfo: VersionInfo;
}

export interface MasterResponseGetWeights {
  weightInfos?: WeightInfo[];
}

export interface MasterResponseListFiles {
  fileInfos?: FileInfo[];
}

export interface MasterResponseReadFile {
  size: Int64;
  /** base64 */
  data: string;
}

export interface QuotaConfig {
  role: string;
  guarantees?: Record<string, ValueScalar>;
  limits?: Record<string, ValueScalar>;
}

export interface QuotaInfo {
  role?: string;
  principal?: string;
  guarantee?: Resource[];
}

export interface QuotaRequest {
  force?: boolean;
  role?: string;
  guarantee?: Resource[];
}

export interface QuotaStatus {
  infos?: QuotaInfo[];
  configs?: QuotaConfig[];
}

export interface SchedulerAttributeConstraint {
  selector: SchedulerAttributeConstraintSelector;
  predicate: SchedulerAttributeConstraintPredicate;
}

export interface SchedulerAttributeConstraintPredicate {
  exists?: SchedulerAttributeConstraintPredicateExists;
  notExists?: SchedulerAttributeConstraintPredicateNotExists;
  textEquals?: SchedulerAttributeConstraintPredicateTextEquals;
  textNotEquals?: SchedulerAttributeConstraintPredicateTextNotEquals;
  textMatches?: SchedulerAttributeConstraintPredicateTextMatches;
  textNotMatches?: SchedulerAttributeConstraintPredicateTextNotMatches;
}

export type SchedulerAttributeConstraintPredicateExists = Record<never, never>;

export type SchedulerAttributeConstraintPredicateNotExists = Record<never, never>;

export interface SchedulerAttributeConstraintPredicateTextEquals {
  value: string;
}

export interface SchedulerAttributeConstraintPredicateTextMatches {
  regex: string;
}

export interface SchedulerAttributeConstraintPredicateTextNotEquals {
  value: string;
}

export interface SchedulerAttributeConstraintPredicateTextNotMatches {
  regex: string;
}

export interface SchedulerAttributeConstraintSelector {
  pseudoattributeType?: SchedulerAttributeConstraintSelectorPseudoattributeType;
  attributeName?: string;
}

export interface SchedulerCall {
  frameworkId?: FrameworkID;
  type?: SchedulerCallType;
  subscribe?: SchedulerCallSubscribe;
  accept?: SchedulerCallAccept;
  decline?: SchedulerCallDecline;
  acceptInverseOffers?: SchedulerCallAcceptInverseOffers;
  declineInverseOffers?: SchedulerCallDeclineInverseOffers;
  revive?: SchedulerCallRevive;
  kill?: SchedulerCallKill;
  shutdown?: SchedulerCallShutdown;
  acknowledge?: SchedulerCallAcknowledge;
  acknowledgeOperationStatus?: SchedulerCallAcknowledgeOperationStatus;
  reconcile?: SchedulerCallReconcile;
  reconcileOperations?: SchedulerCallReconcileOperations;
  message?: SchedulerCallMessage;
  request?: SchedulerCallRequest;
  suppress?: SchedulerCallSuppress;
  updateFramework?: SchedulerCallUpdateFramework;
}

export interface SchedulerCallAccept {
  offerIds?: OfferID[];
  operations?: OfferOperation[];
  filters?: Filters;
}

export interface SchedulerCallAcceptInverseOffers {
  inverseOfferIds?: OfferID[];
  filters?: Filters;
}

export interface SchedulerCallAcknowledge {
  agentId: AgentID;
  taskId: TaskID;
  /** base64 */
  uuid: string;
}

export interface SchedulerCallAcknowledgeOperationStatus {
  agentId?: AgentID;
  resourceProviderId?: ResourceProviderID;
  /** base64 */
  uuid: string;
  operationId: OperationID;
}

export interface SchedulerCallDecline {
  offerIds?: OfferID[];
  filters?: Filters;
}

export interface SchedulerCallDeclineInverseOffers {
  inverseOfferIds?: OfferID[];
  filters?: Filters;
}

export interface SchedulerCallKill {
  taskId: TaskID;
  agentId?: AgentID;
  killPolicy?: KillPolicy;
}

export interface SchedulerCallMessage {
  agentId: AgentID;
  executorId: ExecutorID;
  /** base64 */
  data: string;
}

export interface SchedulerCallReconcile {
  tasks?: SchedulerCallReconcileTask[];
}

export interface SchedulerCallReconcileTask {
  taskId: TaskID;
  agentId?: AgentID;
}

export interface SchedulerCallReconcileOperations {
  operations?: SchedulerCallReconcileOperationsOperation[];
}

export interface SchedulerCallReconcileOperationsOperation {
  operationId: OperationID;
  agentId?: AgentID;
  resourceProviderId?: ResourceProviderID;
}

export interface SchedulerCallRequest {
  requests?: Request[];
}

export interface SchedulerCallRevive {
  roles?: string[];
}

export interface SchedulerCallShutdown {
  executorId: ExecutorID;
  agentId: AgentID;
}

export interface SchedulerCallSubscribe {
  frameworkInfo: FrameworkInfo;
  suppressedRoles?: string[];
  offerConstraints?: SchedulerOfferConstraints;
}

export interface SchedulerCallSuppress {
  roles?: string[];
}

export interface SchedulerCallUpdateFramework {
  frameworkInfo: FrameworkInfo;
  suppressedRoles?: string[];
  offerConstraints?: SchedulerOfferConstraints;
}

export interface SchedulerEvent {
  type?: SchedulerEventType;
  subscribed?: SchedulerEventSubscribed;
  offers?: SchedulerEventOffers;
  inverseOffers?: SchedulerEventInverseOffers;
  rescind?: SchedulerEventRescind;
  rescindInverseOffer?: SchedulerEventRescindInverseOffer;
  update?: SchedulerEventUpdate;
  updateOperationStatus?: SchedulerEventUpdateOperationStatus;
  message?: SchedulerEventMessage;
  failure?: SchedulerEventFailure;
  error?: SchedulerEventError;
}

export interface SchedulerEventError {
  message: string;
}

export interface SchedulerEventFailure {
  agentId?: AgentID;
  executorId?: ExecutorID;
  status?: number;
}

export interface SchedulerEventInverseOffers {
  inverseOffers?: InverseOffer[];
}

export interface SchedulerEventMessage {
  agentId: AgentID;
  executorId: ExecutorID;
  /** base64 */
  data: string;
}

export interface SchedulerEventOffers {
  offers?: Offer[];
}

export interface SchedulerEventRescind {
  offerId: OfferID;
}

export interface SchedulerEventRescindInverseOffer {
  inverseOfferId: OfferID;
}

export interface SchedulerEventSubscribed {
  frameworkId: FrameworkID;
  heartbeatIntervalSeconds?: number;
  masterInfo?: MasterInfo;
}

export interface SchedulerEventUpdate {
  status: TaskStatus;
}

export interface SchedulerEventUpdateOperationStatus {
  status: OperationStatus;
}

export interface SchedulerOfferConstraints {
  roleConstraints?: Record<string, SchedulerOfferConstraintsRoleConstraints>;
}

export interface SchedulerOfferConstraintsRoleConstraints {
  groups?: SchedulerOfferConstraintsRoleConstraintsGroup[];
}

export interface SchedulerOfferConstraintsRoleConstraintsGroup {
  attributeConstraints?: SchedulerAttributeConstraint[];
}

export interface SchedulerResponse {
  type?: SchedulerResponseType;
  reconcileOperations?: SchedulerResponseReconcileOperations;
}

export interface SchedulerResponseReconcileOperations {
  operationStatuses?: OperationStatus[];
}

/** Full protobuf name -> message, for the codec. */
export interface MessageTypes {
  'google.protobuf.Duration': ProtobufDuration;
  'mesos.v1.Address': Address;
  'mesos.v1.AgentID': AgentID;
  'mesos.v1.AgentInfo': AgentInfo;
  'mesos.v1.AgentInfo.Capability': AgentInfoCapability;
  'mesos.v1.Attribute': Attribute;
  'mesos.v1.CSIPluginContainerInfo': CSIPluginContainerInfo;
  'mesos.v1.CSIPluginEndpoint': CSIPluginEndpoint;
  'mesos.v1.CSIPluginInfo': CSIPluginInfo;
  'mesos.v1.CapabilityInfo': CapabilityInfo;
  'mesos.v1.CgroupInfo': CgroupInfo;
  'mesos.v1.CgroupInfo.Blkio': CgroupInfoBlkio;
  'mesos.v1.CgroupInfo.Blkio.CFQ': CgroupInfoBlkioCFQ;
  'mesos.v1.CgroupInfo.Blkio.CFQ.Statistics': CgroupInfoBlkioCFQStatistics;
  'mesos.v1.CgroupInfo.Blkio.Statistics': CgroupInfoBlkioStatistics;
  'mesos.v1.CgroupInfo.Blkio.Throttling': CgroupInfoBlkioThrottling;
  'mesos.v1.CgroupInfo.Blkio.Throttling.Statistics': CgroupInfoBlkioThrottlingStatistics;
  'mesos.v1.CgroupInfo.Blkio.Value': CgroupInfoBlkioValue;
  'mesos.v1.CgroupInfo.NetCls': CgroupInfoNetCls;
  'mesos.v1.CheckInfo': CheckInfo;
  'mesos.v1.CheckInfo.Command': CheckInfoCommand;
  'mesos.v1.CheckInfo.Http': CheckInfoHttp;
  'mesos.v1.CheckInfo.Tcp': CheckInfoTcp;
  'mesos.v1.CheckStatusInfo': CheckStatusInfo;
  'mesos.v1.CheckStatusInfo.Command': CheckStatusInfoCommand;
  'mesos.v1.CheckStatusInfo.Http': CheckStatusInfoHttp;
  'mesos.v1.CheckStatusInfo.Tcp': CheckStatusInfoTcp;
  'mesos.v1.CommandInfo': CommandInfo;
  'mesos.v1.CommandInfo.URI': CommandInfoURI;
  'mesos.v1.ContainerID': ContainerID;
  'mesos.v1.ContainerInfo': ContainerInfo;
  'mesos.v1.ContainerInfo.DockerInfo': ContainerInfoDockerInfo;
  'mesos.v1.ContainerInfo.DockerInfo.PortMapping': ContainerInfoDockerInfoPortMapping;
  'mesos.v1.ContainerInfo.MesosInfo': ContainerInfoMesosInfo;
  'mesos.v1.ContainerStatus': ContainerStatus;
  'mesos.v1.Credential': Credential;
  'mesos.v1.Credentials': Credentials;
  'mesos.v1.Device': Device;
  'mesos.v1.Device.Number': DeviceNumber;
  'mesos.v1.DeviceAccess': DeviceAccess;
  'mesos.v1.DeviceAccess.Access': DeviceAccessAccess;
  'mesos.v1.DeviceWhitelist': DeviceWhitelist;
  'mesos.v1.DiscoveryInfo': DiscoveryInfo;
  'mesos.v1.DiskStatistics': DiskStatistics;
  'mesos.v1.DomainInfo': DomainInfo;
  'mesos.v1.DomainInfo.FaultDomain': DomainInfoFaultDomain;
  'mesos.v1.DomainInfo.FaultDomain.RegionInfo': DomainInfoFaultDomainRegionInfo;
  'mesos.v1.DomainInfo.FaultDomain.ZoneInfo': DomainInfoFaultDomainZoneInfo;
  'mesos.v1.DrainConfig': DrainConfig;
  'mesos.v1.DrainInfo': DrainInfo;
  'mesos.v1.DurationInfo': DurationInfo;
  'mesos.v1.Environment': Environment;
  'mesos.v1.Environment.Variable': EnvironmentVariable;
  'mesos.v1.ExecutorID': ExecutorID;
  'mesos.v1.ExecutorInfo': ExecutorInfo;
  'mesos.v1.FileInfo': FileInfo;
  'mesos.v1.Filters': Filters;
  'mesos.v1.Flag': Flag;
  'mesos.v1.FrameworkID': FrameworkID;
  'mesos.v1.FrameworkInfo': FrameworkInfo;
  'mesos.v1.FrameworkInfo.Capability': FrameworkInfoCapability;
  'mesos.v1.HealthCheck': HealthCheck;
  'mesos.v1.HealthCheck.HTTPCheckInfo': HealthCheckHTTPCheckInfo;
  'mesos.v1.HealthCheck.TCPCheckInfo': HealthCheckTCPCheckInfo;
  'mesos.v1.IcmpStatistics': IcmpStatistics;
  'mesos.v1.Image': Image;
  'mesos.v1.Image.Appc': ImageAppc;
  'mesos.v1.Image.Docker': ImageDocker;
  'mesos.v1.InverseOffer': InverseOffer;
  'mesos.v1.IpStatistics': IpStatistics;
  'mesos.v1.KillPolicy': KillPolicy;
  'mesos.v1.Label': Label;
  'mesos.v1.Labels': Labels;
  'mesos.v1.LinuxInfo': LinuxInfo;
  'mesos.v1.MachineID': MachineID;
  'mesos.v1.MachineInfo': MachineInfo;
  'mesos.v1.MasterInfo': MasterInfo;
  'mesos.v1.MasterInfo.Capability': MasterInfoCapability;
  'mesos.v1.Metric': Metric;
  'mesos.v1.MountPropagation': MountPropagation;
  'mesos.v1.NetworkInfo': NetworkInfo;
  'mesos.v1.NetworkInfo.IPAddress': NetworkInfoIPAddress;
  'mesos.v1.NetworkInfo.PortMapping': NetworkInfoPortMapping;
  'mesos.v1.Offer': Offer;
  'mesos.v1.Offer.Operation': OfferOperation;
  'mesos.v1.Offer.Operation.Create': OfferOperationCreate;
  'mesos.v1.Offer.Operation.CreateDisk': OfferOperationCreateDisk;
  'mesos.v1.Offer.Operation.Destroy': OfferOperationDestroy;
  'mesos.v1.Offer.Operation.DestroyDisk': OfferOperationDestroyDisk;
  'mesos.v1.Offer.Operation.GrowVolume': OfferOperationGrowVolume;
  'mesos.v1.Offer.Operation.Launch': OfferOperationLaunch;
  'mesos.v1.Offer.Operation.LaunchGroup': OfferOperationLaunchGroup;
  'mesos.v1.Offer.Operation.Reserve': OfferOperationReserve;
  'mesos.v1.Offer.Operation.ShrinkVolume': OfferOperationShrinkVolume;
  'mesos.v1.Offer.Operation.Unreserve': OfferOperationUnreserve;
  'mesos.v1.OfferFilters': OfferFilters;
  'mesos.v1.OfferFilters.MinAllocatableResources': OfferFiltersMinAllocatableResources;
  'mesos.v1.OfferFilters.ResourceQuantities': OfferFiltersResourceQuantities;
  'mesos.v1.OfferID': OfferID;
  'mesos.v1.Operation': Operation;
  'mesos.v1.OperationID': OperationID;
  'mesos.v1.OperationStatus': OperationStatus;
  'mesos.v1.Parameter': Parameter;
  'mesos.v1.Parameters': Parameters;
  'mesos.v1.PerfStatistics': PerfStatistics;
  'mesos.v1.Port': Port;
  'mesos.v1.Ports': Ports;
  'mesos.v1.RLimitInfo': RLimitInfo;
  'mesos.v1.RLimitInfo.RLimit': RLimitInfoRLimit;
  'mesos.v1.RateLimit': RateLimit;
  'mesos.v1.RateLimits': RateLimits;
  'mesos.v1.Request': Request;
  'mesos.v1.Resource': Resource;
  'mesos.v1.Resource.AllocationInfo': ResourceAllocationInfo;
  'mesos.v1.Resource.DiskInfo': ResourceDiskInfo;
  'mesos.v1.Resource.DiskInfo.Persistence': ResourceDiskInfoPersistence;
  'mesos.v1.Resource.DiskInfo.Source': ResourceDiskInfoSource;
  'mesos.v1.Resource.DiskInfo.Source.Mount': ResourceDiskInfoSourceMount;
  'mesos.v1.Resource.DiskInfo.Source.Path': ResourceDiskInfoSourcePath;
  'mesos.v1.Resource.ReservationInfo': ResourceReservationInfo;
  'mesos.v1.Resource.RevocableInfo': ResourceRevocableInfo;
  'mesos.v1.Resource.SharedInfo': ResourceSharedInfo;
  'mesos.v1.ResourceProviderID': ResourceProviderID;
  'mesos.v1.ResourceProviderInfo': ResourceProviderInfo;
  'mesos.v1.ResourceProviderInfo.Storage': ResourceProviderInfoStorage;
  'mesos.v1.ResourceStatistics': ResourceStatistics;
  'mesos.v1.ResourceStatistics.RatePercentiles': ResourceStatisticsRatePercentiles;
  'mesos.v1.ResourceStatistics.RateStatistics': ResourceStatisticsRateStatistics;
  'mesos.v1.ResourceUsage': ResourceUsage;
  'mesos.v1.ResourceUsage.Executor': ResourceUsageExecutor;
  'mesos.v1.ResourceUsage.Executor.Task': ResourceUsageExecutorTask;
  'mesos.v1.Role': Role;
  'mesos.v1.SNMPStatistics': SNMPStatistics;
  'mesos.v1.SeccompInfo': SeccompInfo;
  'mesos.v1.Secret': Secret;
  'mesos.v1.Secret.Reference': SecretReference;
  'mesos.v1.Secret.Value': SecretValue;
  'mesos.v1.TTYInfo': TTYInfo;
  'mesos.v1.TTYInfo.WindowSize': TTYInfoWindowSize;
  'mesos.v1.Task': Task;
  'mesos.v1.TaskGroupInfo': TaskGroupInfo;
  'mesos.v1.TaskID': TaskID;
  'mesos.v1.TaskInfo': TaskInfo;
  'mesos.v1.TaskResourceLimitation': TaskResourceLimitation;
  'mesos.v1.TaskStatus': TaskStatus;
  'mesos.v1.TcpStatistics': TcpStatistics;
  'mesos.v1.TimeInfo': TimeInfo;
  'mesos.v1.TrafficControlStatistics': TrafficControlStatistics;
  'mesos.v1.URL': URL;
  'mesos.v1.UUID': UUID;
  'mesos.v1.UdpStatistics': UdpStatistics;
  'mesos.v1.Unavailability': Unavailability;
  'mesos.v1.Value': Value;
  'mesos.v1.Value.Range': ValueRange;
  'mesos.v1.Value.Ranges': ValueRanges;
  'mesos.v1.Value.Scalar': ValueScalar;
  'mesos.v1.Value.Set': ValueSet;
  'mesos.v1.Value.Text': ValueText;
  'mesos.v1.VersionInfo': VersionInfo;
  'mesos.v1.Volume': Volume;
  'mesos.v1.Volume.Source': VolumeSource;
  'mesos.v1.Volume.Source.CSIVolume': VolumeSourceCSIVolume;
  'mesos.v1.Volume.Source.CSIVolume.StaticProvisioning': VolumeSourceCSIVolumeStaticProvisioning;
  'mesos.v1.Volume.Source.CSIVolume.VolumeCapability': VolumeSourceCSIVolumeVolumeCapability;
  'mesos.v1.Volume.Source.CSIVolume.VolumeCapability.AccessMode': VolumeSourceCSIVolumeVolumeCapabilityAccessMode;
  'mesos.v1.Volume.Source.CSIVolume.VolumeCapability.BlockVolume': VolumeSourceCSIVolumeVolumeCapabilityBlockVolume;
  'mesos.v1.Volume.Source.CSIVolume.VolumeCapability.MountVolume': VolumeSourceCSIVolumeVolumeCapabilityMountVolume;
  'mesos.v1.Volume.Source.DockerVolume': VolumeSourceDockerVolume;
  'mesos.v1.Volume.Source.HostPath': VolumeSourceHostPath;
  'mesos.v1.Volume.Source.SandboxPath': VolumeSourceSandboxPath;
  'mesos.v1.WeightInfo': WeightInfo;
  'mesos.v1.agent.Call': AgentCall;
  'mesos.v1.agent.Call.AddResourceProviderConfig': AgentCallAddResourceProviderConfig;
  'mesos.v1.agent.Call.AttachContainerInput': AgentCallAttachContainerInput;
  'mesos.v1.agent.Call.AttachContainerOutput': AgentCallAttachContainerOutput;
  'mesos.v1.agent.Call.GetContainers': AgentCallGetContainers;
  'mesos.v1.agent.Call.GetMetrics': AgentCallGetMetrics;
  'mesos.v1.agent.Call.KillContainer': AgentCallKillContainer;
  'mesos.v1.agent.Call.KillNestedContainer': AgentCallKillNestedContainer;
  'mesos.v1.agent.Call.LaunchContainer': AgentCallLaunchContainer;
  'mesos.v1.agent.Call.LaunchNestedContainer': AgentCallLaunchNestedContainer;
  'mesos.v1.agent.Call.LaunchNestedContainerSession': AgentCallLaunchNestedContainerSession;
  'mesos.v1.agent.Call.ListFiles': AgentCallListFiles;
  'mesos.v1.agent.Call.MarkResourceProviderGone': AgentCallMarkResourceProviderGone;
  'mesos.v1.agent.Call.PruneImages': AgentCallPruneImages;
  'mesos.v1.agent.Call.ReadFile': AgentCallReadFile;
  'mesos.v1.agent.Call.RemoveContainer': AgentCallRemoveContainer;
  'mesos.v1.agent.Call.RemoveNestedContainer': AgentCallRemoveNestedContainer;
  'mesos.v1.agent.Call.RemoveResourceProviderConfig': AgentCallRemoveResourceProviderConfig;
  'mesos.v1.agent.Call.SetLoggingLevel': AgentCallSetLoggingLevel;
  'mesos.v1.agent.Call.UpdateResourceProviderConfig': AgentCallUpdateResourceProviderConfig;
  'mesos.v1.agent.Call.WaitContainer': AgentCallWaitContainer;
  'mesos.v1.agent.Call.WaitNestedContainer': AgentCallWaitNestedContainer;
  'mesos.v1.agent.ProcessIO': AgentProcessIO;
  'mesos.v1.agent.ProcessIO.Control': AgentProcessIOControl;
  'mesos.v1.agent.ProcessIO.Control.Heartbeat': AgentProcessIOControlHeartbeat;
  'mesos.v1.agent.ProcessIO.Data': AgentProcessIOData;
  'mesos.v1.agent.Response': AgentResponse;
  'mesos.v1.agent.Response.GetAgent': AgentResponseGetAgent;
  'mesos.v1.agent.Response.GetContainers': AgentResponseGetContainers;
  'mesos.v1.agent.Response.GetContainers.Container': AgentResponseGetContainersContainer;
  'mesos.v1.agent.Response.GetExecutors': AgentResponseGetExecutors;
  'mesos.v1.agent.Response.GetExecutors.Executor': AgentResponseGetExecutorsExecutor;
  'mesos.v1.agent.Response.GetFlags': AgentResponseGetFlags;
  'mesos.v1.agent.Response.GetFrameworks': AgentResponseGetFrameworks;
  'mesos.v1.agent.Response.GetFrameworks.Framework': AgentResponseGetFrameworksFramework;
  'mesos.v1.agent.Response.GetHealth': AgentResponseGetHealth;
  'mesos.v1.agent.Response.GetLoggingLevel': AgentResponseGetLoggingLevel;
  'mesos.v1.agent.Response.GetMetrics': AgentResponseGetMetrics;
  'mesos.v1.agent.Response.GetOperations': AgentResponseGetOperations;
  'mesos.v1.agent.Response.GetResourceProviders': AgentResponseGetResourceProviders;
  'mesos.v1.agent.Response.GetResourceProviders.ResourceProvider': AgentResponseGetResourceProvidersResourceProvider;
  'mesos.v1.agent.Response.GetState': AgentResponseGetState;
  'mesos.v1.agent.Response.GetTasks': AgentResponseGetTasks;
  'mesos.v1.agent.Response.GetVersion': AgentResponseGetVersion;
  'mesos.v1.agent.Response.ListFiles': AgentResponseListFiles;
  'mesos.v1.agent.Response.ReadFile': AgentResponseReadFile;
  'mesos.v1.agent.Response.WaitContainer': AgentResponseWaitContainer;
  'mesos.v1.agent.Response.WaitNestedContainer': AgentResponseWaitNestedContainer;
  'mesos.v1.allocator.InverseOfferStatus': AllocatorInverseOfferStatus;
  'mesos.v1.executor.Call': ExecutorCall;
  'mesos.v1.executor.Call.Message': ExecutorCallMessage;
  'mesos.v1.executor.Call.Subscribe': ExecutorCallSubscribe;
  'mesos.v1.executor.Call.Update': ExecutorCallUpdate;
  'mesos.v1.executor.Event': ExecutorEvent;
  'mesos.v1.executor.Event.Acknowledged': ExecutorEventAcknowledged;
  'mesos.v1.executor.Event.Error': ExecutorEventError;
  'mesos.v1.executor.Event.Kill': ExecutorEventKill;
  'mesos.v1.executor.Event.Launch': ExecutorEventLaunch;
  'mesos.v1.executor.Event.LaunchGroup': ExecutorEventLaunchGroup;
  'mesos.v1.executor.Event.Message': ExecutorEventMessage;
  'mesos.v1.executor.Event.Subscribed': ExecutorEventSubscribed;
  'mesos.v1.maintenance.ClusterStatus': MaintenanceClusterStatus;
  'mesos.v1.maintenance.ClusterStatus.DrainingMachine': MaintenanceClusterStatusDrainingMachine;
  'mesos.v1.maintenance.Schedule': MaintenanceSchedule;
  'mesos.v1.maintenance.Window': MaintenanceWindow;
  'mesos.v1.master.Call': MasterCall;
  'mesos.v1.master.Call.CreateVolumes': MasterCallCreateVolumes;
  'mesos.v1.master.Call.DeactivateAgent': MasterCallDeactivateAgent;
  'mesos.v1.master.Call.DestroyVolumes': MasterCallDestroyVolumes;
  'mesos.v1.master.Call.DrainAgent': MasterCallDrainAgent;
  'mesos.v1.master.Call.GetMetrics': MasterCallGetMetrics;
  'mesos.v1.master.Call.GrowVolume': MasterCallGrowVolume;
  'mesos.v1.master.Call.ListFiles': MasterCallListFiles;
  'mesos.v1.master.Call.MarkAgentGone': MasterCallMarkAgentGone;
  'mesos.v1.master.Call.ReactivateAgent': MasterCallReactivateAgent;
  'mesos.v1.master.Call.ReadFile': MasterCallReadFile;
  'mesos.v1.master.Call.RemoveQuota': MasterCallRemoveQuota;
  'mesos.v1.master.Call.ReserveResources': MasterCallReserveResources;
  'mesos.v1.master.Call.SetLoggingLevel': MasterCallSetLoggingLevel;
  'mesos.v1.master.Call.SetQuota': MasterCallSetQuota;
  'mesos.v1.master.Call.ShrinkVolume': MasterCallShrinkVolume;
  'mesos.v1.master.Call.StartMaintenance': MasterCallStartMaintenance;
  'mesos.v1.master.Call.StopMaintenance': MasterCallStopMaintenance;
  'mesos.v1.master.Call.Teardown': MasterCallTeardown;
  'mesos.v1.master.Call.UnreserveResources': MasterCallUnreserveResources;
  'mesos.v1.master.Call.UpdateMaintenanceSchedule': MasterCallUpdateMaintenanceSchedule;
  'mesos.v1.master.Call.UpdateQuota': MasterCallUpdateQuota;
  'mesos.v1.master.Call.UpdateWeights': MasterCallUpdateWeights;
  'mesos.v1.master.Event': MasterEvent;
  'mesos.v1.master.Event.AgentAdded': MasterEventAgentAdded;
  'mesos.v1.master.Event.AgentRemoved': MasterEventAgentRemoved;
  'mesos.v1.master.Event.FrameworkAdded': MasterEventFrameworkAdded;
  'mesos.v1.master.Event.FrameworkRemoved': MasterEventFrameworkRemoved;
  'mesos.v1.master.Event.FrameworkUpdated': MasterEventFrameworkUpdated;
  'mesos.v1.master.Event.Subscribed': MasterEventSubscribed;
  'mesos.v1.master.Event.TaskAdded': MasterEventTaskAdded;
  'mesos.v1.master.Event.TaskUpdated': MasterEventTaskUpdated;
  'mesos.v1.master.Response': MasterResponse;
  'mesos.v1.master.Response.GetAgents': MasterResponseGetAgents;
  'mesos.v1.master.Response.GetAgents.Agent': MasterResponseGetAgentsAgent;
  'mesos.v1.master.Response.GetAgents.Agent.ResourceProvider': MasterResponseGetAgentsAgentResourceProvider;
  'mesos.v1.master.Response.GetExecutors': MasterResponseGetExecutors;
  'mesos.v1.master.Response.GetExecutors.Executor': MasterResponseGetExecutorsExecutor;
  'mesos.v1.master.Response.GetFlags': MasterResponseGetFlags;
  'mesos.v1.master.Response.GetFrameworks': MasterResponseGetFrameworks;
  'mesos.v1.master.Response.GetFrameworks.Framework': MasterResponseGetFrameworksFramework;
  'mesos.v1.master.Response.GetHealth': MasterResponseGetHealth;
  'mesos.v1.master.Response.GetLoggingLevel': MasterResponseGetLoggingLevel;
  'mesos.v1.master.Response.GetMaintenanceSchedule': MasterResponseGetMaintenanceSchedule;
  'mesos.v1.master.Response.GetMaintenanceStatus': MasterResponseGetMaintenanceStatus;
  'mesos.v1.master.Response.GetMaster': MasterResponseGetMaster;
  'mesos.v1.master.Response.GetMetrics': MasterResponseGetMetrics;
  'mesos.v1.master.Response.GetOperations': MasterResponseGetOperations;
  'mesos.v1.master.Response.GetQuota': MasterResponseGetQuota;
  'mesos.v1.master.Response.GetRoles': MasterResponseGetRoles;
  'mesos.v1.master.Response.GetState': MasterResponseGetState;
  'mesos.v1.master.Response.GetTasks': MasterResponseGetTasks;
  'mesos.v1.master.Response.GetVersion': MasterResponseGetVersion;
  'mesos.v1.master.Response.GetWeights': MasterResponseGetWeights;
  'mesos.v1.master.Response.ListFiles': MasterResponseListFiles;
  'mesos.v1.master.Response.ReadFile': MasterResponseReadFile;
  'mesos.v1.quota.QuotaConfig': QuotaConfig;
  'mesos.v1.quota.QuotaInfo': QuotaInfo;
  'mesos.v1.quota.QuotaRequest': QuotaRequest;
  'mesos.v1.quota.QuotaStatus': QuotaStatus;
  'mesos.v1.scheduler.AttributeConstraint': SchedulerAttributeConstraint;
  'mesos.v1.scheduler.AttributeConstraint.Predicate': SchedulerAttributeConstraintPredicate;
  'mesos.v1.scheduler.AttributeConstraint.Predicate.Exists': SchedulerAttributeConstraintPredicateExists;
  'mesos.v1.scheduler.AttributeConstraint.Predicate.NotExists': SchedulerAttributeConstraintPredicateNotExists;
  'mesos.v1.scheduler.AttributeConstraint.Predicate.TextEquals': SchedulerAttributeConstraintPredicateTextEquals;
  'mesos.v1.scheduler.AttributeConstraint.Predicate.TextMatches': SchedulerAttributeConstraintPredicateTextMatches;
  'mesos.v1.scheduler.AttributeConstraint.Predicate.TextNotEquals': SchedulerAttributeConstraintPredicateTextNotEquals;
  'mesos.v1.scheduler.AttributeConstraint.Predicate.TextNotMatches': SchedulerAttributeConstraintPredicateTextNotMatches;
  'mesos.v1.scheduler.AttributeConstraint.Selector': SchedulerAttributeConstraintSelector;
  'mesos.v1.scheduler.Call': SchedulerCall;
  'mesos.v1.scheduler.Call.Accept': SchedulerCallAccept;
  'mesos.v1.scheduler.Call.AcceptInverseOffers': SchedulerCallAcceptInverseOffers;
  'mesos.v1.scheduler.Call.Acknowledge': SchedulerCallAcknowledge;
  'mesos.v1.scheduler.Call.AcknowledgeOperationStatus': SchedulerCallAcknowledgeOperationStatus;
  'mesos.v1.scheduler.Call.Decline': SchedulerCallDecline;
  'mesos.v1.scheduler.Call.DeclineInverseOffers': SchedulerCallDeclineInverseOffers;
  'mesos.v1.scheduler.Call.Kill': SchedulerCallKill;
  'mesos.v1.scheduler.Call.Message': SchedulerCallMessage;
  'mesos.v1.scheduler.Call.Reconcile': SchedulerCallReconcile;
  'mesos.v1.scheduler.Call.Reconcile.Task': SchedulerCallReconcileTask;
  'mesos.v1.scheduler.Call.ReconcileOperations': SchedulerCallReconcileOperations;
  'mesos.v1.scheduler.Call.ReconcileOperations.Operation': SchedulerCallReconcileOperationsOperation;
  'mesos.v1.scheduler.Call.Request': SchedulerCallRequest;
  'mesos.v1.scheduler.Call.Revive': SchedulerCallRevive;
  'mesos.v1.scheduler.Call.Shutdown': SchedulerCallShutdown;
  'mesos.v1.scheduler.Call.Subscribe': SchedulerCallSubscribe;
  'mesos.v1.scheduler.Call.Suppress': SchedulerCallSuppress;
  'mesos.v1.scheduler.Call.UpdateFramework': SchedulerCallUpdateFramework;
  'mesos.v1.scheduler.Event': SchedulerEvent;
  'mesos.v1.scheduler.Event.Error': SchedulerEventError;
  'mesos.v1.scheduler.Event.Failure': SchedulerEventFailure;
  'mesos.v1.scheduler.Event.InverseOffers': SchedulerEventInverseOffers;
  'mesos.v1.scheduler.Event.Message': SchedulerEventMessage;
  'mesos.v1.scheduler.Event.Offers': SchedulerEventOffers;
  'mesos.v1.scheduler.Event.Rescind': SchedulerEventRescind;
  'mesos.v1.scheduler.Event.RescindInverseOffer': SchedulerEventRescindInverseOffer;
  'mesos.v1.scheduler.Event.Subscribed': SchedulerEventSubscribed;
  'mesos.v1.scheduler.Event.Update': SchedulerEventUpdate;
  'mesos.v1.scheduler.Event.UpdateOperationStatus': SchedulerEventUpdateOperationStatus;
  'mesos.v1.scheduler.OfferConstraints': SchedulerOfferConstraints;
  'mesos.v1.scheduler.OfferConstraints.RoleConstraints': SchedulerOfferConstraintsRoleConstraints;
  'mesos.v1.scheduler.OfferConstraints.RoleConstraints.Group': SchedulerOfferConstraintsRoleConstraintsGroup;
  'mesos.v1.scheduler.Response': SchedulerResponse;
  'mesos.v1.scheduler.Response.ReconcileOperations': SchedulerResponseReconcileOperations;
}
