import { chmodSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { MezzoError, messageOf, type Disposable, type EndpointAnnouncement } from '../contract/index.js';
import { removeSocket } from './load-entry.js';
import { onJsonLines } from './json-lines.js';
import type { ControlMessage, ControlRequest, RunStatus } from './run-spec.js';

const MAX_CONNECTIONS = 8;
const MAX_ENDPOINTS = 64;

export interface ControlHandlers {
  stop(): void;
  /** As `stop`, when what was begun has ended. */
  drain(): void;
  metrics(): Promise<string>;
}

/** The runner's side of the control socket: tells every connected host the plugin's status, now and upon each change. */
export class ControlServer {
  private readonly sockets = new Set<Socket>();
  private readonly endpoints = new Map<string, string>();
  /** Some host has heard the status as it is now. */
  private told = false;

  private constructor(
    private readonly server: Server,
    private readonly path: string,
    private status: RunStatus,
  ) {}

  /** Rejects with CONTROL_SOCKET_OCCUPIED when a live runner listens there; takes over the socket of a dead one. */
  static async listen(path: string, status: RunStatus, handlers: ControlHandlers): Promise<ControlServer> {
    if (await answers(path))
      throw new MezzoError('CONTROL_SOCKET_OCCUPIED', `another process of this plugin listens on ${path}`, {
        blame: 'environment',
      });
    await removeSocket(path);
    const server = createServer();
    server.maxConnections = MAX_CONNECTIONS;
    const control = new ControlServer(server, path, status);
    server.on('connection', (socket) => control.accept(socket, handlers));
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
    chmodSync(path, 0o600);
    return control;
  }

  update(change: Partial<RunStatus>): void {
    this.status = { ...this.status, ...change };
    this.told = this.sockets.size > 0;
    for (const socket of this.sockets) send(socket, { type: 'status', status: this.status });
  }

  /** For the last words of a short life, whose host may not have connected yet. */
  async untilTold(timeoutMs: number): Promise<void> {
    for (const deadline = performance.now() + timeoutMs; !this.told && performance.now() < deadline;) await sleep(10);
  }

  announce({ name, url }: EndpointAnnouncement): Disposable {
    checkEndpoint(name, url);
    if (this.endpoints.has(name)) throw invalidEndpoint(`endpoint ${name} is announced already`);
    if (this.endpoints.size >= MAX_ENDPOINTS) throw invalidEndpoint(`more than ${MAX_ENDPOINTS} endpoints`);
    this.endpoints.set(name, url);
    this.update({ endpoints: Object.fromEntries(this.endpoints) });
    return {
      dispose: () => {
        if (this.endpoints.delete(name)) this.update({ endpoints: Object.fromEntries(this.endpoints) });
      },
    };
  }

  /** Sends what was said last, then hangs up. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const socket of this.sockets) socket.end();
    const timer = setTimeout(() => this.sockets.forEach((socket) => socket.destroy()), 500);
    await closed;
    clearTimeout(timer);
    await removeSocket(this.path);
  }

  private accept(socket: Socket, handlers: ControlHandlers): void {
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    onJsonLines(socket, (message) => {
      const request = message as ControlRequest;
      if (request.type === 'stop') handlers.stop();
      if (request.type === 'drain') handlers.drain();
      if (request.type === 'metrics') void answerMetrics(socket, request.id, handlers);
    });
    send(socket, { type: 'status', status: this.status });
    this.told = true;
  }
}

async function answerMetrics(socket: Socket, id: number, handlers: ControlHandlers): Promise<void> {
  const text = await handlers.metrics().catch((error: unknown) => `# ${messageOf(error)}\n`);
  send(socket, { type: 'metrics', id, text });
}

function send(socket: Socket, message: ControlMessage): void {
  if (socket.writable) socket.write(JSON.stringify(message) + '\n');
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (alive: boolean) => (socket.destroy(), resolve(alive));
    socket.setTimeout(2_000, () => end(false));
    socket.once('connect', () => end(true)).once('error', () => end(false));
  });
}

function checkEndpoint(name: string, url: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(name))
    throw invalidEndpoint(`endpoint name ${JSON.stringify(name)}: 1 to 64 letters, digits, _ . -`);
  if (url.length > 2048 || !URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw invalidEndpoint(`endpoint ${name}: ${JSON.stringify(url.slice(0, 100))} is no http(s) URL`);
}

const invalidEndpoint = (problem: string): MezzoError =>
  new MezzoError('ENDPOINT_INVALID', problem, { blame: 'plugin' });
