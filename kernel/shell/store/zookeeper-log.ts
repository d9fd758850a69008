import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MezzoError, hasCode, messageOf, type StoreEntry } from '@mezzo/sdk/contract';
import type { StoreSnapshot } from '@mezzo/sdk/points/store-driver';
import { STORE_FORMAT, StoreView, tooNew, type LogEntry } from '@mezzo/sdk/store';
import { MAX_PART_BYTES, type ZookeeperNodes } from './zookeeper-nodes.js';

/** The last node of the log that counts: the `node`th of its epoch. */
export interface Position {
  readonly epoch: number;
  readonly node: number;
}

/** Points at the chunks of the snapshot that counts, and at the last node of the log that is in it. */
interface Head {
  readonly sequence: number;
  readonly epoch: number;
  readonly position: Position;
  /** Who wrote the chunks; empty: there is no snapshot yet. */
  readonly writer: string;
  readonly chunks: number;
  /** Who wrote this. */
  readonly owner: string;
}

/** A node of the log: several entries, or where to find them. */
interface Body {
  readonly writer: string;
  readonly entries?: readonly LogEntry[];
  readonly parts?: number;
}

const NOTHING: Head = { sequence: 0, epoch: 0, position: { epoch: 0, node: 0 }, writer: '', chunks: 0, owner: '' };
const MAX_READS = 20;
const LINES_AT_A_TIME = 2_000;
/** Nodes that a snapshot could replace, and that are kept: who writes behind a leader of long ago finds its number taken. */
const MARGIN = 100;
/** The same, of epochs: the node that ended each of these is kept. */
const EPOCHS_KEPT = 100;

const digits = (number: number): string => String(number).padStart(10, '0');

/**
 * The log and its snapshot as nodes below one path. Not safe for two calls at a time, except `snapshot`.
 *
 *     format              version of all this
 *     head                the snapshot that counts; a new leader writes it again, so that an old one cannot any more
 *     chunks/W-S-I        its bytes: a line of JSON for each entry
 *     log/E/N             the Nth node of epoch E; the last one begins the next epoch, and nothing can follow it
 *     log/E/N-W-I         parts of a node that is too large for one
 */
export class ZookeeperLog {
  view = new StoreView();
  private position = NOTHING.position;
  private head = NOTHING;
  private headVersion = 0;
  /** The node that began this epoch. */
  private seal = NOTHING.position;
  private readonly writer = randomUUID();

  private constructor(
    private readonly nodes: ZookeeperNodes,
    private readonly path: string,
  ) {}

  /** Of an epoch that ended, its own end is the last node. Rejects with STORE_TOO_NEW or STORE_CORRUPT. */
  static async open(nodes: ZookeeperNodes, path: string): Promise<ZookeeperLog> {
    const log = new ZookeeperLog(nodes, path);
    await log.checkFormat();
    await log.load();
    return log;
  }

  /** Entries that the snapshot does not hold. */
  get length(): number {
    return this.view.sequence - this.head.sequence;
  }

  get snapshotBytes(): number {
    return this.head.chunks * MAX_PART_BYTES;
  }

  /** Appends one node. Answers the number of the first entry, or undefined when somebody else has written. */
  async append(entries: readonly LogEntry[]): Promise<{ first: number; bytes: number } | undefined> {
    const next = { epoch: this.position.epoch, node: this.position.node + 1 };
    const body = Buffer.from(JSON.stringify({ writer: this.writer, entries } satisfies Body));
    const data = body.length <= MAX_PART_BYTES ? body : await this.writeParts(next, body);
    if (!(await this.owns(next, data))) return undefined;
    const first = this.view.sequence + 1;
    await this.take(next, entries);
    return { first, bytes: body.length };
  }

  private async owns(at: Position, data: Buffer): Promise<boolean> {
    try {
      return await this.nodes.own(this.logPath(at), data);
    } catch (error) {
      if (hasCode(error, 'ZOOKEEPER_NO_NODE')) return false;
      throw error;
    }
  }

  /** Reads what others have written since; all anew when that is gone already. */
  async follow(): Promise<void> {
    for (let reads = 0; reads < MAX_READS; reads++) {
      const isWhole = await this.readOn();
      const node = await this.nodes.get(`${this.path}/head`);
      if (node?.version === this.headVersion && isWhole) return;
      if (node?.version === this.headVersion)
        throw this.corrupt(new Error(`what follows ${this.logPath(this.position)} is missing`));
      if (headOf(node!.data).sequence > this.view.sequence) await this.load();
      else this.takeHead(node!.data, node!.version);
    }
    throw this.contended();
  }

  /**
   * After the node that begins our epoch: from now on nobody else can write a snapshot. False: one was written that we have not
   * seen, so what we followed was not the end.
   */
  async takeOver(): Promise<boolean> {
    for (let tries = 0; tries < MAX_READS; tries++) {
      const data = Buffer.from(JSON.stringify({ ...this.head, owner: this.writer }));
      // Looked up before: what the next leader writes must not be among it.
      const chunks = await this.chunkNames();
      if (await this.nodes.set(`${this.path}/head`, data, this.headVersion)) {
        this.headVersion += 1;
        await this.removeChunks(chunks.filter((name) => !name.startsWith(chunksOf(this.head))));
        return true;
      }
      const node = await this.nodes.get(`${this.path}/head`);
      if (headOf(node!.data).sequence > this.view.sequence) {
        await this.withdraw();
        return false;
      }
      this.takeHead(node!.data, node!.version);
    }
    throw this.contended();
  }

  /** A snapshot instead of the log, while commits go on. False: an other leader has taken over. */
  async snapshot(): Promise<boolean> {
    return this.replace(this.view.snapshot(), this.position);
  }

  /** A snapshot instead of all there is, in an epoch that nobody has begun: what others may write yet is not looked for there. */
  async restore(snapshot: StoreSnapshot): Promise<boolean> {
    await this.nodes.ensure(`${this.path}/log/${digits(snapshot.epoch)}`);
    return this.replace(snapshot, { epoch: snapshot.epoch, node: 0 });
  }

  private async replace({ sequence, epoch, entries }: StoreSnapshot, position: Position): Promise<boolean> {
    const { head: old } = this;
    const head: Head = { sequence, epoch, position, writer: this.writer, chunks: 0, owner: this.writer };
    const chunks = await this.nodes.writeParts(await bytesOf(entries), this.chunkPath(head));
    const data = Buffer.from(JSON.stringify({ ...head, chunks }));
    if (!(await this.nodes.set(`${this.path}/head`, data, this.headVersion))) return false;
    this.takeHead(data, this.headVersion + 1);
    await this.removeChunks((await this.chunkNames()).filter((name) => name.startsWith(chunksOf(old))));
    await this.trim(position);
    return true;
  }

  private async checkFormat(): Promise<void> {
    const format = (await this.nodes.get(`${this.path}/format`))?.data.toString();
    if (format === undefined || Number(format) <= STORE_FORMAT) return this.prepare();
    throw tooNew(this.path, format);
  }

  private async prepare(): Promise<void> {
    for (const dir of ['', '/chunks', '/log']) await this.nodes.ensure(this.path + dir);
    await this.nodes.create(`${this.path}/format`, String(STORE_FORMAT));
    const epochs = await this.nodes.children(`${this.path}/log`);
    if (epochs?.length === 0) await this.nodes.ensure(`${this.path}/log/${digits(0)}`);
    await this.nodes.create(`${this.path}/head`, JSON.stringify(NOTHING));
  }

  /** From the snapshot on, into a new view. What is replaced meanwhile is read again. */
  private async load(): Promise<void> {
    for (let reads = 0; reads < MAX_READS; reads++) {
      const node = (await this.nodes.get(`${this.path}/head`))!;
      this.takeHead(node.data, node.version);
      const { chunks, sequence, epoch, position } = this.head;
      const bytes = await this.nodes.readParts(chunks, this.chunkPath(this.head));
      let isWhole = false;
      if (bytes !== undefined) {
        this.view = new StoreView();
        if (sequence > 0) this.view.restore({ sequence, epoch, entries: this.entriesOf(bytes) });
        this.position = position;
        isWhole = await this.readOn();
      }
      const now = await this.nodes.get(`${this.path}/head`);
      if (now!.version !== node.version) continue;
      if (isWhole) return;
      const last = bytes ? this.logPath(this.position) : `snapshot ${sequence}`;
      throw this.corrupt(new Error(`a part of ${last}, or of what follows, is missing`));
    }
    throw this.contended();
  }

  /** False: something is missing in between. */
  private async readOn(): Promise<boolean> {
    for (;;) {
      const { epoch, node } = this.position;
      const names = (await this.nodes.children(`${this.path}/log/${digits(epoch)}`)) ?? [];
      const found = names.filter((name) => name.length === 10 && Number(name) > node).sort();
      for (let at = 0; at < found.length; at += 256) await this.read(epoch, found.slice(at, at + 256));
      if (this.position.epoch === epoch) return found.length === 0 || this.position.node === Number(found.at(-1));
    }
  }

  private async read(epoch: number, names: readonly string[]): Promise<void> {
    const nodes = await this.nodes.getAll(names.map((name) => `${this.path}/log/${digits(epoch)}/${name}`));
    for (const [index, node] of nodes.entries()) {
      const next = { epoch, node: Number(names[index]) };
      // Trimmed in between: the head has changed, or will, and the rest is read from there.
      if (node === undefined || next.node !== this.position.node + 1 || epoch !== this.position.epoch) return;
      const entries = await this.entriesIn(next, node.data);
      if (entries === undefined) return;
      await this.take(next, entries);
    }
  }

  private async entriesIn(at: Position, data: Buffer): Promise<readonly LogEntry[] | undefined> {
    const body = this.parsed<Body>(data);
    if (body.parts === undefined) return body.entries!;
    const whole = await this.nodes.readParts(body.parts, this.partPath(at, body.writer));
    return whole && this.parsed<Body>(whole).entries;
  }

  /** Where its last entry begins an epoch, what follows is there. */
  private async take(at: Position, entries: readonly LogEntry[]): Promise<void> {
    for (const entry of entries) this.view.apply(this.view.sequence + 1, entry);
    this.position = at;
    const epoch = entries.at(-1)!.epoch;
    if (epoch <= at.epoch) return;
    await this.nodes.ensure(`${this.path}/log/${digits(epoch)}`);
    this.position = { epoch, node: 0 };
    this.seal = at;
  }

  private async trim({ epoch, node }: Position): Promise<void> {
    const inside = `${this.path}/log/${digits(epoch)}`;
    const last = digits(Math.max(0, node - MARGIN));
    const names = (await this.nodes.children(inside)) ?? [];
    await this.nodes.remove(names.filter((name) => name.slice(0, 10) <= last).map((name) => `${inside}/${name}`));
    for (const dir of (await this.nodes.children(`${this.path}/log`)) ?? []) {
      if (Number(dir) >= epoch) continue;
      const isOld = Number(dir) < epoch - EPOCHS_KEPT;
      const path = `${this.path}/log/${dir}`;
      const all = [...((await this.nodes.children(path)) ?? [])].sort();
      const end = all.filter((name) => name.length === 10).at(-1);
      await this.nodes.remove(all.filter((name) => isOld || name !== end).map((name) => `${path}/${name}`));
      if (isOld) await this.nodes.remove([path]);
    }
  }

  private async chunkNames(): Promise<readonly string[]> {
    return (await this.nodes.children(`${this.path}/chunks`)) ?? [];
  }

  private removeChunks(names: readonly string[]): Promise<void> {
    return this.nodes.remove(names.map((name) => `${this.path}/chunks/${name}`));
  }

  /** Takes back the node that began our epoch, where its number was free only because it had been trimmed: the log went on after it. */
  private async withdraw(): Promise<void> {
    const { epoch, node } = this.seal;
    const names = (await this.nodes.children(`${this.path}/log/${digits(epoch)}`)) ?? [];
    if (names.some((name) => name.length === 10 && Number(name) > node))
      await this.nodes.remove([this.logPath(this.seal)]);
  }

  private async writeParts(at: Position, body: Buffer): Promise<Buffer> {
    const parts = await this.nodes.writeParts(body, this.partPath(at, this.writer));
    return Buffer.from(JSON.stringify({ writer: this.writer, parts } satisfies Body));
  }

  private takeHead(data: Buffer, version: number): void {
    this.head = headOf(data);
    this.headVersion = version;
  }

  private entriesOf(bytes: Buffer): StoreEntry[] {
    const text = bytes.toString('utf8');
    return text === '' ? [] : text.split('\n').map((line) => this.parsed<StoreEntry>(line));
  }

  private parsed<T>(text: Buffer | string): T {
    try {
      return JSON.parse(String(text)) as T;
    } catch (error) {
      throw this.corrupt(error);
    }
  }

  private readonly logPath = ({ epoch, node }: Position): string => `${this.path}/log/${digits(epoch)}/${digits(node)}`;
  private readonly partPath =
    (at: Position, writer: string) =>
    (index: number): string =>
      `${this.logPath(at)}-${writer}-${index}`;
  private readonly chunkPath =
    (head: Head) =>
    (index: number): string =>
      `${this.path}/chunks/${chunksOf(head)}${index}`;

  private contended(): MezzoError {
    return new MezzoError('STORE_BUSY', `The store ${this.path} changes faster than it can be read`, {
      blame: 'environment',
      retryable: true,
      next: 'See that one master alone leads.',
    });
  }

  private corrupt(cause: unknown): MezzoError {
    return new MezzoError('STORE_CORRUPT', `The store ${this.path} cannot be read: ${messageOf(cause)}`, {
      blame: 'environment',
      next: 'Remove the node with all below it and put a backup in its place: mezzo restore FILE --zk ZK.',
      cause,
    });
  }
}

/** A line for each entry; others get their turn meanwhile. */
async function bytesOf(entries: readonly StoreEntry[]): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let at = 0; at < entries.length; at += LINES_AT_A_TIME) {
    const lines = entries.slice(at, at + LINES_AT_A_TIME).map((entry) => JSON.stringify(entry));
    parts.push(Buffer.from(`${at === 0 ? '' : '\n'}${lines.join('\n')}`));
    await nextTurn();
  }
  return Buffer.concat(parts);
}

const headOf = (data: Buffer): Head => JSON.parse(data.toString('utf8')) as Head;
const chunksOf = ({ writer, sequence }: Head): string => `${writer}-${sequence}-`;
