import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from './clock.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const DAY_MS = 86_400_000;

test('a wait longer than the platform knows is waited out in full', () => {
  const fired = vi.fn();
  systemClock.after(60 * DAY_MS, fired);
  vi.advanceTimersByTime(60 * DAY_MS - 1);
  expect(fired).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(fired).toHaveBeenCalledOnce();
});

test('a cancelled wait never ends, however far it has come', () => {
  const fired = vi.fn();
  const cancel = systemClock.after(60 * DAY_MS, fired);
  vi.advanceTimersByTime(40 * DAY_MS);
  cancel();
  vi.advanceTimersByTime(40 * DAY_MS);
  expect(fired).not.toHaveBeenCalled();
});
