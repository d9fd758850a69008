import { MezzoError } from '../contract/errors.js';

/** RecordIO: the length in bytes as decimal text, a line feed, then that many bytes. Chunk borders mean nothing. */
export function encodeRecord(record: string | Uint8Array): Buffer {
  const length = typeof record === 'string' ? Buffer.byteLength(record) : record.length;
  const head = `${length}\n`;
  const framed = Buffer.allocUnsafe(head.length + length);
  framed.write(head, 'latin1');
  if (typeof record === 'string') framed.write(record, head.length, 'utf8');
  else framed.set(record, head.length);
  return framed;
}

export const MAX_RECORD_BYTES = 64 * 1024 * 1024;

const LINE_FEED = 10;
const MAX_DIGITS = 20;

const broken = (message: string): MezzoError =>
  new MezzoError('INVALID_RECORDIO', message, {
    blame: 'environment',
    next: 'Close the stream; the two sides do not agree where records begin.',
  });

/** Cuts a stream of chunks into records. After a throw (INVALID_RECORDIO, RECORD_TOO_LARGE) the stream is of no use. */
export class RecordDecoder {
  /** Bytes still missing from the current record; undefined while its length is being read. */
  private missing: number | undefined;
  private digits = '';
  private parts: Uint8Array[] = [];

  constructor(private readonly maxRecordBytes = MAX_RECORD_BYTES) {}

  /** True between records: a stream that ends elsewhere was cut off. */
  get atBorder(): boolean {
    return this.missing === undefined && this.digits === '';
  }

  /** The records that this chunk completes. They may share its memory. */
  push(chunk: Uint8Array): Uint8Array[] {
    const records: Uint8Array[] = [];
    for (let at = 0; at < chunk.length;) {
      if (this.missing === undefined) {
        at = this.readLength(chunk, at);
      } else {
        const part = chunk.subarray(at, at + this.missing);
        at += part.length;
        this.missing -= part.length;
        this.parts.push(part);
      }
      if (this.missing === 0) records.push(this.takeRecord());
    }
    return records;
  }

  private readLength(chunk: Uint8Array, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (byte === LINE_FEED) {
        this.missing = this.parseLength();
        return at + 1;
      }
      if (byte < 48 || byte > 57) throw broken('A record begins with something else than its length');
      if (this.digits.length === MAX_DIGITS) throw broken('The length of a record has too many digits');
      this.digits += String.fromCharCode(byte);
    }
    return chunk.length;
  }

  private parseLength(): number {
    const length = Number(this.digits);
    if (this.digits === '' || length === 0) throw broken('A record has no length');
    if (length > this.maxRecordBytes) {
      throw new MezzoError(
        'RECORD_TOO_LARGE',
        `A record of ${this.digits} bytes is larger than the ${this.maxRecordBytes} bytes allowed`,
        { blame: 'environment', details: { bytes: length, maxRecordBytes: this.maxRecordBytes } },
      );
    }
    this.digits = '';
    return length;
  }

  private takeRecord(): Uint8Array {
    const record = this.parts.length === 1 ? this.parts[0]! : Buffer.concat(this.parts);
    this.parts = [];
    this.missing = undefined;
    return record;
  }
}
