import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './poll.js';

export const JAR = '/usr/share/java/zookeeper.jar';

/** Why there can be no real server here; undefined when there can. */
export function zookeeperServerMissing(): string | undefined {
  if (!existsSync(JAR)) return `no ${JAR}: apt-get install --no-install-recommends zookeeper`;
  return spawnSync('java', ['-version']).status === 0 ? undefined : 'no java';
}

/** Why the client cannot be loaded; undefined when it can. */
export const zookeeperClientMissing = (): Promise<string | undefined> =>
  import('zookeeper').then(
    () => undefined,
    () => 'the zookeeper addon is not compiled: npm run build:zookeeper',
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

  private async isOk(): Promise<boolean> {
    return (await zookeeperMode('127.0.0.1', this.port)) !== undefined;
  }
}

/** `standalone`, `leader` or `follower`; undefined while it serves nobody. (`ruok` is answered before sessions are.) */
export function zookeeperMode(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, host, () => socket.write('srvr'));
    socket.setTimeout(1_000, () => socket.destroy());
    socket.on('data', (data) => resolve(/Mode: (\w+)/.exec(String(data))?.[1]));
    socket.on('error', () => resolve(undefined));
    socket.on('close', () => resolve(undefined));
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
