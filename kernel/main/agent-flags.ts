import type { Attribute, Resource } from '@mezzo/sdk/api';
import { parseMessage, stringifyJson } from '@mezzo/sdk/api';
import { printNamedValues } from '@mezzo/sdk/contract';
import { parseAttributes, Resources } from '../core/resources/index.js';
import { agentAccessFlags } from './access-flags.js';
import { FIXED_ESTIMATOR, LOAD_CONTROLLER } from '../shell/agent/oversubscription.js';
import { isZookeeperUrl } from '../shell/zookeeper/address.js';
import { modulesFlag } from './modules.js';
import { tlsFlags } from './tls-flags.js';
import { bool, duration, number, oneOf, port, text, type Flag, type FlagValues } from './flags.js';
import { idleFlags, sharedFlags, zookeeperFlag, type ZookeeperFlag } from './shared-flags.js';

const optional = <T>(flag: Flag<T>): Flag<T | undefined> => ({ ...flag, default: undefined }) as Flag<T | undefined>;

/** Text such as `cpus:4;mem:1024;ports:[31000-32000]`, or JSON: a list of Resource messages. */
const resources: Flag<readonly Resource[] | undefined> = {
  help: 'What to offer, as cpus:4;mem:1024;ports:[31000-32000] or JSON; what is not named is detected',
  default: undefined,
  parse: (given) => {
    if (!given.trim().startsWith('[')) return Resources.parse(given).toMessages();
    const list = JSON.parse(given) as unknown[];
    return Resources.of(list.map((one) => parseMessage('mesos.v1.Resource', one))).toMessages();
  },
  show: (list) => Resources.of(list ?? []).toString(),
};

const attributes: Flag<readonly Attribute[]> = {
  help: 'What frameworks may choose this agent by, as rack:r1;level:3',
  default: [],
  parse: (given) => parseAttributes(given),
  show: (list) => printNamedValues(list.map((one) => ({ name: one.name, value: valueOf(one) }))),
};

function valueOf({ type, scalar, text: words, ranges, set }: Attribute) {
  if (type === 'SCALAR') return { type, milli: Math.round((scalar?.value ?? 0) * 1000) };
  if (type === 'TEXT') return { type, text: words?.value ?? '' };
  if (type === 'SET') return { type, set: set?.item ?? [] };
  return { type, ranges: (ranges?.range ?? []).flatMap(({ begin, end }) => [Number(begin), Number(end)]) };
}

const environment: Flag<Readonly<Record<string, string>>> = {
  help: 'JSON object of variables that every task and executor gets',
  default: {},
  secret: true,
  parse: (given) => {
    const value: unknown = JSON.parse(given);
    if (typeof value !== 'object' || value === null || Object.values(value).some((v) => typeof v !== 'string'))
      throw new Error('it is no JSON object of texts');
    return value as Record<string, string>;
  },
  show: (value) => stringifyJson(value),
};

export const idleAgentFlags = idleFlags(
  [
    ...['runtime_dir', 'isolation', 'launcher', 'launcher_dir', 'host_path_volume_force_creation'],
    ...['image_providers', 'image_provisioner_backend', 'image_gc_config', 'appc_simple_discovery_uri_prefix'],
    ...['appc_store_dir', 'docker', 'docker_registry', 'docker_config', 'docker_store_dir', 'docker_remove_delay'],
    ...['docker_socket', 'docker_mesos_image', 'docker_stop_timeout', 'docker_volume_checkpoint_dir'],
    ...['default_container_dns', 'default_container_info', 'default_shm_size', 'effective_capabilities'],
    ...['bounding_capabilities', 'fetcher_cache_size', 'fetcher_cache_dir', 'fetcher_cache_file_permissions'],
    ...['frameworks_home', 'hadoop_home', 'cgroups_root', 'cgroups_hierarchy', 'cgroups_destroy_timeout'],
    ...['cgroups_net_cls_primary_handle', 'cgroups_net_cls_secondary_handles', 'allowed_devices'],
    ...['container_disk_watch_interval', 'network_cni_config_dir', 'network_cni_plugins_dir', 'sandbox_directory'],
    ...['credential', 'authenticatee', 'executor_reregistration_retry_interval', 'container_ports_watch_interval'],
    ...['authentication_backoff_factor', 'authentication_timeout_min', 'authentication_timeout_max'],
    ...['http_heartbeat_interval', 'container_logger', 'nvidia_gpu_devices', 'seccomp_config_dir'],
    ...['seccomp_profile_name', 'logbufsecs', 'perf_duration', 'master_detector'],
    ...['perf_events', 'perf_interval', 'systemd_runtime_directory'],
    ...['reconfiguration_policy', 'disk_profile_adaptor', 'resource_provider_config_dir', 'csi_plugin_config_dir'],
    ...['xfs_project_range', 'domain_socket_location', 'volume_gid_range'],
    ...['ephemeral_ports_per_container', 'eth0_name', 'lo_name', 'egress_rate_limit_per_container'],
    ...['ingress_rate_limit_per_container', 'container_ports_isolated_range', 'network_link_speed'],
  ],
  [
    ...['cgroups_enable_cfs', 'cgroups_limit_swap', 'cgroups_cpu_enable_pids_and_tids_count'],
    ...['enforce_container_disk_quota', 'docker_kill_orphans', 'docker_ignore_runtime', 'docker_volume_chown'],
    ...['http_executor_domain_sockets', 'http_command_executor', 'systemd_enable_support', 'xfs_kill_containers'],
    ...['revocable_cpu_low_priority', 'initialize_driver_logging', 'memory_profiling', 'network_cni_metrics'],
    ...['network_cni_root_dir_persist', 'disallow_sharing_agent_pid_namespace', 'enforce_container_ports'],
    ...[
      'disallow_sharing_agent_ipc_namespace',
      'gc_non_executor_container_sandboxes',
      'egress_unique_flow_per_container',
    ],
    ...['network_enable_socket_statistics_summary', 'network_enable_socket_statistics_details'],
    ...['network_enable_snmp_statistics', 'check_agent_port_range_only'],
  ],
  // Their values may be file://, and come as what is in the file.
  new Set(['credential', 'docker_config']),
);

/** host:port, or where it is found who leads. */
const master: Flag<string | ZookeeperFlag | undefined> = {
  help: 'host:port of a master, or zk://[user:password@]host:port[,host:port]/path, or file://PATH of either',
  default: undefined,
  parse: (given) => (isZookeeperUrl(given) ? zookeeperFlag(given) : hostPort(given)),
  show: (address) => (typeof address === 'object' ? address.text : (address ?? '')),
};

function hostPort(given: string): string {
  const address = given.replace(/^https?:\/\//, '').replace(/\/$/, '');
  if (!/^(\[[0-9a-fA-F:.]+\]|[\w.-]+):\d{1,5}$/.test(address)) throw new Error(`'${given}' is not host:port`);
  return address;
}

/** The flags of `mezzo agent`, named as the field names them. */
const own = {
  help: bool('Show this help', false),
  version: bool('Show the version', false),
  config: text('YAML file with flags, one `flag: value` per line', undefined),
  master,
  work_dir: text('Directory of checkpoints and sandboxes', undefined),
  ip: text('Address to listen on', '127.0.0.1'),
  port: optional(port('Port to listen on; 0 = any that is free (default: 5051)', 5051)),
  advertise_ip: text(
    'Address that others reach this agent and its tasks at (default: the one it listens on)',
    undefined,
  ),
  advertise_port: optional(port('Port that others reach this agent at (default: the one it listens on)', 0)),
  hostname: text('Name that others reach this agent and its tasks at', undefined),
  hostname_lookup: bool("Use this machine's name when --hostname is not given; else the address", true),
  ...sharedFlags,
  resources,
  attributes,
  default_role: text('Role that resources are reserved for which --resources names no role for', '*'),
  containerizers: text('Names of those to use, separated by commas (default: all that plugins bring)', undefined),
  executor_registration_timeout: duration('Time that a new executor has to subscribe', '1mins'),
  // In Mesos 2secs, which is also how long executors may wait before they try: half of them lose that race.
  executor_reregistration_timeout: duration('Time that executors have to subscribe again after a restart', '5secs'),
  executor_shutdown_grace_period: duration('Time between asking an executor to end and ending it', '5secs'),
  executor_environment_variables: environment,
  recover: oneOf('After a restart: take running tasks back, or end them and exit', 'reconnect', 'reconnect', 'cleanup'),
  strict: bool('Do not start when nothing here can take back the containers of the last life', true),
  recovery_timeout: duration('Time that executors wait for an agent that is away', '15mins'),
  registration_backoff_factor: duration('First wait between attempts to register; doubles up to 1mins', '1secs'),
  gc_delay: duration('How long the sandboxes of ended tasks are kept, at most', '1weeks'),
  gc_disk_headroom: number('Part of the disk that is kept free by removing sandboxes earlier', 0.1, 0, 1),
  disk_watch_interval: duration('Time between looks at the disk', '1mins'),
  resource_estimator: text(
    'Who says what can be offered on top of what there is, to those who know that it may be taken away: ' +
      `${FIXED_ESTIMATOR}, or one that a plugin brings`,
    undefined,
  ),
  oversubscribed_resources_interval: duration('Time between two questions to the resource estimator', '15secs'),
  qos_controller: text(`Who ends tasks on such resources: ${LOAD_CONTROLLER}, or one that a plugin brings`, undefined),
  qos_correction_interval_min: duration('Shortest time between two questions to it; at least 1secs', '0secs'),
  secret_resolver: text('Who has the values of secrets that tasks name: one that a plugin brings', undefined),
  modules: modulesFlag,
  fetcher_stall_timeout: duration('A download that brings nothing for so long is given up', '1mins'),
  fetcher_max_size: number('Largest download and unpacked archive, in MiB', 10_240, 1, 10_000_000),
  max_completed_executors_per_framework: number('Ended executors of each framework to remember', 150, 0, 1_000_000),
  switch_user: bool('Run tasks as the user they name (needs root)', true),
  logging_level: oneOf('Least severe log lines to write', 'INFO', 'DEBUG', 'INFO', 'WARNING', 'ERROR'),
  log_dir: text('Directory to write the log to as well', undefined),
  external_log_file: text('File that something else writes our log to: shown by /files', undefined),
  quiet: bool('No log on stdout', false),
  join_token_file: text('Token that admits this agent (default: join.token in the work directory)', undefined),
  public: bool('Reserve everything for slave_public and set the attribute public_ip:true', false),
  owner: text(
    'Short name of this agent in the names of containers and cgroups (default: made from work_dir)',
    undefined,
  ),
  port_offset: number('Added to the default port and to the detected task ports', 0, 0, 30_000),
  secrets_dir: text("Directory of the cluster's key, for plugins (default: secrets in the work directory)", undefined),
  plugins_registry: text('Directory of plugin packages', undefined),
  plugin_config: text('JSON file with the configuration of plugins, by id', undefined),
  cluster_id: text('Id of the cluster, which plugins are told', undefined),
  ...agentAccessFlags,
  ...tlsFlags,
  insecure: bool('Serve addresses other than loopback, without TLS and credentials', false),
};

export const agentFlags = { ...idleAgentFlags, ...own } as typeof own;
export type AgentFlags = FlagValues<typeof own>;

/** Flags of the field whose code would not be loaded: refused, rather than run without what it stands for. */
export const unsupportedAgentFlags: readonly string[] = ['hooks', 'modules_dir'];
