import { constants, openSync, closeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { ContainerStreams } from '@mezzo/sdk/points/containerizer';

/** Paths of the pipes of one container, which its script makes. */
export interface PipePaths {
  readonly stdin: string;
  readonly stdout: string;
  /** Missing with a terminal, which mixes the two. */
  readonly stderr?: string;
}

type Output = 'stdout' | 'stderr';

/** How much of an output waits here to be taken before no more is read: then the container waits, too. */
const MAX_WAITING_BYTES = 256 * 1024;

interface Chunk {
  readonly from: Output;
  readonly data: Uint8Array;
}

/**
 * The agent's ends of a container's pipes. Each output is held open for writing here as well, so that it is over when the container is, and not
 * before it has begun.
 */
export class PipeStreams implements Omit<ContainerStreams, 'resize'> {
  private readonly input: Socket;
  private readonly outputs: Socket[] = [];
  private readonly holders: number[] = [];
  private readonly waiting: Chunk[] = [];
  private waitingBytes = 0;
  private open = 0;
  private wake: (() => void) | undefined;

  constructor(paths: PipePaths) {
    const { O_RDONLY, O_WRONLY, O_RDWR, O_NONBLOCK } = constants;
    this.input = new Socket({ fd: openSync(paths.stdin, O_RDWR | O_NONBLOCK), readable: false, writable: true });
    this.input.on('error', () => {});
    for (const from of ['stdout', 'stderr'] as const) {
      const path = paths[from];
      if (path === undefined) continue;
      const fd = openSync(path, O_RDONLY | O_NONBLOCK);
      this.holders.push(openSync(path, O_WRONLY | O_NONBLOCK));
      this.read(from, new Socket({ fd, readable: true, writable: false }));
    }
  }

  write(data: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      if (this.input.destroyed) return resolve();
      this.input.write(data, () => resolve());
    });
  }

  end(): void {
    this.input.destroy();
  }

  /** The container has ended: what it printed can still be taken. */
  finish(): void {
    this.end();
    for (const fd of this.holders.splice(0)) closeSync(fd);
  }

  /** Nobody takes anything any more. */
  close(): void {
    this.finish();
    for (const output of this.outputs) output.destroy();
    this.wake?.();
  }

  async *output(): AsyncGenerator<Chunk> {
    for (;;) {
      const chunk = this.waiting.shift();
      if (chunk !== undefined) {
        this.waitingBytes -= chunk.data.length;
        if (this.waitingBytes < MAX_WAITING_BYTES) for (const output of this.outputs) output.resume();
        yield chunk;
      } else if (this.open === 0) return;
      else await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  private read(from: Output, socket: Socket): void {
    this.outputs.push(socket);
    this.open += 1;
    socket.on('data', (data: Buffer) => {
      this.waiting.push({ from, data });
      this.waitingBytes += data.length;
      if (this.waitingBytes >= MAX_WAITING_BYTES) socket.pause();
      this.wake?.();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.open -= 1;
      this.wake?.();
    });
  }
}
