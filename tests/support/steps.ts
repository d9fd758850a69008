import type { Steps } from '../../kernel/http/slices.js';

/** What comes of work that is done bit by bit, at once. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const { value, done } = steps.next();
    if (done) return value;
  }
}
