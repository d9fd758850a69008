import { ip4Bytes, ip6Bytes } from '@mezzo/sdk/contract';
import {
  CLASS_IN,
  HEADER_BYTES,
  MAX_MESSAGE_BYTES,
  nameToWire,
  OPT_BYTES,
  QUESTION_POINTER,
  TYPE,
  Writer,
} from './wire.js';
import type { RecordType, Zone, ZoneNode } from './zone.js';

/** One whole response: header, question, answers, additional. The query's id, flags and name are patched over a copy. */
export interface Answer {
  readonly bytes: Uint8Array;
  readonly answers: number;
  readonly additional: number;
  /** Where the additional section starts. */
  readonly answersEnd: number;
  /** False when not even 64 KiB held all records. */
  readonly whole: boolean;
}

/** The same records, starting at different places: clients that take the first answer share out over all. */
export interface Answers {
  readonly rotations: (Answer | undefined)[];
  turn: number;
}

const MAX_ROTATIONS = 8;
const BYTES_MAX = MAX_MESSAGE_BYTES - OPT_BYTES;

export interface AnswerRules {
  readonly ttlSeconds: number;
  readonly srvWeight: number;
}

/** The answer to take next for an A, AAAA, SRV or ANY question; undefined when the name has no such records. */
export function nextAnswer(zone: Zone, node: ZoneNode, type: number, rules: AnswerRules): Answer | undefined {
  const kept = node.answers?.get(type) ?? open(node, type);
  if (kept === undefined) return undefined;
  kept.turn = kept.turn + 1 < kept.rotations.length ? kept.turn + 1 : 0;
  return (kept.rotations[kept.turn] ??= encode(zone, node, type, rules, kept.turn / kept.rotations.length));
}

function open(node: ZoneNode, type: number): Answers | undefined {
  const count = kindsOf(type).reduce((sum, kind) => sum + node.count(kind), 0);
  if (count === 0) return undefined;
  const fresh: Answers = { rotations: Array<undefined>(Math.min(count, MAX_ROTATIONS)).fill(undefined), turn: -1 };
  (node.answers ??= new Map()).set(type, fresh);
  return fresh;
}

const KINDS: Readonly<Record<number, readonly RecordType[]>> = {
  [TYPE.A]: ['A'],
  [TYPE.AAAA]: ['AAAA'],
  [TYPE.SRV]: ['SRV'],
  [TYPE.ANY]: ['SRV', 'A', 'AAAA'],
};

const kindsOf = (type: number): readonly RecordType[] => KINDS[type] ?? [];

function encode(zone: Zone, node: ZoneNode, type: number, rules: AnswerRules, from: number): Answer {
  const out = new Writer();
  out.raw(new Uint8Array(HEADER_BYTES)).raw(nameToWire(node.name)!).u16(type).u16(CLASS_IN);
  const targets = new Map<string, number>();
  let [answers, whole] = [0, true];
  for (const kind of kindsOf(type)) {
    for (const value of rotated(node.distinct(kind), from)) {
      const mark = out.length;
      const written =
        kind === 'SRV' ? writeSrv(out, value, rules, targets) : writeAddress(out, QUESTION_POINTER, value, rules);
      if (written && out.length <= BYTES_MAX) answers++;
      else {
        whole &&= !written;
        out.length = mark;
      }
    }
  }
  const answersEnd = out.length;
  const additional = whole ? writeAdditional(out, zone, targets, rules) : 0;
  return { bytes: out.done(), answers, additional, answersEnd, whole };
}

function rotated<T>(values: T[], from: number): T[] {
  const start = Math.floor(from * values.length);
  return [...values.slice(start), ...values.slice(0, start)];
}

function writeAddress(out: Writer, owner: number, ip: string, rules: AnswerRules): boolean {
  const four = ip4Bytes(ip);
  const bytes = four ?? ip6Bytes(ip);
  if (bytes === undefined) return false;
  out
    .owner(owner, four ? TYPE.A : TYPE.AAAA, rules.ttlSeconds)
    .u16(bytes.length)
    .raw(bytes);
  return true;
}

function writeSrv(out: Writer, value: string, rules: AnswerRules, targets: Map<string, number>): boolean {
  const colon = value.lastIndexOf(':');
  const target = value.slice(0, colon);
  const wire = nameToWire(target);
  if (wire === undefined) return false;
  out.owner(QUESTION_POINTER, TYPE.SRV, rules.ttlSeconds).u16(6 + wire.length);
  out
    .u16(0)
    .u16(rules.srvWeight)
    .u16(Number(value.slice(colon + 1)));
  if (!targets.has(target)) targets.set(target, out.length);
  out.raw(wire);
  return true;
}

/** All addresses of all targets, as long as pointers reach (14 bits) and there is room. */
function writeAdditional(out: Writer, zone: Zone, targets: Map<string, number>, rules: AnswerRules): number {
  let count = 0;
  for (const [target, at] of targets) {
    const node = zone.named(target);
    if (node === undefined || at > 0x3fff) continue;
    for (const ip of [...node.distinct('A'), ...node.distinct('AAAA')]) {
      if (out.length + 28 <= BYTES_MAX && writeAddress(out, 0xc000 | at, ip, rules)) count++;
    }
  }
  return count;
}
