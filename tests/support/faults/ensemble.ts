import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { JAR, zookeeperMode } from '../zookeeper-server.js';
import type { Hosts } from './hosts.js';
import { Kept } from './kept.js';

export const PORT = 2181;
/** By which its log grows. */
const LOG_KIB = 1024;

/** Three ZooKeepers, each on a host of its own. */
export class Ensemble {
  readonly names = ['z1', 'z2', 'z3'] as const;
  private readonly servers = new Map<string, Kept>();

  constructor(
    private readonly hosts: Hosts,
    private readonly home: string,
  ) {}

  start(): void {
    const { hosts, home } = this;
    for (const name of this.names) hosts.add(name, join(home, name));
    for (const [index, name] of this.names.entries()) {
      const dir = join(home, name);
      mkdirSync(join(dir, 'data'));
      writeFileSync(join(dir, 'data/myid'), String(index + 1));
      writeFileSync(join(dir, 'log4j.properties'), 'log4j.rootLogger=OFF\n');
      writeFileSync(join(dir, 'zoo.cfg'), this.config(dir, name).join('\n'));
      const main = 'org.apache.zookeeper.server.quorum.QuorumPeerMain';
      const argv = [
        'java',
        '-Xmx128m',
        `-Dzookeeper.preAllocSize=${LOG_KIB}`,
        '-cp',
        `${dir}:${JAR}`,
        main,
        join(dir, 'zoo.cfg'),
      ];
      this.servers.set(name, new Kept(() => hosts.spawn(name, argv)));
    }
  }

  /** host:port,host:port,host:port */
  get hostPorts(): string {
    return this.names.map((name) => `${this.hosts.address(name)}:${PORT}`).join(',');
  }

  /** What each says that it is, in the order of their names; undefined: it does not serve. */
  modes(): Promise<readonly (string | undefined)[]> {
    return Promise.all(this.names.map((name) => zookeeperMode(this.hosts.address(name), PORT)));
  }

  async leader(): Promise<string | undefined> {
    return this.names[(await this.modes()).indexOf('leader')];
  }

  async isWhole(): Promise<boolean> {
    return (await this.modes()).every((mode) => mode !== undefined);
  }

  signal(name: string, signal: NodeJS.Signals): void {
    this.servers.get(name)!.signal(signal);
  }

  async stop(): Promise<void> {
    for (const server of this.servers.values()) await server.stop('SIGKILL');
  }

  private config(dir: string, own: string): string[] {
    return [
      ...['tickTime=500', 'initLimit=20', 'syncLimit=6', 'minSessionTimeout=1000', 'admin.enableServer=false'],
      ...[`dataDir=${dir}/data`, `clientPort=${PORT}`, `clientPortAddress=${this.hosts.address(own)}`],
      ...['4lw.commands.whitelist=srvr'],
      ...this.names.map((name, index) => `server.${index + 1}=${this.hosts.address(name)}:2888:3888`),
    ];
  }
}
