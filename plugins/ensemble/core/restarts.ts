/** When the server is started and, if it hangs, ended. A machine: it is told what is and answers what to do. */

export interface Restarts {
  readonly failures: number;
  /** Not before, in milliseconds of the caller's clock. */
  readonly retryAtMs: number;
  readonly startedAtMs: number;
  /** Since when it lives and says nothing. */
  readonly silentSinceMs: number | undefined;
}

export interface RestartRules {
  readonly firstMs: number;
  readonly maxMs: number;
  /** Having run this long it is well again: the next death is answered at once. */
  readonly wellAfterMs: number;
  /** A living server that answers nothing for this long hangs. One that answers, and does not serve, waits for a quorum: a restart is no help. */
  readonly silentMaxMs: number;
}

/** What is seen of the server, and whether its disk has room. */
export interface Seen {
  readonly alive: boolean;
  readonly answers: boolean;
  readonly serves: boolean;
  readonly hasRoom: boolean;
}

export type RestartAction = 'start' | 'kill' | 'wait';

export const NEVER_STARTED: Restarts = { failures: 0, retryAtMs: 0, startedAtMs: 0, silentSinceMs: undefined };

export function stepRestarts(
  state: Restarts,
  seen: Seen,
  nowMs: number,
  rules: RestartRules,
): [Restarts, RestartAction] {
  if (!seen.alive) {
    if (nowMs < state.retryAtMs || !seen.hasRoom) return [state, 'wait'];
    const delayMs = Math.min(rules.firstMs * 2 ** Math.min(state.failures, 30), rules.maxMs);
    const failures = state.failures + 1;
    return [{ failures, retryAtMs: nowMs + delayMs, startedAtMs: nowMs, silentSinceMs: undefined }, 'start'];
  }
  if (!seen.answers) {
    const since = state.silentSinceMs ?? nowMs;
    return [{ ...state, silentSinceMs: since }, nowMs - since >= rules.silentMaxMs ? 'kill' : 'wait'];
  }
  // It may have the newest data: then the others elect it again and again, and it cannot write that it leads.
  if (!seen.serves && !seen.hasRoom) return [state, 'kill'];
  const isWell = nowMs - state.startedAtMs >= rules.wellAfterMs;
  return [{ ...state, silentSinceMs: undefined, ...(isWell && { failures: 0, retryAtMs: 0 }) }, 'wait'];
}
