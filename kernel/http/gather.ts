import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';

type Done = (error?: Error | null) => void;
interface Piece {
  readonly chunk: Buffer | string;
  readonly encoding: BufferEncoding;
}

/** Taken from writers before they have to wait, in bytes. */
const MAX_GATHERED = 64 * 1024;

/**
 * What is written to a connection within one turn of the event loop goes to the kernel in one call, at the turn's end: a
 * connection on which a hundred requests came at once has a hundred short answers, and each call costs more than its answer.
 */
export function gatherWrites(server: Server): void {
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', gatherOn);
}

/** Takes the place of the methods that a stream is made of, on one socket. */
export function gatherOn(socket: Socket): void {
  const write = socket._writev!.bind(socket);
  const final = socket._final.bind(socket);
  const destroy = socket._destroy.bind(socket);
  let pieces: Piece[] = [];
  /** Of `pieces`, and of those that are on their way. */
  let bytes = 0;
  let isWriting = false;
  let isDue = false;
  /** Of writers that came when there was enough. */
  let held: Done[] = [];
  let whenEmpty: (() => void) | undefined;

  const flush = (): void => {
    isDue = false;
    if (isWriting || pieces.length === 0) return;
    isWriting = true;
    const [batch, waiting, size] = [pieces, held, bytes];
    [pieces, held] = [[], []];
    write(batch, (error) => {
      isWriting = false;
      bytes -= size;
      for (const done of waiting) done(error);
      if (error) socket.destroy(error);
      else if (pieces.length > 0) flush();
      else whenEmpty?.();
    });
  };
  const take = (more: readonly Piece[], done: Done): void => {
    for (const piece of more) {
      pieces.push(piece);
      bytes += piece.chunk.length;
    }
    if (!isDue && !isWriting) {
      isDue = true;
      setImmediate(flush);
    }
    if (bytes < MAX_GATHERED) done();
    else held.push(done);
  };
  socket._writev = take;
  socket._write = (chunk: Buffer | string, encoding, done) => take([{ chunk, encoding }], done);
  socket._final = (done) => {
    if (!isWriting && pieces.length === 0) return final(done);
    whenEmpty = () => final(done);
    flush();
  };
  socket._destroy = (error, done) => {
    flush();
    destroy(error, done);
  };
}
