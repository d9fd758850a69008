import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Server as TlsServer } from 'node:tls';
import type { Socket } from 'node:net';

export const MAX_IDLE_CONNECTIONS = 8192;

/** Connections on which nothing is asked have a bound: beyond it the one that is idle for longest is closed for the next. */
export function boundIdle(server: Server, most = MAX_IDLE_CONNECTIONS): void {
  const idle = new Set<Socket>();
  const asked = new WeakMap<Socket, number>();
  const rest = (socket: Socket): void => {
    if (socket.destroyed) return;
    idle.add(socket);
    if (idle.size > most) for (const oldest of idle) return void oldest.destroy();
  };
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    socket.once('close', () => idle.delete(socket));
    rest(socket);
  });
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    idle.delete(socket);
    asked.set(socket, (asked.get(socket) ?? 0) + 1);
    response.once('close', () => {
      const left = asked.get(socket)! - 1;
      asked.set(socket, left);
      if (left === 0) rest(socket);
    });
  });
}
