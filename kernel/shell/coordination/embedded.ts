import { join } from 'node:path';
import type { MasterInfo } from '@mezzo/sdk/api';
import { LockFile } from '@mezzo/sdk/runtime';
import type { Coordination, Leadership } from '../../ports/coordination.js';
import { LeadershipNews, NOBODY } from './leadership-news.js';

/** One master, which leads as soon as it asks to. A lock file keeps a second one out of the same directory. */
export class EmbeddedCoordination implements Coordination {
  private readonly news = new LeadershipNews();
  private lock: LockFile | undefined;

  constructor(private readonly directory: string) {}

  /** Throws STORE_LOCKED, which names the other master's pid. */
  async contend(self: MasterInfo): Promise<void> {
    this.lock ??= await LockFile.acquire(join(this.directory, 'master.lock'));
    this.news.tell({ leader: self, elected: true });
  }

  watch(listener: (leadership: Leadership) => void): () => void {
    return this.news.watch(listener);
  }

  async close(): Promise<void> {
    if (this.news.now.elected) this.news.tell(NOBODY);
    const lock = this.lock;
    this.lock = undefined;
    await lock?.release();
  }
}
