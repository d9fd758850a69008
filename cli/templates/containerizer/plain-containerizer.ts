import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { MezzoError, messageOf } from '@mezzo/sdk/contract';
import type {
  ContainerCheckpoint,
  ContainerCommand,
  Containerizer,
  ContainerizerCapabilities,
  ContainerExit,
  ContainerSpec,
  ContainerStatistics,
  ContainerStreams,
  ExecResult,
  LaunchedContainer,
} from '@mezzo/sdk/points/containerizer';
import { argvOf, Container } from './container.js';

const OUTPUT_BYTES = 64 * 1024;

/**
 * Each container is a process group, with the agent's user and without bounds. What leaves its group (setsid) escapes: good for
 * machines that are trusted, and for learning what a containerizer has to do.
 */
export class PlainContainerizer implements Containerizer {
  private readonly containers = new Map<string, Container>();

  constructor(
    readonly name: string,
    /** Where it remembers them: over restarts of the agent, and upgrades. */
    private readonly dir: string,
  ) {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  }

  async capabilities(): Promise<ContainerizerCapabilities> {
    return {
      ...{ namespaces: false, cgroups: 'none', images: false, nesting: false, streams: 'none' },
      notes: ['containers are plain processes: nothing is bounded, and they see the whole machine'],
    };
  }

  async recover(owner: string, checkpoints: readonly ContainerCheckpoint[]): Promise<readonly string[]> {
    const known = new Set(checkpoints.map(({ containerId }) => containerId));
    const found: string[] = [];
    for (const id of readdirSync(this.dir)) {
      const container = Container.recall(join(this.dir, id));
      if (container === undefined || container.owner !== owner) continue;
      if (!known.has(id)) await container.destroy();
      else this.containers.set(id, container) && found.push(id);
    }
    return found;
  }

  async launch(spec: ContainerSpec): Promise<LaunchedContainer> {
    const { containerId } = spec;
    const lack = lackFor(spec);
    if (lack !== undefined) throw launchFailed(lack);
    let container: Container;
    try {
      container = await Container.start(join(this.dir, containerId), spec);
    } catch (error) {
      throw launchFailed(messageOf(error));
    }
    this.containers.set(containerId, container);
    return { checkpoint: { containerId, version: 1, data: { pid: container.pid } }, pid: container.pid };
  }

  async wait(containerId: string): Promise<ContainerExit> {
    return this.find(containerId).ended();
  }

  async kill(containerId: string, graceMs: number): Promise<void> {
    const container = this.containers.get(containerId);
    container?.signal('SIGTERM');
    // Whichever grace is over first.
    setTimeout(() => container?.signal('SIGKILL'), graceMs).unref();
  }

  async signal(containerId: string, signal: number): Promise<void> {
    this.containers.get(containerId)?.signal(signal);
  }

  async statistics(containerId: string): Promise<ContainerStatistics> {
    this.find(containerId);
    return { timestampMs: Date.now() };
  }

  async exec(containerId: string, command: ContainerCommand, timeoutMs: number): Promise<ExecResult> {
    const container = this.find(containerId);
    if (!container.running) throw notFound(containerId);
    const [program = '', ...args] = argvOf(command);
    const env = { ...command.env, MESOS_SANDBOX: container.sandbox };
    const child = spawn(program, args, {
      cwd: container.sandbox,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = Buffer.alloc(0);
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data: Buffer) => (output = Buffer.concat([output, data]).subarray(-OUTPUT_BYTES)));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        process.kill(-child.pid!, 'SIGKILL');
        reject(new MezzoError('EXEC_TIMEOUT', `no end within ${timeoutMs} ms`, { blame: 'user', retryable: true }));
      }, timeoutMs);
      child.once('error', (cause) => {
        clearTimeout(timer);
        reject(new MezzoError('EXEC_FAILED', cause.message, { blame: 'user', cause }));
      });
      child.once('close', (code) => {
        clearTimeout(timer);
        resolve({ code: code ?? 137, output: output.toString('utf8') });
      });
    });
  }

  async update(containerId: string): Promise<void> {
    this.find(containerId);
    throw notSupported('a container keeps the amounts that it was launched with');
  }

  async attach(containerId: string): Promise<ContainerStreams> {
    this.find(containerId);
    throw notSupported('containers have no streams here');
  }

  async remove(containerId: string): Promise<void> {
    await this.containers.get(containerId)?.destroy();
    this.containers.delete(containerId);
  }

  async close(): Promise<void> {
    for (const container of this.containers.values()) container.forget();
    this.containers.clear();
  }

  private find(containerId: string): Container {
    const container = this.containers.get(containerId);
    if (container === undefined) throw notFound(containerId);
    return container;
  }
}

/** Why it cannot run this; undefined when it can. */
function lackFor({ container, parent, streams, command }: ContainerSpec): string | undefined {
  if (container?.mesos?.image ?? container?.docker) return 'there are no images here';
  if (parent !== undefined) return 'there are no containers in containers here';
  if (streams !== undefined) return 'containers have no streams here';
  const { username } = userInfo();
  if (command.user !== undefined && command.user !== username)
    return `tasks run as ${username} here, the agent's own user`;
  return undefined;
}

const launchFailed = (message: string): MezzoError =>
  new MezzoError('CONTAINER_LAUNCH_FAILED', message, { blame: 'environment' });

const notFound = (containerId: string): MezzoError =>
  new MezzoError('CONTAINER_NOT_FOUND', `there is no container ${containerId}`, { blame: 'kernel' });

const notSupported = (message: string): MezzoError => new MezzoError('NOT_SUPPORTED', message, { blame: 'user' });
