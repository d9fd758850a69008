import { createServer, type RequestListener, type Server } from 'node:http';
import { isIP, type AddressInfo } from 'node:net';
import { MezzoError } from '@mezzo/sdk/contract';
import { sendAnswer, textAnswer } from './answer.js';
import { boundIdle } from './idle.js';
import { inTurn } from './turns.js';

export const LIMITS = {
  /** Longer than proxies and agents keep idle connections, so that they close them and not we, in mid-request. */
  keepAliveTimeout: 65_000,
  /** The head of a request must be there by then; of its body `readBody` takes care, and some requests stream for days. */
  headersTimeout: 30_000,
  requestTimeout: 0,
  connectionsCheckingInterval: 5_000,
  /** Old clients send no Host; what we serve depends on none. */
  requireHostHeader: false,
};

export interface Listening {
  readonly server: Server;
  /** The one that was given, when it was 0. */
  readonly port: number;
  /** Until then every request is answered 503. */
  serve(listener: RequestListener): void;
  /** Stops listening; what is still connected after `graceMs` is cut off. */
  close(graceMs?: number): Promise<void>;
}

/** Listens. Rejects with PORT_TAKEN, ADDRESS_UNUSABLE. */
export function listen(ip: string, port: number): Promise<Listening> {
  let listener: RequestListener = (request, response) =>
    sendAnswer(request, response, textAnswer(503, 'Starting: not ready to serve yet', { 'Retry-After': '1' }));
  const server = createServer(
    LIMITS,
    inTurn((request, response) => listener(request, response)),
  );
  boundIdle(server);
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, ip, port)));
    server.listen(port, ip, () =>
      resolve({
        server,
        port: (server.address() as AddressInfo).port,
        serve: (next) => void (listener = next),
        close: (graceMs = 1000) => close(server, graceMs),
      }),
    );
  });
}

function close(server: Server, graceMs: number): Promise<void> {
  const timer = setTimeout(() => server.closeAllConnections(), graceMs);
  return new Promise((resolve) => {
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}

function listenError(error: NodeJS.ErrnoException, ip: string, port: number): MezzoError {
  const details = { ip, port };
  if (error.code === 'EADDRINUSE') {
    return new MezzoError('PORT_TAKEN', `port ${port} is taken (flag --port)`, {
      blame: 'environment',
      next: `stop what listens on ${ip}:${port}, or choose another port with --port`,
      details,
      cause: error,
    });
  }
  return new MezzoError('ADDRESS_UNUSABLE', `cannot listen on ${ip}:${port}: ${error.code ?? error.message}`, {
    blame: 'operator',
    next: 'give an address of this machine with --ip, and a port that this user may use with --port',
    details,
    cause: error,
  });
}

export const isLoopback = (ip: string): boolean => /^127\./.test(ip) || ip === '::1' || ip === 'localhost';

/** Refuses with INSECURE_ADDRESS an address that others can reach, as long as nobody is asked for credentials there. */
export function assertMayListen(ip: string, insecure: boolean): void {
  if (isLoopback(ip) || insecure) return;
  throw new MezzoError('INSECURE_ADDRESS', `refusing to serve ${ip} without TLS and credentials`, {
    blame: 'operator',
    next: 'listen on loopback behind the router, or accept that anybody who reaches this address rules the cluster: --insecure',
    details: { ip },
  });
}

/** An IPv4 address as the integer that MasterInfo carries: network byte order, read little-endian. 0 for others. */
export const packedIp = (ip: string): number =>
  isIP(ip) === 4 ? Buffer.from(ip.split('.').map(Number)).readUInt32LE() : 0;
