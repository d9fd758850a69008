import { nextAnswer, type Answer } from './answers.js';
import { Question } from './question.js';
import {
  CLASS_ANY,
  CLASS_IN,
  HEADER_BYTES,
  lower,
  nameFromWire,
  nameToWire,
  OPT_BYTES,
  QUESTION_POINTER,
  RCODE,
  TYPE,
  Writer,
} from './wire.js';
import type { Zone, ZoneNode } from './zone.js';

export interface ResponderRules {
  readonly ttlSeconds: number;
  readonly srvWeight: number;
  /** True when other names are forwarded. */
  readonly recursion: boolean;
  /** The most that is sent over UDP, whatever the client says. */
  readonly udpMaxBytes: number;
  /** Name server and mailbox of the SOA record, as names without the last dot. */
  readonly soaMname: string;
  readonly soaRname: string;
  readonly soaRefreshSeconds: number;
  readonly soaRetrySeconds: number;
  readonly soaExpireSeconds: number;
}

/** A response, or what else to do with the packet. */
export type Reply = Uint8Array | 'drop' | 'forward';

const [AA, TC, RD, RA] = [0x04, 0x02, 0x01, 0x80];

/** Turns the bytes of a query into the bytes of its response. Any bytes may come in. */
export class Responder {
  /** Unix seconds of the zone's last change. */
  serial = 0;
  /** Until the first snapshot nothing is known, and "no such name" would be a lie. */
  ready = false;
  private readonly question = new Question();
  private readonly mname: Uint8Array;
  private readonly rname: Uint8Array;

  constructor(
    private readonly zone: Zone,
    private readonly rules: ResponderRules,
    private readonly alloc: (bytes: number) => Uint8Array = (bytes) => new Uint8Array(bytes),
  ) {
    this.mname = nameToWire(rules.soaMname) ?? new Uint8Array(1);
    this.rname = nameToWire(rules.soaRname) ?? new Uint8Array(1);
  }

  /** `streamed`: over TCP, where only 64 KiB is a limit. */
  respond(query: Uint8Array, streamed: boolean): Reply {
    if (query.length < HEADER_BYTES || query[2]! & 0x80) return 'drop';
    const question = this.question;
    if (query[2]! & 0x78) return this.refuse(query, RCODE.NOTIMP);
    if (query[4] !== 0 || query[5] !== 1 || !question.read(query)) return this.refuse(query, RCODE.FORMERR);
    if (question.ednsVersion > 0) return this.negative(query, RCODE.NOERROR, false, 1);
    const node = this.zone.find(query, HEADER_BYTES, question.nameBytes, question.hash);
    if (node === undefined && !this.inDomain(query)) return this.foreign(query);
    if (question.class !== CLASS_IN && question.class !== CLASS_ANY) return this.negative(query, RCODE.REFUSED, false);
    if (!this.ready) return this.negative(query, RCODE.SERVFAIL, false);
    return this.own(query, node, streamed);
  }

  /** The answer to a query that was to be forwarded and could not be. */
  failed(query: Uint8Array, rcode: number): Uint8Array {
    return this.question.read(query) ? this.negative(query, rcode, false) : this.refuse(query, RCODE.FORMERR);
  }

  /** Another server's response as this client can take it: an empty one with TC when it is too long for UDP. */
  relayed(query: Uint8Array, response: Uint8Array, streamed: boolean): Uint8Array {
    if (streamed || !this.question.read(query) || response.length <= this.question.udpBytes) return response;
    const cut = this.negative(query, response[3]! & 0x0f, false);
    cut[2]! |= TC;
    return cut;
  }

  private own(query: Uint8Array, node: ZoneNode | undefined, streamed: boolean): Reply {
    const { type } = this.question;
    if (type === TYPE.AXFR || type === TYPE.IXFR) return this.negative(query, RCODE.REFUSED, false);
    if (node === undefined) return this.wildcarded(query, streamed);
    if (node === this.zone.apex && (type === TYPE.SOA || type === TYPE.NS)) return this.apexRecord(query, type);
    const answer = nextAnswer(this.zone, node, type, this.rules);
    return answer ? this.positive(query, answer, streamed) : this.negative(query, RCODE.NOERROR, true);
  }

  private positive(query: Uint8Array, answer: Answer, streamed: boolean): Uint8Array {
    const { question } = this;
    const opt = question.edns ? OPT_BYTES : 0;
    const room = (streamed ? 65_535 : Math.min(question.udpBytes, this.rules.udpMaxBytes)) - opt;
    const fits = answer.bytes.length <= room && answer.whole;
    const cut = fits ? undefined : truncate(answer, room, question.end);
    const length = cut?.end ?? answer.bytes.length;
    const out = this.alloc(length + opt);
    out.set(length === answer.bytes.length ? answer.bytes : answer.bytes.subarray(0, length));
    this.finish(query, out, RCODE.NOERROR, true);
    if (cut?.tc) out[2]! |= TC;
    counts(out, cut?.answers ?? answer.answers, 0, cut ? 0 : answer.additional);
    if (opt) this.writeOpt(out, length, 0);
    return out;
  }

  /** A response without answers; with the zone's SOA when `authority`. */
  private negative(query: Uint8Array, rcode: number, authority: boolean, extendedRcode = 0): Uint8Array {
    const { question } = this;
    const soa = authority ? this.soa(HEADER_BYTES + question.nameBytes - this.zone.apexWire.length) : undefined;
    const length = question.end + (soa?.length ?? 0);
    const out = this.alloc(length + (question.edns ? OPT_BYTES : 0));
    if (soa) out.set(soa, question.end);
    this.finish(query, out, rcode, authority);
    counts(out, 0, soa ? 1 : 0, 0);
    if (question.edns) this.writeOpt(out, length, extendedRcode);
    return out;
  }

  private apexRecord(query: Uint8Array, type: number): Uint8Array {
    const record = type === TYPE.SOA ? this.soa(HEADER_BYTES) : this.ns();
    const length = this.question.end + record.length;
    const out = this.alloc(length + (this.question.edns ? OPT_BYTES : 0));
    out.set(record, this.question.end);
    this.finish(query, out, RCODE.NOERROR, true);
    counts(out, 1, 0, 0);
    if (this.question.edns) this.writeOpt(out, length, 0);
    return out;
  }

  private foreign(query: Uint8Array): Reply {
    return this.rules.recursion ? 'forward' : this.negative(query, RCODE.REFUSED, false);
  }

  /** The answer to a packet whose question cannot be trusted: a bare header. */
  private refuse(query: Uint8Array, rcode: number): Uint8Array {
    const out = this.alloc(HEADER_BYTES).fill(0, 0, HEADER_BYTES);
    header(query, out, rcode, this.rules.recursion);
    return out;
  }

  private finish(query: Uint8Array, out: Uint8Array, rcode: number, authoritative: boolean): void {
    const { end } = this.question;
    for (let i = HEADER_BYTES; i < end; i++) out[i] = query[i]!;
    header(query, out, rcode, this.rules.recursion);
    if (authoritative) out[2]! |= AA;
  }

  private writeOpt(out: Uint8Array, at: number, extendedRcode: number): void {
    out[at] = 0;
    out[at + 1] = 0;
    out[at + 2] = TYPE.OPT;
    out[at + 3] = this.rules.udpMaxBytes >>> 8;
    out[at + 4] = this.rules.udpMaxBytes;
    out[at + 5] = extendedRcode;
    out[at + 6] = 0;
    out[at + 7] = this.question.dnssecOk ? 0x80 : 0;
    out[at + 8] = 0;
    out[at + 9] = 0;
    out[at + 10] = 0;
    out[11]! += 1;
    if (out[11] === 0) out[10]! += 1;
  }

  private soa(ownerAt: number): Uint8Array {
    const { ttlSeconds, soaRefreshSeconds, soaRetrySeconds, soaExpireSeconds } = this.rules;
    const out = new Writer()
      .owner(0xc000 | ownerAt, TYPE.SOA, ttlSeconds)
      .u16(this.mname.length + this.rname.length + 20);
    out.raw(this.mname).raw(this.rname).u32(this.serial);
    return out.u32(soaRefreshSeconds).u32(soaRetrySeconds).u32(soaExpireSeconds).u32(ttlSeconds).done();
  }

  private ns(): Uint8Array {
    const out = new Writer().owner(QUESTION_POINTER, TYPE.NS, this.rules.ttlSeconds);
    return out.u16(this.mname.length).raw(this.mname).done();
  }

  private inDomain(query: Uint8Array): boolean {
    const wire = this.zone.apexWire;
    const start = HEADER_BYTES + this.question.nameBytes - wire.length;
    let at = HEADER_BYTES;
    while (at < start) at += query[at]! + 1;
    if (at !== start) return false;
    for (let i = 0; i < wire.length; i++) if (lower(query[start + i]!) !== wire[i]) return false;
    return true;
  }

  /** `leader.*.mesos` means `leader.mesos`: clients of multi-zone set-ups write it so. Else the name does not exist. */
  private wildcarded(query: Uint8Array, streamed: boolean): Uint8Array {
    const name = nameFromWire(query, HEADER_BYTES);
    const node = name.includes('.*') ? this.zone.named(name.replaceAll('.*', '')) : undefined;
    if (node === undefined) return this.negative(query, RCODE.NXDOMAIN, true);
    const answer = nextAnswer(this.zone, node, this.question.type, this.rules);
    if (answer === undefined) return this.negative(query, RCODE.NOERROR, true);
    const { end } = this.question;
    const records = answer.bytes.subarray(HEADER_BYTES + node.name.length + 2 + 4, answer.answersEnd);
    const bytes = new Uint8Array(end + records.length);
    bytes.set(records, end);
    // The extra addresses point into the shorter message: they stay behind.
    return this.positive(query, { ...answer, bytes, additional: 0, answersEnd: bytes.length }, streamed);
  }
}

function header(query: Uint8Array, out: Uint8Array, rcode: number, recursion: boolean): void {
  out[0] = query[0]!;
  out[1] = query[1]!;
  out[2] = 0x80 | (query[2]! & (0x78 | RD));
  out[3] = (recursion && rcode !== RCODE.REFUSED ? RA : 0) | rcode;
}

function counts(out: Uint8Array, answers: number, authority: number, additional: number): void {
  out[4] = 0;
  out[5] = 1;
  out[6] = answers >>> 8;
  out[7] = answers;
  out[8] = authority >>> 8;
  out[9] = authority;
  out[10] = additional >>> 8;
  out[11] = additional;
}

/** Drops the additional section first, then answers from the end. `tc` only when an answer had to go. */
function truncate(answer: Answer, room: number, start: number): { end: number; answers: number; tc: boolean } {
  if (answer.whole && answer.answersEnd <= room) return { end: answer.answersEnd, answers: answer.answers, tc: false };
  let [end, answers] = [start, 0];
  while (answers < answer.answers) {
    const next = end + 12 + ((answer.bytes[end + 10]! << 8) | answer.bytes[end + 11]!);
    if (next > room) break;
    end = next;
    answers++;
  }
  return { end, answers, tc: true };
}
