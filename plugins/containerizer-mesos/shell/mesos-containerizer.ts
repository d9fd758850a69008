import { readFile, readlink } from 'node:fs/promises';
import { assert, MezzoError, type Logger } from '@mezzo/sdk/contract';
import type {
  ContainerCheckpoint,
  ContainerCommand,
  Containerizer,
  ContainerizerCapabilities,
  ContainerExit,
  ContainerResources,
  ContainerSpec,
  ContainerStatistics,
  ContainerStreams,
  ExecResult,
  LaunchedContainer,
  TerminalSize,
} from '@mezzo/sdk/points/containerizer';
import type { Isolator } from '@mezzo/sdk/points/isolator';
import { fromCheckpoint, toCheckpoint, type Facts } from '../core/checkpoint.js';
import { containerExit, UNKNOWN_EXIT, type ExitLine } from '../core/exit.js';
import { memLimitMib } from '../core/limits.js';
import { checkId, launchFailed } from '../core/spec-check.js';
import { Container, killTask } from './container.js';
import { exec } from './exec.js';
import { ExitWatch } from './exit-watch.js';
import { ForkServer } from './fork-server.js';
import { Isolators } from './isolators.js';
import { launch, type Host, type LaunchDeps } from './launch.js';
import { exploreMachine, isExecutable, type MachineOptions } from './machine.js';
import { allPids, bootId, isAlive } from './processes.js';
import { RuntimeDir } from './runtime-dir.js';
import { statistics } from './statistics.js';
import { wipe } from './wipe.js';

export interface MesosContainerizerOptions extends MachineOptions {
  /** Private directory for what outlives the agent. */
  readonly runtimeDir: string;
  /** Bounds cpu time also of containers that set no limit. */
  readonly cfs: boolean;
  /** How long an isolator may take for one call. Default 10 s. */
  readonly isolatorTimeoutMs?: number;
  readonly log?: Logger;
}

const LAUNCH_TIMEOUT_MS = 10_000;
const ISOLATOR_TIMEOUT_MS = 10_000;
const RESIZE_MS = 2_000;
/** How soon after its parent a container is looked for. */
const VANISH_MS = 20;

/** Linux namespaces and cgroups with nothing but a shell and util-linux; plain process groups where the machine allows no more. */
export class MesosContainerizer implements Containerizer {
  readonly name = 'mesos';
  private readonly containers = new Map<string, Container>();
  /** Exits that came before the launch was through. */
  private readonly launching = new Set<string>();
  private readonly watches = new Map<string, ExitWatch>();
  private execs = 0;

  private started: LaunchDeps | undefined;

  constructor(private readonly options: MesosContainerizerOptions) {}

  /** Looks what the machine can do and starts the shell that will start everything else. */
  async start(contributed: readonly Isolator[] = []): Promise<void> {
    const runtime = new RuntimeDir(this.options.runtimeDir);
    const [machine] = await Promise.all([exploreMachine(this.options), runtime.prepare()]);
    const { tools, unshare } = machine;
    const server = new ForkServer(['/bin/sh', runtime.forkServer, runtime.root, tools.setsid, ...unshare]);
    server.start();
    const { cfs, isolatorTimeoutMs = ISOLATOR_TIMEOUT_MS, log } = this.options;
    const isolators = new Isolators(contributed, isolatorTimeoutMs, log);
    const limits = { cfs };
    const launchTimeoutMs = LAUNCH_TIMEOUT_MS;
    this.started = { machine, runtime, server, limits, bootId: bootId(), launchTimeoutMs, isolators };
  }

  async capabilities(): Promise<ContainerizerCapabilities> {
    const { mode, cgroups, notes, tools } = this.deps.machine;
    const streams = (await isExecutable(tools.script)) ? 'tty' : 'plain';
    const can = {
      namespaces: mode !== 'group',
      cgroups: cgroups?.version ?? 'none',
      images: false,
      nesting: true,
      streams,
    } as const;
    return { ...can, notes };
  }

  async recover(owner: string, checkpoints: readonly ContainerCheckpoint[]): Promise<readonly string[]> {
    checkId(owner, 'owner');
    await this.watch(owner);
    const known: string[] = [];
    for (const checkpoint of checkpoints) {
      const facts = fromCheckpoint(checkpoint);
      if (facts !== undefined && facts.owner === owner && this.adopt(checkpoint.containerId, facts))
        known.push(checkpoint.containerId);
    }
    // A life that ended between a launch and its checkpoint has left them.
    await Promise.all([...this.containers.values()].map(({ key }) => this.deps.runtime.removeScripts(key)));
    for (const inner of this.containers.values())
      if (inner.facts.parent !== undefined && !this.isRunning(inner.facts.parent)) this.endWithParent(inner);
    await this.destroyOrphans(owner);
    const mine = [...this.containers.values()].filter(({ facts }) => facts.owner === owner);
    await this.deps.isolators.recover(owner, mine);
    for (const container of mine) this.watchBounds(container);
    return known;
  }

  async launch(spec: ContainerSpec): Promise<LaunchedContainer> {
    const { containerId, owner } = spec;
    if (this.containers.has(containerId) || this.launching.has(containerId))
      throw launchFailed(`container ${containerId} exists`, 'kernel');
    this.launching.add(containerId);
    try {
      checkId(owner, 'owner');
      await this.watch(owner);
      const { facts, streams } = await launch(this.deps, spec, this.hostOf(spec));
      const container = new Container(containerId, facts, streams);
      this.track(container);
      this.watchBounds(container);
      return { checkpoint: toCheckpoint(containerId, facts), pid: facts.main.pid };
    } finally {
      this.launching.delete(containerId);
    }
  }

  async wait(containerId: string): Promise<ContainerExit> {
    return this.find(containerId).ended;
  }

  async kill(containerId: string, graceMs: number): Promise<void> {
    this.containers.get(containerId)?.kill(graceMs);
  }

  async signal(containerId: string, signal: number): Promise<void> {
    this.containers.get(containerId)?.signal(signal);
  }

  async update(containerId: string, resources: ContainerResources): Promise<void> {
    const { facts } = this.find(containerId);
    await this.deps.machine.cgroups?.update(facts.owner, containerId, resources, this.deps.limits);
    const mem = memLimitMib(resources);
    if (mem !== undefined) facts.memLimitMib = Math.max(mem, facts.memLimitMib ?? 0);
    await this.deps.isolators.update(facts.isolators ?? [], containerId, resources);
  }

  async statistics(containerId: string): Promise<ContainerStatistics> {
    const { facts } = this.find(containerId);
    return statistics(this.deps.machine, containerId, facts);
  }

  async exec(containerId: string, command: ContainerCommand, timeoutMs: number): Promise<ExecResult> {
    const { facts, exit } = this.find(containerId);
    if (exit !== undefined) throw notFound(containerId);
    return exec(this.deps, containerId, this.execs++, facts, command, timeoutMs);
  }

  async attach(containerId: string): Promise<ContainerStreams> {
    const container = this.find(containerId);
    const { streams } = container;
    if (streams === undefined) throw notSupported(`container ${containerId} has no streams`);
    return {
      write: (data) => streams.write(data),
      end: () => streams.end(),
      output: () => streams.output(),
      resize: (size) => this.resize(container, size),
    };
  }

  /** script(1), which is the container's first process, has the program with the terminal as its child. */
  private async resize({ id, facts }: Container, { rows, columns }: TerminalSize): Promise<void> {
    const { pid } = facts.main;
    const child = await childOf(pid);
    const terminal = child === undefined ? '' : await readlink(`/proc/${child}/fd/0`).catch(() => '');
    if (!/^\/dev\/pts\/\d+$/.test(terminal)) throw notSupported(`container ${id} has no terminal`);
    await this.exec(id, { shell: true, argv: [`stty rows ${rows} cols ${columns} <${terminal}`], env: {} }, RESIZE_MS);
  }

  async remove(containerId: string): Promise<void> {
    const container = this.containers.get(containerId);
    if (container === undefined) return;
    if (container.exit === undefined) {
      container.force();
      await container.ended;
    }
    this.containers.delete(containerId);
    if (container.facts.root === undefined)
      await this.deps.machine.cgroups?.destroy(container.facts.owner, containerId);
    await this.deps.isolators.cleanUp(container.facts.isolators ?? [], containerId);
    await this.deps.runtime.remove(container.key);
  }

  async close(): Promise<void> {
    for (const watch of this.watches.values()) watch.close();
    for (const container of this.containers.values()) container.abandon();
    await this.started?.server.close();
    for (const owner of this.watches.keys()) await this.deps.machine.cgroups?.tidy(owner);
  }

  private async watch(owner: string): Promise<void> {
    if (this.watches.has(owner)) return;
    const dir = await this.deps.runtime.prepareOwner(owner);
    if (this.watches.has(owner)) return;
    const onWritten = (id: string) => {
      const container = this.containers.get(id);
      if (container?.facts.owner === owner) this.lookAtExit(container);
    };
    this.watches.set(owner, new ExitWatch(dir, onWritten, () => this.sweep(owner)));
  }

  private track(container: Container): void {
    this.containers.set(container.id, container);
    this.lookAtExit(container);
  }

  private watchBounds({ id, facts }: Container): void {
    this.deps.isolators.watch(facts.isolators ?? [], id, (limit) => this.containers.get(id)?.limit(limit));
  }

  private lookAtExit(container: Container): boolean {
    const line = container.exit === undefined ? this.deps.runtime.exit(container.key) : undefined;
    if (line !== undefined) void this.settle(container, line);
    return line !== undefined;
  }

  private async settle(container: Container, line: ExitLine): Promise<void> {
    const { owner, root = container.id } = container.facts;
    const limitMib = this.limitMib(container);
    // Only a process that others killed can have been killed for memory: the rest need not wait for the answer.
    const suspect = line.status === 137 && limitMib !== undefined && !container.forced;
    const oom = suspect && (await this.deps.machine.cgroups?.outOfMemory(owner, root).catch(() => false));
    const outgrown = oom === true ? limitMib : this.outgrownByParent(container);
    this.finish(container, containerExit(line, outgrown));
  }

  private limitMib({ id, facts }: Container): number | undefined {
    return (this.containers.get(facts.root ?? id)?.facts ?? facts).memLimitMib;
  }

  /** Where the kernel took its parent for want of memory, which they share, that is what ended it, too. */
  private outgrownByParent(container: Container): number | undefined {
    const { parent } = container.facts;
    const exit = parent === undefined ? undefined : this.containers.get(parent)?.exit;
    return exit?.limitation === 'oom' ? this.limitMib(container) : undefined;
  }

  private finish(container: Container, exit: ContainerExit): void {
    container.finish(exit);
    for (const inner of this.containers.values()) if (inner.facts.parent === container.id) this.endWithParent(inner);
  }

  /** Its shim was process 1 of namespaces that are gone, and cannot tell; or it lives on, without namespaces. */
  private endWithParent(inner: Container): void {
    if (inner.exit !== undefined) return;
    inner.force();
    setTimeout(() => void this.sweep(inner.facts.owner), VANISH_MS).unref();
  }

  private isRunning(containerId: string): boolean {
    const container = this.containers.get(containerId);
    return container !== undefined && container.exit === undefined;
  }

  private hostOf({ parent, owner }: ContainerSpec): Host | undefined {
    if (parent === undefined) return undefined;
    const host = this.containers.get(parent);
    if (host?.exit !== undefined || host?.facts.owner !== owner || !isAlive(host.facts.main))
      throw launchFailed(`its parent ${parent} does not run`, 'user');
    const { id, facts } = host;
    return { id, facts, rootPid: this.find(facts.root ?? id).facts.main.pid };
  }

  /** False for one that is gone without having said how. */
  private adopt(containerId: string, facts: Facts): boolean {
    const container = new Container(containerId, facts);
    // In this order: a shim that ends in between has told by then.
    const alive = facts.bootId === this.deps.bootId && isAlive(facts.shim);
    if (!alive && this.deps.runtime.exit(container.key) === undefined) return false;
    this.track(container);
    return true;
  }

  private async destroyOrphans(owner: string): Promise<void> {
    const { runtime, machine } = this.deps;
    const found = new Set([...(await runtime.ids(owner)), ...((await machine.cgroups?.list(owner)) ?? [])]);
    const orphans = [...found].filter((id) => !this.containers.has(id) && !this.launching.has(id));
    for (const containerId of orphans)
      if (runtime.exit(`${owner}/${containerId}`) === undefined)
        this.options.log?.warn('ends a container that no checkpoint knows', { containerId });
    await Promise.all(orphans.map((id) => wipe(this.deps, owner, id)));
  }

  /** One look at the machine's process numbers for all containers; the few that are missing are looked at closely. */
  private async sweep(owner: string): Promise<void> {
    const running = [...this.containers.values()].filter((c) => c.exit === undefined && c.facts.owner === owner);
    if (running.length === 0) return;
    const pids = await allPids();
    for (const container of running)
      if (!pids.has(container.facts.shim.pid) || !isAlive(container.facts.shim)) this.endedUnseen(container);
  }

  private endedUnseen(container: Container): void {
    if (container.exit !== undefined || this.lookAtExit(container)) return;
    killTask(container.facts);
    const killed = { status: 137, signal: 'SIGKILL' };
    const exit = container.forced ? containerExit(killed, this.outgrownByParent(container)) : UNKNOWN_EXIT;
    this.finish(container, exit);
  }

  private get deps(): LaunchDeps {
    assert(this.started !== undefined, 'the containerizer was started');
    return this.started;
  }

  private find(containerId: string): Container {
    const container = this.containers.get(containerId);
    if (container === undefined) throw notFound(containerId);
    return container;
  }
}

async function childOf(pid: number): Promise<string | undefined> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'latin1').catch(() => '');
  return /^\d+/.exec(children)?.[0];
}

const notSupported = (message: string): MezzoError => new MezzoError('NOT_SUPPORTED', message, { blame: 'user' });

const notFound = (containerId: string): MezzoError =>
  new MezzoError('CONTAINER_NOT_FOUND', `container ${containerId} is not known or has ended`, { blame: 'kernel' });
