import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freeOffsets } from '../../tests/support/cluster.js';
import { until } from '../../tests/support/poll.js';
import { ZookeeperServer } from '../../tests/support/zookeeper-server.js';
import { root } from '../../tests/tidy/sources.js';

const MASTERS = 3;

interface Daemon {
  readonly name: string;
  readonly port: number;
  readonly start: () => ChildProcess;
  child: ChildProcess;
}

/** Three masters and an agent as processes, on a real ZooKeeper. They end with this process. */
export class Daemons {
  private readonly home = mkdtempSync(join(tmpdir(), 'mezzo-election-'));
  private readonly masters: Daemon[] = [];
  private offsets: readonly number[] = [];
  private agent: Daemon | undefined;

  private constructor(private readonly zookeeper: ZookeeperServer) {}

  static async start(sessionSeconds: number): Promise<Daemons> {
    const daemons = new Daemons(await ZookeeperServer.start());
    process.once('exit', daemons.killAll);
    await daemons.startAll([`--zk_session_timeout=${sessionSeconds}secs`]);
    return daemons;
  }

  get urls(): string[] {
    return this.masters.map(({ port }) => `http://127.0.0.1:${port}`);
  }

  get agentUrl(): string {
    return `http://127.0.0.1:${this.agent!.port}`;
  }

  /** Of Marathon where that master leads. */
  marathon(master: number): string {
    return `http://127.0.0.1:${8080 + this.offsets[master]!}`;
  }

  /** The one that leads now, if any. */
  async leader(except = -1): Promise<number | undefined> {
    const found = await Promise.all(
      this.urls.map(async (url, i) => i !== except && (await answers(`${url}/state-summary`)) !== undefined),
    );
    const at = found.indexOf(true);
    return at < 0 ? undefined : at;
  }

  killMaster(at: number): void {
    this.masters[at]!.child.kill('SIGKILL');
  }

  /** Resolves when it follows. */
  async restartMaster(at: number): Promise<void> {
    const daemon = this.masters[at]!;
    daemon.child = daemon.start();
    await until('the master to serve', () => answers(`${this.urls[at]}/version`), 60_000, 100);
  }

  async killAgent(): Promise<void> {
    const { child } = this.agent!;
    const over = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await over;
  }

  restartAgent(): void {
    this.agent!.child = this.agent!.start();
  }

  async isRegistered(master: number): Promise<boolean> {
    const list = await answers<{ slaves: readonly { active: boolean }[] }>(`${this.urls[master]}/slaves`);
    return list?.slaves.some(({ active }) => active) === true;
  }

  async remove(): Promise<void> {
    this.killAll();
    process.off('exit', this.killAll);
    await this.zookeeper.stop();
    rmSync(this.home, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }

  private async startAll(flags: readonly string[]): Promise<void> {
    this.offsets = await freeOffsets(MASTERS + 1);
    const zk = `zk://${this.zookeeper.hostPort}/mesos`;
    for (let i = 0; i < MASTERS; i++) {
      const port = 5050 + this.offsets[i]!;
      if (i > 0) cpSync(join(this.home, 'master0/secrets'), join(this.home, `master${i}/secrets`), { recursive: true });
      this.masters.push(this.daemon('master', `master${i}`, i, port, [`--zk=${zk}`, ...flags]));
      await until('the master to serve', () => answers(`${this.urls[i]}/version`), 60_000, 100);
    }
    mkdirSync(join(this.home, 'agent'));
    const joinToken = join(this.home, 'master0/secrets/join.token');
    const given = [`--master=${zk}`, `--join_token_file=${joinToken}`, '--resources=cpus:64;mem:65536;disk:65536'];
    this.agent = this.daemon('agent', 'agent', MASTERS, 5051 + this.offsets[MASTERS]!, [...given, ...flags]);
  }

  private daemon(kind: string, name: string, at: number, port: number, flags: readonly string[]): Daemon {
    const argv = [
      ...[join(root, `kernel/dist/main/${kind}.js`), `--work_dir=${join(this.home, name)}`, `--port=${port}`],
      ...[
        '--hostname=127.0.0.1',
        `--port_offset=${this.offsets[at]}`,
        '--quiet',
        `--log_dir=${join(this.home, name)}/logs`,
      ],
      ...[`--plugins_registry=${join(root, 'build/registry')}`, ...flags],
    ];
    const start = (): ChildProcess => spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', 'inherit'] });
    return { name, port, start, child: start() };
  }

  /** Plugins and tasks outlive their daemons. */
  private readonly killAll = (): void => {
    for (const { child } of [...this.masters, ...(this.agent ? [this.agent] : [])]) child.kill('SIGKILL');
    for (const pid of this.leftOver())
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // ended already
      }
  };

  private leftOver(): number[] {
    return readdirSync('/proc').flatMap((pid) => {
      try {
        const isOurs = /^\d+$/.test(pid) && Number(pid) !== process.pid && command(pid).includes(this.home);
        return isOurs ? [Number(pid)] : [];
      } catch {
        return [];
      }
    });
  }
}

/** Their directory is in there. */
const command = (pid: string): string =>
  readFileSync(`/proc/${pid}/cmdline`, 'utf8') + readFileSync(`/proc/${pid}/environ`, 'latin1');

/** The JSON of a 200; undefined otherwise. */
export async function answers<T = unknown>(url: string, init: RequestInit = {}): Promise<T | undefined> {
  const answer = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(3_000), ...init }).catch(
    () => undefined,
  );
  if (answer?.ok) return (await answer.json().catch(() => undefined)) as T | undefined;
  await answer?.body?.cancel();
  return undefined;
}
