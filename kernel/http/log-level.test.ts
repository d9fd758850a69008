import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { logLevelOf, toggleLogging } from './log-level.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const site = { log: { level: 'WARNING' }, flags: { logging_level: 'WARNING' } };
const toggle = (query: string) => toggleLogging(site, new URLSearchParams(query));

test('the level is raised for a time, and the latest word counts', () => {
  expect(toggle('')).toMatchObject({ status: 200, body: '0\n' });
  expect(toggle('level=1&duration=10secs').status).toBe(200);
  expect(toggle('')).toMatchObject({ body: '1\n' });
  vi.advanceTimersByTime(5000);
  expect(toggle('level=3&duration=1mins').status).toBe(200);
  vi.advanceTimersByTime(59_000);
  expect(logLevelOf(site)).toBe(1);
  vi.advanceTimersByTime(1000);
  expect(site.log.level).toBe('WARNING');
  toggle('level=1&duration=1hrs');
  expect(toggle('level=0&duration=1secs').status).toBe(200);
  expect(logLevelOf(site)).toBe(0);
});

test.each([
  ['level=1', "Expecting 'duration=value' in query.\n"],
  ['duration=1secs', "Expecting 'level=value' in query.\n"],
  ['level=-1&duration=1secs', "Invalid level '-1'.\n"],
  ['level=x&duration=1secs', "Invalid level 'x'.\n"],
  ['level=1&duration=1', "'1' is not a duration.\n"],
])('%s is refused', (query, body) => {
  expect(toggle(query)).toMatchObject({ status: 400, body });
});
