import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { createConnection, isIPv6 } from 'node:net';

export interface Resolver {
  readonly ip: string;
  readonly port: number;
}

export interface ForwardRules {
  /** For all resolvers together. */
  readonly timeoutMs: number;
  /** Queries under way at once; more are refused. */
  readonly maxInFlight: number;
}

const ATTEMPT_MAX_MS = 1500;

/**
 * Asks other servers over the client's own protocol, in order, until one answers. Every query goes out from a port of its own
 * under a random id, and only the asked server's answer to this very question counts.
 */
export class Forwarder {
  private inFlight = 0;

  constructor(
    private readonly resolvers: () => readonly Resolver[],
    private readonly rules: ForwardRules,
  ) {}

  /** The response under the client's id; undefined when nobody answered, `none` when there is nobody to ask. */
  async ask(query: Uint8Array, streamed: boolean): Promise<Uint8Array | undefined | 'none'> {
    const resolvers = this.resolvers();
    if (resolvers.length === 0 || this.inFlight >= this.rules.maxInFlight) return 'none';
    this.inFlight++;
    try {
      return await this.tryAll(query, resolvers, streamed);
    } finally {
      this.inFlight--;
    }
  }

  private async tryAll(
    query: Uint8Array,
    resolvers: readonly Resolver[],
    streamed: boolean,
  ): Promise<Uint8Array | undefined> {
    const until = performance.now() + this.rules.timeoutMs;
    const asked = Buffer.from(query);
    for (const resolver of resolvers) {
      const leftMs = Math.min(ATTEMPT_MAX_MS, until - performance.now());
      if (leftMs <= 0) return undefined;
      asked.writeUInt16BE(randomInt(0x10000), 0);
      const response = await (streamed ? overTcp : overUdp)(asked, resolver, leftMs);
      if (response === undefined) continue;
      response.set(query.subarray(0, 2));
      return response;
    }
    return undefined;
  }
}

function overUdp(query: Buffer, { ip, port }: Resolver, timeoutMs: number): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(ip) ? 'udp6' : 'udp4');
    const done = (response?: Buffer): void => {
      clearTimeout(timer);
      socket.removeAllListeners().on('error', () => undefined);
      socket.close();
      resolve(response);
    };
    const timer = setTimeout(done, timeoutMs);
    socket.on('error', () => done());
    socket.on('message', (response) => answers(query, response) && done(response));
    // A connected socket hears nobody else, and hears of a closed port at once.
    socket.connect(port, ip, () => socket.send(query, (error) => error && done()));
  });
}

function overTcp(query: Buffer, { ip, port }: Resolver, timeoutMs: number): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: ip, port });
    const chunks: Buffer[] = [];
    const done = (response?: Buffer): void => {
      clearTimeout(timer);
      socket.removeAllListeners().on('error', () => undefined);
      socket.destroy();
      resolve(response);
    };
    const timer = setTimeout(done, timeoutMs);
    socket.on('error', () => done()).on('close', () => done());
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      const all = Buffer.concat(chunks);
      if (all.length < 2 || all.length < 2 + all.readUInt16BE(0)) return;
      const response = all.subarray(2, 2 + all.readUInt16BE(0));
      done(answers(query, response) ? Buffer.from(response) : undefined);
    });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.length);
    socket.write(Buffer.concat([length, query]));
  });
}

/** Same id, a response, and the same question (servers may change the case of its letters). */
function answers(query: Buffer, response: Buffer): boolean {
  if (response.length < 12 || response.readUInt16BE(0) !== query.readUInt16BE(0)) return false;
  if ((response[2]! & 0x80) === 0) return false;
  if (response.readUInt16BE(4) === 0) return (response[3]! & 0x0f) !== 0;
  let end = 12;
  while (end < query.length && query[end] !== 0) end += query[end]! + 1;
  end += 5;
  if (response.length < end) return false;
  return query.toString('latin1', 12, end).toLowerCase() === response.toString('latin1', 12, end).toLowerCase();
}
