import type { CommandInfo, ContainerInfo, FrameworkInfo, Labels, Resource, TaskInfo, TTYInfo } from '@mezzo/sdk/api';
import { isTerminal, toMilli } from '@mezzo/sdk/contract';
import type { ContainerCommand, ContainerResources, ContainerSpec } from '@mezzo/sdk/points/containerizer';
import { Resources } from '../resources/index.js';
import { frameworkOf } from './books.js';
import type { AgentState, Container, Run } from './state.js';
import type { PersistentVolume } from './effects.js';
import { volumesOf } from './operations.js';
import { isElsewhere, secretText } from './secrets.js';

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export const containerizerFor = (container: ContainerInfo | undefined): string =>
  container?.type === 'DOCKER' ? 'docker' : 'mesos';

/** Holds the namespaces and cgroups of a pod. The container ends when nothing is left to run in it. */
const POD_COMMAND: CommandInfo = { value: 'exec sleep 2147483647' };

/** The container of a run: what its executor, or its one task, asks for. */
export function specOf(state: AgentState, run: Run): ContainerSpec {
  if (run.kind === 'default') return podSpec(state, run);
  const task = run.kind === 'command' ? [...run.tasks.values()][0]?.info : undefined;
  const container = task === undefined ? run.info.container : task.container;
  const labels = task === undefined ? run.info.labels : task.labels;
  return {
    containerId: run.containerId,
    owner: state.config.owner,
    command: commandOf(state, run, (task ?? run.info).command ?? {}),
    ...(container && { container: withVolumes(state, run, container) }),
    resources: task === undefined ? executorResources(run) : taskResources(task),
    sandbox: run.directory,
    ...(labels?.labels && { labels: labelsOf(labels) }),
  };
}

function podSpec(state: AgentState, run: Run): ContainerSpec {
  const { containerId, directory, info } = run;
  return {
    ...{ containerId, owner: state.config.owner, sandbox: directory },
    command: commandOf(state, run, POD_COMMAND),
    ...(info.container && { container: info.container }),
    resources: podResources(run),
  };
}

/** All that runs in a pod is bounded together: by what its executor and its live tasks were given. */
export function podResources({ info, tasks }: Run): ContainerResources {
  const live = [...tasks.values()].filter((task) => !isTerminal(task.state));
  return amounts([...(info.resources ?? []), ...live.flatMap((task) => task.info.resources ?? [])]);
}

/** The container of a task in a pod. */
export function innerSpec(state: AgentState, run: Run, task: TaskInfo, inner: Container): ContainerSpec {
  const { containerId, directory } = inner;
  return {
    ...{ containerId, parent: run.containerId, owner: state.config.owner, sandbox: directory },
    command: commandOf(state, run, task.command ?? {}, undefined, podEnvironment(state, run, task, directory)),
    ...(task.container && { container: task.container }),
    resources: amounts(task.resources ?? []),
    ...(task.labels?.labels && { labels: labelsOf(task.labels) }),
  };
}

/** The container that somebody asked for over the API. A session is one more shell of what it is in: it sees what that sees. */
export function askedSpec(state: AgentState, container: Container): ContainerSpec {
  const { containerId, containerizer, parent, directory, ask, session } = container;
  const { command = {}, container: info, resources = [], limits } = ask ?? {};
  const user = askedUser(state, container);
  const env = session ? environmentIn(state, parent) : { PATH };
  return {
    ...{ containerId, owner: state.config.owner, sandbox: directory },
    ...(parent !== undefined && { parent }),
    command: {
      shell: command.shell !== false,
      argv: argvOf(containerizer, command),
      env: { ...env, ...environmentOf(command) },
      ...(user !== undefined && { user }),
    },
    ...(info && { container: info }),
    resources: { ...amounts(resources), limits: limitsOf(limits) },
    ...(session && { streams: streamsOf(info?.ttyInfo) }),
  };
}

function streamsOf(tty: TTYInfo | undefined): NonNullable<ContainerSpec['streams']> {
  const { rows = 24, columns = 80 } = tty?.windowSize ?? {};
  return tty === undefined ? {} : { tty: { rows, columns } };
}

/** Whom it runs as: whom it says, else whom the container that it is in runs as. */
export function askedUser(state: AgentState, { ask, parent }: Container): string | undefined {
  const { switchUser, user: own } = state.config;
  const wanted = ask?.command.user;
  if (wanted !== undefined) return switchUser && wanted !== own ? wanted : undefined;
  const container = state.containers.get(parent ?? '');
  if (container?.ask !== undefined) return askedUser(state, container);
  const run = state.runs.get(container?.run ?? parent ?? '');
  const task = container?.taskId ?? [...(run?.tasks.keys() ?? [])][0] ?? '';
  const command = run?.kind === 'custom' ? run.info.command : run?.tasks.get(task)?.info.command;
  return run && userOf(state, frameworkOf(state, run).info, command?.user);
}

/** What is in the environment of what runs in a container. */
function environmentIn(state: AgentState, parent: string | undefined): Readonly<Record<string, string>> {
  const container = state.containers.get(parent ?? '');
  if (container?.ask !== undefined) return askedSpec(state, container).command.env;
  const run = state.runs.get(container?.run ?? parent ?? '');
  const task = run?.tasks.get(container?.taskId ?? '');
  if (run === undefined) return {};
  return container && task ? innerSpec(state, run, task.info, container).command.env : specOf(state, run).command.env;
}

export const podEnvironment = (
  { config }: AgentState,
  { network }: Run,
  { resources }: TaskInfo,
  directory: string,
): Record<string, string> => ({
  MESOS_DIRECTORY: directory,
  MESOS_CONTAINER_IP: network?.ipAddresses[0] ?? config.ip,
  MESOS_ALLOCATION_ROLE: resources?.find((r) => r.allocationInfo?.role !== undefined)?.allocationInfo?.role ?? '*',
});

const labelsOf = ({ labels }: Labels): Record<string, string> =>
  Object.fromEntries((labels ?? []).map((label) => [label.key, label.value ?? '']));

/** Persistent volumes of what the run began with; of tasks that a running executor is given later nothing can be mounted. */
export const volumesOfRun = (state: AgentState, run: Run): PersistentVolume[] =>
  volumesOf(
    state.config,
    Resources.of([...(run.kind === 'custom' ? (run.info.resources ?? []) : []), ...tasksResources(run)]),
  );

const tasksResources = (run: Run): Resource[] => [...run.tasks.values()].flatMap((task) => task.info.resources ?? []);

function withVolumes(state: AgentState, run: Run, container: ContainerInfo): ContainerInfo {
  const volumes = run.containerizer === 'docker' ? volumesOfRun(state, run) : [];
  if (volumes.length === 0) return container;
  const mounts = volumes.map(({ directory, containerPath, readOnly }) => ({
    hostPath: directory,
    containerPath,
    mode: readOnly ? ('RO' as const) : ('RW' as const),
  }));
  return { ...container, volumes: [...(container.volumes ?? []), ...mounts] };
}

/** The command with its whole environment: the agent's, `more`, then `base`'s (the task's, for a check inside it), then its own. */
export function commandOf(
  state: AgentState,
  run: Run,
  command: CommandInfo,
  base?: CommandInfo,
  more: Record<string, string> = {},
): ContainerCommand {
  const user = userOf(state, frameworkOf(state, run).info, base?.user ?? command.user);
  return {
    shell: command.shell !== false,
    argv: argvOf(run.containerizer, command),
    env: { ...agentEnvironment(state, run), ...more, ...environmentOf(base), ...environmentOf(command) },
    ...(user !== undefined && { user }),
  };
}

/** Whom to run as; undefined = the agent's own user, the only one an unprivileged agent has. */
export function userOf(state: AgentState, framework: FrameworkInfo, wanted: string | undefined): string | undefined {
  const user = wanted ?? framework.user;
  return state.config.switchUser && user !== '' && user !== state.config.user ? user : undefined;
}

/** In the Mesos containerizer `arguments` starts with the name of the program; Docker takes all of it as arguments. */
function argvOf(containerizer: string, { shell, value, arguments: args = [] }: CommandInfo): string[] {
  if (shell !== false || value === undefined) return shell !== false ? [value ?? ''] : args;
  return [value, ...(containerizer === 'docker' ? args : args.slice(1))];
}

const environmentOf = (command: CommandInfo | undefined): Record<string, string> =>
  Object.fromEntries(
    (command?.environment?.variables ?? [])
      .filter((variable) => !isElsewhere(variable))
      .map((variable) => [variable.name, variable.value ?? secretText(variable) ?? '']),
  );

/** Variables of the executor API. An image brings a PATH of its own. */
function agentEnvironment(state: AgentState, run: Run): Record<string, string> {
  const { config } = state;
  const framework = frameworkOf(state, run).info;
  const container = run.kind === 'command' ? [...run.tasks.values()][0]?.info.container : run.info.container;
  const hasImage = container?.docker !== undefined || container?.mesos?.image !== undefined;
  const graceMs = durationMs(run.info.shutdownGracePeriod) ?? config.executorShutdownGraceMs;
  return {
    ...(hasImage ? {} : { PATH }),
    LIBPROCESS_IP: config.ip,
    LIBPROCESS_PORT: '0',
    ...config.executorEnvironment,
    MESOS_FRAMEWORK_ID: run.frameworkId,
    MESOS_EXECUTOR_ID: run.executorId,
    MESOS_DIRECTORY: run.directory,
    MESOS_SLAVE_ID: state.agentId ?? '',
    MESOS_SLAVE_PID: `slave(1)@${config.ip}:${config.port}`,
    MESOS_AGENT_ENDPOINT: `${config.ip}:${config.port}`,
    MESOS_CHECKPOINT: framework.checkpoint ? '1' : '0',
    MESOS_HTTP_COMMAND_EXECUTOR: '0',
    MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD: durationText(graceMs),
    ...(framework.checkpoint && {
      MESOS_RECOVERY_TIMEOUT: durationText(config.recoveryTimeoutMs),
      MESOS_SUBSCRIPTION_BACKOFF_MAX: durationText(config.executorReregistrationTimeoutMs),
    }),
  };
}

/** Milliseconds of a DurationInfo. */
export const durationMs = (duration: { nanoseconds: number | bigint } | undefined): number | undefined =>
  duration && Math.max(0, Math.round(Number(duration.nanoseconds) / 1e6));

function durationText(ms: number): string {
  if (ms > 0 && ms % 60_000 === 0) return `${ms / 60_000}mins`;
  return ms % 1000 === 0 ? `${ms / 1000}secs` : `${ms}ms`;
}

const taskResources = ({ resources, limits }: TaskInfo): ContainerResources => ({
  ...amounts(resources ?? []),
  limits: limitsOf(limits),
});

function limitsOf(limits: TaskInfo['limits']): NonNullable<ContainerResources['limits']> {
  const cpus = limits?.cpus?.value;
  const mem = limits?.mem?.value;
  return {
    ...(cpus !== undefined && { cpusMilli: Number.isFinite(cpus) ? toMilli(cpus) : ('unlimited' as const) }),
    ...(mem !== undefined && { memMib: Number.isFinite(mem) ? mem : ('unlimited' as const) }),
  };
}

/** An executor may be given further tasks later, and a container cannot grow: its share grows, its memory is not bounded. */
function executorResources(run: Run): ContainerResources {
  return {
    ...amounts([...(run.info.resources ?? []), ...tasksResources(run)]),
    limits: { cpusMilli: 'unlimited', memMib: 'unlimited' },
  };
}

function amounts(resources: readonly Resource[]): ContainerResources {
  const milli = (name: string, from = resources) =>
    from.reduce((sum, r) => sum + (r.name === name ? toMilli(r.scalar?.value ?? 0) : 0), 0);
  const revocable = resources.filter((r) => r.revocable);
  const disk = milli('disk') / 1000;
  const gpus = milli('gpus') / 1000;
  return {
    cpusMilli: milli('cpus'),
    ...(revocable.length > 0 && { revocableCpusMilli: milli('cpus', revocable) }),
    memMib: milli('mem') / 1000,
    ...(disk > 0 && { diskMib: disk }),
    ...(gpus > 0 && { gpus }),
  };
}
