import type { MasterInfo } from '@mezzo/sdk/api';

export interface Leadership {
  readonly leader: MasterInfo | undefined;
  /** True while this process may act as the leader. */
  readonly elected: boolean;
}

/** Contender and detector in one. Drivers: embedded (one master: always elected) and ZooKeeper. */
export interface Coordination {
  /** Stands for election with this identity. */
  contend(self: MasterInfo): Promise<void>;
  /** Calls at once with what is known, then upon each change. The answer stops it. */
  watch(listener: (leadership: Leadership) => void): () => void;
  /** Gives up the leadership and leaves. */
  close(): Promise<void>;
}
