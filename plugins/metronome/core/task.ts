import type { CommandInfo, ContainerInfo, NetworkInfo } from '@mezzo/sdk/api';
import type { Constraint, TaskSpec, Want } from '@mezzo/sdk/framework';
import { isoTime } from './calendar.js';
import type { RunSpec } from './job.js';
import type { Run } from './state.js';

/** What the framework is asked for. Retries are this plugin's own: each is another key. */
export function wantOf(key: string, run: Run): Want {
  const { cpus, mem, disk, gpus, placement, taskKillGracePeriodSeconds: grace } = run.run;
  const constraints = placement.constraints.map(({ attribute, operator, value }): Constraint => [
    attribute,
    operator,
    value,
  ]);
  const container = containerOf(run.run);
  const task: TaskSpec = {
    name: run.jobId,
    command: commandOf(run),
    env: environmentOf(run),
    labels: run.labels,
    resources: { cpus, mem, disk, gpus },
    ...(container && { container }),
    ...(grace !== undefined && { killPolicy: { gracePeriod: { nanoseconds: Math.round(grace * 1e9) } } }),
  };
  return { key, task, ...(constraints.length > 0 && { placement: { constraints } }) };
}

/** What Metronome and Chronos tell a task of itself. */
function environmentOf(run: Run): Record<string, string> {
  const own = Object.entries(run.run.env).filter((each): each is [string, string] => typeof each[1] === 'string');
  const { jobId, id, dueMs, attempt } = run;
  const chronos = run.run.retries && {
    CHRONOS_JOB_NAME: jobId,
    CHRONOS_JOB_RUN_TIME: String(dueMs),
    CHRONOS_JOB_RUN_ATTEMPT: String(attempt - 1),
  };
  const told = { METRONOME_JOB_ID: jobId, METRONOME_RUN_ID: id, METRONOME_RUN_DUE: isoTime(dueMs, 'Z'), ...chronos };
  return { ...told, ...Object.fromEntries(own) };
}

function commandOf({ run, arguments: more }: Run): CommandInfo {
  const { cmd, args, user, artifacts, docker, ucr } = run;
  const common: CommandInfo = {
    ...(user !== undefined && { user }),
    ...(artifacts.length > 0 && { uris: artifacts.map(({ uri, ...flags }) => ({ value: uri, ...flags })) }),
  };
  if (cmd !== undefined) return { ...common, shell: true, value: cmd };
  const list = [...(args ?? []), ...(more === undefined || more === '' ? [] : more.split(/\s+/))];
  // With an image the arguments go to its entry point; without one the first is the program.
  const program = (docker ?? ucr) === undefined ? list[0] : undefined;
  return { ...common, shell: false, ...(program !== undefined && { value: program }), arguments: list };
}

function containerOf(run: RunSpec): ContainerInfo | undefined {
  const { docker, ucr } = run;
  const volumes = run.volumes.map(({ containerPath, hostPath = '', mode = 'RW' }) => ({
    containerPath,
    hostPath,
    mode,
  }));
  const common = volumes.length > 0 ? { volumes } : {};
  if (docker) return { ...common, type: 'DOCKER', ...dockerOf(run, docker) };
  if (ucr === undefined) return volumes.length > 0 ? { ...common, type: 'MESOS' } : undefined;
  const image = { type: 'DOCKER' as const, docker: { name: ucr.image.id }, cached: !ucr.image.forcePull };
  const networks = networksOf(run);
  return { ...common, type: 'MESOS', mesos: { image }, ...(networks.length > 0 && { networkInfos: networks }) };
}

function dockerOf(
  run: RunSpec,
  docker: NonNullable<RunSpec['docker']>,
): Pick<ContainerInfo, 'docker' | 'networkInfos'> {
  const mode = run.networks[0]?.mode;
  const { image, privileged, forcePullImage } = docker;
  const parameters = docker.parameters.map(({ key, value }) => ({ key, value }));
  const network = mode === 'container' ? 'USER' : mode === 'container/bridge' ? 'BRIDGE' : 'HOST';
  return {
    docker: { image, network, privileged, forcePullImage, ...(parameters.length > 0 && { parameters }) },
    ...(mode === 'container' && { networkInfos: networksOf(run) }),
  };
}

const networksOf = ({ networks }: RunSpec): NetworkInfo[] =>
  networks
    .filter(({ mode }) => mode !== 'host')
    .map(({ mode, name, labels }) => ({
      name: name ?? (mode === 'container/bridge' ? 'mesos-bridge' : undefined),
      ...(labels && { labels: { labels: Object.entries(labels).map(([key, value]) => ({ key, value })) } }),
    }));
