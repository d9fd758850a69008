import { connect, type Socket } from 'node:net';
import { until } from './poll.js';

/** A connection that sends exactly what it is told, and keeps what comes back. */
export class RawConnection {
  received = '';
  closed = false;
  readonly socket: Socket;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (data) => void (this.received += data.toString('latin1')));
    this.socket.on('error', () => {});
    this.socket.on('close', () => void (this.closed = true));
  }

  /** Resolves once the bytes have left, or the connection is gone. */
  send(bytes: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      if (this.closed) return resolve();
      const done = (): void => {
        this.socket.off('close', done);
        resolve();
      };
      this.socket.once('close', done);
      this.socket.write(bytes, done);
    });
  }

  /** The status of the first answer; 0 = closed without one. */
  status(timeoutMs = 15_000): Promise<number> {
    return until(
      'an answer',
      () => {
        const [, code] = /^HTTP\/1\.1 (\d{3})/.exec(this.received) ?? [];
        return code === undefined ? (this.closed ? { code: 0 } : undefined) : { code: Number(code) };
      },
      timeoutMs,
      5,
    ).then(({ code }) => code);
  }

  destroy(): void {
    this.socket.destroy();
  }
}

export const postHead = (path: string, headers: Readonly<Record<string, string | number>>): string =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`;
