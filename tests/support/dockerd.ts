import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, closeSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import Docker from 'dockerode';
import { busyboxRootfs } from './busybox-rootfs.js';
import { until } from './poll.js';
import { isRunning, pids, readProc } from './proc.js';

export const TEST_IMAGE = 'mezzo-test:1';

/** As many engines may run at a time, and be left behind by tests that were killed. */
const BRIDGES = 100;

/** Why no engine can be started here; undefined = it can. */
export function dockerdLack(): string | undefined {
  if (process.getuid?.() !== 0) return 'dockerd needs root';
  if (!existsSync('/usr/sbin/dockerd') && !existsSync('/usr/bin/dockerd')) return 'docker.io is not installed';
  return existsSync('/usr/bin/busybox') ? undefined : 'busybox-static is not installed';
}

/** A real Docker Engine with a data root, a socket, and a bridge with addresses of its own. Start it before tests, stop it after. */
export class TestDockerd {
  private child: ChildProcess | undefined;
  private readonly bridge = createBridge();

  private constructor(
    readonly dir: string,
    readonly docker: Docker,
  ) {}

  static async start(): Promise<TestDockerd> {
    const dir = mkdtempSync(join(tmpdir(), 'mezzo-dockerd-'));
    const engine = new TestDockerd(dir, new Docker({ socketPath: join(dir, 'd.sock') }));
    try {
      await engine.run();
      await engine.importImage();
      return engine;
    } catch (error) {
      const log = readFileSync(join(dir, 'log'), 'utf8').slice(-2000);
      await engine.destroy();
      throw new Error(`dockerd did not start: ${log}`, { cause: error });
    }
  }

  get socket(): string {
    return join(this.dir, 'd.sock');
  }

  async run(): Promise<void> {
    const { dir } = this;
    const log = openSync(join(dir, 'log'), 'a');
    const places = ['--data-root', join(dir, 'data'), '--exec-root', join(dir, 'exec'), '--pidfile', join(dir, 'pid')];
    const net = ['-H', `unix://${this.socket}`, '--bridge', this.bridge];
    this.child = spawn('dockerd', [...places, ...net], { stdio: ['ignore', log, log] });
    this.child.on('error', () => {});
    closeSync(log);
    await until('dockerd answers', async () => (await this.docker.ping()).toString() === 'OK', 30_000, 100);
  }

  /** As when it fails: containers run on without it, and end when it is started again. */
  async crash(): Promise<void> {
    await this.halt('SIGKILL');
    // Its containerd dies with it; where nobody collects the dead, the next one would wait for that one.
    rmSync(join(this.dir, 'exec/containerd/containerd.pid'), { force: true });
  }

  /** As when its machine's operator stops it: containers end with it. */
  async halt(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await ended;
    clearTimeout(timer);
  }

  async destroy(): Promise<void> {
    for (const { Id } of await this.docker.listContainers({ all: true }).catch(() => []))
      await this.docker
        .getContainer(Id)
        .remove({ force: true })
        .catch(() => {});
    await this.halt();
    endShims(this.dir);
    for (const path of mountsBelow(this.dir)) spawnSync('umount', [path]);
    spawnSync('ip', ['link', 'delete', this.bridge]);
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }

  private async importImage(): Promise<void> {
    const [repo, tag] = TEST_IMAGE.split(':');
    const stream = await this.docker.importImage(Readable.from(await busyboxRootfs()) as never, { repo, tag });
    for await (const _ of stream) {
      // Until the end of the answer.
    }
  }
}

/** Engines that share one give the same address to containers of theirs. */
function createBridge(): string {
  for (let n = 0; n < BRIDGES; n++) {
    const name = `mzd${n}`;
    if (spawnSync('ip', ['link', 'add', name, 'type', 'bridge']).status !== 0) continue;
    spawnSync('ip', ['address', 'add', `10.213.${n}.1/24`, 'dev', name]);
    spawnSync('ip', ['link', 'set', name, 'up']);
    return name;
  }
  throw new Error(`${BRIDGES} bridges mzd* are there already: delete them with ip link delete NAME`);
}

/** An engine that crashed leaves some, and what they run where it no longer knew of it. */
function endShims(dir: string): void {
  for (const shim of pids().filter((pid) => readProc(pid, 'cmdline').includes(`${dir}/exec/`)))
    for (const pid of [...readProc(shim, `task/${shim}/children`).split(' '), shim])
      if (isRunning(pid)) process.kill(Number(pid), 'SIGKILL');
}

/** An engine leaves some, innermost last. */
const mountsBelow = (dir: string): string[] =>
  readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${dir}/`))
    .reverse();
