import type { MasterInfo } from '@mezzo/sdk/api';
import type { Coordination } from '../../ports/coordination.js';

export interface MasterAddress {
  readonly hostPort: string;
  readonly hostname: string;
}

/** Which master an agent belongs to: the one it was given, or the one that leads. */
export class MasterDetector {
  private known: MasterAddress | undefined;
  private readonly listeners = new Set<() => void>();

  /** `master` is host:port, and one that does not lead names the leader; or tells who leads, and is closed with this. */
  constructor(private readonly master: string | Pick<Coordination, 'watch' | 'close'>) {
    if (typeof master === 'string') this.known = { hostPort: master, hostname: master.replace(/:\d+$/, '') };
    else master.watch(({ leader }) => leader && this.follow(leader));
  }

  /** While nobody is known to lead, the last one is listened to as long as it speaks. */
  get leader(): MasterAddress | undefined {
    return this.known;
  }

  /** Calls at each change. The answer stops it. */
  onFound(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Undefined when nobody is found within that time. */
  find(withinMs: number): Promise<MasterAddress | undefined> {
    if (this.known !== undefined) return Promise.resolve(this.known);
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        forget();
        resolve(this.known);
      };
      const forget = this.onFound(done);
      const timer = setTimeout(done, withinMs);
    });
  }

  async close(): Promise<void> {
    this.listeners.clear();
    if (typeof this.master !== 'string') await this.master.close();
  }

  private follow({ address, hostname, port }: MasterInfo): void {
    // By address: names need not be known here.
    const host = address?.ip ?? hostname ?? '';
    const hostPort = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    if (hostPort === this.known?.hostPort) return;
    this.known = { hostPort, hostname: hostname ?? host };
    for (const listener of [...this.listeners]) listener();
  }
}
