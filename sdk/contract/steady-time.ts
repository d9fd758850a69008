/** Of the time that passes, while it makes up for a wall clock that was set. */
const MOST_SLEW = 0.5;

/**
 * Milliseconds since the epoch that never go back: deadlines are told by them. When the wall clock is set, the difference is
 * made up for little by little, at a pace between half and one and a half that of time.
 */
export function steadyTime(wallMs: () => number, passedMs: () => number): () => number {
  let lastMs = passedMs();
  let offsetMs = wallMs() - lastMs;
  return () => {
    const nowMs = passedMs();
    const most = (nowMs - lastMs) * MOST_SLEW;
    lastMs = nowMs;
    offsetMs += Math.max(-most, Math.min(most, wallMs() - nowMs - offsetMs));
    return Math.floor(nowMs + offsetMs);
  };
}

/** The time of this process. */
export const steadyNow = steadyTime(
  () => Date.now(),
  () => performance.now(),
);
