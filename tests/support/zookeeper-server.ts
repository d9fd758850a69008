import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './poll.js';

const JAR = '/usr/share/java/zookeeper.jar';

/** Why there can be no real server here; undefined when there can. */
export function zookeeperServerMissing(): string | undefined {
  if (!existsSync(JAR)) return `no ${JAR}: apt-get install --no-install-recommends zookeeper`;
  return spawnSync('java', ['-version']).status === 0 ? undefined : 'no java';
}

/** Why the client cannot be loaded; undefined when it can. */
export const zookeeperClientMissing = (): Promise<string | undefined> =>
  import('zookeeper').then(
    () => undefined,
    () => 'the zookeeper addon is not compiled: npm ci',
  );

/** A real server on loopback, with a directory of its own. */
export class ZookeeperServer {
  private process: ReturnType<typeof spawn> | undefined;

  private constructor(
    readonly port: number,
    private readonly directory: string,
  ) {}

  static async start(): Promise<ZookeeperServer> {
    const directory = await mkdtemp(join(tmpdir(), 'mezzo-zookeeper-'));
    const server = new ZookeeperServer(await freePort(), directory);
    await server.configure();
    await server.run();
    return server;
  }

  get hostPort(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Starts the process, or starts it again after kill(). */
  async run(): Promise<void> {
    const { directory } = this;
    const quorum = 'org.apache.zookeeper.server.quorum.QuorumPeerMain';
    this.process = spawn('java', ['-Xmx256m', '-cp', `${directory}:${JAR}`, quorum, join(directory, 'zoo.cfg')], {
      stdio: 'ignore',
    });
    await until('the ZooKeeper server answers', () => this.isOk(), 30_000, 100);
  }

  async kill(): Promise<void> {
    const { process } = this;
    this.process = undefined;
    if (process === undefined || process.exitCode !== null) return;
    process.kill('SIGKILL');
    await once(process, 'exit');
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }

  private async configure(): Promise<void> {
    const lines = [
      'tickTime=500',
      'minSessionTimeout=1000',
      `dataDir=${join(this.directory, 'data')}`,
      'clientPortAddress=127.0.0.1',
      `clientPort=${this.port}`,
      'admin.enableServer=false',
      '4lw.commands.whitelist=srvr',
    ];
    await writeFile(join(this.directory, 'zoo.cfg'), lines.join('\n'));
    await writeFile(join(this.directory, 'log4j.properties'), 'log4j.rootLogger=OFF\n');
  }

  /** `ruok` is answered before sessions are. */
  private isOk(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.port, '127.0.0.1', () => socket.write('srvr'));
      socket.setTimeout(1_000, () => socket.destroy());
      socket.on('data', (data) => resolve(String(data).includes('Mode:')));
      socket.on('error', () => resolve(false));
      socket.on('close', () => resolve(false));
    });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
