import { closeSync, openSync, readSync } from 'node:fs';
import { DefaultDeserializer, deserialize } from 'node:v8';
import { MezzoError, messageOf } from '@mezzo/sdk/contract';
import type { MasterEffect, MasterEvent, MasterOptions, MasterState } from '../../core/master/index.js';

/**
 * A file of what a master's machine was told: a line that names the format, then records, each length u32 | count u32 | kind u8 and
 * so many bytes of a value as v8.serialize writes it; all little-endian. Of events, so many lie one after the other in a record: the event, its
 * time as a double, the check of its step as u32, and what the authorizer answered, a list of booleans or undefined.
 */
export const RECORDING_FORMAT = 1;
export const FIRST_LINE = 'mezzo-recording ';
export const HEAD_BYTES = 9;
export const KINDS = { header: 1, events: 2, gap: 3 } as const;
const MAX_VALUE_BYTES = 2 ** 30;

export interface RecordingHeader {
  /** Of Mezzo and Node that wrote it. */
  readonly mezzo: string;
  readonly node: string;
  /** Of all files of one life of a master. */
  readonly run: string;
  /** Events of this run that came before this file, and the check after them. */
  readonly before: number;
  readonly check: number;
  readonly hasAuthorizer: boolean;
  readonly options: Omit<MasterOptions, 'authorizer'>;
}

export type RecordingEntry =
  | { readonly kind: 'header'; readonly header: RecordingHeader }
  | {
      readonly kind: 'event';
      readonly event: MasterEvent;
      readonly atMs: number;
      readonly check: number;
      readonly answers: readonly boolean[];
    }
  /** So many events were not written. */
  | { readonly kind: 'gap'; readonly missed: number; readonly reason: string }
  /** The file ends within a record: whoever wrote it was killed. */
  | { readonly kind: 'torn' };

/** Throws RECORDING_UNREADABLE, and RECORDING_TOO_NEW where a later Mezzo wrote it. */
export function* readRecording(file: string): Generator<RecordingEntry> {
  const fd = opened(file);
  try {
    const line = `${FIRST_LINE}${RECORDING_FORMAT}\n`;
    const start = take(fd, line.length)?.toString('latin1') ?? '';
    if (!start.startsWith(FIRST_LINE)) throw unreadable(file, 'it is no recording of a master');
    if (start !== line)
      throw new MezzoError('RECORDING_TOO_NEW', `${file} is of a format that this Mezzo does not know`, {
        ...{ blame: 'operator', next: `this one reads format ${RECORDING_FORMAT}: use the Mezzo that wrote it` },
      });
    for (;;) {
      const head = take(fd, HEAD_BYTES);
      if (head?.length === 0) return;
      const entries = head && entriesOf(fd, head);
      yield* entries ?? [{ kind: 'torn' }];
      if (entries === undefined) return;
    }
  } finally {
    closeSync(fd);
  }
}

/** Undefined: it is not whole. */
function entriesOf(fd: number, head: Buffer): RecordingEntry[] | undefined {
  const [length, count, kind] = [head.readUInt32LE(0), head.readUInt32LE(4), head.readUInt8(8)];
  if (length > MAX_VALUE_BYTES) return undefined;
  const bytes = take(fd, length);
  if (length === 0 || bytes?.length !== length) return undefined;
  try {
    if (kind === KINDS.events) return eventsOf(bytes, count);
    const value: unknown = deserialize(bytes);
    if (kind === KINDS.header) return [{ kind: 'header', header: value as RecordingHeader }];
    return kind === KINDS.gap ? [{ kind: 'gap', ...(value as { missed: number; reason: string }) }] : undefined;
  } catch {
    return undefined;
  }
}

function eventsOf(bytes: Buffer, count: number): RecordingEntry[] {
  const deserializer = new DefaultDeserializer(bytes);
  deserializer.readHeader();
  return Array.from({ length: count }, () => {
    const event = deserializer.readValue() as MasterEvent;
    const [atMs, check] = [deserializer.readDouble(), deserializer.readUint32()];
    return { kind: 'event', event, atMs, check, answers: (deserializer.readValue() ?? []) as boolean[] };
  });
}

/** Nothing at the end, undefined where less than that is left. */
function take(fd: number, length: number): Buffer | undefined {
  const bytes = Buffer.alloc(length);
  let read = 0;
  while (read < length) {
    const more = readSync(fd, bytes, read, length - read, null);
    if (more === 0) return read === 0 ? bytes.subarray(0, 0) : undefined;
    read += more;
  }
  return bytes;
}

function opened(file: string): number {
  try {
    return openSync(file, 'r');
  } catch (error) {
    throw unreadable(file, messageOf(error));
  }
}

const unreadable = (file: string, why: string): MezzoError =>
  new MezzoError('RECORDING_UNREADABLE', `cannot read ${file}: ${why}`, {
    ...{ blame: 'operator', next: 'name a file that `mezzo master --record` wrote' },
  });

const FNV_PRIME = 0x01000193;
const mix = (check: number, value: number): number => Math.imul(check ^ value, FNV_PRIME) >>> 0;

function mixText(check: number, text: string): number {
  let mixed = check;
  for (let i = 0; i < text.length; i++) mixed = mix(mixed, text.charCodeAt(i));
  return mixed;
}

/** What a step did, folded into 32 bits: cheap enough for each event. Two machines that part differ in it soon. */
export function checkAfter(check: number, state: MasterState, effects: readonly MasterEffect[]): number {
  let mixed = mix(mix(check, state.nextOffer), state.offers.size);
  mixed = mix(mix(mixed, state.agents.size), state.frameworks.size);
  for (const effect of effects) mixed = mixEffect(mixed, effect);
  return mixed;
}

/** Only of texts that are there: making one for each effect would cost more than the rest. */
function mixEffect(check: number, effect: MasterEffect): number {
  switch (effect.type) {
    case 'sendScheduler':
    case 'sendOperator':
      return mixText(check, effect.event.type ?? '');
    case 'sendAgent':
      return mix(mixText(check, effect.record.type), effect.record.seq);
    case 'reply':
      return mix(check, effect.status);
    case 'setTimer':
      return mix(mixText(check, effect.id), effect.atMs);
    case 'persist':
      return effect.writes.reduce((sum, { op, id }) => mixText(mixText(sum, op), id), check);
    default:
      return mixText(check, effect.type);
  }
}
