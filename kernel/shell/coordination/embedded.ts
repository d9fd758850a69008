import { join } from 'node:path';
import type { MasterInfo } from '@mezzo/sdk/api';
import type { Coordination, Leadership } from '../../ports/coordination.js';
import { LockFile } from './lock-file.js';

const NOBODY: Leadership = { leader: undefined, elected: false };

/** One master, which leads as soon as it asks to. A lock file keeps a second one out of the same directory. */
export class EmbeddedCoordination implements Coordination {
  private leadership = NOBODY;
  private lock: LockFile | undefined;
  private readonly listeners = new Set<(leadership: Leadership) => void>();

  constructor(private readonly directory: string) {}

  /** Throws STORE_LOCKED, which names the other master's pid. */
  async contend(self: MasterInfo): Promise<void> {
    this.lock ??= await LockFile.acquire(join(this.directory, 'master.lock'));
    this.tell({ leader: self, elected: true });
  }

  watch(listener: (leadership: Leadership) => void): () => void {
    const own = (leadership: Leadership): void => listener(leadership);
    this.listeners.add(own);
    own(this.leadership);
    return () => void this.listeners.delete(own);
  }

  async close(): Promise<void> {
    if (this.leadership.elected) this.tell(NOBODY);
    const lock = this.lock;
    this.lock = undefined;
    await lock?.release();
  }

  private tell(leadership: Leadership): void {
    this.leadership = leadership;
    for (const listener of [...this.listeners]) listener(leadership);
  }
}
