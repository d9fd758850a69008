import { constants } from 'node:fs';
import { mkdir, open, readFile, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { LogFrame } from '../core/frames.js';

/** How far the output of a container was written: the time of the last message and the sizes of both files after it. */
interface Position {
  readonly at: string;
  readonly stdout: number;
  readonly stderr: number;
}

const STREAMS = ['stdout', 'stderr'] as const;

/**
 * stdout and stderr of a container in its sandbox, and beside them, out of its reach, how far they were written: one who starts again cuts
 * off what was written after that, and asks the engine for it once more. So nothing is there twice, and nothing is missing.
 */
export class LogFiles {
  private constructor(
    private readonly files: Record<(typeof STREAMS)[number], FileHandle>,
    private readonly positionFile: string,
    private position: { -readonly [K in keyof Position]: Position[K] },
  ) {}

  static async open(sandbox: string, positionFile: string): Promise<LogFiles> {
    const known = await readPosition(positionFile);
    const files = { stdout: await openLog(sandbox, 'stdout'), stderr: await openLog(sandbox, 'stderr') };
    const position = { at: known?.at ?? '', stdout: 0, stderr: 0 };
    for (const stream of STREAMS) {
      const { size } = await files[stream].stat();
      position[stream] = Math.min(size, known?.[stream] ?? size);
      if (size > position[stream]) await files[stream].truncate(position[stream]);
    }
    const opened = new LogFiles(files, positionFile, position);
    await opened.save();
    return opened;
  }

  /** Time of the last message that was written; '' = none. */
  get at(): string {
    return this.position.at;
  }

  async write(frames: readonly LogFrame[]): Promise<void> {
    const fresh = frames.filter(({ at }) => at > this.position.at);
    for (const stream of STREAMS) {
      const data = Buffer.concat(fresh.filter((frame) => frame.stream === stream).map((frame) => frame.data));
      if (data.length > 0) await this.files[stream].appendFile(data);
      this.position[stream] += data.length;
    }
    this.position.at = fresh.at(-1)?.at ?? this.position.at;
  }

  async save(): Promise<void> {
    await mkdir(dirname(this.positionFile), { recursive: true, mode: 0o700 });
    await writeFile(`${this.positionFile}.new`, JSON.stringify(this.position), { mode: 0o600 });
    await rename(`${this.positionFile}.new`, this.positionFile);
  }

  async close(): Promise<void> {
    await Promise.all(STREAMS.map((stream) => this.files[stream].close()));
  }
}

export const removePosition = (positionFile: string): Promise<void> => rm(positionFile, { force: true });

async function readPosition(path: string): Promise<Position | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Position;
  } catch {
    return undefined;
  }
}

/** A container can put a link in the place of its log: root must not follow it. */
async function openLog(sandbox: string, name: string): Promise<FileHandle> {
  const flags =
    constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(join(sandbox, name), flags, 0o644);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new Error(`${join(sandbox, name)} is not a plain file`);
}
