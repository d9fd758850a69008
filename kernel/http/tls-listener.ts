import { createServer as createHttpServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createNetServer, type Server as NetServer, type Socket } from 'node:net';
import { sendAnswer, textAnswer } from './answer.js';
import { gatherWrites } from './gather.js';
import { boundIdle, MAX_IDLE_CONNECTIONS } from './idle.js';

/** What a listener shows of itself, and whom it trusts. PEM. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
  /** Of the authority that clients' certificates must come from; undefined = those that the system knows. */
  readonly ca?: string | undefined;
}

export interface TlsListenOptions {
  readonly identity: TlsIdentity;
  /** Only clients with a certificate are served. */
  readonly requireClientCert: boolean;
  /** Serve http:// on the same port too; else it is told to come back with https://. */
  readonly allowHttp: boolean;
  /** As OpenSSL lists them; undefined = Node's choice. */
  readonly ciphers?: string | undefined;
}

export interface TlsServer {
  readonly server: NetServer;
  /** Ends connections that are idle, or all of them. */
  cut(all: boolean): void;
  /** For connections to come. Throws when it cannot be used, and then nothing has changed. */
  renew(identity: TlsIdentity): void;
}

const FIRST_BYTE_TIMEOUT_MS = 30_000;
const TLS_HANDSHAKE = 0x16;
const MIN_VERSION = 'TLSv1.2';

const useHttps = textAnswer(400, 'This port speaks HTTPS: use https:// in place of http://\n', { Connection: 'close' });

/** One port, both ways: the first byte of a connection tells TLS from plain text. */
export function tlsServer(listener: RequestListener, limits: ServerOptions, options: TlsListenOptions): TlsServer {
  const { identity, requireClientCert, allowHttp, ciphers } = options;
  const asked = { requestCert: requireClientCert, rejectUnauthorized: requireClientCert };
  const bounds = { minVersion: MIN_VERSION, ...(ciphers !== undefined && { ciphers }) } as const;
  const context = { ...contextOf(identity), ...bounds, handshakeTimeout: FIRST_BYTE_TIMEOUT_MS };
  const https = createHttpsServer({ ...limits, ...context, ...asked }, listener);
  const plain = createHttpServer(limits, (request, response) =>
    allowHttp ? listener(request, response) : sendAnswer(request, response, useHttps),
  );
  for (const one of [https, plain]) {
    boundIdle(one);
    gatherWrites(one);
    one.emit('listening'); // they never do themselves; it is what starts their watch over slow heads
  }
  const sockets = new Set<Socket>();
  const silent = new Set<Socket>();
  const server = createNetServer((socket) => {
    sockets.add(socket);
    silent.add(socket);
    const [oldest] = silent;
    if (silent.size > MAX_IDLE_CONNECTIONS) oldest!.destroy();
    socket.once('close', () => (sockets.delete(socket), silent.delete(socket)));
    socket.on('error', () => socket.destroy());
    socket.setTimeout(FIRST_BYTE_TIMEOUT_MS, () => socket.destroy());
    socket.once('data', (bytes: Buffer) => {
      silent.delete(socket);
      socket.pause().setTimeout(0).removeAllListeners('timeout');
      socket.unshift(bytes);
      handOver(bytes[0] === TLS_HANDSHAKE ? https : plain, socket);
    });
  });
  return {
    server,
    cut: (all) => {
      for (const one of [https, plain]) one.close();
      for (const socket of all ? sockets : silent) socket.destroy();
    },
    renew: (next) => https.setSecureContext({ ...contextOf(next), ...bounds }),
  };
}

function handOver(server: Server, socket: Socket): void {
  server.emit('connection', socket);
  process.nextTick(() => socket.resume());
}

const contextOf = ({ cert, key, ca }: TlsIdentity) => ({ cert, key, ...(ca !== undefined && { ca }) });
