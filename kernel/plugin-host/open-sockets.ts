import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer, isIPv6, type AddressInfo } from 'node:net';
import type { Listener } from '@mezzo/sdk/contract';

/** Where a plugin listens. */
export interface Place {
  readonly ip: string;
  /** 0: any that is free, the same for all protocols. */
  readonly port: number;
  readonly protocols: readonly ('tcp' | 'udp')[];
}

export interface OpenSockets {
  readonly listeners: Readonly<Record<string, Listener>>;
  /** Closes them here. Whoever was handed them has them still. */
  close(): void;
}

interface Opened {
  readonly port: number;
  readonly fd: number;
  close(): void;
}

/**
 * Opens sockets to be handed to others: descriptors of this process. Nobody is accepted here as long as `close` comes before the event loop turns
 * again. Rejects as `listen` and `bind` of node do.
 */
export async function openSockets(places: Readonly<Record<string, Place>>): Promise<OpenSockets> {
  const opened: Opened[] = [];
  const close = (): void => opened.splice(0).forEach((one) => one.close());
  try {
    const listeners: Record<string, Listener> = {};
    for (const [name, { ip, port, protocols }] of Object.entries(places)) {
      let listener: Listener = { ip, port };
      for (const protocol of protocols) {
        const socket = await (protocol === 'tcp' ? openTcp : openUdp)(ip, listener.port);
        opened.push(socket);
        listener = { ...listener, port: socket.port, [protocol]: socket.fd };
      }
      listeners[name] = listener;
    }
    return { listeners, close };
  } catch (error) {
    close();
    throw error;
  }
}

async function openTcp(ip: string, port: number): Promise<Opened> {
  const server = createServer();
  server.listen({ host: ip, port, exclusive: true });
  await once(server, 'listening');
  const { port: taken } = server.address() as AddressInfo;
  return { port: taken, fd: descriptorOf('tcp', taken), close: () => void server.close() };
}

async function openUdp(ip: string, port: number): Promise<Opened> {
  const socket = createSocket(isIPv6(ip) ? 'udp6' : 'udp4');
  socket.bind({ address: ip, port, exclusive: true });
  await once(socket, 'listening');
  const { port: taken } = socket.address();
  return { port: taken, fd: descriptorOf('udp', taken), close: () => void socket.close() };
}

const LISTENING = '0A';

/** Node does not tell: the socket of this process that is bound to the port. The youngest, should there be several. */
function descriptorOf(protocol: 'tcp' | 'udp', port: number): number {
  const end = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const inodes = new Set<string>();
  for (const table of [protocol, `${protocol}6`])
    for (const line of linesOf(`/proc/self/net/${table}`)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (local?.endsWith(end) && (protocol === 'udp' || state === LISTENING)) inodes.add(`socket:[${inode}]`);
    }
  const found = readdirSync('/proc/self/fd')
    .map(Number)
    .filter((fd) => inodes.has(linkOf(fd)));
  if (found.length === 0) throw new Error(`the ${protocol} socket of port ${port} cannot be found in /proc`);
  return Math.max(...found);
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').slice(1);
  } catch {
    return [];
  }
}

function linkOf(fd: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return '';
  }
}
