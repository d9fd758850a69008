import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { MezzoError } from '@mezzo/sdk/contract';
import type { Authorizer } from '@mezzo/sdk/points/authorizer';
import {
  createMasterState,
  masterMachine,
  type MasterEffect,
  type MasterEvent,
  type MasterState,
} from '../../core/master/index.js';
import { checkAfter, readRecording, type RecordingEntry, type RecordingHeader } from './recording.js';

/** What is told of a recording, in order. Numbers count the events of the run from 1. */
export type Replayed =
  | {
      readonly kind: 'event';
      readonly number: number;
      readonly atMs: number;
      readonly event: MasterEvent;
      /** Undefined: the state is not known any more. */
      readonly effects: readonly MasterEffect[] | undefined;
      /** The step did what it did when it was recorded. */
      readonly matches: boolean;
    }
  | { readonly kind: 'note'; readonly text: string };

/**
 * Steps the machine through a recording, beginning with FILE.1 where that is of the same run. From a gap on, and where the beginning is gone,
 * events are told without being stepped through.
 */
export class Replay {
  header: RecordingHeader | undefined;
  /** Undefined: it cannot be known. */
  state: MasterState | undefined;
  private number = 0;
  private check = 0;
  private answers: readonly boolean[] = [];
  private asked = 0;

  constructor(private readonly file: string) {}

  /** Throws as `readRecording` does. */
  *run(): Generator<Replayed> {
    for (const entry of this.entries()) {
      if (entry.kind === 'header') yield* this.begin(entry.header);
      else if (entry.kind === 'event') yield* this.step(entry);
      else if (entry.kind === 'torn') yield note('the file ends amid a record: what came after it is not known');
      else yield* this.skip(entry.missed, entry.reason);
    }
  }

  private *entries(): Generator<RecordingEntry> {
    const before = `${this.file}.1`;
    const run = headerOf(this.file).run;
    if (existsSync(before) && headerOf(before).run === run) yield* readRecording(before);
    yield* readRecording(this.file);
  }

  private *begin(header: RecordingHeader): Generator<Replayed> {
    if (this.header === undefined) {
      this.header = header;
      this.number = header.before;
      if (header.before === 0)
        this.state = createMasterState({ ...header.options, authorizer: this.authorizer(header) });
      else yield note(`its first ${header.before} events are gone: the rest is shown, and not stepped through`);
    } else if (header.before !== this.number) yield* this.skip(header.before - this.number, 'a file between is gone');
  }

  private *skip(missed: number, reason: string): Generator<Replayed> {
    this.number += missed;
    this.state = undefined;
    yield note(`${missed} events are missing (${reason}): from here on events are shown, and not stepped through`);
  }

  private *step({ event, atMs, check, answers }: Extract<RecordingEntry, { kind: 'event' }>): Generator<Replayed> {
    this.number += 1;
    const told = { kind: 'event' as const, number: this.number, atMs, event };
    const { state } = this;
    if (state === undefined) return yield { ...told, effects: undefined, matches: true };
    [this.answers, this.asked] = [answers, 0];
    try {
      const effects = masterMachine.step(state, event, atMs);
      this.check = checkAfter(this.check, state, effects);
      const matches = this.check === check && this.asked === answers.length;
      // What follows is held to what was recorded, so that each step that differs is named and not all after the first.
      this.check = check;
      yield { ...told, effects, matches };
    } catch (error) {
      yield { ...told, effects: undefined, matches: this.check === check };
      yield note(`event ${this.number} throws: ${(error as Error).stack}`);
    }
  }

  private authorizer({ hasAuthorizer }: RecordingHeader): Authorizer | undefined {
    if (!hasAuthorizer) return undefined;
    return { name: 'recorded', approver: () => () => this.answers[this.asked++] ?? false };
  }
}

const note = (text: string): Replayed => ({ kind: 'note', text });

function headerOf(file: string): RecordingHeader {
  for (const entry of readRecording(file)) if (entry.kind === 'header') return entry.header;
  throw new MezzoError('RECORDING_UNREADABLE', `cannot read ${file}: its header is not whole, or of a later Node`, {
    ...{ blame: 'operator', next: `this is Node ${process.version}: use the one that wrote it` },
  });
}

/** The same for states that are equal, down to the order of what they hold. The options, and functions, apart. */
export function stateDigest({ options: _, ...state }: MasterState): string {
  const hash = createHash('sha256');
  const seen = new Map<unknown, number>();
  const left: unknown[] = [state];
  while (left.length > 0) {
    const value = left.pop();
    const number = seen.get(value);
    if (typeof value !== 'object' || value === null) hash.update(`${typeof value}:${String(value)};`);
    else if (number !== undefined) hash.update(`#${number};`);
    else {
      seen.set(value, seen.size);
      const members = membersOf(value);
      hash.update(`(${members.length};`);
      for (let i = members.length - 1; i >= 0; i--) left.push(members[i]);
    }
  }
  return hash.digest('hex').slice(0, 16);
}

function membersOf(value: object): readonly unknown[] {
  if (value instanceof Map) return [...(value as Map<unknown, unknown>)].flat();
  if (value instanceof Set || Array.isArray(value) || ArrayBuffer.isView(value)) return [...(value as Set<unknown>)];
  return Object.entries(value).flatMap((member) => (typeof member[1] === 'function' ? [] : member));
}
