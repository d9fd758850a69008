import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Requests that one connection may have waiting: nobody who waits for answers has as many. */
export const MAX_WAITING_REQUESTS = 1000;

/**
 * Serves the requests of one connection one after the other, each in a turn of the event loop of its own: whoever sends
 * thousands at once waits for itself, and the others are served in between.
 */
export function inTurn(listener: RequestListener, mostWaiting = MAX_WAITING_REQUESTS): RequestListener {
  const waiting = new WeakMap<Socket, (() => void)[]>();
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const { socket } = request;
    response.once('close', () => setImmediate(serveNext, socket));
    listener(request, response);
  };
  const serveNext = (socket: Socket): void => {
    const next = socket.destroyed ? undefined : waiting.get(socket)?.shift();
    if (next === undefined) waiting.delete(socket);
    else next();
  };
  return (request, response) => {
    const before = waiting.get(request.socket);
    if (before === undefined) {
      waiting.set(request.socket, []);
      serve(request, response);
    } else if (before.length < mostWaiting) before.push(() => serve(request, response));
    else request.socket.destroy();
  };
}
