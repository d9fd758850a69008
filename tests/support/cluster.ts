import { execFile, spawn } from 'node:child_process';
import { chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../tidy/sources.js';

const MEZZO = join(root, 'cli/bin/mezzo.js');
const PORTS = [5050, 5051, 5052, 5053, 8080, 8000, 8053, 8123];
const HOLD_MS = 90_000;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function free(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Blocks of ports, each with room for the tasks' of a cluster: files that run side by side take from blocks of their own. */
const BLOCKS = 16;
const BLOCK_PORTS = 1100;
const worker = Number(process.env.VITEST_POOL_ID ?? 1) - 1;
const workers = availableParallelism();

/** Offsets at which all ports of a cluster can be had, spread by pid so that two test runs rarely meet. */
export async function freeOffsets(count: number): Promise<number[]> {
  const offsets: number[] = [];
  for (let i = 0; i < BLOCKS && offsets.length < count; i++) {
    const offset = 2000 + BLOCK_PORTS * ((worker + workers * (process.pid + i)) % BLOCKS);
    const taken = (await Promise.all(PORTS.map((port) => free(port + offset)))).includes(false);
    if (!taken) offsets.push(offset);
  }
  if (offsets.length < count) throw new Error('no free block of ports');
  return offsets;
}

/** A cluster started as users start one: by the built `mezzo` command, in a work directory of its own. */
export class TestCluster {
  private constructor(
    readonly workDir: string,
    readonly offset: number,
    private readonly env: NodeJS.ProcessEnv,
    /** User that runs it all; undefined = ours. */
    private readonly uid: number | undefined,
  ) {}

  static async create(env: NodeJS.ProcessEnv = {}, uid?: number): Promise<TestCluster> {
    const workDir = mkdtempSync(join(tmpdir(), 'mezzo-e2e-'));
    if (uid !== undefined) chownSync(workDir, uid, uid);
    return new TestCluster(
      workDir,
      (await freeOffsets(1))[0]!,
      {
        ...process.env,
        NO_COLOR: '1',
        MEZZO_WORK_DIR: workDir,
        MEZZO_CONTEXTS: join(workDir, 'contexts.json'),
        MEZZO_DATA_DIR: join(workDir, 'data'),
        ...env,
      },
      uid,
    );
  }

  static async up(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}, uid?: number): Promise<TestCluster> {
    const cluster = await TestCluster.create(env, uid);
    const { code, stdout, stderr } = await cluster.start(args);
    if (code !== 0) {
      const logs = cluster.logs();
      await cluster.destroy();
      throw new Error(`mezzo up failed (${code}):\n${stdout}\n${stderr}\n${logs}`);
    }
    return cluster;
  }

  /** Without a sample app, unless `args` ask for one. */
  start(args: readonly string[] = []): Promise<Ran> {
    const isBare = !args.some((arg) => arg === '--sample' || arg.startsWith('--deploy'));
    return this.mezzo(['up', '--detach', `--port-offset=${this.offset}`, ...(isBare ? ['--no-sample'] : []), ...args]);
  }

  port(base: number): number {
    return base + this.offset;
  }

  url(base: number, path = ''): string {
    return `http://127.0.0.1:${this.port(base)}${path}`;
  }

  /** Runs the CLI to its end. */
  mezzo(args: readonly string[], input?: string): Promise<Ran> {
    return new Promise((resolve) => {
      const child = execFile(
        process.execPath,
        [MEZZO, ...args],
        { env: this.env, ...this.user, timeout: HOLD_MS, maxBuffer: 32 << 20 },
        (error, stdout, stderr) =>
          resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, stdout, stderr }),
      );
      child.stdin?.end(input ?? '');
    });
  }

  async json<T>(...args: string[]): Promise<T> {
    const { code, stdout, stderr } = await this.mezzo([...args, '--json']);
    if (code !== 0) throw new Error(`mezzo ${args.join(' ')} failed: ${stdout}${stderr}`);
    return JSON.parse(stdout) as T;
  }

  /** Starts the CLI and leaves it running. */
  spawn(args: readonly string[]) {
    return spawn(process.execPath, [MEZZO, ...args], { env: this.env, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  private get user(): { uid?: number; gid?: number } {
    return this.uid === undefined ? {} : { uid: this.uid, gid: this.uid };
  }

  logs(): string {
    return ['supervisor', 'master', 'agent-0']
      .map((name) => {
        try {
          return `--- ${name}\n${readFileSync(join(this.workDir, 'logs', `${name}.log`), 'utf8')
            .split('\n')
            .slice(-15)
            .join('\n')}`;
        } catch {
          return '';
        }
      })
      .join('\n');
  }

  async destroy(): Promise<void> {
    await this.mezzo(['down']);
    rmSync(this.workDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}
