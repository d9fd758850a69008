import {
  accessSync,
  close,
  closeSync,
  constants,
  open,
  openSync,
  rename,
  renameSync,
  writev,
  writevSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { serialize } from 'node:v8';
import { hasCode, MezzoError, messageOf, type Logger } from '@mezzo/sdk/contract';
import type { Authorizer } from '@mezzo/sdk/points/authorizer';
import type { Machine } from '../../core/machine.js';
import type { MasterEffect, MasterEvent, MasterOptions, MasterState } from '../../core/master/index.js';
import {
  checkAfter,
  FIRST_LINE,
  HEAD_BYTES,
  KINDS,
  RECORDING_FORMAT,
  roomFor,
  writeEvent,
  written,
  type RecordingHeader,
  type Written,
} from './recording.js';

const MAX_PENDING_BYTES = 16 << 20;
/** Of events in one record: as many as a torn end may cost. Pages are used again: new ones for all that is written would have the collector at work. */
const PAGE_BYTES = 16 << 10;
const MAX_FREE_PAGES = 128;
/** Until what came is written, as much as a kill -9 may cost: waking a thread for each turn costs as much as all the rest. */
const PAUSE_MS = 100;
const MODE = 0o600;
const io = { open: promisify(open), rename: promisify(rename), writev: promisify(writev), close: promisify(close) };

/** A record of events that is being filled. */
interface Page {
  readonly bytes: Buffer;
  used: number;
  count: number;
}

/** A record that waits for the disk, and where the run is after it. */
interface Pending {
  readonly bytes: Uint8Array;
  readonly after: { readonly events: number; readonly check: number };
}

export interface RecorderParts {
  readonly file: string;
  /** Of both files, this one and the one before. */
  readonly maxBytes: number;
  readonly mezzo: string;
  readonly log: Logger;
}

/**
 * Writes down what a master's machine is told, so that `mezzo replay` can step through it again. The file is made at the first
 * event; one that is there becomes FILE.1. Writing never holds the master up: what a slow disk leaves behind beyond 16 MiB is left
 * out, and the recording says so; when the disk fails, recording ends and the master goes on.
 */
export class Recorder {
  private options: MasterOptions | undefined;
  private hasAuthorizer = false;
  private answers: boolean[] | undefined;
  private check = 0;
  private events = 0;
  /** Of what is written, or under way. */
  private taken = { events: 0, check: 0 };
  private missed = 0;
  private reason = '';
  private page: Page | undefined;
  private readonly free: Buffer[] = [];
  private pending: Pending[] = [];
  private pendingBytes = 0;
  private fd: number | undefined;
  private position = 0;
  private timer: NodeJS.Timeout | undefined;
  private pumping: Promise<void> | undefined;
  private isOff = false;

  private readonly atExit = (): void => this.flush();

  /** Throws INVALID_FLAG when the directory cannot be written. */
  constructor(private readonly parts: RecorderParts) {
    try {
      accessSync(dirname(parts.file), constants.W_OK);
    } catch (cause) {
      throw new MezzoError('INVALID_FLAG', `flag --record: ${messageOf(cause)}`, {
        blame: 'operator',
        next: 'name a file in a directory that this user may write to',
        cause,
      });
    }
    process.once('exit', this.atExit);
  }

  /** Its answers amid steps are part of what is recorded. */
  listenTo(authorizer: Authorizer | undefined): Authorizer | undefined {
    if (authorizer === undefined) return undefined;
    this.hasAuthorizer = true;
    return {
      name: authorizer.name,
      approver: (principal, action) => {
        const may = authorizer.approver(principal, action);
        return (object) => {
          const answer = may(object);
          this.answers?.push(answer);
          return answer;
        };
      },
    };
  }

  /** The same machine, recorded. */
  record(machine: Machine<MasterState, MasterEvent, MasterEffect>): typeof machine {
    return {
      step: (state, event, atMs) => {
        if (this.isOff) return machine.step(state, event, atMs);
        this.options ??= state.options;
        const written = this.write(event);
        const answers: boolean[] = (this.answers = []);
        try {
          const effects = machine.step(state, event, atMs);
          this.check = checkAfter(this.check, state, effects);
          return effects;
        } finally {
          this.answers = undefined;
          if (written !== undefined) this.keep(written, atMs, answers);
        }
      },
    };
  }

  /** What is left, at once: for a process that ends. */
  flush(): void {
    this.addGap();
    this.endPage();
    if (this.isOff || this.pending.length === 0) return;
    try {
      if (this.fd === undefined) {
        try {
          renameSync(this.parts.file, this.previous);
        } catch (error) {
          if (!hasCode(error, 'ENOENT')) throw error;
        }
        this.begin(openSync(this.parts.file, 'wx', MODE));
      }
      const { records, at } = this.take(Infinity);
      writevSync(this.fd!, records, at);
    } catch (error) {
      this.end(error);
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.timer);
    await this.pumping;
    this.flush();
    this.isOff = true;
    process.off('exit', this.atExit);
    if (this.fd !== undefined) closeSync(this.fd);
    this.fd = undefined;
  }

  private get previous(): string {
    return `${this.parts.file}.1`;
  }

  private write(event: MasterEvent): Written | undefined {
    if (this.pendingBytes >= MAX_PENDING_BYTES) return this.miss('the disk was too slow');
    try {
      return written(event);
    } catch (error) {
      return this.miss(messageOf(error));
    }
  }

  private keep(event: Written, atMs: number, answers: readonly boolean[]): void {
    this.addGap();
    const room = roomFor(event, answers);
    if (this.page !== undefined && this.page.used + room > PAGE_BYTES) this.endPage();
    const page = (this.page ??= this.newPage(HEAD_BYTES + room));
    page.used = writeEvent(page.bytes, page.used, event, { atMs, check: this.check, answers });
    page.count += 1;
    this.events += 1;
    this.timer ??= setTimeout(() => void (this.pumping = this.pump()), PAUSE_MS);
  }

  private newPage(room: number): Page {
    const bytes =
      room > PAGE_BYTES ? Buffer.allocUnsafeSlow(room) : (this.free.pop() ?? Buffer.allocUnsafeSlow(PAGE_BYTES));
    return { bytes, used: HEAD_BYTES, count: 0 };
  }

  private miss(reason: string): undefined {
    if (this.missed === 0) this.parts.log.warn('the recording has a gap', { reason });
    this.missed += 1;
    this.reason = reason;
  }

  private endPage(): void {
    const { page } = this;
    this.page = undefined;
    if (page !== undefined) this.add(sealed(KINDS.events, page.bytes.subarray(0, page.used), page.count));
  }

  private addGap(): void {
    if (this.missed === 0) return;
    this.endPage();
    this.events += this.missed;
    this.add(recordOf(KINDS.gap, { missed: this.missed, reason: this.reason }));
    this.missed = 0;
  }

  private add(bytes: Uint8Array): void {
    this.pending.push({ bytes, after: { events: this.events, check: this.check } });
    this.pendingBytes += bytes.length;
  }

  /** One write for all that came in the pause, and again for what came meanwhile. */
  private async pump(): Promise<void> {
    try {
      for (this.endPage(); this.pending.length > 0; this.endPage()) {
        if (this.fd === undefined || this.position >= this.parts.maxBytes / 2) await this.next();
        const { records, at } = this.take(this.parts.maxBytes / 2);
        await io.writev(this.fd!, records, at);
        for (const { buffer } of records)
          if (buffer.byteLength === PAGE_BYTES && this.free.length < MAX_FREE_PAGES)
            this.free.push(Buffer.from(buffer));
      }
    } catch (error) {
      this.end(error);
    }
    this.timer = undefined;
  }

  /** Until the next file is there, the last one is written to under its new name. */
  private async next(): Promise<void> {
    const { file } = this.parts;
    await io.rename(file, this.previous).catch((error: unknown) => {
      if (!hasCode(error, 'ENOENT')) throw error;
    });
    const fd = await io.open(file, 'wx', MODE);
    const last = this.fd;
    this.begin(fd);
    if (last !== undefined) await io.close(last);
  }

  private begin(fd: number): void {
    const { authorizer: _, ...options } = this.options!;
    const header: RecordingHeader = {
      ...{ mezzo: this.parts.mezzo, node: process.version, run: options.masterId },
      ...{ before: this.taken.events, check: this.taken.check, hasAuthorizer: this.hasAuthorizer, options },
    };
    const bytes = Buffer.concat([Buffer.from(`${FIRST_LINE}${RECORDING_FORMAT}\n`), recordOf(KINDS.header, header)]);
    this.pending.unshift({ bytes, after: this.taken });
    this.pendingBytes += bytes.length;
    this.fd = fd;
    this.position = 0;
  }

  private end(error: unknown): void {
    this.isOff = true;
    this.pending = [];
    this.parts.log.warn('the recording ends, and the master goes on', { reason: messageOf(error) });
  }

  /** At least one record, and none that begins beyond `end`. */
  private take(end: number): { readonly records: Uint8Array[]; readonly at: number } {
    const [records, at]: [Uint8Array[], number] = [[], this.position];
    while (this.pending.length > 0 && (records.length === 0 || this.position < end)) {
      const { bytes, after } = this.pending.shift()!;
      records.push(bytes);
      this.taken = after;
      this.position += bytes.length;
    }
    this.pendingBytes -= this.position - at;
    return { records, at };
  }
}

const recordOf = (kind: number, value: object): Uint8Array =>
  sealed(kind, Buffer.concat([Buffer.alloc(HEAD_BYTES), serialize(value)]), 1);

/** With its head, for which room was left. */
function sealed(kind: number, record: Buffer, count: number): Uint8Array {
  record.writeUInt32LE(record.length - HEAD_BYTES, 0);
  record.writeUInt32LE(count, 4);
  record.writeUInt8(kind, 8);
  return record;
}
