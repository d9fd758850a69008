import { MezzoError } from '@mezzo/sdk/contract';
import { roleError, Resources } from '../core/resources/index.js';
import { parseDuration } from '../http/duration.js';
import { masterAccessFlags } from './access-flags.js';
import { storeDriverFlags } from './store-driver.js';
import { tlsFlags } from './tls-flags.js';
import { bool, duration, number, oneOf, port, text, type Flag, type FlagValues } from './flags.js';
import { idleFlags, sharedFlags, zookeeperFlag, type ZookeeperFlag } from './shared-flags.js';
import { modulesFlag } from './modules.js';

const list = (help: string): Flag<readonly string[] | undefined> => ({
  help,
  default: undefined,
  parse: (value) =>
    value
      .split(',')
      .filter((part) => part !== '')
      .map(checkedRole),
  show: (roles) => (roles ?? []).join(','),
});

function checkedRole(role: string): string {
  const error = roleError(role);
  if (error !== undefined) throw new Error(error);
  return role;
}

const weights: Flag<ReadonlyMap<string, number>> = {
  help: 'Weights of roles, as role=weight,role=weight; 1 for all others',
  default: new Map(),
  parse: (value) =>
    new Map(
      value
        .split(',')
        .filter((part) => part !== '')
        .map(oneWeight),
    ),
  show: (map) => [...map].map(([role, weight]) => `${role}=${weight}`).join(','),
};

function oneWeight(part: string): readonly [string, number] {
  const [role, weight, ...more] = part.split('=');
  if (more.length > 0 || !(Number(weight) > 0)) throw new Error(`'${part}' is not role=weight with a positive weight`);
  return [checkedRole(role!), Number(weight)];
}

const removalRate: Flag<{ readonly text: string; readonly intervalMs: number } | undefined> = {
  help: 'How many lost agents are removed in which time, as 1/10mins or 2/3hrs (default: all at once)',
  default: undefined,
  aliases: ['slave_removal_rate_limit'],
  parse: (given) => {
    const [, permits, time] = /^(\d{1,6})\/(.+)$/.exec(given) ?? [];
    if (!(Number(permits) > 0)) throw new Error(`'${given}' is not as 1/10mins`);
    return { text: given, intervalMs: parseDuration(time!) / Number(permits) };
  },
  show: (rate) => rate?.text ?? '',
};

const removalLimit: Flag<number> = {
  help: 'Part of the agents that may be removed for not coming back to a new master; with more it ends instead',
  default: 1,
  aliases: ['recovery_slave_removal_limit'],
  parse: (given) => {
    const [, percent] = /^(\d{1,3}(?:\.\d+)?)%$/.exec(given) ?? [];
    if (!(Number(percent) <= 100)) throw new Error(`'${given}' is not a percentage, as 50%`);
    return Number(percent) / 100;
  },
  show: (part) => `${part * 100}%`,
};

const whitelist: Flag<string | undefined> = {
  help: 'File with the names of the hosts whose agents are offered, one a line; looked at again when it changes. * = all',
  default: undefined,
  parse: (given, file) => {
    if (file !== '') return file;
    if (given !== '*' && !given.startsWith('/')) throw new Error(`'${given}' is neither * nor the path of a file`);
    return given === '*' ? undefined : given;
  },
  show: (file) => file ?? '*',
};

const minAllocatable: Flag<readonly string[]> = {
  help: 'An offer holds at least all of one of these sets of resources, separated by |',
  default: ['cpus:0.01', 'mem:32'],
  parse: (value) => value.split('|').map((set) => (Resources.parse(set), set)),
  show: (sets) => sets.join('|'),
};

const names: Flag<readonly string[]> = {
  help: 'Names of resources that do not count for fairness, separated by commas',
  default: [],
  parse: (value) => value.split(',').filter((part) => part !== ''),
  show: (list) => list.join(','),
};

const sorter = (help: string): Flag<'drf' | 'random'> => ({
  help: `${help}: drf = who has the smallest share, random = by chance, as often as their weights say`,
  default: 'drf',
  parse: (given) => {
    if (given !== 'drf' && given !== 'random') throw new Error(`'${given}' is no sorter, only drf and random`);
    return given;
  },
  show: (name) => name,
});

/** Shares of roles, and of frameworks in them, decide. */
export const HIERARCHICAL = 'hierarchical';

const allocator: Flag<string> = {
  help: 'Who is offered what: hierarchical (by shares), or a policy that a plugin brings. All masters need the same',
  default: HIERARCHICAL,
  parse: (given) => {
    if (given === 'HierarchicalDRF') return HIERARCHICAL;
    if (/^[a-z\d]+(-[a-z\d]+)*$/.test(given)) return given;
    throw new Error(`'${given}' is neither ${HIERARCHICAL} nor the name of a plugin's policy, as in 'first-come'`);
  },
  show: (name) => name,
};

export const idleMasterFlags = idleFlags(
  [
    ...['authenticators', 'initialize_driver_logging', 'logbufsecs', 'offer_constraints_re2_max_mem'],
    ...['offer_constraints_re2_max_program_size', 'quorum', 'registry_fetch_timeout', 'registry_store_timeout'],
    'webui_dir',
  ],
  ['log_auto_initialize', 'memory_profiling', 'registry_strict'],
);

/** The flags of `mezzo master`, named as the field names them. */
const own = {
  help: bool('Show this help', false),
  version: bool('Show the version', false),
  config: text('YAML file with flags, one `flag: value` per line', undefined),
  ip: text('Address to listen on', '127.0.0.1'),
  port: port('Port to listen on; 0 = any that is free', 5050),
  advertise_ip: text('Address that others reach this master at (default: the one it listens on)', undefined),
  advertise_port: number('Port that others reach this master at (default: the one it listens on)', 0, 0, 65535),
  hostname: text('Name that others reach this master at (default: looked up)', undefined),
  hostname_lookup: bool("Use this machine's name when --hostname is not given; else the address", true),
  zk: {
    help: 'Where masters elect their leader and keep what must not be lost: zk://[user:password@]host:port[,host:port]/path, or file://PATH of it (default: one master, which leads)',
    default: undefined,
    parse: zookeeperFlag,
    show: (address) => address?.text ?? '',
  } satisfies Flag<ZookeeperFlag | undefined> as Flag<ZookeeperFlag | undefined>,
  work_dir: text('Directory of the registry, and of all else that is kept', undefined),
  cluster: text('Name of the cluster, for people', undefined),
  offer_timeout: duration('Offers that nobody answered are rescinded after this time (default: never)', undefined),
  agent_ping_timeout: duration('Time between pings to an agent', '15secs', { aliases: ['slave_ping_timeout'] }),
  max_agent_ping_timeouts: number('Pings in a row without answer that make an agent unreachable', 5, 1, 1_000_000, {
    aliases: ['max_slave_ping_timeouts'],
  }),
  agent_reregister_timeout: duration('Time that a disconnected agent has to come back', '10mins', {
    aliases: ['slave_reregister_timeout'],
  }),
  roles: list('The only roles that may be used (default: any)'),
  weights,
  allocator_agent_recovery_factor: number(
    'Where roles have quota, a new master offers nothing until this part of the agents is back',
    0.8,
    0,
    1,
  ),
  allocator_recovery_timeout: duration('Or so long after it started', '10mins'),
  allocation_interval: duration(
    'Resources that a framework refused stay hidden from it for at least this time',
    '100ms',
  ),
  batch_allocation: bool('Offer again what is returned each --allocation-interval, as Mesos does, not at once', false),
  allocator,
  role_sorter: sorter('Which roles come first'),
  framework_sorter: sorter('Which frameworks of a role come first'),
  fair_sharing_excluded_resource_names: names,
  whitelist,
  min_allocatable_resources: minAllocatable,
  place_requests: bool('Offer frameworks at once what they ask for by REQUEST, of what nobody else wants', false),
  preemption: bool(
    'For requests that fit nowhere, tasks of roles of lower priority give way; with place_requests',
    false,
  ),
  nested_quota: bool('Roles below others may have quota too, within that of those above', false),
  filter_gpu_resources: bool('Hide agents with GPUs from frameworks without GPU_RESOURCES', true),
  root_submissions: bool('Frameworks may run as root', true),
  max_completed_frameworks: number('Removed frameworks to remember', 50, 0, 1_000_000),
  max_completed_tasks_per_framework: number('Ended tasks of each framework to remember', 1000, 0, 1_000_000),
  max_unreachable_tasks_per_framework: number('Unreachable tasks of each framework to remember', 1000, 0, 1_000_000),
  max_operator_event_stream_subscribers: number('Operator event streams at a time', 1000, 1, 100_000),
  logging_level: oneOf('Least severe log lines to write', 'INFO', 'DEBUG', 'INFO', 'WARNING', 'ERROR'),
  log_dir: text('Directory to write the log to as well', undefined),
  external_log_file: text('File that something else writes our log to: shown by /files', undefined),
  quiet: bool('No log on stdout', false),
  registry: oneOf(
    'Where agents, frameworks and all else that outlives a master is kept: with --zk there, else in work_dir; or nowhere',
    'replicated_log',
    'replicated_log',
    'in_memory',
  ),
  ...storeDriverFlags,
  registry_gc_interval: duration('Time between looks for unreachable and gone agents to forget', '15mins'),
  registry_max_agent_age: duration('How long unreachable and gone agents are remembered', '2weeks'),
  registry_max_agent_count: number('How many unreachable, and how many gone agents are remembered', 102_400, 1, 1e7),
  agent_removal_rate_limit: removalRate,
  recovery_agent_removal_limit: removalLimit,
  record: text('File that all this master is told is written to, for `mezzo replay`: secrets of tasks too', undefined),
  record_size: number('MiB that FILE and FILE.1 may take together: what is older is lost', 1024, 1, 1_000_000),
  publish_per_framework_metrics: bool('Metrics of each framework too', true),
  require_agent_domain: bool('Agents without --domain are not let in', false),
  ...sharedFlags,
  secrets_dir: text("Directory of the cluster's key (default: secrets in the work directory)", undefined),
  port_offset: number('What `mezzo up` added to all ports: plugins are told', 0, 0, 60_000),
  plugins_registry: text('Directory of plugin packages', undefined),
  plugin_config: text('JSON file with the configuration of plugins, by id', undefined),
  cluster_id: text('Id of the cluster, which plugins are told', undefined),
  ...masterAccessFlags,
  ...tlsFlags,
  // An environment that master and agents share may name it.
  modules: { ...modulesFlag, help: `${modulesFlag.help}; of no effect on a master` },
  insecure: bool('Serve addresses other than loopback, without TLS and credentials', false),
};

export const masterFlags = { ...idleMasterFlags, ...own } as typeof own;
export type MasterFlags = FlagValues<typeof own>;

/** Flags of the field that operators may try, and that nothing answers to. */
export const unsupportedMasterFlags: readonly string[] = [
  ...['hooks', 'master_contender', 'master_detector', 'modules_dir'],
];

export function requireFlag<T>(name: string, value: T | undefined): T {
  if (value !== undefined) return value;
  throw new MezzoError('INVALID_FLAG', `flag --${name} is required`, {
    blame: 'operator',
    next: `give --${name}=VALUE, or set MEZZO_${name.toUpperCase()}`,
  });
}
