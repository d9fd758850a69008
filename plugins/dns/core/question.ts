import { HASH_MASK, HASH_START, hashByte, HEADER_BYTES, lower, TYPE } from './wire.js';

const u16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;

/** What a query asks. One instance is read again and again: the hot path makes no garbage. */
export class Question {
  /** Bytes of the name with its root; it starts at HEADER_BYTES. */
  nameBytes = 0;
  hash = 0;
  type = 0;
  class = 0;
  /** First byte after the question. */
  end = 0;
  edns = false;
  ednsVersion = 0;
  /** What the client can take over UDP: 512 without EDNS. */
  udpBytes = 512;
  dnssecOk = false;

  /** False when the packet is malformed. Expects a whole header with one question. */
  read(query: Uint8Array): boolean {
    let [at, hash] = [HEADER_BYTES, HASH_START];
    for (;;) {
      const length = query[at];
      if (length === undefined || length > 63) return false;
      if (length === 0) break;
      hash = hashByte(hash, 46);
      const end = at + length;
      if (end >= query.length || end - HEADER_BYTES > 253) return false;
      while (at < end) hash = hashByte(hash, lower(query[++at]!));
      at++;
    }
    if (at + 5 > query.length) return false;
    this.nameBytes = at + 1 - HEADER_BYTES;
    this.hash = hash & HASH_MASK;
    this.type = u16(query, at + 1);
    this.class = u16(query, at + 3);
    this.end = at + 5;
    this.edns = false;
    this.ednsVersion = 0;
    this.udpBytes = 512;
    this.dnssecOk = false;
    return this.readRecords(query);
  }

  private readRecords(query: Uint8Array): boolean {
    const before = u16(query, 6) + u16(query, 8);
    const count = before + u16(query, 10);
    let at = this.end;
    for (let i = 0; i < count; i++) {
      const fixed = skipName(query, at);
      if (fixed < 0 || fixed + 10 > query.length) return false;
      if (i >= before && u16(query, fixed) === TYPE.OPT) {
        if (this.edns || fixed !== at + 1) return false;
        this.readOpt(query, fixed);
      }
      at = fixed + 10 + u16(query, fixed + 8);
      if (at > query.length) return false;
    }
    return true;
  }

  private readOpt(query: Uint8Array, at: number): void {
    this.edns = true;
    this.udpBytes = Math.max(512, u16(query, at + 2));
    this.ednsVersion = query[at + 5]!;
    this.dnssecOk = (query[at + 6]! & 0x80) !== 0;
  }
}

function skipName(query: Uint8Array, start: number): number {
  let at = start;
  for (;;) {
    const length = query[at];
    if (length === undefined) return -1;
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    if (length > 63) return -1;
    at += length + 1;
  }
}
