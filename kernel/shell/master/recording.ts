import { closeSync, openSync, readSync } from 'node:fs';
import { deserialize, serialize } from 'node:v8';
import { decodeMessage, parseMessageText } from '@mezzo/sdk/api';
import { MezzoError, messageOf } from '@mezzo/sdk/contract';
import type { MasterEffect, MasterEvent, MasterOptions, MasterState } from '../../core/master/index.js';
import { fromWireJson } from '../wire-json.js';

/**
 * A file of what a master's machine was told: a line that names the format, then records, each length u32 | count u32 | kind u8 and
 * so many bytes: a value as v8.serialize writes it, or so many events one after the other, each with its time as a double, the check of its step, and
 * lengths of what follows: what the authorizer answered, a byte for each answer, and the event in the form of `FORMS`; all little-endian.
 */
export const RECORDING_FORMAT = 2;
export const FIRST_LINE = 'mezzo-recording ';
export const HEAD_BYTES = 9;
export const KINDS = { header: 1, events: 2, gap: 3 } as const;
/** Of an event: atMs f64 | check u32 | answers u32 | text u32 | body u32 | form u8. */
const EVENT_HEAD_BYTES = 25;
const MAX_VALUE_BYTES = 2 ** 30;
/** An event whole, as v8.serialize writes it; or JSON of it without the call, and the call as it came: what most events are costs next to nothing so. */
const FORMS = { whole: 0, json: 1, protobuf: 2 } as const;
const UTF8_BYTES = 3;

/** An event as it is written. */
export interface Written {
  readonly form: number;
  readonly text: string;
  readonly body: Uint8Array;
}

/** Before its step, which may change what it is given. Throws where it holds what cannot be written. */
export function written(event: MasterEvent): Written {
  if (event.type === 'policyChosen') throw new Error(`the policy ${event.policy.name} is code of a plugin`);
  const wire = 'wire' in event ? event.wire : undefined;
  if (wire === undefined) return { form: FORMS.whole, text: '', body: serialize(event) };
  const { wire: _wire, call: _call, batch: _batch, ...rest } = event as Record<string, unknown>;
  return { form: FORMS[wire.format], text: JSON.stringify(rest), body: wire.bytes };
}

/** Room that it takes, at most. */
export const roomFor = ({ text, body }: Written, answers: readonly boolean[]): number =>
  EVENT_HEAD_BYTES + answers.length + text.length * UTF8_BYTES + body.length;

/** Answers where the next one begins. */
export function writeEvent(
  page: Buffer,
  start: number,
  { form, text, body }: Written,
  step: { readonly atMs: number; readonly check: number; readonly answers: readonly boolean[] },
): number {
  let at = start + EVENT_HEAD_BYTES;
  for (const answer of step.answers) page[at++] = Number(answer);
  const textBytes = page.write(text, at);
  page.set(body, (at += textBytes));
  page.writeDoubleLE(step.atMs, start);
  [step.check, step.answers.length, textBytes, body.length].forEach((n, i) => page.writeUInt32LE(n, start + 8 + 4 * i));
  page.writeUInt8(form, start + EVENT_HEAD_BYTES - 1);
  return at + body.length;
}

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
  let at = 0;
  const next = (length: number): Buffer => bytes.subarray(at, (at += length));
  return Array.from({ length: count }, () => {
    const head = next(EVENT_HEAD_BYTES);
    const [check = 0, answers = 0, text = 0, body = 0] = [8, 12, 16, 20].map((offset) => head.readUInt32LE(offset));
    return {
      ...{ kind: 'event', atMs: head.readDoubleLE(0), check, answers: [...next(answers)].map(Boolean) },
      event: eventOf(head.readUInt8(EVENT_HEAD_BYTES - 1), next(text).toString(), next(body)),
    };
  });
}

function eventOf(form: number, text: string, body: Buffer): MasterEvent {
  if (form === FORMS.whole) return deserialize(body) as MasterEvent;
  const rest = JSON.parse(text) as { readonly type: string };
  const name = 'mesos.v1.scheduler.Call';
  const said =
    rest.type === 'agentCalled'
      ? { batch: fromWireJson(body.toString()) }
      : { call: form === FORMS.json ? parseMessageText(name, body.toString()) : decodeMessage(name, body) };
  return { ...rest, ...said } as unknown as MasterEvent;
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
