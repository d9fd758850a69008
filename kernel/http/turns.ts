import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Requests that one connection may have waiting: nobody who waits for answers has as many. */
export const MAX_WAITING_REQUESTS = 1000;
/** Of one connection, served one after the other before others have their turn. */
const MOST_IN_A_TURN = 16;

interface Line {
  readonly waiting: (() => void)[];
  servedInTurn: number;
}

/**
 * Serves the requests of one connection one after the other, a few in each turn of the event loop: whoever sends thousands
 * at once waits for itself, and the others are served in between.
 */
export function inTurn(listener: RequestListener, mostWaiting = MAX_WAITING_REQUESTS): RequestListener {
  const lines = new WeakMap<Socket, Line>();
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const { socket } = request;
    response.once('close', () => {
      const line = lines.get(socket)!;
      if (++line.servedInTurn < MOST_IN_A_TURN) return serveNext(socket, line);
      setImmediate(() => {
        line.servedInTurn = 0;
        serveNext(socket, line);
      });
    });
    listener(request, response);
  };
  const serveNext = (socket: Socket, { waiting }: Line): void => {
    const next = socket.destroyed ? undefined : waiting.shift();
    if (next === undefined) lines.delete(socket);
    else next();
  };
  return (request, response) => {
    const line = lines.get(request.socket);
    if (line === undefined) {
      lines.set(request.socket, { waiting: [], servedInTurn: 0 });
      serve(request, response);
    } else if (line.waiting.length < mostWaiting) line.waiting.push(() => serve(request, response));
    else request.socket.destroy();
  };
}
