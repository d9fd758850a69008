import { messageOf } from '../../contract/errors.js';
import type { Clock } from '../../framework/clock.js';

const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 30_000;
const ANSWER_WITHIN_MS = 30_000;
const MAX_PROBLEM_CHARS = 300;

/** What drives a sink has of its plugin. */
export interface SinkParts {
  readonly clock: Clock;
  /** Aborted when the plugin stops. */
  readonly signal: AbortSignal;
  /** Why not all is well with what is named; undefined: it is. Shown in `plugin list`. */
  trouble(about: string, reason: string | undefined): void;
}

/** Calls a sink, once at a time, and again with growing pauses until it succeeds. It never throws. */
export class SinkCaller {
  constructor(
    private readonly point: string,
    private readonly parts: SinkParts,
  ) {}

  /** Resolves when the sink took it; also once the plugin stops, and when it fails and there would be no other try before `untilMs`. */
  async deliver(write: (signal: AbortSignal) => unknown, untilMs = Infinity): Promise<void> {
    const { clock, signal } = this.parts;
    for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
      const problem = await this.once(write);
      if (problem === undefined) return this.tell(undefined);
      if (signal.aborted) return;
      const isOver = clock.now() + pauseMs > untilMs;
      this.tell(isOver ? `it fails, and what it was given is dropped: ${problem}` : `it fails: ${problem}`);
      if (isOver) return;
      await pause(this.parts, pauseMs);
    }
  }

  tell(reason: string | undefined): void {
    this.parts.trouble(this.point, reason && `${this.point}: ${reason}`);
  }

  /** What went wrong. A call that hangs is waited for, however long, until the plugin stops: a second one beside it would break the order. */
  private once(write: (signal: AbortSignal) => unknown): Promise<string | undefined> {
    const { clock, signal } = this.parts;
    const call = new AbortController();
    return new Promise((resolve) => {
      const end = (problem?: string): void => {
        forget();
        signal.removeEventListener('abort', stop);
        resolve(problem);
      };
      const stop = (): void => {
        call.abort();
        end('the plugin stops');
      };
      const forget = clock.after(ANSWER_WITHIN_MS, () => {
        this.tell(`a call has not ended within ${ANSWER_WITHIN_MS / 1000} s`);
        call.abort();
      });
      signal.addEventListener('abort', stop);
      Promise.resolve(call.signal)
        .then(write)
        .then(
          () => end(),
          (error: unknown) => end(messageOf(error).slice(0, MAX_PROBLEM_CHARS)),
        );
    });
  }
}

/** Resolves after so long, and at once when the plugin stops. */
export function pause({ clock, signal }: Pick<SinkParts, 'clock' | 'signal'>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      forget();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const forget = clock.after(ms, end);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
}
