import { steadyNow } from '../contract/steady-time.js';

/** Where time comes from, so that tests can bring their own. */
export interface Clock {
  /** Milliseconds since the epoch; never goes back. */
  now(): number;
  /** Calls once after so many milliseconds, unless the function that it answers was called before. */
  after(ms: number, fire: () => void): () => void;
}

const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** The time of this process. */
export const systemClock: Clock = {
  now: steadyNow,
  after: (ms, fire) => {
    const handle = setTimeout(fire, Math.min(ms, MAX_TIMEOUT_MS));
    return () => clearTimeout(handle);
  },
};
