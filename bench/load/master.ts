import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clusterKey, mintToken } from '@mezzo/sdk/secrets';
import { until } from '../../tests/support/poll.js';
import { root } from '../../tests/tidy/sources.js';
import { ask } from './http.js';

/** A master in a process of its own, on a work directory that outlives it. */
export class LoadedMaster {
  private child: ChildProcess | undefined;
  private readonly workDir = mkdtempSync(join(tmpdir(), 'mezzo-load-'));
  private port = 0;

  constructor(private readonly flags: readonly string[] = []) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts it, or the next one after `stop`, at the same address. */
  async start(): Promise<void> {
    this.port ||= await freePort();
    const args = [`--work_dir=${this.workDir}`, `--port=${this.port}`, '--quiet', ...this.flags];
    const main = join(root, 'kernel/dist/main/master.js');
    this.child = spawn(process.execPath, [...PROFILE, main, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
    const { child } = this;
    const end = (): void => void child.kill('SIGKILL');
    process.once('exit', end);
    child.once('exit', () => process.off('exit', end));
    await until('the master to serve', () => ask(`${this.url}/health`, 'GET').then(isFine, () => false), 30_000, 20);
  }

  async stop(): Promise<void> {
    const { child } = this;
    const over = new Promise((resolve) => child!.once('exit', resolve));
    child!.kill(PROFILE.length > 0 ? 'SIGTERM' : 'SIGKILL');
    await over;
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.workDir, { recursive: true, force: true });
  }

  token(): Promise<string> {
    return mintToken(clusterKey(join(this.workDir, 'secrets')), { uid: 'agent', scope: 'agent' }, 3600);
  }

  /** Of CPU, user and system, of the threads that it has, since they started. */
  get cpuMs(): number {
    const threads = `/proc/${this.child!.pid}/task`;
    const ns = (thread: string): number => Number(readFileSync(`${threads}/${thread}/schedstat`, 'utf8').split(' ')[0]);
    return readdirSync(threads).reduce((sum, thread) => sum + ns(thread), 0) / 1e6;
  }

  get residentKib(): number {
    const status = readFileSync(`/proc/${this.child!.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)![1]);
  }
}

/** `MEZZO_BENCH_PROFILE=DIR`: profiles of the masters go there. */
const profileDir = process.env.MEZZO_BENCH_PROFILE;
const PROFILE = profileDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`];

const isFine = ({ status }: { readonly status: number }): boolean => status === 200;

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
