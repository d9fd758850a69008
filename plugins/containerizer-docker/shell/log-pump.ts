import { messageOf, type Logger } from '@mezzo/sdk/contract';
import { LogFrameParser } from '../core/frames.js';
import type { Engine } from './engine.js';
import { LogFiles } from './log-files.js';

const SAVE_MS = 500;

export interface LogSource {
  readonly containerId: string;
  readonly dockerId: string;
  readonly sandbox: string;
  readonly positionFile: string;
}

/** Carries what a container prints from the engine into its sandbox, until the container ends or the pump is closed. */
export class LogPump {
  private running: Promise<void> | undefined;
  private abort = new AbortController();

  constructor(
    private readonly engine: Engine,
    private readonly source: LogSource,
    private readonly log: Logger,
  ) {}

  /** Idempotent; starts again after the engine was away. */
  start(): void {
    this.running ??= this.run().finally(() => (this.running = undefined));
  }

  /** Resolves when all that an ended container printed is written, or after the deadline. */
  async drain(timeoutMs: number): Promise<void> {
    this.start();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMs)));
    await Promise.race([this.running, late]);
    clearTimeout(timer);
  }

  async close(): Promise<void> {
    this.abort.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    try {
      const files = await LogFiles.open(this.source.sandbox, this.source.positionFile);
      const saver = setInterval(() => void files.save().catch(() => {}), SAVE_MS);
      try {
        await this.copy(files);
      } finally {
        clearInterval(saver);
        await files.save();
        await files.close();
      }
    } catch (error) {
      if (this.abort.signal.aborted) return;
      const { containerId } = this.source;
      this.log.warn('the output of a container cannot be followed', { containerId, error: messageOf(error) });
    }
  }

  private async copy(files: LogFiles): Promise<void> {
    const parser = new LogFrameParser(true);
    const stream = await this.engine.streams.getContainer(this.source.dockerId).logs({
      ...{ follow: true, stdout: true, stderr: true, timestamps: true, since: sinceParameter(files.at) },
      abortSignal: this.abort.signal,
    });
    for await (const chunk of stream) await files.write(parser.push(chunk as Buffer));
  }
}

/** Seconds and nanoseconds after 1970, as the engine wants them. It answers from that very moment on. */
function sinceParameter(at: string): string {
  if (at === '') return '0';
  const seconds = Math.floor(Date.parse(at) / 1000);
  return `${seconds}.${/\.(\d{1,9})/.exec(at)?.[1] ?? '0'}`;
}
