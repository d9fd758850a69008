import { isIP } from 'node:net';
import { join } from 'node:path';
import type { MasterInfo } from '@mezzo/sdk/api';
import { MezzoError, type Logger } from '@mezzo/sdk/contract';
import type { Store } from '@mezzo/sdk/points/store-driver';
import { LockFile } from '@mezzo/sdk/runtime';
import { MemoryStore } from '@mezzo/sdk/store';
import type { Coordination } from '../ports/coordination.js';
import { EmbeddedCoordination } from '../shell/coordination/embedded.js';
import { ZookeeperCoordination } from '../shell/coordination/zookeeper.js';
import { openLevelStore } from '../shell/store/level-store.js';
import { ZookeeperStore } from '../shell/store/zookeeper-store.js';
import type { MasterFlags } from './master-flags.js';
import { LocalDriver } from './store-driver.js';

/** What a master does as others, or it, come to lead. Each of the last two is called once at most. */
export interface ElectionEvents {
  follow(leader: MasterInfo | undefined): void;
  lead(): void;
  /** It led, and must not go on. */
  lose(): void;
}

/** How masters are elected and where the leader keeps what must not be lost, as `--zk`, `--registry` and `--store_driver` say. */
export class Election {
  private constructor(
    private readonly coordination: Coordination,
    readonly openStore: () => Promise<Store>,
    private readonly release: () => Promise<void>,
  ) {}

  /** Rejects with STORE_LOCKED, ZOOKEEPER_CLIENT_MISSING, ZOOKEEPER_ADDRESS, INVALID_FLAG, or as `LocalDriver.of` does. */
  static async open(flags: MasterFlags, workDir: string, log: Logger): Promise<Election> {
    const { zk, registry } = flags;
    if (zk !== undefined) assertReachable(flags.advertise_ip ?? flags.ip);
    const driver = await LocalDriver.of(flags, workDir, log);
    const brought = driver ? () => driver.open() : registry === 'in_memory' ? memory : undefined;
    let lock: LockFile | undefined;
    const release = async (): Promise<void> => {
      await lock?.release();
      await driver?.close();
    };
    try {
      if (zk === undefined) {
        const openStore = brought ?? (() => openLevelStore(join(workDir, 'store')));
        return new Election(new EmbeddedCoordination(workDir), openStore, release);
      }
      lock = await LockFile.acquire(join(workDir, 'master.lock'));
      const coordination = await ZookeeperCoordination.open(zk, flags.zk_session_timeout, log);
      // Through the session that holds the leadership: what was accepted from a leader came before the next one's election.
      const openStore = () => ZookeeperStore.open(coordination.currentSession!, `${zk.path}/store`, { log });
      return new Election(coordination, brought ?? openStore, release);
    } catch (error) {
      await release();
      throw error;
    }
  }

  /** The answer stops it. */
  watch(events: ElectionEvents): () => void {
    let leads = false;
    const unwatch = this.coordination.watch(({ leader, elected }) => {
      events.follow(leader);
      if (elected === leads) return;
      if (leads) {
        unwatch();
        return events.lose();
      }
      leads = true;
      events.lead();
    });
    return unwatch;
  }

  /** Resolves before it is known how it ends. Rejects with STORE_LOCKED. */
  contend(self: MasterInfo): Promise<void> {
    return this.coordination.contend(self);
  }

  async close(): Promise<void> {
    await this.coordination.close();
    await this.release();
  }
}

const memory = (): Promise<Store> => Promise.resolve(new MemoryStore());

/** Agents and other masters are sent there. */
function assertReachable(ip: string): void {
  if (ip !== '0.0.0.0' && ip !== '::' && isIP(ip) !== 0) return;
  throw new MezzoError('INVALID_FLAG', `flag --advertise_ip: nobody can reach this master at ${ip}`, {
    blame: 'operator',
    next: 'with --zk, name the address that agents and other masters reach this one at: --advertise-ip=ADDRESS',
  });
}
