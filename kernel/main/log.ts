import { createWriteStream, mkdirSync, renameSync, statSync, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '@mezzo/sdk/contract';
import { multistream, pino, type Logger as Pino, type StreamEntry } from 'pino';
import { PinoPretty } from 'pino-pretty';

const MAX_FILE_BYTES = 64 * 1024 * 1024;
/** What a stalled disk may keep in memory; lines beyond it are lost. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

export interface LogOptions {
  readonly daemon: 'master' | 'agent';
  /** As in --logging_level: INFO, WARNING, ERROR, or DEBUG. */
  readonly level: string;
  /** Also write to `<dir>/mezzo-<daemon>.log`, kept under 64 MiB by one older file beside it. */
  readonly dir?: string;
  /** Nothing on stdout. */
  readonly quiet?: boolean;
}

export interface DaemonLog extends Logger {
  /** Where the log can be read, when it goes to a file. */
  readonly file: string | undefined;
  level: string;
}

const LEVELS: Readonly<Record<string, string>> = { debug: 'debug', info: 'info', warning: 'warn', error: 'error' };
const pinoLevel = (level: string): string => LEVELS[level.toLowerCase()] ?? 'info';

/** JSON lines on stdout, pretty on a terminal. */
export function createLog(options: LogOptions): DaemonLog {
  const streams: StreamEntry[] = [];
  if (!options.quiet)
    streams.push({ level: 'debug', stream: process.stdout.isTTY ? PinoPretty({ sync: true }) : process.stdout });
  const file = options.dir === undefined ? undefined : join(options.dir, `mezzo-${options.daemon}.log`);
  if (file !== undefined) streams.push({ level: 'debug', stream: new BoundedFile(file, options.dir!) });
  const base = { daemon: options.daemon, pid: process.pid };
  const root = pino({ level: pinoLevel(options.level), base }, multistream(streams));
  return new DaemonPino(root, file);
}

class PinoLogger implements Logger {
  constructor(protected readonly pino: Pino) {}
  debug(message: string, fields: Record<string, unknown> = {}): void {
    this.pino.debug(fields, message);
  }
  info(message: string, fields: Record<string, unknown> = {}): void {
    this.pino.info(fields, message);
  }
  warn(message: string, fields: Record<string, unknown> = {}): void {
    this.pino.warn(fields, message);
  }
  error(message: string, fields: Record<string, unknown> = {}): void {
    this.pino.error(fields, message);
  }
  child(fields: Record<string, unknown>): Logger {
    return new PinoLogger(this.pino.child(fields));
  }
}

class DaemonPino extends PinoLogger implements DaemonLog {
  constructor(
    root: Pino,
    readonly file: string | undefined,
  ) {
    super(root);
  }
  get level(): string {
    return this.pino.level;
  }
  set level(level: string) {
    this.pino.level = pinoLevel(level);
  }
}

class BoundedFile {
  private stream: WriteStream;
  private size: number;

  constructor(
    private readonly file: string,
    dir: string,
  ) {
    mkdirSync(dir, { recursive: true });
    this.size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    this.stream = this.open();
  }

  write(line: string): void {
    if (this.stream.writableLength > MAX_WAITING_BYTES) return;
    this.size += Buffer.byteLength(line);
    if (this.size > MAX_FILE_BYTES) this.rotate(line.length);
    this.stream.write(line);
  }

  private rotate(size: number): void {
    this.stream.end();
    renameSync(this.file, `${this.file}.1`);
    this.stream = this.open();
    this.size = size;
  }

  /** A full disk must not stop the daemon: what cannot be written is lost. */
  private open(): WriteStream {
    return createWriteStream(this.file, { flags: 'a', mode: 0o640 }).on('error', () => {});
  }
}
