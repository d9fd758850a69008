import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { filesBelow, productFiles, root, textOf } from './sources.js';

const tool = (...args: string[]) =>
  spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', maxBuffer: 16 << 20 });

test('no test is switched off or alone', () => {
  const files = [...filesBelow('tests'), ...productFiles().map((file) => file.replace(/\.ts$/, '.test.ts'))].filter(
    (file) => file.endsWith('.test.ts'),
  );
  const broken = files.filter(
    (file) => existsSync(join(root, file)) && /\b(it|test|describe)\.(only|todo|fails)\b/.test(textOf(file)),
  );
  expect(broken).toEqual([]);
});

test('product code has named exports only, save where a tool finds things by default export', () => {
  const allowed = /^(cli\/src\/(commands|hooks)\/|plugins\/[^/]+\/plugin\.ts$)/;
  const broken = productFiles().filter((file) => !allowed.test(file) && /^export default /m.test(textOf(file)));
  expect(broken).toEqual([]);
});

test('files are kebab-case', () => {
  const broken = productFiles().filter(
    (file) => !/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.d)?\.ts$/.test(file.split('/').at(-1)!),
  );
  expect(broken).toEqual([]);
});

test('the lock file names no registry host', () => {
  expect(textOf('package-lock.json')).not.toMatch(/"resolved": "https?:/);
});

test('every built-in plugin has a manifest, a README and an entry', () => {
  const { plugins } = JSON.parse(textOf('plugins/distribution.json')) as { plugins: string[] };
  const missing = plugins
    .flatMap((id) => ['package.json', 'README.md', 'plugin.ts'].map((name) => `plugins/${id}/${name}`))
    .filter((file) => !existsSync(join(root, file)));
  expect(missing).toEqual([]);
});

test('sources are formatted', { timeout: 180_000 }, () => {
  const { stdout, stderr, status } = tool('node_modules/prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.');
  expect(status, stdout + stderr).toBe(0);
});

test('tests and benchmarks type-check', { timeout: 180_000 }, () => {
  const { stdout, status } = tool('node_modules/typescript/bin/tsc', '-p', 'tsconfig.tests.json');
  expect(status, stdout).toBe(0);
});

test('the linter finds nothing', { timeout: 240_000 }, () => {
  const { stdout, stderr, status } = tool('node_modules/eslint/bin/eslint.js', '.');
  expect(status, stdout + stderr).toBe(0);
});
