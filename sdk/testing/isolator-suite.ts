import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerSpec } from '../points/containerizer.js';
import type { Isolation, IsolatedContainer, Isolator } from '../points/isolator.js';
import type { Law } from './containerizer-suite.js';

export interface IsolatorSuiteOptions {
  /**
   * An isolator that is ready for `recover`. Called again with the same `home` (a directory) after `stop` of the earlier one, as when an agent is started
   * again: what it must remember is to be found there.
   */
  create(home: string): Promise<{ readonly isolator: Isolator; stop?(): Promise<void> }>;
  /** What makes a container its business. */
  readonly spec?: Partial<ContainerSpec>;
  /** What is left of containers, in words. */
  readonly residue?: (home: string) => Promise<readonly string[]>;
}

type Check = (bench: Bench) => Promise<void>;

const LAW_TIMEOUT_MS = 30_000;
const MAX_DATA_CHARS = 16_384;
/** How long a container that does nothing is watched for a word that must not come. */
const QUIET_MS = 200;
const OWNER = 'suite';

/** What every isolator promises. The caller hands each law to its test runner. */
export function isolatorSuite(options: IsolatorSuiteOptions): Law[] {
  return LAWS.map(([title, check]) => ({ title, timeoutMs: LAW_TIMEOUT_MS, run: () => Bench.run(options, check) }));
}

const LAWS: readonly (readonly [string, Check])[] = [
  ['its name is in kebab-case', async ({ isolator }) => assert.match(isolator.name, /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/)],
  [
    'what it prepares is well formed, and what it binds is there',
    async (bench) => {
      const { env = {}, commands = [], data, ...isolation } = await bench.prepare();
      for (const [name, value] of Object.entries(env)) assert.equal(typeof value, 'string', name);
      for (const argv of commands) assert.ok(argv.length > 0 && argv.every((word) => typeof word === 'string'));
      for (const { target } of isolation.mounts ?? []) assert.ok(isAbsolute(target), target);
      for (const source of sourcesOf(isolation)) assert.ok(isAbsolute(source) && existsSync(source), source);
      for (const mount of isolation.mounts ?? [])
        if (mount.type === 'tmpfs') assert.ok(Number.isSafeInteger(mount.sizeMib) && mount.sizeMib > 0);
      if (data === undefined) return;
      assert.deepEqual(JSON.parse(JSON.stringify(data)), data);
      assert.ok(JSON.stringify(data).length <= MAX_DATA_CHARS);
    },
  ],
  [
    'cleaning up may be done again, and of what is not known',
    async (bench) => {
      await bench.isolator.cleanup('never-heard-of');
      await bench.prepare();
      await bench.cleanUp(0);
      await bench.cleanUp(0);
    },
  ],
  [
    'containers that are prepared at once have what is theirs until it is cleaned up',
    async (bench) => {
      const all = await Promise.all(Array.from({ length: 8 }, () => bench.prepare()));
      await Promise.all([0, 2, 4, 6].map((n) => bench.cleanUp(n)));
      for (const n of [1, 3, 5, 7]) for (const source of sourcesOf(all[n]!)) assert.ok(existsSync(source), source);
    },
  ],
  [
    'a process that waits for it is isolated, and given other amounts',
    async (bench) => {
      await bench.prepare();
      const process = spawn('sleep', ['60'], { stdio: 'ignore' });
      try {
        await bench.isolator.isolate?.('c0', process.pid!);
        await bench.isolator.update?.('c0', { cpusMilli: 200, memMib: 128 });
      } finally {
        process.kill('SIGKILL');
      }
    },
  ],
  [
    'nothing is said against a container that does nothing, nor against one that is gone',
    async (bench) => {
      await bench.prepare();
      await bench.prepare();
      await bench.cleanUp(1);
      const words = [0, 1].map((n) => bench.isolator.watch?.(`c${n}`).catch(() => new Promise(() => {})));
      const said = await Promise.race([...words.filter((word) => word !== undefined), sleep(QUIET_MS)]);
      assert.equal(said, undefined);
    },
  ],
  [
    'another life takes over the containers that it is told, and removes what there is of others',
    async (bench) => {
      const kept = await bench.prepare();
      await bench.prepare();
      await bench.live([{ ...bench.isolated(0), ...(kept.data && { data: kept.data }) }]);
      for (const source of sourcesOf(kept)) assert.ok(existsSync(source), source);
      await bench.prepare();
      await Promise.all([0, 2].map((n) => bench.cleanUp(n)));
    },
  ],
  [
    'a life that is told of no container removes what there is',
    async (bench) => {
      await bench.prepare();
      await bench.live([]);
    },
  ],
];

const sourcesOf = ({ mounts = [] }: Isolation): string[] =>
  mounts.flatMap((mount) => (mount.type === 'bind' ? [mount.source] : []));

/** One law's containers, `c0` and on, in a directory of their own. */
class Bench {
  private prepared = 0;
  private readonly cleaned = new Set<number>();

  private constructor(
    private readonly options: IsolatorSuiteOptions,
    private readonly home: string,
    private life: { readonly isolator: Isolator; stop?(): Promise<void> },
  ) {}

  static async run(options: IsolatorSuiteOptions, law: Check): Promise<void> {
    const home = await mkdtemp(join(tmpdir(), 'mezzo-isolator-'));
    const bench = new Bench(options, home, await options.create(home));
    try {
      await bench.isolator.recover(OWNER, []);
      await law(bench);
      for (let n = 0; n < bench.prepared; n++) if (!bench.cleaned.has(n)) await bench.cleanUp(n);
      assert.deepEqual(await options.residue?.(home), options.residue && []);
    } finally {
      await bench.life.stop?.();
      await rm(home, { recursive: true, force: true });
    }
  }

  get isolator(): Isolator {
    return this.life.isolator;
  }

  /** Prepares the next container, which must be its business. */
  async prepare(): Promise<Isolation> {
    const containerId = `c${this.prepared++}`;
    const sandbox = join(this.home, 'sandboxes', containerId);
    await mkdir(sandbox, { recursive: true });
    const isolation = await this.isolator.prepare({
      ...{ containerId, owner: OWNER, sandbox, resources: { cpusMilli: 100, memMib: 64 } },
      command: { shell: true, argv: ['sleep 60'], env: {} },
      ...this.options.spec,
    });
    assert.ok(isolation !== undefined, 'the container is none of its business: give another `spec`');
    return isolation;
  }

  async cleanUp(n: number): Promise<void> {
    this.cleaned.add(n);
    await this.isolator.cleanup(`c${n}`);
  }

  isolated(n: number): IsolatedContainer {
    return { containerId: `c${n}`, sandbox: join(this.home, 'sandboxes', `c${n}`), pid: process.pid };
  }

  /** The agent starts again, and has these containers. */
  async live(containers: readonly IsolatedContainer[]): Promise<void> {
    await this.life.stop?.();
    this.life = await this.options.create(this.home);
    for (let n = 0; n < this.prepared; n++)
      if (!containers.some(({ containerId }) => containerId === `c${n}`)) this.cleaned.add(n);
    await this.isolator.recover(OWNER, containers);
  }
}
