import type { ServerResponse } from 'node:http';
import { encodeRecord } from '@mezzo/sdk/api';
import { assert } from '@mezzo/sdk/contract';
import { BATCH_BYTES, lengthOf, type Body } from './answer-body.js';

/** Why a stream is over: we ended it, the reader left, or the reader was too slow and was cut off. */
export type StreamEnd = 'ended' | 'left' | 'slow';

export interface RecordStreamOptions {
  readonly contentType: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A reader with more than this waiting for it all through the grace is cut off; with eight times as much, at once. */
  readonly maxBufferedBytes: number;
  /** Default 10 s: an answer to one call, as RECONCILE, may be more than the bound. */
  readonly slowGraceMs?: number;
  /** Called once. */
  readonly onEnd: (end: StreamEnd) => void;
}

const BURST = 8;
const SLOW_GRACE_MS = 10_000;
export const DEFAULT_MAX_BUFFERED_BYTES = 16 * 1024 * 1024;

/** An endless answer of RecordIO records with a bounded buffer. */
export class RecordStream {
  private over = false;
  private heartbeat: NodeJS.Timeout | undefined;
  private slow: NodeJS.Timeout | undefined;
  /** Records that wait until the socket takes more: as pieces of the socket each would cost an error if that is destroyed. */
  private queue: Buffer[] = [];
  private queuedBytes = 0;
  /** Sent while a big record is on its way. */
  private held: (string | Uint8Array)[] | undefined;
  private heldBytes = 0;

  constructor(
    private readonly response: ServerResponse,
    private readonly options: RecordStreamOptions,
  ) {
    response.socket?.setNoDelay(true);
    response.writeHead(200, { 'Content-Type': options.contentType, ...options.headers });
    response.flushHeaders();
    response.on('drain', () => (this.queue.length === 0 ? this.caughtUp() : this.flush()));
    response.on('close', () => this.finish('left'));
    response.on('error', () => this.finish('left'));
  }

  get closed(): boolean {
    return this.over;
  }

  /** One record. False when the stream is over. */
  send(payload: string | Uint8Array): boolean {
    if (this.over) return false;
    return this.held === undefined ? this.sendNow(payload) : this.hold(payload);
  }

  private sendNow(payload: string | Uint8Array): boolean {
    const { maxBufferedBytes, slowGraceMs = SLOW_GRACE_MS } = this.options;
    const waiting = this.response.writableLength + this.queuedBytes;
    if (waiting > BURST * maxBufferedBytes) return this.cut();
    if (waiting > maxBufferedBytes) this.slow ??= setTimeout(() => this.cut(), slowGraceMs).unref();
    const record = encodeRecord(payload);
    if (this.response.writableNeedDrain) {
      this.queue.push(record);
      this.queuedBytes += record.length;
    } else this.response.write(record);
    return true;
  }

  /** Hands on what waits, a batch at a time, until the socket has enough; all of it with no regard to that if `all`. */
  private flush(all = false): void {
    let at = 0;
    while (at < this.queue.length && (all || !this.response.writableNeedDrain)) {
      let [end, bytes] = [at, 0];
      while (end < this.queue.length && bytes < BATCH_BYTES) bytes += this.queue[end++]!.length;
      this.response.write(Buffer.concat(this.queue.slice(at, end), bytes));
      this.queuedBytes -= bytes;
      at = end;
    }
    this.queue = this.queue.slice(at);
  }

  /** One record, as fast as the reader takes it. What is sent meanwhile comes after it, up to the bound for bursts. */
  sendBig(body: Promise<Body>): void {
    assert(this.held === undefined, 'one big record at a time');
    this.held = [];
    void body.then((pieces) => this.writeBig(pieces)).catch(() => this.cut());
  }

  private async writeBig(body: Body): Promise<void> {
    this.flush(true);
    let waiting = `${lengthOf(body)}\n`.length;
    this.response.write(`${lengthOf(body)}\n`);
    for (const piece of body) {
      if (this.over) return;
      this.response.write(piece);
      if ((waiting += piece.byteLength) < BATCH_BYTES) continue;
      waiting = 0;
      this.slow = setTimeout(() => this.cut(), this.options.slowGraceMs ?? SLOW_GRACE_MS).unref();
      await this.drained();
      this.caughtUp();
    }
    if (this.over) return;
    const held = this.held ?? [];
    [this.held, this.heldBytes] = [undefined, 0];
    for (const payload of held) this.send(payload);
  }

  private hold(payload: string | Uint8Array): boolean {
    this.heldBytes += payload.length;
    if (this.heldBytes > BURST * this.options.maxBufferedBytes) return this.cut();
    this.held!.push(payload);
    return true;
  }

  /** Resolves when the reader has taken what was sent, or is gone. */
  drained(): Promise<void> {
    const { response } = this;
    if (this.over || !response.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        if (!this.over && response.writableNeedDrain) return;
        response.off('drain', done).off('close', done);
        resolve();
      };
      response.on('drain', done).on('close', done);
    });
  }

  private readonly caughtUp = (): void => {
    clearTimeout(this.slow);
    this.slow = undefined;
  };

  private cut(): false {
    this.finish('slow');
    [this.queue, this.queuedBytes] = [[], 0];
    this.response.destroy();
    return false;
  }

  /** Repeats the record until the stream is over. */
  beat(payload: string | Uint8Array, intervalMs: number): void {
    clearInterval(this.heartbeat);
    this.heartbeat = setInterval(() => this.send(payload), intervalMs);
    this.heartbeat.unref();
  }

  /** Ends the stream once what was sent is through; amid a big record it breaks off, so that none takes it for whole. */
  close(): void {
    if (this.over) return;
    this.finish('ended');
    if (this.held !== undefined) return void this.response.destroy();
    this.flush(true);
    this.response.end();
  }

  private finish(end: StreamEnd): void {
    if (this.over) return;
    this.over = true;
    clearInterval(this.heartbeat);
    this.caughtUp();
    this.options.onEnd(end);
  }
}
