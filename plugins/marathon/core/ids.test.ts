import fc from 'fast-check';
import { expect, it } from 'vitest';
import { appIdOfTask, isoTime, newInstanceId, newVersion, taskIdOf } from './ids.js';
import { absoluteId, idProblem, reversedName, safePath } from './path-id.js';
import { createState } from './state.js';

it('times are written as ISO 8601', () => {
  const times = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) });
  fc.assert(
    fc.property(times, (ms) => {
      expect(isoTime(ms)).toBe(new Date(ms).toISOString());
    }),
  );
});

it('ids of instances are unique, and lead back to their app', () => {
  const state = createState();
  const ids = Array.from({ length: 25_000 }, () => newInstanceId(state, '/g/web', 1_700_000_000_000));
  expect(new Set(ids).size).toBe(ids.length);
  expect(appIdOfTask(taskIdOf(ids[0] ?? '', 3))).toBe('/g/web');
  expect(appIdOfTask('g_web.4d6a1c1e-0000-11ee-8000-0242ac110002')).toBe('/g/web');
  expect(appIdOfTask('nonsense')).toBeUndefined();
});

it('versions grow, even when the clock does not', () => {
  const state = createState();
  const versions = [5, 5, 4, 9].map((ms) => newVersion(state, ms));
  expect(versions).toEqual([...versions].sort());
  expect(new Set(versions).size).toBe(4);
});

it('ids are resolved, judged and turned round', () => {
  expect(absoluteId('../b', '/g/a')).toBe('/g/b');
  expect(absoluteId('web')).toBe('/web');
  expect(absoluteId('//g//web/')).toBe('/g/web');
  for (const good of ['/a', '/a/b-c', '/a.b/c1', '/restart/x']) expect(idProblem(good), good).toBeUndefined();
  for (const bad of ['/', '/A', '/a_b', '/-a', '/a-', '/x/restart', '/tasks', '/versions', `/${'a'.repeat(300)}`])
    expect(idProblem(bad), bad).toBeDefined();
  expect(safePath('/g/web')).toBe('g_web');
  expect(reversedName('/g/web')).toBe('web.g');
});
