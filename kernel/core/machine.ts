/**
 * A state machine without I/O: time, ids and randomness arrive in events or come from counters in the state; what is to be
 * done leaves as effects, in order. The shell carries them out; what comes of one returns as an event. A `send` that is
 * listed after a `persist` waits for it.
 */
export interface Machine<State, Event, Effect> {
  /** Mutates `state` in place. `atMs` is milliseconds since the epoch, never decreasing. */
  step(state: State, event: Event, atMs: number): Effect[];
}
