import { PassThrough } from 'node:stream';
import type { Disposable } from '@mezzo/sdk/contract';
import { summarize, type Summary } from '../core/summary.js';
import type { RouteTable } from '../core/table.js';

const STREAMS_MAX = 100;
/** Pages redraw at most this often, however fast the cluster changes. */
const PACE_MS = 500;
const HEARTBEAT_MS = 15_000;
const UNSENT_MAX_BYTES = 1 << 20;

/** The summary of the route table, and streams of it for pages that watch. Nobody watching costs nothing. */
export class LiveSummary implements Disposable {
  private readonly streams = new Set<PassThrough>();
  private readonly heartbeat = setInterval(() => this.send(': still here\n\n'), HEARTBEAT_MS);
  private timer: NodeJS.Timeout | undefined;
  private shown = -1;

  constructor(private readonly table: RouteTable) {
    this.heartbeat.unref();
  }

  get open(): boolean {
    return this.streams.size < STREAMS_MAX;
  }

  now(): Summary {
    return summarize(this.table);
  }

  stream(): PassThrough {
    const stream = new PassThrough();
    this.streams.add(stream);
    stream.once('close', () => this.streams.delete(stream));
    stream.write(this.message());
    return stream;
  }

  /** To be called after changes of the table. */
  changed(): void {
    if (this.timer !== undefined || this.streams.size === 0 || this.table.changes === this.shown) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.shown = this.table.changes;
      this.send(this.message());
    }, PACE_MS);
  }

  dispose(): void {
    clearInterval(this.heartbeat);
    clearTimeout(this.timer);
    for (const stream of this.streams) stream.destroy();
  }

  private message(): string {
    return `event: cluster\ndata: ${JSON.stringify(this.now())}\n\n`;
  }

  private send(text: string): void {
    for (const stream of this.streams)
      if (stream.writableLength > UNSENT_MAX_BYTES) stream.destroy();
      else stream.write(text);
  }
}
