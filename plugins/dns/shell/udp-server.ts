import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Disposable, Listener } from '@mezzo/sdk/contract';
import type { Reply } from '../core/responder.js';
import { listenError } from './listen.js';

export interface DnsHandler {
  respond(query: Uint8Array, streamed: boolean): Reply;
  /** The response of a query that `respond` gave back. Never rejects. */
  forward(query: Uint8Array, streamed: boolean): Promise<Uint8Array>;
}

export interface UdpServer extends Disposable {
  readonly port: number;
}

const RECEIVE_BUFFER_BYTES = 4 << 20;
const DRAIN_MS = 5_000;

export async function serveUdp({ ip, port, udp }: Listener, handler: DnsHandler): Promise<UdpServer> {
  const six = isIPv6(ip);
  const socket = createSocket({ type: six ? 'udp6' : 'udp4', lookup: asItIs(six ? 6 : 4) });
  const forwarded = { count: 0 };
  socket.on('message', (query, from) => answer(socket, handler, query, from, forwarded));
  try {
    const listening = once(socket, 'listening');
    socket.bind(udp === undefined ? { address: ip, port, exclusive: true } : { fd: udp });
    await listening;
  } catch (error) {
    socket.close();
    throw listenError(error, 'UDP', ip, port, 'port');
  }
  // A client that is gone is no error of ours. (A callback with each send would cost a tenth of a query.)
  socket.on('error', () => undefined);
  widen(socket);
  let closed = false;
  const dispose = (): void => {
    if (!closed) socket.close();
    closed = true;
  };
  // Whoever serves beside us takes what we do not read any more; what we have asked for others, we still answer.
  const handOver = async (): Promise<void> => {
    for (const deadline = performance.now() + DRAIN_MS; forwarded.count > 0 && performance.now() < deadline;)
      await sleep(1);
    dispose();
  };
  return { port: socket.address().port, handOver, dispose };
}

function answer(
  socket: Socket,
  handler: DnsHandler,
  query: Uint8Array,
  from: RemoteInfo,
  forwarded: { count: number },
): void {
  // Port 0 cannot be answered, and asking for it would throw.
  if (from.port === 0) return;
  const reply = handler.respond(query, false);
  if (reply instanceof Uint8Array) socket.send(reply, from.port, from.address);
  else if (reply === 'forward') {
    forwarded.count++;
    void handler.forward(query, false).then((response) => {
      forwarded.count--;
      // The socket may have been closed meanwhile, which is the only reason for a throw here.
      try {
        socket.send(response, from.port, from.address);
      } catch {
        return;
      }
    });
  }
}

/** The kernel drops what does not fit; a bigger buffer rides out bursts. Without the right to it, the default serves. */
function widen(socket: Socket): void {
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
  } catch {
    return;
  }
}

type Lookup = (address: string, options: unknown, done: (error: null, address: string, family: number) => void) => void;

/** Answers go to addresses, never names: no need to ask the resolver's thread for each. */
const asItIs =
  (family: number): Lookup =>
  (address, _, done) =>
    done(null, address, family);
