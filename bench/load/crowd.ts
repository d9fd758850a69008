import type { FrameworkInfo } from '@mezzo/sdk/api';
import { asId, type ConnectionId, type Logger } from '@mezzo/sdk/contract';
import { MemoryStore, type MemoryLog } from '@mezzo/sdk/store';
import type { AgentSubscribe, DownRecord } from '../../kernel/core/protocol.js';
import { createMasterState } from '../../kernel/core/master/index.js';
import type { Body } from '../../kernel/http/answer-body.js';
import { metricPieces } from '../../kernel/http/metric-text.js';
import { gatherMetrics } from '../../kernel/http/master/metrics.js';
import { bitByBit, inSlices } from '../../kernel/http/slices.js';
import { systemClock, systemRandom } from '../../kernel/shell/clock.js';
import { MasterShell, type Sink } from '../../kernel/shell/master/master-shell.js';
import { frameworkInfo, options } from '../../tests/support/master-harness.js';
import { NO_HISTORY, subscribeOf } from './bodies.js';

const nothing = (): void => undefined;
const SILENT: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => SILENT };

/** A master, and peers that note nothing but who they are. */
export class Crowd {
  private readonly shell: MasterShell;
  private next = 0;

  private constructor(
    private readonly store: MemoryStore,
    epoch: number,
  ) {
    this.shell = new MasterShell({
      state: createMasterState(options({ maxCompletedTasksPerFramework: 1000 })),
      clock: systemClock,
      random: systemRandom,
      log: SILENT,
      onFatal: (error) => {
        throw error;
      },
    });
    this.shell.lead(store, epoch);
  }

  static async start(log: MemoryLog): Promise<Crowd> {
    const store = new MemoryStore(log);
    return new Crowd(store, await store.startEpoch());
  }

  get tasks(): number {
    return [...this.shell.state.frameworks.values()].reduce((sum, { tasks }) => sum + tasks.size, 0);
  }

  /** `/metrics/snapshot`. */
  async metrics(): Promise<Body> {
    return inSlices(metricPieces(await bitByBit(gatherMetrics(this.shell, 0, Date.now()))));
  }

  subscribe(name: string, known?: FrameworkInfo): FrameworkInfo {
    const info = known ?? frameworkInfo({ name, roles: ['*'], failoverTimeout: 600 });
    const connection = this.connection();
    const sink = this.sink(() => undefined);
    this.shell.subscribeScheduler(connection, sink, { frameworkInfo: info, suppressedRoles: ['*'] }, undefined);
    const id = this.shell.state.schedulers.get(connection)!;
    return this.shell.state.frameworks.get(id)!.info;
  }

  /** New agents. Answers their ids. */
  fill(count: number): Promise<string[]> {
    return Promise.all(Array.from({ length: count }, (_, i) => this.register(subscribeOf(i, undefined, NO_HISTORY))));
  }

  /** Answers its id. */
  register(subscribe: AgentSubscribe): Promise<string> {
    return new Promise((resolve) => {
      const sink = this.sink((record) => {
        const told = JSON.parse(record) as DownRecord;
        if (told.type === 'registered') resolve(told.agentId);
      });
      this.shell.subscribeAgent(this.connection(), sink, subscribe);
    });
  }

  async stop(): Promise<void> {
    this.shell.stop();
    await this.store.close();
  }

  private connection(): ConnectionId {
    return asId<ConnectionId>(`c${this.next++}`);
  }

  private sink(onRecord: (record: string) => void): Sink {
    return {
      format: 'json',
      send: (record) => (onRecord(String(record)), true),
      sendBig: nothing,
      beat: nothing,
      close: nothing,
    };
  }
}
