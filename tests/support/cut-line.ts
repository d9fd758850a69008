import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A way to a port of loopback that can be cut like a cable: what is sent goes nowhere, and nobody is told. */
export class CutLine {
  private isCut = false;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly target: number,
  ) {
    server.on('connection', (near) => this.join(near, connect(this.target, '127.0.0.1')));
  }

  static async to(target: number): Promise<CutLine> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new CutLine(server, target);
  }

  get hostPort(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  cut(): void {
    this.isCut = true;
  }

  /** Connections end, and new ones lead nowhere. */
  break(): void {
    this.isCut = true;
    this.drop();
  }

  /** New connections pass; those that were cut are over. */
  mend(): void {
    this.isCut = false;
    this.drop();
  }

  close(): void {
    this.server.close();
    this.drop();
  }

  private drop(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  private join(near: Socket, far: Socket): void {
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.sockets.add(from);
      from.on('data', (data) => void (this.isCut || to.write(data)));
      from.on('error', () => undefined);
      from.on('close', () => {
        this.sockets.delete(from);
        if (!this.isCut) to.destroy();
      });
    }
  }
}
