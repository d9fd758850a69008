import { connect, type Socket } from 'node:net';

const HEAD_END = Buffer.from('\r\n\r\n');
/** Requests without an answer: a master cuts off who has many more. */
const MAX_OPEN = 500;

/** Requests on one connection, in order, without waiting for answers: as the C++ library of Mesos makes them. */
export class Channel {
  private readonly socket: Socket;
  private readonly waiting: ((status: number) => void)[] = [];
  private readonly later: string[] = [];
  private sent = 0;
  private isClosed = false;
  private rest: Buffer = Buffer.alloc(0);

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.socket = connect(Number(port), hostname).setNoDelay(true);
    this.socket.on('data', (chunk: Buffer) => this.read(chunk));
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      if (!this.isClosed && this.waiting.length > 0) throw new Error('the master closed a connection');
    });
  }

  /** `head` is the request line with all headers but the length. Answers the status; bodies are dropped. */
  post(head: string, body: string): Promise<number> {
    this.later.push(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    this.send();
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  close(): void {
    this.isClosed = true;
    this.socket.destroy();
  }

  private send(): void {
    if (this.socket.writableCorked === 0) {
      this.socket.cork();
      process.nextTick(() => this.socket.uncork());
    }
    const count = MAX_OPEN - this.sent;
    for (const request of this.later.splice(0, count)) {
      this.sent++;
      this.socket.write(request);
    }
  }

  private read(chunk: Buffer): void {
    let bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    for (;;) {
      const end = bytes.indexOf(HEAD_END);
      if (end < 0) break;
      const head = bytes.toString('latin1', 0, end);
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (bytes.length < end + 4 + length) break;
      bytes = bytes.subarray(end + 4 + length);
      this.sent--;
      this.waiting.shift()!(Number(head.slice(9, 12)));
    }
    this.rest = bytes;
    this.send();
  }
}

export const headOf = (path: string, headers: Readonly<Record<string, string>>): string =>
  [
    `POST ${path} HTTP/1.1`,
    'Host: master',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    '',
  ].join('\r\n');
