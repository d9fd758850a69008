import { open, rename } from 'node:fs/promises';
import { messageToJson } from '@mezzo/sdk/api';
import type { EventBatch, EventSink } from '@mezzo/sdk/points/event-sink';

/**
 * Appends events to a file, a line each: `{"at": TIME, "missed": WHY, "event": EVENT}`, with `missed` at those that follow a gap. What does not
 * parse was cut off by a crash, and comes again on a line of its own. A full file becomes `.1`, the one before it `.2`.
 */
export class EventLog implements EventSink {
  constructor(
    private readonly file: string,
    private readonly maxBytes: number,
    private readonly files: number,
  ) {}

  async write({ events, why }: EventBatch): Promise<void> {
    const at = new Date().toISOString();
    const lines = events.map((event, i) => {
      const missed = i === 0 && why !== undefined ? `"missed":"${why}",` : '';
      return `{"at":"${at}",${missed}"event":${messageToJson('mesos.v1.master.Event', event)}}\n`;
    });
    const size = await this.append(lines.join(''));
    if (size > this.maxBytes) await this.rotate();
  }

  /** Answers the size of the file. */
  private async append(text: string): Promise<number> {
    const handle = await open(this.file, 'a+', 0o600);
    try {
      const { size } = await handle.stat();
      const last = size === 0 ? undefined : (await handle.read(Buffer.alloc(1), 0, 1, size - 1)).buffer.toString();
      const begin = last === undefined || last === '\n' ? '' : '\n';
      await handle.appendFile(begin + text);
      await handle.datasync();
      return (await handle.stat()).size;
    } finally {
      await handle.close();
    }
  }

  private async rotate(): Promise<void> {
    const name = (i: number): string => (i === 0 ? this.file : `${this.file}.${i}`);
    for (let i = this.files - 1; i > 0; i--)
      await rename(name(i - 1), name(i)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
  }
}
