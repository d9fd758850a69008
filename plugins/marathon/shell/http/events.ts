import type { ServerResponse } from 'node:http';
import type { Context } from 'koa';
import type { NumberedEvent } from '../event-ring.js';
import { reply, values } from './server.js';
import type { Api } from './server.js';

const MAX_STREAMS = 500;
/** A client that lags this far behind is cut off: it may come back with Last-Event-ID. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;
const HEARTBEAT_MS = 15_000;

/** Server-sent events: numbered, with replay for clients that come back. */
export class EventStreams {
  private readonly open = new Set<ServerResponse>();

  constructor(private readonly api: Api) {}

  serve(ctx: Context): void {
    if (!ctx.get('accept').includes('text/event-stream'))
      return reply(ctx, { status: 405, body: { message: "Ask with 'Accept: text/event-stream'" } });
    if (this.open.size >= MAX_STREAMS)
      return reply(ctx, { status: 503, body: { message: `There are ${MAX_STREAMS} event streams already` } });
    ctx.respond = false;
    const { res } = ctx;
    res.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8', 'X-Accel-Buffering': 'no' });
    const types = new Set(values(ctx, 'event_type'));
    const write = (event: NumberedEvent) => {
      if (types.size > 0 && !types.has(event.type)) return;
      res.write(`id: ${event.id}\nevent: ${event.type}\ndata: ${event.data}\n\n`);
      if (res.writableLength > MAX_BUFFERED_BYTES) res.destroy();
    };
    this.announce('event_stream_attached', ctx.ip);
    this.replay(ctx, write);
    const unsubscribe = this.api.ring.subscribe(write);
    const heartbeat = setInterval(() => res.write(': alive\n\n'), HEARTBEAT_MS);
    this.open.add(res);
    res.on('error', () => {});
    res.once('close', () => {
      clearInterval(heartbeat);
      unsubscribe();
      this.open.delete(res);
      this.announce('event_stream_detached', ctx.ip);
    });
    ctx.req.socket.setTimeout(0);
  }

  dispose(): void {
    for (const res of this.open) res.end();
  }

  private replay(ctx: Context, write: (event: NumberedEvent) => void): void {
    const last = ctx.get('last-event-id');
    if (!/^\d{1,16}$/.test(last)) return void ctx.res.write(': welcome\n\n');
    const { events, complete } = this.api.ring.since(Number(last));
    ctx.res.write(complete ? ': resumed\n\n' : ': some events since then are no longer known\n\n');
    for (const event of events) write(event);
  }

  private announce(eventType: string, remoteAddress: string): void {
    this.api.ring.add({ eventType, remoteAddress, timestamp: new Date(this.api.engine.now()).toISOString() });
  }
}
