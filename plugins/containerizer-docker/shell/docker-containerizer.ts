import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { assert, messageOf, MezzoError, type Logger } from '@mezzo/sdk/contract';
import type {
  ContainerCheckpoint,
  ContainerCommand,
  Containerizer,
  ContainerizerCapabilities,
  ContainerSpec,
  ContainerExit,
  ContainerStatistics,
  ExecResult,
  LaunchedContainer,
} from '@mezzo/sdk/points/containerizer';
import { fromCheckpoint, toCheckpoint, type Facts } from '../core/checkpoint.js';
import { ID_LABEL, OWNER_LABEL } from '../core/create-options.js';
import { engineExit, FORGOTTEN_EXIT, isForgotten, UNKNOWN_EXIT, type Outage } from '../core/exit.js';
import { launchFailed, notFound } from '../core/failures.js';
import { DockerContainer } from './docker-container.js';
import { Engine, ignoring, statusOf } from './engine.js';
import { EngineEvents } from './engine-events.js';
import { exec } from './exec.js';
import { Images } from './images.js';
import { createContainer, networkOf } from './launch.js';
import { LogPump } from './log-pump.js';
import { statistics } from './statistics.js';

export interface DockerContainerizerOptions {
  /** Path of the engine's Unix socket. Undefined = DOCKER_HOST, or /var/run/docker.sock. */
  readonly socket?: string;
  /** Private directory for how far logs were written. */
  readonly stateDir: string;
  readonly pullTimeoutMs: number;
  readonly log: Logger;
  /** Told a reason when the engine is lost, undefined when it is back. */
  readonly onTrouble: (reason: string | undefined) => void;
}

interface Listed {
  readonly Id: string;
  readonly State: string;
}

/** How long the last output of an ended container is waited for before its end is told. */
const DRAIN_MS = 2_000;
/** Gone, or somebody removes it just now. */
const REMOVED = [404, 409];

/** Runs containers through the Docker Engine API. The engine keeps them running; its labels say which are ours. */
export class DockerContainerizer implements Containerizer {
  readonly name = 'docker';
  private connected: { readonly engine: Engine; readonly images: Images } | undefined;
  private readonly containers = new Map<string, DockerContainer>();
  private readonly launching = new Set<string>();
  private readonly events = new Map<string, EngineEvents>();
  /** The last one. */
  private outage: Outage | undefined;

  constructor(private readonly options: DockerContainerizerOptions) {}

  /** Rejects when no engine answers. */
  async start(): Promise<void> {
    const engine = await Engine.connect(this.options.socket);
    this.connected = { engine, images: new Images(engine, this.options.pullTimeoutMs) };
  }

  async capabilities(): Promise<ContainerizerCapabilities> {
    const { CgroupVersion, MemoryLimit } = (await this.engine.calls.info()) as {
      readonly CgroupVersion?: string;
      readonly MemoryLimit?: boolean;
    };
    const cgroups = MemoryLimit === false ? 'none' : CgroupVersion === '2' ? 'v2' : 'v1';
    const notes = cgroups === 'none' ? ['the Docker Engine cannot bound memory on this machine'] : [];
    return { namespaces: true, cgroups, images: true, nesting: false, streams: 'none', notes };
  }

  async recover(owner: string, checkpoints: readonly ContainerCheckpoint[]): Promise<readonly string[]> {
    const present = await this.list(owner);
    const known: string[] = [];
    for (const checkpoint of checkpoints) {
      const facts = fromCheckpoint(checkpoint);
      if (facts === undefined || present.get(checkpoint.containerId)?.Id !== facts.dockerId) continue;
      if (!this.containers.has(checkpoint.containerId)) this.track(checkpoint.containerId, facts);
      known.push(checkpoint.containerId);
    }
    await this.discardOrphans(owner, present);
    this.watch(owner);
    return known;
  }

  async launch(spec: ContainerSpec): Promise<LaunchedContainer> {
    const { containerId, owner } = spec;
    if (spec.parent !== undefined || spec.streams !== undefined)
      throw launchFailed('the Docker Engine has neither containers in containers nor streams here', 'user');
    if (this.containers.has(containerId) || this.launching.has(containerId))
      throw launchFailed(`container ${containerId} exists`, 'kernel');
    this.launching.add(containerId);
    try {
      this.watch(owner);
      await rm(this.positionFile(owner, containerId), { force: true });
      return await this.launchNew(spec);
    } finally {
      this.launching.delete(containerId);
    }
  }

  async wait(containerId: string): Promise<ContainerExit> {
    return this.find(containerId).ended;
  }

  async kill(containerId: string, graceMs: number): Promise<void> {
    await this.containers.get(containerId)?.kill(graceMs);
  }

  async signal(containerId: string, signal: number): Promise<void> {
    await this.containers.get(containerId)?.signal(String(signal));
  }

  async update(containerId: string): Promise<void> {
    this.find(containerId);
    throw new MezzoError('NOT_SUPPORTED', 'the Docker Engine has no containers in containers', { blame: 'kernel' });
  }

  async attach(containerId: string): Promise<never> {
    this.find(containerId);
    throw new MezzoError('NOT_SUPPORTED', 'containers of the Docker Engine have no streams here', { blame: 'kernel' });
  }

  async statistics(containerId: string): Promise<ContainerStatistics> {
    return statistics(this.engine, this.find(containerId).facts);
  }

  async exec(containerId: string, command: ContainerCommand, timeoutMs: number): Promise<ExecResult> {
    const { exit, facts } = this.find(containerId);
    if (exit !== undefined) throw notFound(containerId);
    return exec(this.engine, facts.dockerId, command, timeoutMs);
  }

  async remove(containerId: string): Promise<void> {
    const container = this.containers.get(containerId);
    if (container === undefined) return;
    const { owner, dockerId } = container.facts;
    await ignoring(REMOVED, this.engine.calls.getContainer(dockerId).remove({ force: true, v: true }));
    container.finish(UNKNOWN_EXIT);
    await container.abandon();
    this.containers.delete(containerId);
    await rm(this.positionFile(owner, containerId), { force: true });
  }

  async close(): Promise<void> {
    await Promise.all([...this.events.values()].map((events) => events.close()));
    await Promise.all([...this.containers.values()].map((container) => container.abandon()));
  }

  private async launchNew(spec: ContainerSpec): Promise<LaunchedContainer> {
    const { containerId, sandbox } = spec;
    // The engine would make what is missing.
    if (!(await isDirectory(sandbox))) throw launchFailed(`sandbox ${sandbox} is not there`, 'kernel');
    const created = await createContainer(this.engine, this.access.images, spec);
    // It may end before its start is answered, and must be known by then.
    const container = this.newContainer(containerId, created.facts);
    this.containers.set(containerId, container);
    const info = await created.start().catch((error: unknown) => {
      this.containers.delete(containerId);
      throw error;
    });
    container.pump.start();
    if (!info.State.Running) void this.settle(container);
    const network = networkOf(info);
    return {
      checkpoint: toCheckpoint(containerId, created.facts),
      ...(info.State.Pid > 0 && { pid: info.State.Pid }),
      ...(network !== undefined && { network }),
    };
  }

  private newContainer(containerId: string, facts: Facts): DockerContainer {
    const { owner, dockerId, sandbox } = facts;
    const source = { containerId, dockerId, sandbox, positionFile: this.positionFile(owner, containerId) };
    return new DockerContainer(containerId, facts, new LogPump(this.engine, source, this.options.log), this.engine);
  }

  private track(containerId: string, facts: Facts): void {
    const container = this.newContainer(containerId, facts);
    this.containers.set(containerId, container);
    container.pump.start();
  }

  private watch(owner: string): void {
    if (this.events.has(owner)) return;
    const events = new EngineEvents(this.engine, owner, {
      died: (id) => {
        const container = this.containers.get(id);
        if (container?.facts.owner === owner) void this.settle(container);
      },
      connected: async () => {
        this.options.onTrouble(undefined);
        if (this.outage?.toMs === Infinity) this.outage = { ...this.outage, toMs: Date.now() };
        await this.catchUp(owner);
        // It may have made a container without having been able to say so.
        if (this.outage !== undefined) await this.discardOrphans(owner, await this.list(owner));
      },
      lost: (reason) => {
        if (this.outage?.toMs !== Infinity) this.outage = { fromMs: Date.now(), toMs: Infinity };
        this.options.onTrouble(`the Docker Engine is away (${reason}): launches fail until it is back`);
      },
    });
    this.events.set(owner, events);
  }

  /** What happened while nobody listened. */
  private async catchUp(owner: string): Promise<void> {
    const running = [...this.containers.values()].filter((c) => c.exit === undefined && c.facts.owner === owner);
    await Promise.all(running.map((container) => this.settle(container)));
  }

  /** Finds out how a container ended, if it has. Asked again meanwhile, it looks again: it may have ended just after the first look. */
  private async settle(container: DockerContainer): Promise<void> {
    container.looks++;
    if (container.looks > 1) return;
    for (let seen = 0; seen !== container.looks && container.exit === undefined;) {
      seen = container.looks;
      await this.look(container).catch((error: unknown) => {
        // The engine is away, and asked again when it is back.
        this.options.log.warn('a container cannot be looked at', { id: container.id, error: messageOf(error) });
      });
    }
    container.looks = 0;
  }

  private async look(container: DockerContainer): Promise<void> {
    const { facts, terminated } = container;
    try {
      const { State } = await this.engine.calls.getContainer(facts.dockerId).inspect();
      if (State.Status === 'created') return;
      if (State.Running) return container.pump.start();
      await container.pump.drain(DRAIN_MS);
      const times = [Date.parse(State.StartedAt), Date.parse(State.FinishedAt)] as const;
      const isKnown = !isForgotten(State.ExitCode, ...times, this.outage);
      container.finish(isKnown ? engineExit(State, facts.memLimitMib, terminated) : FORGOTTEN_EXIT);
    } catch (error) {
      if (statusOf(error) !== 404) throw error;
      container.finish(UNKNOWN_EXIT);
    }
  }

  /** Containers of the owner by our id, whatever their state. */
  private async list(owner: string): Promise<Map<string, Listed>> {
    const filters = JSON.stringify({ label: [`${OWNER_LABEL}=${owner}`] });
    const found = await this.engine.calls.listContainers({ all: true, filters });
    return new Map(found.map((one) => [one.Labels[ID_LABEL] ?? one.Id, one]));
  }

  private async discardOrphans(owner: string, present: ReadonlyMap<string, Listed>): Promise<void> {
    const orphans = [...present].filter(([id]) => !this.containers.has(id) && !this.launching.has(id));
    for (const [containerId, { State }] of orphans)
      if (State === 'running') this.options.log.warn('ends a container that no checkpoint knows', { containerId });
    await Promise.all(
      orphans.map(async ([containerId, { Id }]) => {
        await ignoring(REMOVED, this.engine.calls.getContainer(Id).remove({ force: true, v: true }));
        await rm(this.positionFile(owner, containerId), { force: true });
      }),
    );
  }

  private positionFile(owner: string, containerId: string): string {
    return join(this.options.stateDir, 'logs', owner, `${containerId}.json`);
  }

  private get access() {
    assert(this.connected !== undefined, 'the containerizer was started');
    return this.connected;
  }

  private get engine(): Engine {
    return this.access.engine;
  }

  private find(containerId: string): DockerContainer {
    const container = this.containers.get(containerId);
    if (container === undefined) throw notFound(containerId);
    return container;
  }
}

const isDirectory = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
