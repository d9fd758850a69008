import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { filesBelow, productFiles, root, textOf } from './sources.js';

/** What the tool finds fault with: nothing is ''. */
const findings = (...args: string[]) =>
  new Promise<string>((resolve) =>
    execFile(process.execPath, args, { cwd: root, maxBuffer: 16 << 20 }, (error, stdout, stderr) =>
      resolve(error ? stdout + stderr || error.message : ''),
    ),
  );

const isMarkdown = (file: string): boolean => file.endsWith('.md');

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
  const allowed = /^(cli\/src\/(commands|hooks)\/|(plugins|cli\/templates)\/[^/]+\/(plugin|commands)\.ts$)/;
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

test('a promise is backed: each test that a document names is there', () => {
  const documents = ['docs', 'plugins', 'packaging'].flatMap((folder) => [...filesBelow(folder)]).filter(isMarkdown);
  const named = documents.flatMap((file) =>
    [...textOf(file).matchAll(/`([\w./-]+\.test\.ts)`/g)].map((match) => `${match[1]} (${file})`),
  );
  expect(named.length).toBeGreaterThan(50);
  expect(named.filter((one) => !existsSync(join(root, one.split(' ')[0]!)))).toEqual([]);
});

test('every built-in plugin has a manifest, a README and an entry', () => {
  const { plugins } = JSON.parse(textOf('plugins/distribution.json')) as { plugins: string[] };
  const missing = plugins
    .flatMap((id) => ['package.json', 'README.md', 'plugin.ts'].map((name) => `plugins/${id}/${name}`))
    .filter((file) => !existsSync(join(root, file)));
  expect(missing).toEqual([]);
});

test.concurrent('sources are formatted', { timeout: 180_000 }, async () => {
  expect(await findings('node_modules/prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.')).toBe('');
});

test.concurrent('tests and benchmarks type-check', { timeout: 180_000 }, async () => {
  expect(await findings('node_modules/typescript/bin/tsc', '-p', 'tsconfig.tests.json')).toBe('');
});

test.concurrent('the linter finds nothing', { timeout: 240_000 }, async () => {
  expect(await findings('node_modules/eslint/bin/eslint.js', '.')).toBe('');
});

test.concurrent('what the SDK promises to plugins is what docs/api says', { timeout: 120_000 }, async () => {
  expect(await findings('scripts/api.mjs', '--check')).toBe('');
});
