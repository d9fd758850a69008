import { hasCode } from '@mezzo/sdk/contract';
import type { ZookeeperNode, ZookeeperSession } from '../zookeeper/session.js';

/** What the store needs of a session. */
export type NodeSession = Pick<
  ZookeeperSession,
  'state' | 'onState' | 'create' | 'guard' | 'get' | 'children' | 'delete' | 'set'
>;

const AT_A_TIME = 64;
/** ZooKeeper holds the last 500 changes in memory, whatever their size: no node of ours is larger. */
export const MAX_PART_BYTES = 128 * 1024;
const OURS_ALONE = { secret: true };

/**
 * Nodes whose changes are certain: what was asked while the connection was lost is asked again once it is back, which each of
 * these may be. All reject with ZOOKEEPER_SESSION_OVER when the session ends meanwhile.
 */
export class ZookeeperNodes {
  private isClosing = false;
  private readonly waiting = new Set<() => void>();

  constructor(private readonly session: NodeSession) {}

  /** From now on a lost connection is not waited for, and what is only tidying up stops. */
  close(): void {
    this.isClosing = true;
    for (const wake of [...this.waiting]) wake();
  }

  get(path: string): Promise<ZookeeperNode | undefined> {
    return this.surely(() => this.session.get(path));
  }

  /** Undefined when there is no such node. */
  children(path: string): Promise<readonly string[] | undefined> {
    return this.surely(() => this.session.children(path));
  }

  /** Empty, and there already is as good. */
  async ensure(path: string): Promise<void> {
    if ((await this.create(path, '')) === undefined) await this.surely(() => this.session.guard(path, OURS_ALONE));
  }

  /** Undefined when it was there before: or a try landed whose answer was lost. Rejects with ZOOKEEPER_NO_NODE without its parent. */
  async create(path: string, data: string | Buffer): Promise<string | undefined> {
    return this.surely(() =>
      this.session.create(path, data, OURS_ALONE).catch((error: unknown) => {
        if (hasCode(error, 'ZOOKEEPER_NODE_EXISTS')) return undefined;
        throw error;
      }),
    );
  }

  /** Whoever creates a node first owns it. False: somebody else did. */
  async own(path: string, data: Buffer): Promise<boolean> {
    if ((await this.create(path, data)) !== undefined) return true;
    if (!(await this.get(path))?.data.equals(data)) return false;
    await this.surely(() => this.session.guard(path, OURS_ALONE));
    return true;
  }

  /** False: it has another version by now. */
  async set(path: string, data: Buffer, version: number): Promise<boolean> {
    try {
      await this.surely(() => this.session.set(path, data, version));
      return true;
    } catch (error) {
      if (!hasCode(error, 'ZOOKEEPER_VERSION')) throw error;
      const now = await this.get(path);
      return now?.version === version + 1 && now.data.equals(data);
    }
  }

  async remove(paths: readonly string[]): Promise<void> {
    await inWindows(paths, async (path) => this.isClosing || this.surely(() => this.session.delete(path)));
  }

  /** In the order of the paths. */
  getAll(paths: readonly string[]): Promise<(ZookeeperNode | undefined)[]> {
    return inWindows(paths, (path) => this.get(path));
  }

  /** Bytes of any number, in nodes that nobody reads until their names are told: `name(0)`, `name(1)`, ... Answers how many. */
  async writeParts(bytes: Buffer, name: (index: number) => string): Promise<number> {
    const starts = Array.from(
      { length: Math.ceil(bytes.length / MAX_PART_BYTES) },
      (_, index) => index * MAX_PART_BYTES,
    );
    const write = (start: number): Promise<unknown> =>
      this.create(name(start / MAX_PART_BYTES), bytes.subarray(start, start + MAX_PART_BYTES));
    await inWindows(starts, write);
    return starts.length;
  }

  /** Undefined when one of them is missing. */
  async readParts(count: number, name: (index: number) => string): Promise<Buffer | undefined> {
    const names = Array.from({ length: count }, (_, index) => name(index));
    const parts = await this.getAll(names);
    return parts.every((part) => part !== undefined) ? Buffer.concat(parts.map(({ data }) => data)) : undefined;
  }

  private async surely<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!hasCode(error, 'ZOOKEEPER_CONNECTION_LOST')) throw error;
        if (this.isClosing && this.session.state !== 'connected') throw error;
        await this.connected();
      }
    }
  }

  /** Or over: then the next call says so. */
  private connected(): Promise<void> {
    if (this.session.state !== 'connecting') return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        forget();
        this.waiting.delete(wake);
        resolve();
      };
      const forget = this.session.onState(wake);
      this.waiting.add(wake);
    });
  }
}

/** So many at a time, and each window waits for the last one's slowest. */
async function inWindows<T, R>(all: readonly T[], act: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < all.length; at += AT_A_TIME)
    results.push(...(await Promise.all(all.slice(at, at + AT_A_TIME).map(act))));
  return results;
}
