import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Follower, leadPlugins, operatorApi, PluginHost, type PluginLeader } from '@mezzo/kernel/plugin-host/index';
import type { PluginStatus, RunsOn } from '@mezzo/sdk/contract';
import { silentLog } from '@mezzo/sdk/testing';
import { hostOptions, MapStore } from './support.js';

const PACE = { deadlineMs: 6_000, gateMs: 200 };

/** Plugins on many machines, all of them in this process: a leader with its API, and nodes that follow it. */
export class TestFleet {
  readonly store = new MapStore();
  readonly nodes = new Map<string, TestNode>();
  leader!: PluginLeader;
  private server!: Server;
  private leaders = 0;

  constructor(
    readonly dir: string,
    readonly registry: string,
  ) {}

  get url(): string | undefined {
    const address = this.server.address() as AddressInfo | null;
    return address ? `http://127.0.0.1:${address.port}` : undefined;
  }

  /** A machine that has never been a master leads from now on, with nothing but the store. */
  async lead(): Promise<void> {
    const options = hostOptions(join(this.dir, `leader-${this.leaders++}`), this.registry, this.store);
    this.leader = await leadPlugins({ ...options, store: this.store, node: 'leader', pace: PACE, gatherMs: 1_500 });
    await this.leader.host.setLeading(true);
    this.server = createServer(
      operatorApi(
        this.leader.host,
        async () => ({ uid: 'admin', scope: 'operator' }),
        silentLog,
        this.leader,
      ).callback(),
    );
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
  }

  async leaderDies(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
    await this.leader.shutdown({ keepPlugins: false });
  }

  async add(name: string, kind: RunsOn = 'agent'): Promise<TestNode> {
    const node = new TestNode(this, name, kind);
    this.nodes.set(name, node);
    await node.start();
    return node;
  }

  async close(): Promise<void> {
    for (const node of this.nodes.values()) await node.stop();
    await this.leaderDies();
  }

  install(bytes: Buffer) {
    return this.leader.installer.install(bytes, [], true);
  }

  find(id: string): ReturnType<PluginLeader['installer']['list']>[number] | undefined {
    return this.leader.installer.list().find((one) => one.id === id);
  }

  /** What the leader knows of a plugin on every node: `node version state`. */
  states(id: string): string[] {
    return this.leader.fleet
      .rows()
      .flatMap(({ node, plugins }) =>
        plugins.flatMap((one) => (one.id === id ? `${node} ${one.version} ${one.state}` : [])),
      )
      .sort();
  }
}

export class TestNode {
  starts = 0;
  host: PluginHost | undefined;
  private follower: Follower | undefined;
  private turn: Promise<void> = Promise.resolve();

  constructor(
    private readonly fleet: TestFleet,
    readonly name: string,
    private readonly kind: RunsOn,
  ) {}

  status = (id: string): PluginStatus | undefined => this.host?.statuses().find((one) => one.id === id);

  async start(): Promise<void> {
    this.starts++;
    const { fleet, kind, name } = this;
    const workDir = join(fleet.dir, name);
    mkdirSync(workDir, { recursive: true });
    this.follower = new Follower({
      leader: () => fleet.url,
      token: () => 'any',
      node: name,
      kind,
      restarts: true,
      dir: join(workDir, 'registry'),
      log: silentLog,
    });
    // As a daemon that is started again by whoever watches it.
    const restart = (): void => void (this.turn = this.turn.then(() => this.stop()).then(() => this.start()));
    const { store: _, ...options } = hostOptions(workDir, fleet.registry, fleet.store);
    this.host = await PluginHost.start({ ...options, runsOn: kind, restart, wanted: await this.follower.first() });
    await this.host.setLeading(false);
    this.follower.follow(this.host);
  }

  async stop(): Promise<void> {
    await this.follower?.close();
    await this.host?.shutdown({ keepPlugins: false });
    this.host = undefined;
  }
}
