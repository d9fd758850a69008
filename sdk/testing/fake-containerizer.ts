import { MezzoError } from '../contract/errors.js';
import type {
  ContainerCheckpoint,
  ContainerCommand,
  Containerizer,
  ContainerizerCapabilities,
  ContainerExit,
  ContainerOutput,
  ContainerResources,
  ContainerSpec,
  ContainerStatistics,
  ContainerStreams,
  ExecResult,
  LaunchedContainer,
  TerminalSize,
} from '../points/containerizer.js';

interface FakeContainer {
  readonly spec: ContainerSpec;
  readonly pid: number;
  readonly ended: Promise<ContainerExit>;
  readonly end: (exit: ContainerExit) => void;
  exit: ContainerExit | undefined;
  streams?: FakeStreams;
}

/** What is written comes back on stdout, until the end is; `print` makes more. */
export class FakeStreams implements ContainerStreams {
  readonly sizes: TerminalSize[] = [];
  private readonly chunks: (ContainerOutput | undefined)[] = [];
  private wake: (() => void) | undefined;

  constructor(ended: Promise<unknown>) {
    void ended.then(() => this.push(undefined));
  }

  print(from: ContainerOutput['from'], text: string): void {
    this.push({ from, data: Buffer.from(text) });
  }

  async write(data: Uint8Array): Promise<void> {
    this.push({ from: 'stdout', data });
  }

  end(): void {
    this.print('stdout', '(end)');
  }

  async resize(size: TerminalSize): Promise<void> {
    this.sizes.push(size);
  }

  async *output(): AsyncGenerator<ContainerOutput> {
    for (;;) {
      if (this.chunks.length === 0) await new Promise<void>((resolve) => (this.wake = resolve));
      const chunk = this.chunks.shift();
      if (chunk === undefined) return;
      yield chunk;
    }
  }

  private push(chunk: ContainerOutput | undefined): void {
    this.chunks.push(chunk);
    this.wake?.();
  }
}

/** The containers of one pretended machine. They outlive the containerizers that look after them. */
export class FakeMachine {
  readonly containers = new Map<string, FakeContainer>();
  nextPid = 1000;
}

export interface FakeContainerizerOptions {
  readonly name?: string;
  /** Shared by the lives of one agent. */
  readonly machine?: FakeMachine;
  /** Called before a launch succeeds; a throw refuses it. A promise delays it. */
  readonly onLaunch?: (spec: ContainerSpec) => void | Promise<void>;
  /** What exec answers. Default: the command as `behaviour` reads it. */
  readonly onExec?: (containerId: string, command: ContainerCommand) => ExecResult | Promise<ExecResult>;
}

/**
 * Runs nothing, in memory. It reads commands as a shell would, as far as tests go: `exit N` ends at once with N, `sleep` runs
 * until it is killed or `end` is called, a `trap` makes it deaf to SIGTERM, anything else ends at once with 0.
 */
export class FakeContainerizer implements Containerizer {
  readonly name: string;
  readonly machine: FakeMachine;
  readonly killed: { readonly containerId: string; readonly graceMs: number }[] = [];
  readonly signalled: { readonly containerId: string; readonly signal: number }[] = [];
  readonly updated: { readonly containerId: string; readonly resources: ContainerResources }[] = [];
  readonly removed: string[] = [];
  closed = false;

  constructor(private readonly options: FakeContainerizerOptions = {}) {
    this.name = options.name ?? 'mesos';
    this.machine = options.machine ?? new FakeMachine();
  }

  /** Specs of what runs. */
  get running(): readonly ContainerSpec[] {
    return [...this.machine.containers.values()].filter((c) => c.exit === undefined).map((c) => c.spec);
  }

  /** Ends a container from within. */
  end(containerId: string, exit: Partial<ContainerExit> = { code: 0 }): void {
    const message = exit.code === undefined ? 'ended' : `Command exited with status ${exit.code}`;
    this.find(containerId).end({ message, ...exit });
  }

  capabilities(): Promise<ContainerizerCapabilities> {
    return Promise.resolve({
      ...{ namespaces: false, cgroups: 'none', images: true, nesting: true, streams: 'plain' },
      notes: ['nothing really runs'],
    });
  }

  async recover(owner: string, checkpoints: readonly ContainerCheckpoint[]): Promise<readonly string[]> {
    const known = new Set(checkpoints.map((c) => c.containerId));
    for (const [id, { spec, end }] of [...this.machine.containers]) {
      if (known.has(id) || spec.owner !== owner) continue;
      end({ signal: 'SIGKILL', message: 'orphan' });
      this.machine.containers.delete(id);
    }
    return [...known].filter((id) => this.machine.containers.has(id));
  }

  async launch(spec: ContainerSpec): Promise<LaunchedContainer> {
    const { containerId } = spec;
    if (this.machine.containers.has(containerId)) throw launchFailed(`container ${containerId} exists`);
    try {
      await this.options.onLaunch?.(spec);
    } catch (error) {
      throw launchFailed(error instanceof Error ? error.message : String(error));
    }
    const parent = spec.parent === undefined ? undefined : this.machine.containers.get(spec.parent);
    if (spec.parent !== undefined && (parent === undefined || parent.exit !== undefined))
      throw launchFailed(`its parent ${spec.parent} does not run`);
    const container = newContainer(spec, this.machine.nextPid++);
    void parent?.ended.then(() =>
      container.end({ signal: 'SIGKILL', message: 'Command terminated with signal SIGKILL' }),
    );
    if (spec.streams !== undefined) container.streams = new FakeStreams(container.ended);
    this.machine.containers.set(containerId, container);
    const code = behaviour(spec.command);
    if (code !== undefined) queueMicrotask(() => this.end(containerId, { code }));
    return { checkpoint: { containerId, version: 1, data: { pid: container.pid } }, pid: container.pid };
  }

  async wait(containerId: string): Promise<ContainerExit> {
    return this.find(containerId).ended;
  }

  /** The grace passes at once. */
  async kill(containerId: string, graceMs: number): Promise<void> {
    this.killed.push({ containerId, graceMs });
    const container = this.machine.containers.get(containerId);
    const signal = container?.spec.command.argv.join(' ').includes('trap') ? 'SIGKILL' : 'SIGTERM';
    container?.end({ signal, message: `Command terminated with signal ${signal}` });
  }

  async signal(containerId: string, signal: number): Promise<void> {
    this.signalled.push({ containerId, signal });
    const name = SIGNALS[signal] ?? `SIG${signal}`;
    this.machine.containers.get(containerId)?.end({ signal: name, message: `Command terminated with signal ${name}` });
  }

  async update(containerId: string, resources: ContainerResources): Promise<void> {
    this.find(containerId);
    this.updated.push({ containerId, resources });
  }

  async attach(containerId: string): Promise<ContainerStreams> {
    const { streams } = this.find(containerId);
    if (streams === undefined) throw new MezzoError('NOT_SUPPORTED', 'it has no streams', { blame: 'user' });
    return streams;
  }

  async statistics(containerId: string): Promise<ContainerStatistics> {
    const { resources } = this.find(containerId).spec;
    const cpus = { cpusUserTimeSecs: 0, cpusSystemTimeSecs: 0, cpusLimitMilli: resources.cpusMilli };
    const throttled = { cpusNrPeriods: 0, cpusNrThrottled: 0, cpusThrottledTimeSecs: 0 };
    const own = { memTotalBytes: 0, memRssBytes: 0, memAnonBytes: 0, memKmemUsageBytes: 0, memKmemTcpUsageBytes: 0 };
    const files = { memFileBytes: 0, memCacheBytes: 0, memMappedFileBytes: 0, memSwapBytes: 0, memUnevictableBytes: 0 };
    const memLimitBytes = resources.memMib * 1024 * 1024;
    return { timestampMs: Date.now(), ...cpus, ...throttled, ...own, ...files, memLimitBytes };
  }

  async exec(containerId: string, command: ContainerCommand, timeoutMs: number): Promise<ExecResult> {
    if (this.find(containerId).exit !== undefined) throw notFound(containerId);
    if (this.options.onExec !== undefined) return this.options.onExec(containerId, command);
    const code = behaviour(command);
    if (code !== undefined) return { code, output: '' };
    throw new MezzoError('EXEC_TIMEOUT', `no end within ${timeoutMs} ms`, { blame: 'user', retryable: true });
  }

  async remove(containerId: string): Promise<void> {
    if (this.machine.containers.delete(containerId)) this.removed.push(containerId);
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  private find(containerId: string): FakeContainer {
    const container = this.machine.containers.get(containerId);
    if (container === undefined) throw notFound(containerId);
    return container;
  }
}

const SIGNALS: Readonly<Record<number, string>> = { 9: 'SIGKILL', 15: 'SIGTERM' };

/** The exit code of a command that ends by itself. */
function behaviour({ argv }: ContainerCommand): number | undefined {
  const text = argv.join(' ');
  if (/\bsleep\b/.test(text)) return undefined;
  const exit = /\bexit (\d+)/.exec(text)?.[1] ?? (/\bfalse\b/.test(text) ? '1' : '0');
  return Number(exit);
}

function newContainer(spec: ContainerSpec, pid: number): FakeContainer {
  let resolve: (exit: ContainerExit) => void = () => {};
  const ended = new Promise<ContainerExit>((done) => (resolve = done));
  const container: FakeContainer = {
    ...{ spec, pid, ended, exit: undefined },
    end(exit) {
      container.exit ??= exit;
      resolve(container.exit);
    },
  };
  return container;
}

const launchFailed = (message: string): MezzoError =>
  new MezzoError('CONTAINER_LAUNCH_FAILED', message, { blame: 'environment' });

const notFound = (containerId: string): MezzoError =>
  new MezzoError('CONTAINER_NOT_FOUND', `there is no container ${containerId}`, { blame: 'kernel' });
