import { expect, test } from 'vitest';
import { steadyTime } from './steady-time.js';

test.each([3_600_000, -3_600_000])(
  'a wall clock that is set by %i ms is followed without ever going back',
  (stepMs) => {
    let [wallMs, passedMs] = [1_000_000_000, 0];
    const now = steadyTime(
      () => wallMs,
      () => passedMs,
    );
    const wait = (ms: number): number => {
      wallMs += ms;
      passedMs += ms;
      return now();
    };
    expect(wait(1000)).toBe(1_000_001_000);
    wallMs += stepMs;
    for (let [before, i] = [now(), 0]; i < 1000; i++) {
      const after = wait(100);
      expect(after - before).toBeGreaterThanOrEqual(50);
      expect(after - before).toBeLessThanOrEqual(150);
      before = after;
    }
    wait(7_200_000);
    expect(now()).toBe(wallMs);
  },
);
