import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isSource, SourceWatch } from './source-watch.js';

let dir: string;
let watch: SourceWatch;
const stop = new AbortController();
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'mezzo-watch-'));
  mkdirSync(join(dir, 'src'));
  writeFileSync(join(dir, 'src/one.ts'), '');
  watch = new SourceWatch(dir);
});
afterEach(() => {
  watch.close();
  rmSync(dir, { recursive: true, force: true });
});

test.each([
  ['plugin.ts', true],
  ['plugin.js', true],
  ['package.json', true],
  ['plugin.test.ts', false],
  ['mine-0.1.0.tgz', false],
  ['mine-0.1.0.tgz.sig', false],
  ['package-lock.json', false],
  ['.plugin.ts.swp', false],
  ['plugin.ts~', false],
  ['README.md', false],
])('%s is a source: %s', (name, expected) => expect(isSource(name)).toBe(expected));

test('a saved source is told, in folders too, and when it is put in place by a rename', async () => {
  writeFileSync(join(dir, 'plugin.ts'), '1');
  await watch.next(stop.signal);
  writeFileSync(join(dir, 'src/one.ts'), '1');
  await watch.next(stop.signal);
  writeFileSync(join(dir, 'src/two.tmp'), '1');
  renameSync(join(dir, 'src/two.tmp'), join(dir, 'src/two.ts'));
  await watch.next(stop.signal);
});

test('a folder that came with a save is watched from then on', async () => {
  mkdirSync(join(dir, 'more'));
  writeFileSync(join(dir, 'more/three.ts'), '');
  writeFileSync(join(dir, 'plugin.ts'), '1');
  await watch.next(stop.signal);
  writeFileSync(join(dir, 'more/three.ts'), '1');
  await watch.next(stop.signal);
});

test('the signal ends the wait', async () => {
  const ends = new AbortController();
  const over = watch.next(ends.signal);
  ends.abort();
  await over;
});
