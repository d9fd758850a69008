import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { ContainerSpec } from '@mezzo/sdk/points/containerizer';
import type { Facts } from '../core/checkpoint.js';
import { cpuLimitMilli, memLimitMib, type LimitOptions } from '../core/limits.js';
import type { Prepared } from '../core/isolation.js';
import {
  enterScript,
  insideScript,
  runScript,
  type RunIsolation,
  type RunScript,
  type Streams,
} from '../core/run-script.js';
import { checkSpec, launchFailed } from '../core/spec-check.js';
import type { ForkServer, Answer } from './fork-server.js';
import type { Isolators } from './isolators.js';
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
  readonly isolators: Isolators;
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
  if (host !== undefined || deps.isolators.isEmpty) return launchWith(deps, spec, host, undefined);
  const prepared = await deps.isolators.prepare(spec);
  try {
    return await launchWith(deps, spec, host, prepared);
  } catch (error) {
    await deps.isolators.cleanUp(prepared.notes, spec.containerId);
    throw error;
  }
}

async function launchWith(
  deps: LaunchDeps,
  spec: ContainerSpec,
  host: Host | undefined,
  prepared: Prepared | undefined,
): Promise<Launched> {
  const runAs = await findUser(spec.command.user);
  const { machine, runtime } = deps;
  const { owner, containerId, sandbox, resources } = spec;
  const key = `${owner}/${containerId}`;
  const root = host && (host.facts.root ?? host.id);
  const paths = spec.streams && (await streamsOf(deps, spec));
  const isolation = prepared && isolationOf(deps, key, prepared);
  const run: RunScript = {
    ...spec.command,
    env: { ...prepared?.env, ...spec.command.env },
    sandbox,
    tools: machine.tools,
    mode: machine.mode,
    cgroups: machine.cgroups?.joinFiles(owner, root ?? containerId) ?? [],
    ...(paths && { streams: paths }),
    ...(isolation && { isolation }),
    ...(runAs !== undefined && { runAs }),
    ...(spec.container?.hostname !== undefined && { hostname: spec.container.hostname }),
  };
  await runtime.create(key, runScript(run));
  let sent = false;
  let streams: PipeStreams | undefined;
  try {
    if (paths === undefined) await prepareSandbox(sandbox, runAs);
    if (host === undefined) await machine.cgroups?.create(owner, containerId, resources, deps.limits);
    const inside = isolation && insideScript(run);
    if (inside !== undefined) await runtime.createEnter(key, inside);
    sent = true;
    const processes = await start(deps, key, host, {
      ...(prepared && isolation && { isolate: (pid) => passGate(deps, containerId, pid, prepared, isolation) }),
      ...(paths && { openStreams: () => (streams = new PipeStreams(paths)) }),
    });
    await runtime.removeScripts(key);
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
      ...(prepared !== undefined && { isolators: prepared.notes }),
    };
    return { facts, streams };
  } catch (error) {
    streams?.close();
    await wipe(deps, owner, containerId, sent);
    throw error;
  }
}

function isolationOf({ machine, runtime }: LaunchDeps, key: string, prepared: Prepared): RunIsolation {
  const { mounts, commands } = prepared;
  const [mount] = mounts;
  if (mount !== undefined && machine.mode !== 'namespaces')
    throw launchFailed(`isolator ${mount.by} mounts over ${mount.target}, which this agent cannot`, 'operator', {
      next: 'run the agent as root, and with namespaces',
    });
  return {
    mounts,
    commands,
    gate: runtime.path(key, 'gate'),
    inside: runtime.path(key, 'enter'),
    keep: [runtime.root],
  };
}

/** The container's first process waits at its gate for this. */
async function passGate(
  { isolators }: LaunchDeps,
  containerId: string,
  pid: number,
  { notes }: Prepared,
  { gate }: RunIsolation,
): Promise<void> {
  await isolators.isolate(notes, containerId, pid);
  const file = await open(gate, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    await file.write('\n');
  } finally {
    await file.close();
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

interface Steps {
  /** While the first process waits for it. */
  readonly isolate?: (pid: number) => Promise<void>;
  readonly openStreams?: () => void;
}

async function start(
  deps: LaunchDeps,
  key: string,
  host: Host | undefined,
  { isolate, openStreams }: Steps,
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
  const answers = new Answers(deps, kind, key);
  try {
    const processes = parseProcesses(await answers.next('started'));
    if (processes === undefined) throw launchFailed('the shim told no process numbers', 'environment');
    if (isolate !== undefined) {
      await isolate(processes.main.pid);
      await answers.next('isolated');
    }
    if (openStreams !== undefined) {
      openStreams();
      // What is written before the container has its ends of them would be lost.
      await answers.next('opened');
    }
    return processes;
  } finally {
    answers.close();
  }
}

/** What is heard of one container while it starts. */
class Answers {
  private readonly heard: Answer[] = [];
  private wake: () => void = () => {};
  private readonly forget: () => void;

  constructor(
    private readonly deps: LaunchDeps,
    kind: string,
    private readonly key: string,
  ) {
    this.forget = deps.server.send(kind, key, (answer) => {
      this.heard.push(answer);
      this.wake();
    });
  }

  /** The rest of the next one. Rejects with CONTAINER_LAUNCH_FAILED if it does not begin with `word`, or does not come in time. */
  async next(word: string): Promise<readonly string[]> {
    const { launchTimeoutMs, runtime } = this.deps;
    if (this.heard.length === 0) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
        timer = setTimeout(resolve, launchTimeoutMs);
      });
      clearTimeout(timer);
    }
    const [said, ...rest] = this.heard.shift() ?? ['failed', `no process within ${launchTimeoutMs} ms`];
    if (said === word) return rest;
    const complaint = await runtime.complaint(this.key);
    throw launchFailed([rest.join(' '), complaint].filter(Boolean).join(': '), 'environment', {
      next: 'try `mezzo doctor` on the agent',
    });
  }

  close(): void {
    this.forget();
  }
}
