/** One message of a container: what the engine read at once from one of its streams. */
export interface LogFrame {
  readonly stream: 'stdout' | 'stderr';
  /** When the engine read it: RFC 3339 with nine decimals, so that texts compare as times do. */
  readonly at: string;
  readonly data: Uint8Array;
}

const HEADER_BYTES = 8;
const STDERR = 2;
/** The engine splits at 16 KiB; more than this is no log stream. */
const MAX_FRAME_BYTES = 4 << 20;
const SPACE = 32;
const TIME_CHARS = 64;

/** Takes a stream of output apart: headers of 8 bytes (stream, 3 zeros, length), then the text; before it, if asked for, its time and a space. */
export class LogFrameParser {
  private rest = new Uint8Array(0);

  constructor(private readonly timestamps: boolean) {}

  /** The whole frames in what has arrived. Throws on what is no log stream. */
  push(chunk: Uint8Array): LogFrame[] {
    let bytes = this.rest.length === 0 ? chunk : concat(this.rest, chunk);
    const frames: LogFrame[] = [];
    while (bytes.length >= HEADER_BYTES) {
      const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4);
      if ((bytes[0] ?? 0) > STDERR || length > MAX_FRAME_BYTES) throw new Error('this is no log stream');
      if (bytes.length < HEADER_BYTES + length) break;
      frames.push(this.frame(bytes[0] === STDERR, bytes.subarray(HEADER_BYTES, HEADER_BYTES + length)));
      bytes = bytes.subarray(HEADER_BYTES + length);
    }
    this.rest = bytes.slice();
    return frames;
  }

  private frame(isError: boolean, body: Uint8Array): LogFrame {
    const space = this.timestamps ? body.subarray(0, TIME_CHARS).indexOf(SPACE) : 0;
    return {
      stream: isError ? 'stderr' : 'stdout',
      at: String.fromCharCode(...body.subarray(0, Math.max(0, space))),
      data: space > 0 ? body.subarray(space + 1) : body,
    };
  }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
