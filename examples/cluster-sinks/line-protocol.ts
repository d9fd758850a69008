import { createSocket, type Socket } from 'node:dgram';
import type { MetricSample, MetricsSink, MetricsTarget, Scrape } from '@mezzo/sdk/points/metrics-sink';

const MAX_DATAGRAM_BYTES = 1400;
const MAX_TEXT = 200;

/** Sends samples in the line protocol of InfluxDB over UDP. Nobody says whether they arrive. Numbers that are none are left out. */
export class LineProtocol implements MetricsSink {
  private socket: Socket | undefined;

  constructor(
    private readonly host: string,
    private readonly port: number,
    readonly intervalSeconds: number,
  ) {}

  async write(scrapes: readonly Scrape[], signal: AbortSignal): Promise<void> {
    let datagram = '';
    for (const { target, samples } of scrapes)
      for (const sample of samples) {
        const line = lineOf(target, sample);
        if (line === undefined) continue;
        if (Buffer.byteLength(datagram) + Buffer.byteLength(line) > MAX_DATAGRAM_BYTES) {
          await this.send(datagram);
          datagram = '';
        }
        datagram += line;
        signal.throwIfAborted();
      }
    await this.send(datagram);
  }

  async close(): Promise<void> {
    const { socket } = this;
    if (socket !== undefined) await new Promise<void>((resolve) => socket.close(resolve));
  }

  private send(text: string): Promise<void> {
    if (text === '') return Promise.resolve();
    this.socket ??= createSocket(this.host.includes(':') ? 'udp6' : 'udp4').on('error', () => {});
    const { socket } = this;
    return new Promise((resolve, reject) =>
      socket.send(text, this.port, this.host, (error) => (error === null ? resolve() : reject(error))),
    );
  }
}

function lineOf({ kind, id }: MetricsTarget, { name, labels, value, timestampMs }: MetricSample): string | undefined {
  if (!Number.isFinite(value)) return undefined;
  const tags = Object.entries({ kind, id, ...labels }).filter(([, text]) => plain(text) !== '');
  const texts = tags.map(([key, text]) => `,${plain(key)}=${plain(text)}`);
  const line = `${plain(name)}${texts.join('')} value=${value} ${Math.trunc(timestampMs)}000000\n`;
  // More labels than there is room for: the number is worth more than they are.
  return Buffer.byteLength(line) <= MAX_DATAGRAM_BYTES
    ? line
    : `${plain(name)},kind=${kind} value=${value} ${Math.trunc(timestampMs)}000000\n`;
}

/** Without what the protocol takes for its own, and without an end that would hide the mark behind it. */
const plain = (text: string): string =>
  text
    .slice(0, MAX_TEXT)
    .replace(/[\p{Cc}\\]/gu, '_')
    .replace(/[ ,=]/g, '\\$&');
