import type { MasterNode } from './master-node.js';
import type { Timeline } from './timeline.js';

/** How long nothing may be heard of a master until ZooKeeper gives its place to the next. */
const SESSION_MS = 10_000;
/** Its client says earlier that it hears nothing: before another one can lead. */
const DOUBT_MS = 6500;
/** Who was frozen acts for this long at most before it hears that its session is over. */
const OBLIVIOUS_MS = SESSION_MS / 4;

interface Session {
  readonly node: MasterNode;
  over: boolean;
  /** No word gets through, or nobody is there to speak. */
  isDeaf: boolean;
}

/** What ZooKeeper is to masters: it says who leads, and keeps the registry, which takes the writes of the newest epoch alone. */
export class Ensemble {
  readonly data = new Map<string, unknown>();
  epoch = 0;
  /** How many writes ever landed. */
  landed = 0;
  private leading: Session | undefined;
  private sessions: Session[] = [];

  constructor(
    private readonly time: Timeline,
    /** Somebody else leads, or nobody does. */
    private readonly changed: (before: MasterNode | undefined) => void,
    /** Planted: what a deposed leader writes lands too. */
    private readonly isFenced: boolean,
  ) {}

  get leader(): MasterNode | undefined {
    return this.leading?.node;
  }

  /** What must hold for a write to land, at the moment when it would. */
  takes(epoch: number): boolean {
    return !this.isFenced || epoch === this.epoch;
  }

  startEpoch(): number {
    return (this.epoch += 1);
  }

  /** A process has started and stands for election. */
  stand(node: MasterNode): void {
    this.sessions.push({ node, over: false, isDeaf: false });
    this.settle();
  }

  /** Ended with a word: its place is free at once, if the word gets through. */
  resigned(node: MasterNode): void {
    const session = this.sessionOf(node);
    if (session?.isDeaf) this.time.after(SESSION_MS, () => this.end(session));
    else this.end(session);
  }

  /** Died without one. */
  crashed(node: MasterNode): void {
    const session = this.sessionOf(node);
    if (session === undefined) return;
    session.isDeaf = true;
    this.time.after(this.time.random.between(DOUBT_MS, SESSION_MS), () => this.end(session));
  }

  /** Its network to ZooKeeper is cut for a while; who is cut off for long gives up. */
  cutOff(node: MasterNode, forMs: number): void {
    const session = this.sessionOf(node);
    if (session === undefined || session.isDeaf) return;
    this.time.note(node.name, () => `is cut off from ZooKeeper for ${forMs} ms`);
    if (forMs < DOUBT_MS) return this.silence(session, forMs);
    this.silence(session, Math.max(forMs, SESSION_MS));
    this.time.after(DOUBT_MS, () => session === this.sessionOf(node) && node.giveUp('cut off from ZooKeeper'));
  }

  /** The process stands still; what is due happens all at once when it goes on. */
  freeze(node: MasterNode, forMs: number): void {
    const session = this.sessionOf(node);
    if (session === undefined || session.isDeaf) return;
    this.time.note(node.name, () => `freezes for ${forMs} ms`);
    this.silence(session, forMs);
    const isSame = node.freeze();
    this.time.after(forMs, () => {
      if (!isSame()) return;
      node.thaw();
      if (session.over)
        this.time.after(
          this.time.random.between(0, OBLIVIOUS_MS),
          () => isSame() && node.giveUp('its session is over'),
        );
    });
  }

  private silence(session: Session, forMs: number): void {
    session.isDeaf = true;
    if (forMs >= SESSION_MS) this.time.after(SESSION_MS, () => this.end(session));
    else
      this.time.after(forMs, () => {
        session.isDeaf = false;
        if (this.leading === session) this.tell(session);
      });
  }

  private sessionOf(node: MasterNode): Session | undefined {
    return this.sessions.findLast((session) => session.node === node && !session.over);
  }

  private end(session: Session | undefined): void {
    if (session === undefined || session.over) return;
    session.over = true;
    this.sessions = this.sessions.filter((other) => other !== session);
    this.settle();
  }

  /** The longest there leads: also one that led before, and has come back as another process. */
  private settle(): void {
    const first = this.sessions[0];
    if (first === this.leading) return;
    const before = this.leader;
    this.leading = first;
    this.changed(before);
    if (first !== undefined) this.tell(first);
  }

  private tell(session: Session): void {
    this.time.after(this.time.random.between(1, 200), () => {
      if (!session.over && !session.isDeaf && session === this.sessionOf(session.node)) session.node.elected();
    });
  }
}
