import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  ContainerCheckpoint,
  ContainerCommand,
  Containerizer,
  ContainerSpec,
  LaunchedContainer,
} from '../points/containerizer.js';
import type { ContainerizerSuiteOptions } from './containerizer-suite.js';
import { eventually } from './eventually.js';

/** In the environment of everything that a law starts, so that what is left over is found. */
const MARK = 'MEZZO_SUITE';

/** One law's containers, in a directory of their own. */
export class Bench {
  /** Its own, so that two runs of the suite on one machine do not take each other's containers for orphans. */
  readonly owner: string;
  private launched = 0;
  /** Of those that were launched, by their ids. */
  private readonly sandboxes = new Map<string, string>();

  private constructor(
    private readonly options: ContainerizerSuiteOptions,
    readonly home: string,
    private readonly mark: string,
    public containerizer: Containerizer,
  ) {
    this.owner = `suite-${home.slice(-6)}`;
  }

  static async run(options: ContainerizerSuiteOptions, law: (bench: Bench) => Promise<void>): Promise<void> {
    const home = await mkdtemp(join(tmpdir(), 'mezzo-containerizer-'));
    const bench = new Bench(options, home, `${MARK}=${home}`, await options.create(home));
    try {
      await bench.containerizer.recover(bench.owner, []);
      await law(bench);
    } finally {
      await bench.cleanUp();
    }
  }

  spec(command: ContainerCommand, more: Partial<ContainerSpec> = {}): ContainerSpec {
    const containerId = more.containerId ?? `${this.home.slice(-6)}.${this.launched++}`;
    const { options, home } = this;
    return {
      containerId,
      owner: this.owner,
      resources: { cpusMilli: 100, memMib: 64 },
      sandbox: join(this.sandboxes.get(more.parent ?? '') ?? home, 'sandboxes', containerId),
      ...(options.container !== undefined && { container: options.container }),
      ...more,
      command: { ...command, env: { [MARK]: home, ...command.env } },
    };
  }

  async launchSpec(spec: ContainerSpec): Promise<LaunchedContainer> {
    await mkdir(spec.sandbox, { recursive: true });
    this.sandboxes.set(spec.containerId, spec.sandbox);
    return this.containerizer.launch(spec);
  }

  async launch(command: ContainerCommand, more: Partial<ContainerSpec> = {}) {
    const spec = this.spec(command, more);
    const { checkpoint } = await this.launchSpec(spec);
    const id = spec.containerId;
    return {
      id,
      checkpoint,
      wait: () => this.containerizer.wait(id),
      kill: (graceMs: number) => this.containerizer.kill(id, graceMs),
      stdout: () => this.read(spec, 'stdout'),
      stderr: () => this.read(spec, 'stderr'),
      /** When it has printed "ready". */
      ready: () => this.ready(spec),
      /** Lets one that `waits` end with the code it was given. */
      end: () => this.letGo(spec),
    };
  }

  /** As the agent does after a restart: the containerizer forgets all, the checkpoints went through a file. */
  async restart(checkpoints: readonly ContainerCheckpoint[], owner = this.owner): Promise<readonly string[]> {
    await this.forget();
    return this.remember(checkpoints, owner);
  }

  async forget(): Promise<void> {
    await this.containerizer.close();
  }

  async remember(checkpoints: readonly ContainerCheckpoint[], owner = this.owner): Promise<readonly string[]> {
    this.containerizer = await this.options.create(this.home);
    return this.containerizer.recover(owner, JSON.parse(JSON.stringify(checkpoints)) as ContainerCheckpoint[]);
  }

  /** Processes of this law that are alive. */
  async processes(): Promise<number> {
    if (this.options.pretended !== undefined) return 0;
    let count = 0;
    for (const pid of await readdir('/proc')) {
      if (!/^\d+$/.test(pid)) continue;
      const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
      if (environment.split('\0').includes(this.mark)) count++;
    }
    return count;
  }

  /** Files below the directory of this law, and processes, whose argument list has it: by their paths. */
  async placesOf(text: string): Promise<string[]> {
    const entries = await readdir(this.home, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map(({ path, name }) => join(path, name));
    const lists = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map((pid) => `/proc/${pid}/cmdline`);
    const found = await Promise.all(
      [...files, ...lists].map(async (path) => (await readFile(path, 'utf8').catch(() => '')).includes(text) && path),
    );
    return found.filter((path) => path !== false);
  }

  private async letGo(spec: ContainerSpec): Promise<void> {
    if (this.options.pretended === undefined) await mkdir(join(spec.sandbox, 'go'));
    else this.options.pretended.end(this.containerizer, spec);
  }

  private async ready(spec: ContainerSpec): Promise<void> {
    if (this.options.pretended !== undefined) return;
    await eventually('it is ready', async () => (await this.read(spec, 'stdout')).includes('ready'));
  }

  private async read(spec: ContainerSpec, name: string): Promise<string> {
    return readFile(join(spec.sandbox, name), 'utf8').catch(() => '');
  }

  private async cleanUp(): Promise<void> {
    try {
      for (const id of this.sandboxes.keys()) await this.containerizer.remove(id);
      await eventually('every process has ended', async () => (await this.processes()) === 0);
      assert.deepEqual((await this.options.residue?.(this.home, this.owner)) ?? [], []);
    } finally {
      await this.containerizer.close();
      await rm(this.home, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    }
  }
}
