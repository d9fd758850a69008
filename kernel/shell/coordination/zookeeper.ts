import { messageToJson, parseMessageText, type MasterInfo } from '@mezzo/sdk/api';
import { hasCode, messageOf, type Logger } from '@mezzo/sdk/contract';
import type { Coordination, Leadership } from '../../ports/coordination.js';
import type { ZookeeperAddress } from '../zookeeper/address.js';
import { ZookeeperSession } from '../zookeeper/session.js';
import { LeadershipNews, NOBODY } from './leadership-news.js';

/** What clients of Mesos look for: ten digits follow, the lowest leads, and its data is its MasterInfo as JSON. */
const LABEL = 'json.info_';
/** What stands in ZooKeeper goes into headers and addresses. */
const HOST = /^[\w.:-]{1,255}$/;
const RETRY_MS = 1_000;
/** Of its own time: a session that was not heard for so long is over on the server, or as good as. */
const GIVE_UP_AFTER = 3;
/** Of the session's time, since most servers are known to have heard us: for so long nobody else is elected. */
const LEASE = 5 / 6;
const BEATS_PER_SESSION = 10;
/** There is none. To delete it goes through ZooKeeper's leader and most of its peers, where a read may be answered by a server that is cut off. */
const NOTHING = 'nothing';

/**
 * Election by the znodes that clients of Mesos read. Whoever only watches never stands for election.
 *
 * A leader that is not heard stops before its place is given away. A process that was frozen finds out only when it wakes: hence
 * the store's epochs.
 */
export class ZookeeperCoordination implements Coordination {
  private session: ZookeeperSession | undefined;
  private self: MasterInfo | undefined;
  private readonly news = new LeadershipNews();
  private looking: Promise<void> | undefined;
  private stale = false;
  private closed = false;
  private lease: NodeJS.Timeout | undefined;
  private heardMs = 0;
  private hope: NodeJS.Timeout | undefined;
  private retry: NodeJS.Timeout | undefined;

  private constructor(
    private readonly address: ZookeeperAddress,
    private readonly timeoutMs: number,
    private readonly log: Logger,
  ) {}

  /** Does not wait for a connection. Rejects with ZOOKEEPER_CLIENT_MISSING or ZOOKEEPER_ADDRESS. */
  static async open(address: ZookeeperAddress, timeoutMs: number, log: Logger): Promise<ZookeeperCoordination> {
    const coordination = new ZookeeperCoordination(address, timeoutMs, log);
    await coordination.begin();
    return coordination;
  }

  /** Of the session that is under way: what the leader writes through it ends with its leadership. */
  get currentSession(): ZookeeperSession | undefined {
    return this.session;
  }

  /** Resolves at once: `watch` tells how it ended. After an expired session it stands again. */
  contend(self: MasterInfo): Promise<void> {
    this.self = self;
    this.look();
    return Promise.resolve();
  }

  watch(listener: (leadership: Leadership) => void): () => void {
    return this.news.watch(listener);
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.lease);
    clearTimeout(this.hope);
    clearTimeout(this.retry);
    this.tell(NOBODY);
    this.session?.close();
    await this.looking;
  }

  private async begin(): Promise<void> {
    const session = await ZookeeperSession.open(this.address, this.timeoutMs);
    if (this.closed) return session.close();
    this.session = session;
    this.hopeFor(session);
    session.onState((state) => {
      if (state === 'connected') {
        clearTimeout(this.hope);
        this.look();
      } else if (state === 'connecting') {
        this.log.warn('ZooKeeper is not heard', { servers: this.address.servers });
        this.hopeFor(session);
      } else if (!this.closed) this.expire();
    });
  }

  /** The client may stop trying without a word: then a new one is made. */
  private hopeFor(session: ZookeeperSession): void {
    clearTimeout(this.hope);
    this.hope = setTimeout(() => session.close(), GIVE_UP_AFTER * session.timeoutMs);
  }

  /** Our place may be given away any moment: whoever leads must not go on. Whom others follow stays. */
  private doubt(): void {
    if (this.news.now.elected) this.tell(NOBODY);
  }

  /** While we lead. */
  private beat(session: ZookeeperSession): void {
    clearTimeout(this.lease);
    if (!this.news.now.elected) return;
    const nowMs = performance.now();
    const leftMs = this.heardMs + LEASE * session.timeoutMs - nowMs;
    if (leftMs <= 0) return this.doubt();
    const heard = (): void => void (this.heardMs = Math.max(this.heardMs, nowMs));
    const refused = (error: unknown): unknown => hasCode(error, 'ZOOKEEPER_NOT_ALLOWED') && heard();
    session.delete(`${this.address.path}/${NOTHING}`).then(heard, refused);
    this.lease = setTimeout(() => this.beat(session), Math.min(leftMs, session.timeoutMs / BEATS_PER_SESSION));
  }

  private expire(): void {
    clearTimeout(this.hope);
    this.log.warn('the session with ZooKeeper is over: a new one begins', { servers: this.address.servers });
    this.doubt();
    this.again(() => {
      this.begin().catch((error: unknown) => {
        this.log.error('no session with ZooKeeper', { reason: messageOf(error) });
        this.expire();
      });
    });
  }

  private again(action: () => void): void {
    if (this.closed) return;
    clearTimeout(this.retry);
    this.retry = setTimeout(action, RETRY_MS);
  }

  /** One look at a time; what happens meanwhile makes it look once more. */
  private look(): void {
    this.stale = true;
    this.looking ??= this.lookUntilFresh().finally(() => (this.looking = undefined));
  }

  private async lookUntilFresh(): Promise<void> {
    while (this.stale && this.session?.state === 'connected') {
      this.stale = false;
      await this.lookOnce(this.session).catch((error: unknown) => {
        if (hasCode(error, 'ZOOKEEPER_SESSION_OVER')) return;
        this.log.warn('the election cannot be seen', { reason: messageOf(error) });
        this.again(() => this.look());
      });
    }
  }

  private async lookOnce(session: ZookeeperSession): Promise<void> {
    const { path } = this.address;
    const lookedMs = performance.now();
    if (this.self) await session.ensure(path);
    const changed = (): void => this.look();
    const names = await session.children(path, changed);
    // No master has ever been here. Only masters may make it: they have the credentials to guard it.
    if (names === undefined) return this.again(() => this.look());
    let masters = contenders(names);
    if (this.self && !(await this.stands(session, masters))) {
      const data = messageToJson('mesos.v1.MasterInfo', this.self);
      await session.create(`${path}/${LABEL}`, data, { ephemeral: true, sequence: true });
      masters = contenders((await session.children(path)) ?? []);
    }
    const first = masters[0];
    const node = first === undefined ? undefined : await session.get(`${path}/${first}`);
    // It has gone in between: the watch has told, or will.
    if (first !== undefined && node === undefined) return void (this.stale = true);
    if (session.state !== 'connected') return;
    const leader = node && this.masterIn(node.data, first!);
    const elected = node?.isOwn === true;
    if (elected && !this.news.now.elected) this.heardMs = lookedMs;
    this.tell({ leader, elected });
    this.beat(session);
  }

  /** Looked up, not remembered: the answer to our own `create` may have been lost, and an operator may remove the node. */
  private async stands(session: ZookeeperSession, masters: readonly string[]): Promise<boolean> {
    for (const name of masters) if ((await session.get(`${this.address.path}/${name}`))?.isOwn) return true;
    return false;
  }

  private masterIn(data: Buffer, name: string): MasterInfo | undefined {
    try {
      const info = parseMessageText('mesos.v1.MasterInfo', data.toString('utf8'));
      if (![info.hostname, info.address?.ip].every((host) => host === undefined || HOST.test(host)))
        throw new Error('it is not where a master can be');
      return info;
    } catch (error) {
      this.log.error('who leads cannot be read', { node: name, reason: messageOf(error) });
      return undefined;
    }
  }

  private tell(leadership: Leadership): void {
    const { leader, elected } = this.news.now;
    if (leader?.id === leadership.leader?.id && elected === leadership.elected) return;
    this.news.tell(leadership);
  }
}

/** Of the names below a cluster's path, those of masters. The lowest number first, whatever its sign and width. */
export const contenders = (names: readonly string[]): readonly string[] =>
  names
    .filter((name) => name.startsWith(LABEL))
    .sort((a, b) => Number(a.slice(LABEL.length)) - Number(b.slice(LABEL.length)));
