import { connect, type Socket } from 'node:net';
import { TokenBucket, type Rate } from '../http/auth/rate-limits.js';
import { onJsonLines, type ControlMessage, type ControlRequest, type RunStatus } from '@mezzo/sdk/runtime';

const METRICS_TIMEOUT_MS = 3_000;
const STATUSES: Rate = { perSecond: 10, burst: 20 };

/** The host's end of a runner's control socket. */
export class ControlClient {
  private readonly waiting = new Map<number, (text: string) => void>();
  private nextId = 1;
  private pausing: NodeJS.Timeout | undefined;
  private readonly rate = new TokenBucket(STATUSES, performance.now());
  private listener: ((status: RunStatus) => void) | undefined;

  private constructor(
    private readonly socket: Socket,
    public status: RunStatus,
    /** Resolves when the connection is gone. */
    readonly closed: Promise<void>,
  ) {}

  /** Resolves once the runner has said who it is; undefined when nothing answers in time. */
  static open(path: string, timeoutMs: number): Promise<ControlClient | undefined> {
    return new Promise((resolve) => {
      const socket = connect(path);
      let client: ControlClient | undefined;
      const timer = setTimeout(() => socket.destroy(), timeoutMs);
      const closed = new Promise<void>((done) => socket.once('close', () => done()));
      void closed.then(() => (clearTimeout(timer), resolve(undefined)));
      socket.on('error', () => socket.destroy());
      onJsonLines(socket, (message) => {
        const said = message as ControlMessage;
        if (client === undefined && said.type === 'status') {
          clearTimeout(timer);
          resolve((client = new ControlClient(socket, said.status, closed)));
        } else client?.hear(said);
      });
    });
  }

  onStatus(listener: (status: RunStatus) => void): void {
    this.listener = listener;
    listener(this.status);
  }

  ask(type: 'stop' | 'drain'): void {
    this.send({ type });
  }

  /** Prometheus text; empty when the plugin does not answer in time. */
  metrics(): Promise<string> {
    const id = this.nextId++;
    return new Promise((resolve) => {
      const done = (text: string) => (clearTimeout(timer), this.waiting.delete(id), resolve(text));
      const timer = setTimeout(() => done(''), METRICS_TIMEOUT_MS);
      this.waiting.set(id, done);
      this.send({ type: 'metrics', id });
    });
  }

  close(): void {
    this.socket.destroy();
  }

  private hear(said: ControlMessage): void {
    if (said.type === 'metrics') return this.waiting.get(said.id)?.(said.text);
    this.status = said.status;
    if (this.pausing === undefined) this.tell();
  }

  /** Of what comes too fast only the last is told, and nothing more is read meanwhile: a plugin cannot keep its host busy. */
  private tell(): void {
    const waitMs = this.rate.take(performance.now());
    if (waitMs <= 0) return this.listener?.(this.status);
    this.socket.pause();
    this.pausing = setTimeout(() => {
      this.pausing = undefined;
      this.socket.resume();
      this.tell();
    }, waitMs);
  }

  private send(request: ControlRequest): void {
    if (this.socket.writable) this.socket.write(JSON.stringify(request) + '\n');
  }
}
