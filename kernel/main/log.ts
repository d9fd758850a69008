import { closeSync, fstatSync, mkdirSync, openSync, renameSync, write, writeSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, type Logger } from '@mezzo/sdk/contract';
import { multistream, pino, type Logger as Pino, type StreamEntry } from 'pino';
import { PinoPretty } from 'pino-pretty';

const MAX_FILE_BYTES = 64 * 1024 * 1024;
const MODE = 0o640;
/** What a stalled disk may keep in memory; lines beyond it are lost. */
const MAX_WAITING_CHARS = 8 * 1024 * 1024;

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

/** One clear line, and what to do; where that is not known, where it comes from. */
export function complain(error: unknown): void {
  const { code, next, stack } = error as { code?: string; next?: string; stack?: string };
  process.stderr.write(`${code ?? 'FAILED'}: ${messageOf(error)}${next === undefined ? '' : ` (${next})`}\n`);
  if (code === undefined && stack !== undefined) process.stderr.write(`${stack}\n`);
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

/** A full disk must not stop the daemon: what cannot be written is lost. */
class BoundedFile {
  private fd: number;
  private size: number;
  private waiting = '';
  private isWriting = false;

  constructor(
    private readonly file: string,
    dir: string,
  ) {
    mkdirSync(dir, { recursive: true });
    this.fd = openSync(file, 'a', MODE);
    this.size = fstatSync(this.fd).size;
    process.once('exit', () => this.flush());
  }

  write(line: string): void {
    if (this.waiting.length + line.length > MAX_WAITING_CHARS) return;
    this.waiting += line;
    if (!this.isWriting) this.next();
  }

  /** All that waits, in one write. */
  private next(): void {
    this.size += Buffer.byteLength(this.waiting);
    if (this.size > MAX_FILE_BYTES) this.rotate();
    this.isWriting = true;
    write(this.fd, this.take(), () => {
      this.isWriting = false;
      if (this.waiting !== '') this.next();
    });
  }

  private take(): string {
    const { waiting } = this;
    this.waiting = '';
    return waiting;
  }

  private rotate(): void {
    closeSync(this.fd);
    renameSync(this.file, `${this.file}.1`);
    this.fd = openSync(this.file, 'a', MODE);
    this.size = Buffer.byteLength(this.waiting);
  }

  /** What a daemon says last is why it ends. A write that is under way is ended by Node. */
  private flush(): void {
    try {
      writeSync(this.fd, this.take());
    } catch {
      // a full disk
    }
  }
}
