import type { WriteRun } from '@mezzo/sdk/api';
import type { Body } from './answer-body.js';
import { Fragments } from './fragments.js';
import { SharedRuns } from './slices.js';

export type Format = 'legacy' | 'json' | 'protobuf';

/** What is written for those who poll: each record once in each format, and one answer for all who ask at the same time. */
export class Written {
  private readonly fragments: Readonly<Record<Format, Fragments>> = {
    legacy: new Fragments(),
    json: new Fragments(),
    protobuf: new Fragments(),
  };
  private last: Promise<unknown> = Promise.resolve();
  private readonly runs = new Map<string, SharedRuns<Body>>();

  writeRun(format: Format): WriteRun {
    return this.fragments[format].writeRun;
  }

  /** `what` has a name of ours, of which there are few; `write` is the same for all who ask for it. */
  share(what: string, write: () => Promise<Body>): Promise<Body> {
    const runs = this.runs.get(what) ?? new SharedRuns(write);
    this.runs.set(what, runs);
    return runs.ask();
  }

  /** What nobody else is sent, one after the other: so the later finds what the earlier wrote. */
  afterOthers(write: () => Body | Promise<Body>): Promise<Body> {
    const body = this.last.then(write);
    this.last = body.catch(() => undefined);
    return body;
  }
}
