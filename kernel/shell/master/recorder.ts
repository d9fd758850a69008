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
import { DefaultSerializer, serialize } from 'node:v8';
import { hasCode, MezzoError, messageOf, type Logger } from '@mezzo/sdk/contract';
import type { Authorizer } from '@mezzo/sdk/points/authorizer';
import type { Machine } from '../../core/machine.js';
import type { MasterEffect, MasterEvent, MasterOptions, MasterState } from '../../core/master/index.js';
import { checkAfter, FIRST_LINE, HEAD_BYTES, KINDS, RECORDING_FORMAT, type RecordingHeader } from './recording.js';

const MAX_PENDING_BYTES = 16 << 20;
/** A serializer of its own for each event would cost more than what it writes. */
const EVENTS_PER_BATCH = 32;
/** Until what came is written, as much as a kill -9 may cost: waking a thread for each turn costs as much as all the rest. */
const PAUSE_MS = 100;
const MODE = 0o600;
const io = { open: promisify(open), rename: promisify(rename), writev: promisify(writev), close: promisify(close) };

interface Batch {
  readonly serializer: DefaultSerializer;
  count: number;
}

/** A record that waits for the disk, and where the run is after it. */
interface Pending {
  readonly chunks: readonly Uint8Array[];
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
  private batch: Batch | undefined;
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
        const batch = this.write(event);
        const answers: boolean[] = (this.answers = []);
        try {
          const effects = machine.step(state, event, atMs);
          this.check = checkAfter(this.check, state, effects);
          return effects;
        } finally {
          this.answers = undefined;
          if (batch !== undefined) this.seal(batch, atMs, answers);
        }
      },
    };
  }

  /** What is left, at once: for a process that ends. */
  flush(): void {
    this.addGap();
    this.endBatch();
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
      const { chunks, at } = this.take(Infinity);
      writevSync(this.fd!, chunks, at);
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

  /** Before the step, which may change what it is given. */
  private write(event: MasterEvent): Batch | undefined {
    if (this.pendingBytes >= MAX_PENDING_BYTES) return this.miss(1, 'the disk was too slow');
    this.addGap();
    const batch = (this.batch ??= newBatch());
    try {
      batch.serializer.writeValue(event);
      return batch;
    } catch (error) {
      this.batch = undefined;
      this.events -= batch.count;
      return this.miss(batch.count + 1, messageOf(error));
    }
  }

  private seal(batch: Batch, atMs: number, answers: readonly boolean[]): void {
    batch.serializer.writeDouble(atMs);
    batch.serializer.writeUint32(this.check);
    batch.serializer.writeValue(answers.length === 0 ? undefined : answers);
    this.events += 1;
    if (++batch.count >= EVENTS_PER_BATCH) this.endBatch();
    this.timer ??= setTimeout(() => void (this.pumping = this.pump()), PAUSE_MS);
  }

  private miss(count: number, reason: string): undefined {
    if (this.missed === 0) this.parts.log.warn('the recording has a gap', { reason });
    this.missed += count;
    this.reason = reason;
  }

  private endBatch(): void {
    const { batch } = this;
    this.batch = undefined;
    if (batch !== undefined) this.add(recordOf(KINDS.events, batch.serializer.releaseBuffer(), batch.count));
  }

  private addGap(): void {
    if (this.missed === 0) return;
    this.endBatch();
    this.events += this.missed;
    this.add(recordOf(KINDS.gap, serialize({ missed: this.missed, reason: this.reason })));
    this.missed = 0;
  }

  private add(chunks: readonly Uint8Array[]): void {
    this.pending.push({ chunks, after: { events: this.events, check: this.check } });
    this.pendingBytes += lengthOf(chunks);
  }

  /** One write for all that came in the pause, and again for what came meanwhile. */
  private async pump(): Promise<void> {
    try {
      for (this.endBatch(); this.pending.length > 0; this.endBatch()) {
        if (this.fd === undefined || this.position >= this.parts.maxBytes / 2) await this.next();
        const { chunks, at } = this.take(this.parts.maxBytes / 2);
        await io.writev(this.fd!, chunks, at);
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
    const chunks = [Buffer.from(`${FIRST_LINE}${RECORDING_FORMAT}\n`), ...recordOf(KINDS.header, serialize(header))];
    this.pending.unshift({ chunks, after: this.taken });
    this.pendingBytes += lengthOf(chunks);
    this.fd = fd;
    this.position = 0;
  }

  private end(error: unknown): void {
    this.isOff = true;
    this.pending = [];
    this.parts.log.warn('the recording ends, and the master goes on', { reason: messageOf(error) });
  }

  /** At least one record, and none that begins beyond `end`. */
  private take(end: number): { readonly chunks: Uint8Array[]; readonly at: number } {
    const [chunks, at]: [Uint8Array[], number] = [[], this.position];
    while (this.pending.length > 0 && (chunks.length === 0 || this.position < end)) {
      const record = this.pending.shift()!;
      chunks.push(...record.chunks);
      this.taken = record.after;
      this.position += lengthOf(record.chunks);
    }
    this.pendingBytes -= this.position - at;
    return { chunks, at };
  }
}

const lengthOf = (chunks: readonly Uint8Array[]): number => chunks.reduce((sum, { length }) => sum + length, 0);

function newBatch(): Batch {
  const serializer = new DefaultSerializer();
  serializer.writeHeader();
  return { serializer, count: 0 };
}

function recordOf(kind: number, value: Uint8Array, count = 1): readonly Uint8Array[] {
  const head = Buffer.allocUnsafe(HEAD_BYTES);
  head.writeUInt32LE(value.length, 0);
  head.writeUInt32LE(count, 4);
  head.writeUInt8(kind, 8);
  return [head, value];
}
