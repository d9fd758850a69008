import type { ContainerSpec } from '@mezzo/sdk/points/containerizer';
import type { Facts } from '../core/checkpoint.js';
import { cpuLimitMilli, memLimitMib, type LimitOptions } from '../core/limits.js';
import { enterScript, runScript, type Streams } from '../core/run-script.js';
import { checkSpec, launchFailed } from '../core/spec-check.js';
import type { ForkServer, Answer } from './fork-server.js';
import { prepareSandbox } from './logs.js';
import { isExecutable, type Machine } from './machine.js';
import { parseProcesses, type Processes, type RuntimeDir } from './runtime-dir.js';
import { PipeStreams } from './streams.js';
import { findUser } from './users.js';
import { wipe } from './wipe.js';

export interface LaunchDeps {
  readonly machine: Machine;
  readonly runtime: RuntimeDir;
  readonly server: ForkServer;
  readonly limits: LimitOptions;
  readonly bootId: string;
  readonly launchTimeoutMs: number;
}

/** A container that another one is launched into. */
export interface Host {
  readonly id: string;
  readonly facts: Facts;
  /** A process in the outermost one. */
  readonly rootPid: number;
}

export interface Launched {
  readonly facts: Facts;
  readonly streams: PipeStreams | undefined;
}

/** Starts a container, or rejects and leaves nothing. Resolves when the task's first process is about to become the command. */
export async function launch(deps: LaunchDeps, spec: ContainerSpec, host: Host | undefined): Promise<Launched> {
  checkSpec(spec);
  const runAs = await findUser(spec.command.user);
  const { machine, runtime } = deps;
  const { owner, containerId, sandbox, resources } = spec;
  const key = `${owner}/${containerId}`;
  const root = host && (host.facts.root ?? host.id);
  const paths = spec.streams && (await streamsOf(deps, spec));
  const script = runScript({
    ...spec.command,
    sandbox,
    tools: machine.tools,
    mode: machine.mode,
    cgroups: machine.cgroups?.joinFiles(owner, root ?? containerId) ?? [],
    ...(paths && { streams: paths }),
    ...(runAs !== undefined && { runAs }),
    ...(spec.container?.hostname !== undefined && { hostname: spec.container.hostname }),
  });
  await runtime.create(key, script);
  let sent = false;
  let streams: PipeStreams | undefined;
  try {
    if (paths === undefined) await prepareSandbox(sandbox, runAs);
    if (host === undefined) await machine.cgroups?.create(owner, containerId, resources, deps.limits);
    sent = true;
    const processes = await start(deps, key, host, paths && (() => (streams = new PipeStreams(paths))));
    const memMib = host === undefined ? memLimitMib(resources) : host.facts.memLimitMib;
    const facts: Facts = {
      ...processes,
      owner,
      sandbox,
      bootId: deps.bootId,
      mode: machine.mode,
      cgroups: machine.cgroups?.version ?? 'none',
      cpusLimitMilli: cpuLimitMilli(resources, deps.limits) ?? resources.cpusMilli,
      ...(runAs !== undefined && { runAs }),
      ...(memMib !== undefined && { memLimitMib: memMib }),
      ...(host !== undefined && { parent: host.id, root }),
    };
    return { facts, streams };
  } catch (error) {
    streams?.close();
    await wipe(deps, owner, containerId, sent);
    throw error;
  }
}

/** Where the pipes of a container with streams are. */
async function streamsOf(
  { runtime, machine }: LaunchDeps,
  { owner, containerId, streams }: ContainerSpec,
): Promise<Streams> {
  const path = (name: string) => runtime.path(`${owner}/${containerId}`, name);
  const both = { stdin: path('stdin'), stdout: path('stdout') };
  if (streams?.tty === undefined) return { ...both, stderr: path('stderr') };
  if (!(await isExecutable(machine.tools.script)))
    throw launchFailed(`tty_info needs ${machine.tools.script}, which this machine lacks`, 'operator', {
      next: 'install the tool `script` of util-linux on the agent, or ask for no terminal',
    });
  return { ...both, tty: streams.tty };
}

async function start(
  deps: LaunchDeps,
  key: string,
  host: Host | undefined,
  openStreams: (() => void) | undefined,
): Promise<Processes> {
  const { runtime, machine } = deps;
  const { mode, tools } = machine;
  const kind = mode === 'group' ? 'group' : host === undefined ? 'namespaces' : 'nested';
  if (host !== undefined && mode !== 'group') {
    const shim = ['/bin/sh', runtime.shim, runtime.root, key, 'namespaces'];
    await runtime.createEnter(
      key,
      enterScript({ tools, mode, parentPid: host.facts.main.pid, rootPid: host.rootPid, shim }),
    );
  }
  const [word, ...rest] = await firstAnswer(deps, kind, key, openStreams);
  const processes = word === 'started' ? parseProcesses(rest) : undefined;
  if (processes !== undefined) return processes;
  const complaint = await runtime.complaint(key);
  throw launchFailed([rest.join(' '), complaint].filter(Boolean).join(': '), 'environment', {
    next: 'try `mezzo doctor` on the agent',
  });
}

/** With streams it is settled once the container has its ends of them: what is written before would be lost. */
function firstAnswer(
  { server, launchTimeoutMs }: LaunchDeps,
  kind: string,
  key: string,
  openStreams: (() => void) | undefined,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let started: Answer | undefined;
    const settle = (answer: Answer) => {
      if (answer[0] === 'started' && openStreams !== undefined) {
        started = answer;
        try {
          return openStreams();
        } catch (error) {
          reject(error);
        }
      }
      clearTimeout(timer);
      forget();
      resolve(answer[0] === 'opened' && started !== undefined ? started : answer);
    };
    const timer = setTimeout(() => settle(['failed', `no process within ${launchTimeoutMs} ms`]), launchTimeoutMs);
    const forget = server.send(kind, key, settle);
  });
}
