import type { ContainerSpec } from '@mezzo/sdk/points/containerizer';
import type { Facts } from '../core/checkpoint.js';
import { cpuLimitMilli, memLimitMib, type LimitOptions } from '../core/limits.js';
import { enterScript, runScript } from '../core/run-script.js';
import { checkSpec, launchFailed } from '../core/spec-check.js';
import type { ForkServer, Answer } from './fork-server.js';
import { prepareSandbox } from './logs.js';
import type { Machine } from './machine.js';
import { parseProcesses, type Processes, type RuntimeDir } from './runtime-dir.js';
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

/** Starts a container, or rejects and leaves nothing. Resolves when the task's first process is about to become the command. */
export async function launch(deps: LaunchDeps, spec: ContainerSpec, host: Host | undefined): Promise<Facts> {
  checkSpec(spec);
  const runAs = await findUser(spec.command.user);
  const { machine, runtime } = deps;
  const { owner, containerId, sandbox, resources } = spec;
  const key = `${owner}/${containerId}`;
  const root = host && (host.facts.root ?? host.id);
  const script = runScript({
    ...spec.command,
    sandbox,
    tools: machine.tools,
    mode: machine.mode,
    cgroups: machine.cgroups?.joinFiles(owner, root ?? containerId) ?? [],
    ...(runAs !== undefined && { runAs }),
    ...(spec.container?.hostname !== undefined && { hostname: spec.container.hostname }),
  });
  await runtime.create(key, script);
  let sent = false;
  try {
    await prepareSandbox(sandbox, runAs);
    if (host === undefined) await machine.cgroups?.create(owner, containerId, resources, deps.limits);
    sent = true;
    const processes = await start(deps, key, host);
    const memMib = host === undefined ? memLimitMib(resources) : host.facts.memLimitMib;
    return {
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
  } catch (error) {
    await wipe(deps, owner, containerId, sent);
    throw error;
  }
}

async function start(deps: LaunchDeps, key: string, host: Host | undefined): Promise<Processes> {
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
  const [word, ...rest] = await firstAnswer(deps, kind, key);
  const processes = word === 'started' ? parseProcesses(rest) : undefined;
  if (processes !== undefined) return processes;
  const complaint = await runtime.complaint(key);
  throw launchFailed([rest.join(' '), complaint].filter(Boolean).join(': '), 'environment', {
    next: 'try `mezzo doctor` on the agent',
  });
}

function firstAnswer({ server, launchTimeoutMs }: LaunchDeps, kind: string, key: string): Promise<Answer> {
  return new Promise((resolve) => {
    const settle = (answer: Answer) => {
      clearTimeout(timer);
      forget();
      resolve(answer);
    };
    const timer = setTimeout(() => settle(['failed', `no process within ${launchTimeoutMs} ms`]), launchTimeoutMs);
    const forget = server.send(kind, key, settle);
  });
}
