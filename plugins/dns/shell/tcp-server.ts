import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import type { Disposable, Listener } from '@mezzo/sdk/contract';
import { placeOf } from '@mezzo/sdk/runtime';
import { listenError } from './listen.js';
import type { DnsHandler } from './udp-server.js';

export interface TcpRules {
  readonly maxConnections: number;
  readonly idleTimeoutMs: number;
  /** Forwarded queries of one connection at a time; reading pauses beyond. */
  readonly maxPending: number;
}

const OUTPUT_MAX_BYTES = 256 << 10;

export async function serveTcp(place: Listener, handler: DnsHandler, rules: TcpRules): Promise<Disposable> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    new Connection(socket, handler, rules);
  });
  server.maxConnections = rules.maxConnections;
  try {
    server.listen(placeOf(place));
    await once(server, 'listening');
  } catch (error) {
    throw listenError(error, 'TCP', place.ip, place.port, 'port');
  }
  return {
    // Clients close, or are silent for too long.
    handOver: () => new Promise((resolve) => server.close(() => resolve())),
    dispose: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** RFC 7766: many queries on one connection, each behind its length, answered as they are ready. */
class Connection {
  private buffered: Buffer = Buffer.alloc(0);
  private pending = 0;

  constructor(
    private readonly socket: Socket,
    private readonly handler: DnsHandler,
    private readonly rules: TcpRules,
  ) {
    socket.setNoDelay(true);
    socket.setTimeout(rules.idleTimeoutMs, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('drain', () => this.proceed());
    socket.on('data', (chunk) => {
      this.buffered = this.buffered.length === 0 ? chunk : Buffer.concat([this.buffered, chunk]);
      this.proceed();
    });
  }

  private get busy(): boolean {
    return this.pending >= this.rules.maxPending || this.socket.writableLength > OUTPUT_MAX_BYTES;
  }

  private proceed(): void {
    let at = 0;
    while (!this.busy && this.buffered.length - at >= 2) {
      const end = at + 2 + this.buffered.readUInt16BE(at);
      if (this.buffered.length < end) break;
      this.answer(this.buffered.subarray(at + 2, end));
      at = end;
    }
    this.buffered = this.buffered.subarray(at);
    if (this.busy) this.socket.pause();
    else this.socket.resume();
  }

  private answer(query: Buffer): void {
    const reply = this.handler.respond(query, true);
    if (reply instanceof Uint8Array) this.write(reply);
    else if (reply === 'drop') this.socket.destroy();
    else {
      this.pending++;
      void this.handler.forward(Buffer.from(query), true).then((response) => {
        this.pending--;
        this.write(response);
        this.proceed();
      });
    }
  }

  private write(response: Uint8Array): void {
    if (this.socket.destroyed) return;
    const framed = Buffer.allocUnsafe(2 + response.length);
    framed.writeUInt16BE(response.length);
    framed.set(response, 2);
    this.socket.write(framed);
  }
}
