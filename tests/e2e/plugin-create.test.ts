import { execFile } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { root } from '../tidy/sources.js';

let dir: string;
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'mezzo-create-'))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function run(cwd: string, command: string, ...args: string[]) {
  return new Promise<{ code: number; out: string }>((resolve) =>
    execFile(command, args, { cwd, timeout: 120_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), out: stdout + stderr }),
    ),
  );
}
const mezzo = (...args: string[]) => run(dir, process.execPath, join(root, 'cli/bin/mezzo.js'), ...args);

test.each([['framework', '--js'], ['framework'], ['routes'], ['discovery'], ['containerizer'], ['isolator'], ['cli']])(
  'the tests of a new package pass, with nothing installed: %j',
  async (kind, ...js: string[]) => {
    const made = await mezzo('plugin', 'create', 'mine', '--kind', kind, ...js);
    expect(made.code, made.out).toBe(0);
    expect(made.out).toContain('npm test');
    const tested = await run(join(dir, 'mine'), 'npm', 'test');
    expect(tested.code, tested.out).toBe(0);
    expect(tested.out).toMatch(/pass [1-9]/);
    const packed = await run(join(dir, 'mine'), 'npm', 'run', 'build');
    expect(packed.code, packed.out).toBe(0);
    expect(existsSync(join(dir, 'mine/mine-0.1.0.tgz'))).toBe(true);
  },
);

test('a test that fails, and one that cannot be bundled, fail the command', async () => {
  await mezzo('plugin', 'create', 'mine', '--kind', 'routes');
  const file = join(dir, 'mine/plugin.test.ts');
  appendFileSync(file, "\ntest('no', () => assert.fail('as it should'));\n");
  const failed = await mezzo('plugin', 'test', 'mine');
  expect(failed.code).toBe(1);
  expect(failed.out).toContain('as it should');
  // By the lines of the source, not of the bundle.
  expect(failed.out).toMatch(/plugin\.test\.ts:\d+/);
  writeFileSync(file, 'import "./nowhere.js";');
  const broken = await mezzo('plugin', 'test', 'mine');
  expect(broken.code).toBe(1);
  expect(broken.out).toMatch(/nowhere\.js/);
});

test('what cannot be created or tested is refused in words', async () => {
  const unknown = await mezzo('plugin', 'create', 'mine', '--kind', 'teapot');
  expect(unknown.code).toBe(1);
  expect(unknown.out).toMatch(/teapot[^]*framework, routes, discovery, containerizer, isolator, cli/);
  const none = await mezzo('plugin', 'test', '.');
  expect(none.code).toBe(1);
  expect(none.out).toMatch(/no \*\.test\.ts/);
});
