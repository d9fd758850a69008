import { createServer, type RequestListener } from 'node:http';
import { isIP, type AddressInfo, type Server as NetServer } from 'node:net';
import { MezzoError } from '@mezzo/sdk/contract';
import { sendAnswer, textAnswer } from './answer.js';
import { gatherWrites } from './gather.js';
import { boundIdle } from './idle.js';
import { tlsServer, type TlsIdentity, type TlsListenOptions, type TlsServer } from './tls-listener.js';
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
  /** The one that was given, when it was 0. */
  readonly port: number;
  /** Until then every request is answered 503. */
  serve(listener: RequestListener): void;
  /** With TLS: what is shown to connections to come. Throws when it cannot be used. */
  renew(identity: TlsIdentity): void;
  /** Stops listening; what is still connected after `graceMs` is cut off. */
  close(graceMs?: number): Promise<void>;
}

/** Listens, with TLS when `tls` is given. Rejects with PORT_TAKEN, ADDRESS_UNUSABLE. */
export function listen(ip: string, port: number, tls?: TlsListenOptions): Promise<Listening> {
  let listener: RequestListener = (request, response) =>
    sendAnswer(request, response, textAnswer(503, 'Starting: not ready to serve yet', { 'Retry-After': '1' }));
  const serve = inTurn((request, response) => listener(request, response));
  const { server, renew, cut } = tls === undefined ? plainServer(serve) : tlsServer(serve, LIMITS, tls);
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, ip, port)));
    server.listen(port, ip, () =>
      resolve({
        port: (server.address() as AddressInfo).port,
        serve: (next) => void (listener = next),
        renew,
        close: (graceMs = 1000) => close(server, cut, graceMs),
      }),
    );
  });
}

function plainServer(listener: RequestListener): TlsServer {
  const server = createServer(LIMITS, listener);
  boundIdle(server);
  gatherWrites(server);
  const cut = (all: boolean): void => (all ? server.closeAllConnections() : server.closeIdleConnections());
  return { server, renew: () => undefined, cut };
}

function close(server: NetServer, cut: TlsServer['cut'], graceMs: number): Promise<void> {
  const timer = setTimeout(() => cut(true), graceMs);
  return new Promise((resolve) => {
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    cut(false);
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

/** How callers are received. */
export interface Guards {
  readonly tls: boolean;
  /** Every part of the API asks who calls. */
  readonly credentials: boolean;
  /** The operator wants neither. */
  readonly insecure: boolean;
}

/** Refuses with INSECURE_ADDRESS an address that others can reach, unless it has TLS and asks for credentials. */
export function assertMayListen(ip: string, { tls, credentials, insecure }: Guards): void {
  if (isLoopback(ip) || insecure || (tls && credentials)) return;
  const missing = [...(tls ? [] : ['TLS']), ...(credentials ? [] : ['credentials'])].join(' and ');
  throw new MezzoError('INSECURE_ADDRESS', `refusing to serve ${ip} without ${missing}`, {
    blame: 'operator',
    next: 'listen on loopback behind the router, or see docs/SECURITY.md, or accept that anybody who reaches this address rules the cluster: --insecure',
    details: { ip },
  });
}

/** An IPv4 address as the integer that MasterInfo carries: network byte order, read little-endian. 0 for others. */
export const packedIp = (ip: string): number =>
  isIP(ip) === 4 ? Buffer.from(ip.split('.').map(Number)).readUInt32LE() : 0;
