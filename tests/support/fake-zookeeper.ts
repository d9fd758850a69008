import { setImmediate as nextTurn } from 'node:timers/promises';
import { MezzoError } from '@mezzo/sdk/contract';
import type { NodeSession } from '../../kernel/shell/store/zookeeper-nodes.js';
import type { ZookeeperNode } from '../../kernel/shell/zookeeper/session.js';

const failed = (code: string): MezzoError =>
  new MezzoError(code, code, { blame: 'environment', retryable: code === 'ZOOKEEPER_CONNECTION_LOST' });

/** The nodes of a server. */
export class FakeZookeeper {
  readonly nodes = new Map<string, { data: Buffer; version: number }>([['', { data: Buffer.alloc(0), version: 0 }]]);

  childrenOf(path: string): string[] {
    const inside = `${path}/`;
    return [...this.nodes.keys()]
      .filter((one) => one.startsWith(inside) && !one.includes('/', inside.length))
      .map((one) => one.slice(inside.length));
  }

  /** All there is, to go back to. */
  copy(): FakeZookeeper {
    const other = new FakeZookeeper();
    for (const [path, node] of this.nodes) other.nodes.set(path, { ...node });
    return other;
  }
}

/** One session, whose calls may come to nothing as those of a real one do. */
export class FakeSession implements NodeSession {
  state: 'connected' | 'over' = 'connected';
  /** So many changes land; with the next one the process dies. */
  dieAfter = Infinity;
  /** Calls wait here once so many have been answered. */
  pause: Promise<void> | undefined;
  pauseAfter = Infinity;
  /** The answer to every so-manieth call is lost, whether it has landed or not. */
  loseEvery = Infinity;
  changes = 0;
  calls = 0;

  constructor(private readonly server: FakeZookeeper) {}

  onState(): () => void {
    return () => undefined;
  }

  create(path: string, data: string | Buffer): Promise<string> {
    return this.change(() => {
      const { nodes } = this.server;
      if (!nodes.has(path.slice(0, path.lastIndexOf('/')))) throw failed('ZOOKEEPER_NO_NODE');
      if (nodes.has(path)) throw failed('ZOOKEEPER_NODE_EXISTS');
      nodes.set(path, { data: Buffer.from(data), version: 0 });
      return path;
    });
  }

  guard(): Promise<void> {
    return this.ask(() => undefined);
  }

  get(path: string): Promise<ZookeeperNode | undefined> {
    return this.ask(() => {
      const node = this.server.nodes.get(path);
      return node && { ...node, isOwn: false };
    });
  }

  children(path: string): Promise<readonly string[] | undefined> {
    return this.ask(() => (this.server.nodes.has(path) ? this.server.childrenOf(path) : undefined));
  }

  delete(path: string): Promise<boolean> {
    return this.change(() => {
      if (this.server.childrenOf(path).length > 0) throw failed('ZOOKEEPER_NOT_EMPTY');
      return this.server.nodes.delete(path);
    });
  }

  set(path: string, data: string | Buffer, version: number): Promise<void> {
    return this.change(() => {
      const node = this.server.nodes.get(path);
      if (node === undefined) throw failed('ZOOKEEPER_NO_NODE');
      if (node.version !== version) throw failed('ZOOKEEPER_VERSION');
      this.server.nodes.set(path, { data: Buffer.from(data), version: version + 1 });
    });
  }

  private change<T>(act: () => T): Promise<T> {
    if (this.changes++ === this.dieAfter) this.state = 'over';
    return this.ask(act);
  }

  private async ask<T>(act: () => T): Promise<T> {
    await nextTurn();
    if (this.calls >= this.pauseAfter) await this.pause;
    const isLost = ++this.calls % this.loseEvery === 0;
    // Every other one of those has landed.
    if (isLost && (this.calls / this.loseEvery) % 2 === 0) throw failed('ZOOKEEPER_CONNECTION_LOST');
    const answer = this.alive(act);
    if (isLost) throw failed('ZOOKEEPER_CONNECTION_LOST');
    return answer;
  }

  private alive<T>(act: () => T): T {
    if (this.state === 'over') throw failed('ZOOKEEPER_SESSION_OVER');
    return act();
  }
}
