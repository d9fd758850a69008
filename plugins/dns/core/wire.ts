/** The parts of RFC 1035 messages that are needed to answer at speed: names, a growing writer, and the numbers. */

export const TYPE = { A: 1, NS: 2, SOA: 6, AAAA: 28, SRV: 33, OPT: 41, IXFR: 251, AXFR: 252, ANY: 255 } as const;
export const RCODE = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
export const CLASS_IN = 1;
export const CLASS_ANY = 255;
export const HEADER_BYTES = 12;
export const OPT_BYTES = 11;
/** A pointer to the question's name, which every message has at the same place. */
export const QUESTION_POINTER = 0xc00c;
export const MAX_MESSAGE_BYTES = 65_535;

/** FNV-1a over the text of the labels and what parts them, cut to the small integers that V8 keeps without boxes. */
export const HASH_START = 0x811c9dc5 | 0;
export const hashByte = (hash: number, byte: number): number => Math.imul(hash ^ byte, 0x01000193);
export const HASH_MASK = 0x3fffffff;

export const lower = (byte: number): number => (byte >= 65 && byte <= 90 ? byte | 32 : byte);

/** `a.b` as length-prefixed labels with the root at the end; undefined when it is no valid name. ASCII only. */
export function nameToWire(name: string): Uint8Array | undefined {
  const out = new Uint8Array(name.length + 2);
  if (out.length > 255) return undefined;
  let labelAt = 0;
  for (let i = 0; i <= name.length; i++) {
    const code = i === name.length ? 46 : name.charCodeAt(i);
    if (code > 126 || code < 33) return undefined;
    if (code !== 46) {
      out[i + 1] = code;
      continue;
    }
    const length = i - labelAt;
    if (length < 1 || length > 63) return undefined;
    out[labelAt] = length;
    labelAt = i + 1;
  }
  return out;
}

/** The hash of a name's text: the same as that of its wire form, where a length takes the place of the dot in front of a label. */
export function hashOfName(name: string): number {
  let hash = hashByte(HASH_START, 46);
  for (let i = 0; i < name.length; i++) hash = hashByte(hash, name.charCodeAt(i));
  return hash & HASH_MASK;
}

/** True when the wire name at `start` (any case) is this name. */
export function isName(name: string, query: Uint8Array, start: number, bytes: number): boolean {
  if (name.length + 2 !== bytes) return false;
  let at = start;
  let left = query[at]!;
  for (let i = 0; i < name.length; i++) {
    at++;
    const char = name.charCodeAt(i);
    // A dot inside a label is no border of labels.
    if ((char === 46) !== (left === 0)) return false;
    if (left-- === 0) left = query[at]!;
    else if (lower(query[at]!) !== char) return false;
  }
  return left === 0;
}

/** The text of the wire name at `start`, lower-cased; bytes that no host name has become `?`. */
export function nameFromWire(bytes: Uint8Array, start: number): string {
  const labels: string[] = [];
  for (let at = start; bytes[at]; at += bytes[at]! + 1) {
    const label = bytes.subarray(at + 1, at + 1 + bytes[at]!);
    labels.push(
      String.fromCharCode(...label.map((byte) => (byte < 33 || byte > 126 || byte === 46 ? 63 : lower(byte)))),
    );
  }
  return labels.join('.');
}

/** Writes big-endian into a buffer that grows. */
export class Writer {
  bytes = new Uint8Array(512);
  length = 0;

  private room(count: number): number {
    if (this.length + count > this.bytes.length) {
      const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + count));
      grown.set(this.bytes);
      this.bytes = grown;
    }
    const at = this.length;
    this.length += count;
    return at;
  }

  u16(value: number): this {
    const at = this.room(2);
    this.bytes[at] = value >>> 8;
    this.bytes[at + 1] = value;
    return this;
  }

  u32(value: number): this {
    return this.u16(value >>> 16).u16(value & 0xffff);
  }

  raw(part: Uint8Array): this {
    this.bytes.set(part, this.room(part.length));
    return this;
  }

  /** Header, question and what follows of a record: owner, type, class IN, TTL. */
  owner(pointer: number, type: number, ttlSeconds: number): this {
    return this.u16(pointer).u16(type).u16(CLASS_IN).u32(ttlSeconds);
  }

  done(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }
}
